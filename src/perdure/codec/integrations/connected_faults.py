"""Faults between the parts of a definition: ids, edges, error catchers, expressions, outputs."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.catcher_faults import linked_faults
from perdure.codec.integrations.expression_faults import (
    ExpressionCheck,
    criteria_site,
    expression_sites,
    known_results,
    settable_parameters,
)
from perdure.codec.integrations.field_faults import show
from perdure.codec.integrations.parts import Parts
from perdure.domain.errors import FieldViolation
from perdure.domain.validation import Ancestry, EdgeFault, Shape, StartFault, TaskFault, graph_faults
from perdure.v1.integration_pb2 import IntegrationParameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from perdure.domain.expression import Evaluator
    from perdure.v1.integration_pb2 import Integration

_OUT: Final = IntegrationParameter.INPUT_OUTPUT_TYPE_OUT
_INPUTS: Final = (IntegrationParameter.INPUT_OUTPUT_TYPE_IN, IntegrationParameter.INPUT_OUTPUT_TYPE_IN_OUT)


def duplicate_faults(root: str, message: Integration) -> Iterator[FieldViolation]:
    """Find ids that are given twice; teardown tasks share theirs with all other tasks."""
    for field, id_field in (
        ("parameters", "key"),
        ("triggers", "trigger_id"),
        ("error_catchers", "error_catcher_id"),
    ):
        ids = [(f"{field}[{at}]", getattr(one, id_field)) for at, one in enumerate(getattr(message, field))]
        yield from _duplicates(root, id_field, ids)
    tasks = [(f"tasks[{at}]", task.task_id) for at, task in enumerate(message.tasks)]
    teardown = [(f"teardown_tasks[{at}]", task.task_id) for at, task in enumerate(message.teardown_tasks)]
    yield from _duplicates(root, "task_id", [*tasks, *teardown])


def _duplicates(root: str, id_field: str, ids: Iterable[tuple[str, str]]) -> Iterator[FieldViolation]:
    first: dict[str, str] = {}
    for place, one in ids:
        if one and one in first:
            yield FieldViolation(f"{root}.{place}.{id_field}", f"{show(one)} is the id of {first[one]} already")
        first.setdefault(one, place)


def connected_faults(root: str, message: Integration, evaluator: Evaluator) -> Iterator[FieldViolation]:
    """Find what is wrong between tasks. Of several with one id, the first is looked at."""
    tasks = _positions(task.task_id for task in message.tasks)
    triggers = _positions(trigger.trigger_id for trigger in message.triggers)
    shape = Shape(
        edges={task_id: [edge.task_id for edge in message.tasks[at].next_tasks] for task_id, at in tasks.items()},
        start_tasks={
            trigger_id: [start.task_id for start in message.triggers[at].start_tasks]
            for trigger_id, at in triggers.items()
        },
    )
    ancestry = Ancestry(shape)
    for fault in graph_faults(shape, ancestry):
        match fault:
            case EdgeFault():
                path = f"tasks[{tasks[fault.task_id]}].next_tasks[{fault.edge}].task_id"
            case StartFault():
                path = f"triggers[{triggers[fault.trigger_id]}].start_tasks[{fault.position}].task_id"
            case TaskFault():
                path = f"tasks[{tasks[fault.task_id]}].task_id"
        yield FieldViolation(f"{root}.{path}", fault.description)
    parts = Parts(message, ancestry)
    yield from linked_faults(root, message, parts, ancestry)
    yield from _expression_faults(root, message, evaluator, parts)
    yield from _criteria_faults(root, message, evaluator, parts)
    yield from _output_faults(root, message)


def _positions(ids: Iterable[str]) -> dict[str, int]:
    """Say where each id stands first."""
    positions: dict[str, int] = {}
    for position, one in enumerate(ids):
        positions.setdefault(one, position)
    return positions


def _output_faults(root: str, message: Integration) -> Iterator[FieldViolation]:
    """Find outputs that nobody gives a value: as a rule, the name was misspelt where a task sets it.

    What the teardown sets comes too late: the outputs are settled before.
    """
    given = set(chain.from_iterable(settable_parameters(task) for task in message.tasks))
    for position, parameter in enumerate(message.parameters):
        only_out = parameter.input_output_type == _OUT
        if only_out and parameter.key not in given and not parameter.HasField("default_value"):
            set_ones = ", ".join(map(show, sorted(given))) or "none"
            yield FieldViolation(
                f"{root}.parameters[{position}]", f"no task sets this output; what tasks set: {set_ones}"
            )


def _expression_faults(root: str, message: Integration, evaluator: Evaluator, parts: Parts) -> Iterator[FieldViolation]:
    every_task = [*message.tasks, *message.teardown_tasks]
    known = {parameter.key for parameter in message.parameters}
    known.update(chain.from_iterable(settable_parameters(task) for task in every_task))
    results = {task.task_id: known_results(task) for task in reversed(every_task)}
    absence = "the integration does not declare it and no task sets it"
    check = ExpressionCheck(evaluator, known, absence, results, parts)
    for position, task in enumerate(message.tasks):
        handles_failure = parts.is_caught(task.task_id)
        for site in expression_sites(f"{root}.tasks[{position}]", task, handles_failure=handles_failure):
            yield from check.faults(site)
    for position, task in enumerate(message.teardown_tasks):
        for site in expression_sites(f"{root}.teardown_tasks[{position}]", task, handles_failure=True):
            yield from check.faults(site)


def _criteria_faults(root: str, message: Integration, evaluator: Evaluator, parts: Parts) -> Iterator[FieldViolation]:
    """Check what is evaluated before the start: only inputs and defaults have values then."""
    known = {one.key for one in message.parameters if one.input_output_type in _INPUTS or one.HasField("default_value")}
    check = ExpressionCheck(evaluator, known, "it is no input and has no default", {}, parts)
    for position, trigger in enumerate(message.triggers):
        yield from check.faults(criteria_site(f"{root}.triggers[{position}]", trigger))
