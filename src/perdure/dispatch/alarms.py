"""Monotonic time for leases: a wall clock that jumps must not cost a worker its tasks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.runtime.clock import Call


class Alarms(Protocol):
    """Seconds that only go forward, and calls at one of them."""

    def now(self) -> float:
        """Read the time; only differences mean anything."""
        ...

    def call_at(self, due: float, callback: Callable[[], None]) -> Call:
        """Call back on the running loop once the time has come."""
        ...


class LoopAlarms:
    """The monotonic time of the running loop."""

    def now(self) -> float:
        """Read the time of the loop."""
        return asyncio.get_running_loop().time()

    def call_at(self, due: float, callback: Callable[[], None]) -> Call:
        """Call back at a time of the loop."""
        return asyncio.get_running_loop().call_at(due, callback)
