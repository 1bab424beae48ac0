"""All streams about the same executions: the filter is evaluated, and a message built, once for all of them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from perdure.watch.envelope import Envelope, Frame
    from perdure.watch.ring import Entry
    from perdure.watch.subject import Kind, Subject

FRAMES_KEPT: Final = 4
"""Messages kept for the other streams until the next change; the oldest goes first."""

KEPT_MAX_BYTES: Final = 128 << 10
"""A message with one larger event is not kept: the ring has the event."""


class Sleeper(Protocol):
    """A stream that may be waiting."""

    def wake(self) -> None:
        """Go on, if it waits."""
        ...


class Match(NamedTuple):
    """An entry of the ring, and what it means to the streams of a selection."""

    entry: Entry
    kind: Kind


class Selection:
    """What the streams of one subject share.

    Attributes:
        streams: Those that are open.
        floor: Place in the log behind which the ring has everything that concerns them.
        newest: Place of the newest change that concerns them; 0 before the first.
        deleted: Whether the one execution that the scope names is not there any more.
    """

    def __init__(self, subject: Subject, envelope: Envelope, floor: int) -> None:
        self.subject = subject
        self.envelope = envelope
        self.floor = floor
        self.newest = 0
        self.deleted = False
        self.streams: set[Sleeper] = set()
        self._matches: deque[Match] = deque()
        self._frames: dict[Hashable, Sequence[Frame]] = {}

    def add(self, match: Match) -> None:
        """Take a match, newer than all before it."""
        match.entry.holders.append(self)
        self._matches.append(match)
        self._frames.clear()
        self.newest = match.entry.position

    def drop_oldest(self) -> None:
        """Let go of the oldest match, which the ring has forgotten."""
        self.floor = self._matches.popleft().entry.position

    def start_over(self, floor: int) -> None:
        """Let go of everything, and begin again at a place in the log."""
        self._matches.clear()
        self._frames.clear()
        self.floor = floor

    def covers(self, position: int) -> bool:
        """Whether the ring has everything behind a place in the log that concerns the streams."""
        return position >= self.floor

    def after(self, position: int) -> list[Match]:
        """List the matches behind a place in the log that is covered."""
        matches = self._matches
        if len(matches) > 1 and matches[-2].entry.position <= position < self.newest:
            return [matches[-1]]  # Most streams are at the head.
        newer: list[Match] = []
        for match in reversed(matches):
            if match.entry.position <= position:
                break
            newer.append(match)
        newer.reverse()
        return newer

    def kept(self, key: Hashable) -> Sequence[Frame] | None:
        """Find messages that another stream has built since the last change."""
        return self._frames.get(key)

    def keep(self, key: Hashable, frames: Sequence[Frame]) -> Sequence[Frame]:
        """Keep messages for the other streams, if there are others and keeping does not cost too much."""
        if len(self.streams) > 1 and sum(len(frame.message) for frame in frames) <= KEPT_MAX_BYTES:
            if len(self._frames) >= FRAMES_KEPT:
                del self._frames[next(iter(self._frames))]
            self._frames[key] = frames
        return frames

    def wake(self) -> None:
        """Wake all streams that wait."""
        for stream in self.streams:
            stream.wake()
