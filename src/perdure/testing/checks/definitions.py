"""What the checks need to know of an integration: what undoes its tasks, what depends on what, what comes last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.v1.integration_pb2 import Integration


@dataclass(frozen=True, slots=True)
class Definition:
    """One revision of an integration.

    Attributes:
        undoable: The tasks that declare a rollback.
        dependents: For each task those that come after it, near and far.
        teardown: The tasks that run before every end.
        signals: For each task that waits for a signal its name.
    """

    undoable: frozenset[str]
    dependents: Mapping[str, frozenset[str]]
    teardown: tuple[str, ...]
    signals: Mapping[str, str]

    @classmethod
    def of(cls, integration: Integration) -> Definition:
        """Read it from the contract's message."""
        following = {task.task_id: [edge.task_id for edge in task.next_tasks] for task in integration.tasks}
        return cls(
            undoable=frozenset(task.task_id for task in integration.tasks if task.HasField("rollback")),
            dependents={task: _reached(task, following) for task in following},
            teardown=tuple(task.task_id for task in integration.teardown_tasks),
            signals={task.task_id: task.callback.signal for task in integration.tasks if task.HasField("callback")},
        )


def _reached(start: str, following: Mapping[str, list[str]]) -> frozenset[str]:
    reached: set[str] = set()
    ahead = list(following[start])
    while ahead:
        task = ahead.pop()
        if task not in reached:
            reached.add(task)
            ahead.extend(following.get(task, ()))
    return frozenset(reached)
