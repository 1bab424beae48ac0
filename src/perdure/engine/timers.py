"""When executions have to be woken: near times in a heap, far ones left in the store.

An execution that merely waits for a far time is not in memory; its row knows the time. Every so often
the rows that fall due within the next window are looked up, so that waiting costs rows, not memory.
"""

from __future__ import annotations

import heapq
import logging
from typing import TYPE_CHECKING, Final

from perdure.domain.limits import SECOND
from perdure.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.runtime.clock import Call, Clock
    from perdure.runtime.supervisor import Supervisor
    from perdure.store.interface import Store
    from perdure.store.records import ExecutionKey

_logger = logging.getLogger(__name__)

WINDOW: Final = 60 * SECOND
"""How far ahead the store's wake times are looked up, in microseconds."""

PAGE: Final = 5_000
"""Rows looked up at a time. A fuller window is taken in pages, each when the one before has fired."""


OUTDATED_KEPT: Final = 64
"""Outdated entries that the heap may always hold."""


class Timers:
    """Calls back with the executions whose wake time has come; a call that is not needed any more is harmless."""

    def __init__(
        self, store: Store, clock: Clock, supervisor: Supervisor, wake: Callable[[ExecutionKey], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._supervisor = supervisor
        self._wake = wake
        self._heap: list[tuple[int, ExecutionKey]] = []
        self._armed: dict[ExecutionKey, int] = {}
        self._call: Call | None = None
        self._call_time: int | None = None
        self._horizon = 0
        self._next_look: Call | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to look up the store's wake times."""
        self._look()

    def close(self) -> None:
        """Call back no more."""
        self._closed = True
        for call in (self._call, self._next_look):
            if call is not None:
                call.cancel()

    def arm(self, key: ExecutionKey, due: int | None) -> None:
        """Wake an execution at an instant; None takes back what was armed for it."""
        if due is None:
            self._armed.pop(key, None)
            self._forget_outdated()
        elif self._armed.get(key) != due:
            self._armed[key] = due
            heapq.heappush(self._heap, (due, key))
            self._forget_outdated()
            self._schedule()

    def _forget_outdated(self) -> None:
        """Drop the entries that nobody waits for any more, once they are the majority."""
        if len(self._heap) > 2 * len(self._armed) + OUTDATED_KEPT:
            self._heap = [(due, key) for key, due in self._armed.items()]
            heapq.heapify(self._heap)

    def left_memory(self, key: ExecutionKey, wake_time: int | None) -> None:
        """Take note that an execution is only in the store now; its time counts if it is near."""
        self.arm(key, wake_time if wake_time is not None and wake_time <= self._horizon else None)

    def _schedule(self) -> None:
        if self._closed or not self._heap:
            return
        due = self._heap[0][0]
        if self._call is not None:
            if self._call_time is not None and self._call_time <= due:
                return
            self._call.cancel()
        self._call_time = due
        self._call = self._clock.call_at(due, self._fire)

    def _fire(self) -> None:
        self._call = self._call_time = None
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            # An entry that was armed anew since is outdated.
            if self._armed.get(key) == due:
                del self._armed[key]
                self._wake(key)
        self._schedule()

    def _look(self) -> None:
        if not self._closed:
            self._supervisor.spawn(self._look_ahead(), "timers")

    async def _look_ahead(self) -> None:
        now = self._clock.now()
        horizon = now + WINDOW
        try:
            due = await self._store.due(horizon, PAGE)
        except StoreError:
            _logger.warning("wake times cannot be read now; trying again", exc_info=True)
            due, horizon = [], now + SECOND
        if len(due) == PAGE:
            horizon = max(due[-1][1], now + SECOND)
        self._horizon = horizon
        for key, wake_time in due:
            if key not in self._armed:
                self.arm(key, wake_time)
        if not self._closed:
            # Half a window early, so that nothing falls due between two looks.
            self._next_look = self._clock.call_at(now + max((horizon - now) // 2, SECOND), self._look)
