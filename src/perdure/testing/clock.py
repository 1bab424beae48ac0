"""Time that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.runtime.clock import Call

DEFAULT_START: Final = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds."""


class FakeClock:
    """A `perdure.runtime.clock.Clock` whose time moves only in `advance`.

    Args:
        start: The first instant, in microseconds since the epoch.
    """

    def __init__(self, start: int = DEFAULT_START) -> None:
        self._now = start
        self._waiting: list[tuple[int, int, _FakeCall]] = []
        self._order = itertools.count()

    def now(self) -> int:
        """Read the clock: microseconds since the epoch, UTC."""
        return self._now

    def call_at(self, instant: int, callback: Callable[[], None]) -> Call:
        """Call back when the time has been moved to an instant; soon, if it is there already.

        Like on the clock of the machine, the call is never made before this method has returned.
        """
        call = _FakeCall(callback)
        if instant <= self._now:
            asyncio.get_running_loop().call_soon(call.make)
        else:
            heapq.heappush(self._waiting, (instant, next(self._order), call))
        return call

    def advance(self, seconds: float) -> None:
        """Move the time on and make the calls that become due, in the order of their instants.

        Each call sees the instant that it was asked for as the present. Calls that are asked for meanwhile are made
        too if they fall into the same stretch of time.

        Raises:
            ValueError: The time would move back.
        """
        if seconds < 0:
            raise ValueError("time does not move back")
        end = self._now + round(seconds * 1e6)
        while self._waiting and self._waiting[0][0] <= end:
            self._now, _, call = heapq.heappop(self._waiting)
            call.make()
        self._now = end


class _FakeCall:
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def make(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def cancel(self) -> None:
        self._callback = None
