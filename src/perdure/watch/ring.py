"""The newest events of one execution, shared by all who watch it.

A ring is bounded. Whoever falls behind its oldest event reads the store instead, so that a slow reader
costs a position and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.domain.events import Event

RING_MAX_EVENTS: Final = 256
RING_MAX_BYTES: Final = 512 << 10
"""Size of the serialised events of one ring, the newest aside."""


@dataclass(slots=True)
class Recent:
    """An event that has just become durable.

    Attributes:
        time: When it happened, in microseconds since the epoch.
        store_revision: Of the commit that contains it.
        encoded: Serialised `ExecutionEvent`; empty until somebody needs it, then the same for everyone.
    """

    sequence: int
    event: Event
    time: int
    store_revision: int
    encoded: bytes = b""


class Ring:
    """Keeps the newest events and wakes those who wait for more.

    Attributes:
        watchers: How many follow it.
        changed: Set, and replaced, when there is something new.
    """

    def __init__(self) -> None:
        self.watchers = 0
        self.changed = asyncio.Event()
        self._events: deque[Recent] = deque()
        self._bytes = 0

    @property
    def last(self) -> int:
        """Sequence of the newest event; 0 if nothing has happened since the ring was made."""
        return self._events[-1].sequence if self._events else 0

    def add(self, first_sequence: int, events: Sequence[Event], time: int, store_revision: int) -> None:
        """Take the events of one commit."""
        for sequence, event in enumerate(events, first_sequence):
            self._events.append(Recent(sequence, event, time, store_revision))
        while len(self._events) > RING_MAX_EVENTS:
            self._bytes -= len(self._events.popleft().encoded)
        self.wake()

    def keep_encoded(self, recent: Recent, encoded: bytes) -> None:
        """Keep the serialised form of an event for the other watchers."""
        recent.encoded = encoded
        if recent.sequence < self._events[0].sequence:
            return
        self._bytes += len(encoded)
        while self._bytes > RING_MAX_BYTES and len(self._events) > 1:
            self._bytes -= len(self._events.popleft().encoded)

    def wake(self) -> None:
        """Wake everybody who waits."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def covers(self, sequence: int) -> bool:
        """Whether the ring still has an event."""
        return bool(self._events) and self._events[0].sequence <= sequence <= self._events[-1].sequence

    def behind(self, sequence: int) -> list[Recent]:
        """List the events after a sequence, the next of which the ring covers."""
        return list(islice(self._events, sequence + 1 - self._events[0].sequence, None))
