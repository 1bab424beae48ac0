"""Executions of one order, made event by event, which the tests of what is shown of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.executions import show_execution
from perdure.codec.values import encode_python
from perdure.domain import events as ev
from perdure.domain.states import ExecutionMethod, ExecutionState, StartedBy
from tests.codec.histories import fold

if TYPE_CHECKING:
    from perdure.domain.execution import Execution
    from perdure.v1 import execution_pb2 as v1

BASE: Final = "projects/default/locations/local/integrations"
SECOND: Final = 1_000_000


def make_created(**changes: object) -> ev.ExecutionCreated:
    """Make the first event of an order."""
    facts: dict[str, object] = {
        "integration": "order",
        "revision_id": "000003-a4d",
        "ordinal": 3,
        "trigger_id": "api_trigger/order",
        "method": ExecutionMethod.POST_TO_QUEUE,
        "state": ExecutionState.PENDING,
        "inputs": {"count": encode_python(2)},
        "parameters": {"count": encode_python(2)},
        "principal": "local",
        "started_by": StartedBy.CALL,
        "root": "e1",
        "root_integration": "order",
        "priority": 7,
        "labels": {"team": "shop"},
        "description": "an order",
        "max_runtime": 60 * SECOND,
    }
    return ev.ExecutionCreated(**{**facts, **changes})  # type: ignore[arg-type]  # every value has its field's type


def folded(*events: ev.Event) -> Execution:
    """Fold events that happened one in a second, from the first second on."""
    return fold([(number, event, number * SECOND) for number, event in enumerate(events, 1)])


def show(execution: Execution, *, full: bool = True) -> v1.Execution:
    """Show an execution in second 30."""
    return show_execution(execution, location="local", full=full, store_revision=17, now=30 * SECOND)
