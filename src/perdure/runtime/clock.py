"""Time: the wall clock that instants are read from, and calls at an instant.

Waiting is monotonic and the wall clock is read again when a call is due, so that a clock that jumps
neither fires a call early nor loses it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_WAIT_SECONDS: Final = 30.0
"""A longer wait is cut into pieces of this length, to notice a wall clock that was set forward."""


class Call(Protocol):
    """A call that was asked for and has not been made."""

    def cancel(self) -> None:
        """Do not make the call; nothing happens if it was made already."""
        ...


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> int:
        """Read the wall clock: microseconds since the epoch, UTC."""
        ...

    def call_at(self, instant: int, callback: Callable[[], None]) -> Call:
        """Call back on the running loop as soon as the wall clock has reached an instant."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> int:
        """Read the wall clock: microseconds since the epoch, UTC."""
        return time.time_ns() // 1_000

    def call_at(self, instant: int, callback: Callable[[], None]) -> Call:
        """Call back on the running loop as soon as the wall clock has reached an instant."""
        call = _SystemCall(self, instant, callback)
        call.wait()
        return call


class _SystemCall:
    def __init__(self, clock: SystemClock, instant: int, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._instant = instant
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None

    def wait(self) -> None:
        remaining = (self._instant - self._clock.now()) / 1e6
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(min(max(remaining, 0.0), LONGEST_WAIT_SECONDS), self._look)

    def _look(self) -> None:
        if self._clock.now() < self._instant:
            self.wait()
        else:
            self._callback()

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
