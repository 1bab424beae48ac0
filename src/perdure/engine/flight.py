"""A commit between the engine and the disk, and those who wait for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Flight:
    """A commit given to the store.

    Attributes:
        outcome: Resolved by the store.
        waiting: One future for each who waits for it, so that one of them may go away.
    """

    outcome: asyncio.Future[None]
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def landing(self) -> asyncio.Future[None]:
        """Wait until what the commit holds is durable and done; whoever asked may cancel the future."""
        if self.outcome.done():
            return self.outcome
        landing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(landing)
        return landing

    def land(self) -> None:
        """Tell all who wait."""
        error = self.outcome.exception()
        for landing in self.waiting:
            if landing.done():
                continue
            if error is None:
                landing.set_result(None)
            else:
                landing.set_exception(error)
