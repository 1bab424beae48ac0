"""Attempts that wait for a worker, best first: higher priority, then earlier creation (row 14).

Workers serve one project or all of them, so there is one heap for each handler of each project. Whoever
leaves a queue out of turn stays in its heap until it comes up; a heap that is mostly made of those is
rebuilt.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from itertools import accumulate, count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.dispatch.attempt import LiveAttempt

ALL_PROJECTS: Final = "-"
"""The project of a worker that serves every project."""

_REBUILD_FROM: Final = 64


class _Queue:
    """One heap of (-priority, order, arrival, attempt)."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, int, LiveAttempt]] = []
        self.left = 0

    def head(self) -> tuple[int, int, int, LiveAttempt] | None:
        """Look at the best one that still waits."""
        while self.heap:
            entry = self.heap[0]
            if entry[3].queue_ticket == entry[2]:
                return entry
            heapq.heappop(self.heap)
            self.left -= 1
        return None

    def ahead_of(self, places: list[tuple[int, int, int]]) -> list[int]:
        """Count what still waits before each of some sorted places, in one pass."""
        passed = [0] * (len(places) + 1)
        for priority, order, arrival, attempt in self.heap:
            if attempt.queue_ticket == arrival:
                passed[bisect_right(places, (priority, order, arrival))] += 1
        return list(accumulate(passed[:-1]))

    def rebuild_if_hollow(self) -> None:
        """Drop those who left, once they are the majority."""
        if self.left > _REBUILD_FROM and self.left * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[3].queue_ticket == entry[2]]
            heapq.heapify(self.heap)
            self.left = 0


class ReadyQueues:
    """All attempts that wait, by handler and project."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str, _Queue]] = {}
        self._arrivals = count(1)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def push(self, attempt: LiveAttempt) -> None:
        """Queue an attempt that has an offer and is in no queue."""
        offer = attempt.offer
        assert offer is not None
        assert attempt.queue_ticket == 0
        queues = self._handlers.setdefault(offer.handler, {})
        queue = queues.get(offer.key.project)
        if queue is None:
            queue = queues[offer.key.project] = _Queue()
        attempt.queue_ticket = next(self._arrivals)
        heapq.heappush(queue.heap, (-offer.priority, offer.order, attempt.queue_ticket, attempt))
        self._size += 1

    def pop(self, project: str, handler: str) -> LiveAttempt | None:
        """Take the best attempt that a worker of the project, or of all of them, can perform."""
        queues = self._handlers.get(handler)
        if queues is None:
            return None
        if project == ALL_PROJECTS:
            heads = [(head, name) for name, queue in queues.items() if (head := queue.head()) is not None]
            if not heads:
                return None
            project = min(heads)[1]
        queue = queues.get(project)
        head = queue.head() if queue is not None else None
        if queue is None or head is None:
            return None
        heapq.heappop(queue.heap)
        self._forget_if_empty(handler, project, queue)
        attempt = head[3]
        attempt.queue_ticket = 0
        self._size -= 1
        return attempt

    def ahead(self, attempts: Iterable[LiveAttempt]) -> dict[LiveAttempt, int]:
        """Count for attempts that wait those of the same handler and project that come before them."""
        queues: dict[tuple[str, str], list[tuple[tuple[int, int, int], LiveAttempt]]] = {}
        for attempt in attempts:
            offer = attempt.offer
            assert offer is not None
            place = (-offer.priority, offer.order, attempt.queue_ticket)
            queues.setdefault((offer.handler, offer.key.project), []).append((place, attempt))
        counted: dict[LiveAttempt, int] = {}
        for (handler, project), waiting in queues.items():
            # Tickets are unique, so that attempts are never compared.
            waiting.sort()
            numbers = self._handlers[handler][project].ahead_of([place for place, _ in waiting])
            counted.update((attempt, number) for (_, attempt), number in zip(waiting, numbers, strict=True))
        return counted

    def remove(self, attempt: LiveAttempt) -> None:
        """Take an attempt out of its queue, wherever in it it is."""
        offer = attempt.offer
        assert offer is not None
        attempt.queue_ticket = 0
        self._size -= 1
        queue = self._handlers[offer.handler][offer.key.project]
        queue.left += 1
        queue.rebuild_if_hollow()
        if queue.head() is None:
            self._forget_if_empty(offer.handler, offer.key.project, queue)

    def _forget_if_empty(self, handler: str, project: str, queue: _Queue) -> None:
        if queue.heap:
            return
        queues = self._handlers[handler]
        del queues[project]
        if not queues:
            del self._handlers[handler]
