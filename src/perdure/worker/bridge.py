"""Calls from other threads onto a loop, gathered: one wake-up for all that were made meanwhile."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_logger = logging.getLogger(__name__)


class Bridge:
    """Makes calls on one loop, in the order in which they were posted; one that fails is logged."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._woken = False

    def post(self, callback: Callable[..., object], *arguments: object) -> None:
        """Have a call made on the loop; from any thread. A loop that is closed makes no more calls."""
        self._calls.append((callback, arguments))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._make_calls)
            except RuntimeError:
                self._calls.clear()

    def _make_calls(self) -> None:
        # Before the queue is looked at: whoever posts from here on wakes the loop again.
        self._woken = False
        while self._calls:
            callback, arguments = self._calls.popleft()
            try:
                callback(*arguments)
            except Exception:
                # Only one attempt is behind it, and others are behind the calls that follow.
                _logger.exception("a call from another thread failed")
