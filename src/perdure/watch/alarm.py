"""When a stream has to say something: that nothing has happened, or that it is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.commands import Chance

JITTER: Final = 0.1


class Alarm:
    """Wakes a stream when its silence or its age has become too long.

    One timer serves both. It is not moved when something is sent: it looks when it is due, and goes on if that
    was too early. So what a stream sends costs one look at the clock.

    Attributes:
        rings: Whether the silence or the age was too long when the alarm last looked.

    Args:
        silence: Longest silence in seconds; shortened by up to a tenth at random, for the interval is a promise.
        age: Age in seconds at which the stream is asked to come again; varied by up to a tenth each way.
        chance: Draws the jitter.
        wake: Called on the loop.
    """

    def __init__(self, silence: float, age: float, chance: Chance, wake: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._silence = silence
        self._chance = chance
        self._wake = wake
        self._end = self._loop.time() + age * (1 + JITTER * (2 * chance.jitter() - 1))
        self._interval = 0.0
        self._last = 0.0
        self.rings = False
        self.restart()
        self._timer = self._loop.call_at(self._due(), self._look)

    def restart(self) -> None:
        """Begin a new silence, with jitter of its own."""
        self._interval = self._silence * (1 - JITTER * self._chance.jitter())
        self.postpone()

    def postpone(self) -> None:
        """Take note that something was sent."""
        self._last = self._loop.time()
        # Age is not forgotten by a stream that was writing when the alarm went off.
        self.rings = self._last >= self._end

    def is_old(self) -> bool:
        """Whether the stream has become too old."""
        return self._loop.time() >= self._end

    def cancel(self) -> None:
        """Go off no more."""
        self._timer.cancel()

    def _due(self) -> float:
        return min(self._last + self._interval, self._end)

    def _look(self) -> None:
        now = self._loop.time()
        due = self._due()
        if due <= now:
            self.rings = True
            self._wake()
            # Again, for a stream that writes at the moment does not hear it.
            due = now + self._interval
        self._timer = self._loop.call_at(due, self._look)
