"""Faults of error catchers, of what they consist of, and of what names them (semantics.md row 56)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.field_faults import name_faults, show, text_faults
from perdure.codec.integrations.parts import FORWARD
from perdure.codec.integrations.policy_faults import strategy_faults
from perdure.domain.errors import FieldViolation
from perdure.domain.integration import RetryStrategy
from perdure.domain.validation import TASK_ID, TASK_ID_RULE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from perdure.codec.integrations.parts import Parts
    from perdure.domain.validation import Ancestry
    from perdure.v1.integration_pb2 import ErrorCatcherConfig, Integration

_REFUSED: Final = frozenset({RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF})


def catchers_faults(root: str, catchers: Iterable[ErrorCatcherConfig]) -> Iterator[FieldViolation]:
    """Find what is wrong with catchers by themselves."""
    for position, catcher in enumerate(catchers):
        path = f"{root}.error_catchers[{position}]"
        yield from name_faults(f"{path}.error_catcher_id", catcher.error_catcher_id, TASK_ID, TASK_ID_RULE)
        yield from text_faults(f"{path}.display_name", catcher.display_name)
        yield from text_faults(f"{path}.description", catcher.description)
        if not catcher.start_error_tasks:
            yield FieldViolation(f"{path}.start_error_tasks", "at least one task is required")


def linked_faults(root: str, message: Integration, parts: Parts, ancestry: Ancestry) -> Iterator[FieldViolation]:
    """Find what is wrong between catchers, their tasks, and what names them."""
    yield from _start_faults(root, message, ancestry)
    yield from _naming_faults(root, message)
    overlaps = set(parts.overlaps())
    seen: set[str] = set()
    for position, task in enumerate(message.tasks):
        path = f"{root}.tasks[{position}]"
        if task.task_id in overlaps and task.task_id not in seen:
            names = " and from ".join(_part_name(part) for part in parts.of(task.task_id))
            yield FieldViolation(f"{path}.task_id", f"is reached from {names}; a task belongs to one of them")
        seen.add(task.task_id)
        if parts.is_caught(task.task_id):
            if task.error_catcher_id:
                yield FieldViolation(f"{path}.error_catcher_id", "a task of an error catcher has none itself")
            yield from strategy_faults(path, task, _REFUSED, "an error catcher")
    if message.tasks and all(parts.is_caught(task_id) for task_id in seen):
        yield FieldViolation(f"{root}.tasks", "error catchers start all of them, so that nothing runs before a failure")


def _part_name(part: str) -> str:
    return "start tasks" if part == FORWARD else f"error catcher {show(part)}"


def _start_faults(root: str, message: Integration, ancestry: Ancestry) -> Iterator[FieldViolation]:
    known = {task.task_id for task in message.tasks}
    led_to = {edge.task_id for task in message.tasks for edge in task.next_tasks if edge.task_id != task.task_id}
    for position, catcher in enumerate(message.error_catchers):
        starts = [start.task_id for start in catcher.start_error_tasks]
        for at, task_id in enumerate(starts):
            path = f"{root}.error_catchers[{position}].start_error_tasks[{at}].task_id"
            if task_id not in known:
                yield FieldViolation(path, f"there is no task {show(task_id)}")
            elif task_id in starts[:at]:
                yield FieldViolation(path, f"{show(task_id)} is named twice")
            elif task_id in led_to and not ancestry.is_ancestor(task_id, task_id):
                yield FieldViolation(path, f"another task leads to {show(task_id)}")


def _naming_faults(root: str, message: Integration) -> Iterator[FieldViolation]:
    known = {catcher.error_catcher_id for catcher in message.error_catchers}
    naming = [
        (root, message.error_catcher_id),
        *((f"{root}.triggers[{at}]", trigger.error_catcher_id) for at, trigger in enumerate(message.triggers)),
        *((f"{root}.tasks[{at}]", task.error_catcher_id) for at, task in enumerate(message.tasks)),
    ]
    for path, catcher_id in naming:
        if catcher_id and catcher_id not in known:
            yield FieldViolation(f"{path}.error_catcher_id", f"there is no error catcher {show(catcher_id)}")
    named = {catcher_id for _, catcher_id in naming}
    for position, catcher in enumerate(message.error_catchers):
        if catcher.error_catcher_id and catcher.error_catcher_id not in named:
            yield FieldViolation(
                f"{root}.error_catchers[{position}].error_catcher_id",
                f"no task, no trigger and not the integration name {show(catcher.error_catcher_id)}",
            )
