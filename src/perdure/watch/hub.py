"""The hub between commits and watchers: takes every change that has become durable, once.

Rules of this module:

1. While nobody watches, a change costs one look at an empty table.
2. The changes that become durable together are taken together: what they mean is found out once for each
   distinct subject, and only streams that they concern are woken, once.
3. What the hub does not keep, or could not take, the store has. Nothing is lost by forgetting.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from perdure.store.queries import log_position, revision_of
from perdure.watch.encoding import encode_change, encode_left
from perdure.watch.ring import Entry, Ring
from perdure.watch.selection import Match, Selection
from perdure.watch.subject import Kind, places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.engine.ports import Change
    from perdure.store.records import ExecutionKey
    from perdure.watch.envelope import Envelope
    from perdure.watch.selection import Sleeper
    from perdure.watch.subject import Subject

_logger = logging.getLogger(__name__)

READS_AT_ONCE: Final = 8
"""Reads of the store that all streams together have under way at a time."""


class WatchHub:
    """Hands changes to the selections that they concern.

    Args:
        store_revision: Of the newest commit before the first that is published.
        location: The server's location.

    Attributes:
        position: Place in the log up to which every change was handed on.
        reads: Bounds the reading of the store.
        draining: Whether all streams are to end.
    """

    def __init__(self, store_revision: int, location: str) -> None:
        self.position = log_position(store_revision)
        self.reads = asyncio.Semaphore(READS_AT_ONCE)
        self.draining = False
        self._location = location
        self._ring = Ring()
        self._selections: dict[tuple[bytes, bool], Selection] = {}
        self._found_at: dict[tuple[str, ...], list[Selection]] = {}
        self._pending: list[Change] = []

    def publish(self, change: Change) -> None:
        """Take what one commit changed in one execution, in commit order; see `perdure.engine.ports.Publisher`."""
        if self._pending:
            self._pending.append(change)
        elif self._selections:
            # The outcomes of a batch of commits are told in one turn of the loop, and this call comes after it.
            asyncio.get_running_loop().call_soon(self._hand_on)
            self._pending.append(change)
        else:
            self.position = log_position(revision_of(change.position))

    def deleted(self, keys: Sequence[ExecutionKey], revision: int) -> None:
        """Take note that executions were deleted: who watches one is told, who watches many is not."""
        for project, execution in keys:
            for kind in ("execution", "tree"):
                for selection in list(self._found_at.get((kind, project, execution), ())):
                    selection.deleted = True
                    # Another execution may have the same id some day.
                    self._remove(selection)
                    selection.wake()
        if not self._pending:
            self.position = max(self.position, log_position(revision))

    @contextmanager
    def follow(self, subject: Subject, envelope: Envelope, stream: Sleeper) -> Iterator[Selection]:
        """Have the changes that concern a subject collected, and a stream woken by them."""
        selection = self._selections.get((subject.digest, subject.latest))
        if selection is None:
            selection = Selection(subject, envelope, self.position)
            self._selections[subject.digest, subject.latest] = selection
            for place in subject.places():
                self._found_at.setdefault(place, []).append(selection)
        selection.streams.add(stream)
        try:
            yield selection
        finally:
            selection.streams.remove(stream)
            if not selection.streams:
                self._remove(selection)

    def _remove(self, selection: Selection) -> None:
        """Collect no more for a selection; safe to call twice."""
        subject = selection.subject
        if self._selections.get((subject.digest, subject.latest)) is not selection:
            return
        del self._selections[subject.digest, subject.latest]
        for place in subject.places():
            found = self._found_at[place]
            found.remove(selection)
            if not found:
                del self._found_at[place]
        if not self._selections:
            self._ring = Ring()

    def _hand_on(self) -> None:
        changes, self._pending = self._pending, []
        head = log_position(revision_of(changes[-1].position))
        concerned: set[Selection] = set()
        try:
            for change in changes:
                self._take(change, concerned)
        except Exception:
            _logger.exception("changes could not be taken; those who watch read the store instead")
            self._ring = Ring()
            concerned.update(self._selections.values())
            for selection in concerned:
                selection.start_over(head)
        self.position = max(self.position, head)
        for selection in concerned:
            selection.wake()

    def _take(self, change: Change, concerned: set[Selection]) -> None:
        entry: Entry | None = None
        for place in places_of(change.created):
            for selection in self._found_at.get(place, ()):
                if change.position <= selection.floor:
                    continue
                kind = selection.subject.kind(change.created, change.before, change.facts)
                if kind is None:
                    continue
                if entry is None:
                    entry = _entry_of(change)
                if not selection.subject.latest:
                    self._encode(change, entry, kind)
                selection.add(Match(entry, kind))
                concerned.add(selection)
        if entry is not None:
            self._ring.add(entry)

    def _encode(self, change: Change, entry: Entry, kind: Kind) -> None:
        """Serialise what is told of a change, unless it is done already."""
        if kind is Kind.MATCHES:
            entry.events = entry.events or encode_change(change, self._location)
        else:
            entry.left = entry.left or encode_left(
                change.created, change.facts, change.sequence, change.position, self._location
            )

    def drain(self) -> None:
        """Let every stream end, now and from now on."""
        self.draining = True
        for selection in self._selections.values():
            selection.wake()


def _entry_of(change: Change) -> Entry:
    return Entry(change.position, change.created, change.before, change.facts, change.summary, change.sequence)
