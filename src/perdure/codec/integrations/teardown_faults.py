"""Faults of teardown tasks: they run one after another, before every end (semantics.md row 58)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.policy_faults import strategy_faults
from perdure.codec.integrations.task_faults import task_faults
from perdure.domain.errors import FieldViolation
from perdure.domain.integration import RetryStrategy
from perdure.v1.task_config_pb2 import SuccessPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from perdure.v1.task_config_pb2 import TaskConfig

_REFUSED: Final = frozenset({RetryStrategy.FATAL, RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF})
_BUILT_INS: Final = ("assign", "sub_integration")
_TEARDOWN: Final = "a teardown task"


def teardown_faults(root: str, tasks: Iterable[TaskConfig]) -> Iterator[FieldViolation]:
    """Find what is wrong with teardown tasks by themselves."""
    for position, task in enumerate(tasks):
        path = f"{root}.teardown_tasks[{position}]"
        yield from task_faults(path, task)
        yield from strategy_faults(path, task, _REFUSED, _TEARDOWN)
        built_in = task.WhichOneof("built_in")
        if built_in and built_in not in _BUILT_INS:
            allowed = " and ".join(f"`{name}`" for name in _BUILT_INS)
            yield FieldViolation(f"{path}.{built_in}", f"cannot be used in {_TEARDOWN}; of the built-ins {allowed} can")
        if task.next_tasks:
            yield FieldViolation(
                f"{path}.next_tasks", "teardown tasks have no edges: they run in the order of the list"
            )
        if task.error_catcher_id:
            yield FieldViolation(f"{path}.error_catcher_id", f"{_TEARDOWN} has none: its failure changes nothing")
        if task.HasField("rollback"):
            yield FieldViolation(f"{path}.rollback", f"{_TEARDOWN} is not undone")
        if task.success_policy.final_state == SuccessPolicy.FINAL_STATE_SUSPENDED:
            yield FieldViolation(f"{path}.success_policy.final_state", f"{_TEARDOWN} waits for nobody")
