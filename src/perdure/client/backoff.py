"""How long to wait before the next try: longer each time, and varied so that clients do not move in step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 2.0


class Backoff:
    """The delays of one series of tries.

    Args:
        jitter: Draws from [0, 1).
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._ceiling = FIRST_SECONDS

    def delay(self, at_least: float | None = None) -> float:
        """Take the next delay in seconds: between half the ceiling and the ceiling, which then doubles.

        Args:
            at_least: What the server asked for, in seconds; the delay is added to it.
        """
        delay = self._ceiling * (0.5 + self._jitter() / 2)
        self._ceiling = min(2 * self._ceiling, LONGEST_SECONDS)
        return delay + (at_least or 0.0)

    def reset(self) -> None:
        """Begin again with the shortest delay, because a try has worked."""
        self._ceiling = FIRST_SECONDS
