"""The parts of a definition: what runs forward, what error catchers run, and the teardown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from perdure.domain.validation import Ancestry
    from perdure.v1.integration_pb2 import Integration

FORWARD: Final = ""
"""Names the part that the start tasks of triggers and the default start tasks lead to; no catcher has this id."""


class Parts:
    """Knows of every task which parts it belongs to; in a definition without faults it is one at most.

    Of several tasks or catchers with one id, the first is looked at.
    """

    def __init__(self, message: Integration, ancestry: Ancestry) -> None:
        self._ancestry = ancestry
        self._edges: dict[str, list[str]] = {}
        for task in message.tasks:
            self._edges.setdefault(task.task_id, [edge.task_id for edge in task.next_tasks])
        self._teardown = {task.task_id: at for at, task in reversed(list(enumerate(message.teardown_tasks)))}
        catchers: dict[str, list[str]] = {}
        for catcher in message.error_catchers:
            catchers.setdefault(catcher.error_catcher_id, [start.task_id for start in catcher.start_error_tasks])
        named = [start.task_id for trigger in message.triggers for start in trigger.start_tasks]
        members = {FORWARD: self._reached([*self._default_start_tasks(catchers), *named])}
        members.update((catcher_id, self._reached(starts)) for catcher_id, starts in catchers.items() if catcher_id)
        self._parts_of: dict[str, list[str]] = {}
        for part, task_ids in members.items():
            for task_id in task_ids:
                self._parts_of.setdefault(task_id, []).append(part)

    def _default_start_tasks(self, catchers: Mapping[str, Sequence[str]]) -> list[str]:
        led_to = {target for targets in self._edges.values() for target in targets}
        led_to.update(*catchers.values())
        return [task_id for task_id in self._edges if task_id not in led_to]

    def _reached(self, start_tasks: Iterable[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(start_tasks)
        while waiting:
            task_id = waiting.pop()
            if task_id in self._edges and task_id not in found:
                found.add(task_id)
                waiting.extend(self._edges[task_id])
        return found

    def of(self, task_id: str) -> Sequence[str]:
        """Name the parts of a task: `FORWARD` and ids of catchers."""
        return self._parts_of.get(task_id, ())

    def is_caught(self, task_id: str) -> bool:
        """Whether a task belongs to a catcher, and to nothing else."""
        parts = self.of(task_id)
        return bool(parts) and FORWARD not in parts

    def overlaps(self) -> Iterator[str]:
        """Name the tasks in which two parts meet; those that follow them are left out."""
        shared = {task_id for task_id, parts in self._parts_of.items() if len(parts) > 1}
        follow = {target for task_id in shared for target in self._edges[task_id]}
        return (task_id for task_id in self._edges if task_id in shared - follow)

    def may_read(self, task_id: str, reader: str) -> bool:
        """Whether one task can have ended before another begins.

        A catcher begins after a failure anywhere, so that any forward task may have ended; whether it has can
        be asked with `has`. The teardown follows all of them, in its own order.
        """
        if reader in self._edges:
            if task_id not in self._edges:
                return False
            beyond = self.is_caught(reader) and FORWARD in self.of(task_id)
            return beyond or self._ancestry.is_ancestor(task_id, reader)
        return task_id in self._edges or self._teardown[task_id] < self._teardown[reader]
