"""The newest changes that somebody watches, shared by all who do.

The ring is bounded, and forgets the oldest change whoever still wants it: the store has it. So a slow reader
costs a position and nothing else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from perdure.store.queries import revision_of
from perdure.store.records import ExecutionRow

if TYPE_CHECKING:
    from perdure.store.records import Facts, NewExecution, Summary

RING_MAX_ENTRIES: Final = 8_192
RING_MAX_BYTES: Final = 32 << 20

ENTRY_BYTES: Final = 1 << 10
"""What an entry is taken to cost besides its texts and events."""

HOLDER_BYTES: Final = 96
"""What it is taken to cost each holder."""


class Holder(Protocol):
    """Who keeps an entry within reach of its readers."""

    def drop_oldest(self) -> None:
        """Let go of the oldest entry, which the ring has forgotten."""
        ...


@dataclass(slots=True, eq=False)
class Entry:
    """What one commit changed in one execution, as those who watch it are told.

    Attributes:
        position: Place in the log.
        before: Facts as of the commit before; None if this one created the execution.
        sequence: Sequence of the last event.
        events: Serialised `ExecutionEvent`s; empty if nobody wants events.
        left: The serialised event that stands for them where the execution matches no more; empty if it
            does nowhere.
        holders: Who has it within reach.
    """

    position: int
    created: NewExecution
    before: Facts | None
    facts: Facts
    summary: Summary
    sequence: int
    events: tuple[bytes, ...] = ()
    left: bytes = b""
    holders: list[Holder] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes that it is taken to cost."""
        texts = len(self.created.labels) + len(self.facts.parameters)
        return ENTRY_BYTES + texts + len(self.left) + sum(map(len, self.events)) + HOLDER_BYTES * len(self.holders)

    def row(self) -> ExecutionRow:
        """Show the execution as of the commit, as a list would."""
        return ExecutionRow(
            created=self.created,
            sequence=self.sequence,
            revision=revision_of(self.position),
            active=self.facts.end_time is None,
            wake_time=None,
            facts=self.facts,
            summary=self.summary,
        )


class Ring:
    """Keeps entries until there are too many.

    Args:
        max_entries: How many it keeps.
        max_bytes: What they cost together, the newest aside.
    """

    def __init__(self, max_entries: int = RING_MAX_ENTRIES, max_bytes: int = RING_MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: deque[tuple[Entry, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Take an entry that is complete, newer than all before it."""
        size = entry.size
        self._entries.append((entry, size))
        self._bytes += size
        while len(self._entries) > self._max_entries or (self._bytes > self._max_bytes and len(self._entries) > 1):
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        entry, size = self._entries.popleft()
        self._bytes -= size
        for holder in entry.holders:
            holder.drop_oldest()
