"""What a watch of every event sends: from the ring, in messages shared with the other streams, or from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.errors import NotFound
from perdure.domain.states import TERMINAL_EXECUTION_STATES
from perdure.watch.encoding import encode_left, encode_record
from perdure.watch.framing import EventBatch
from perdure.watch.subject import Kind

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Sequence

    from perdure.engine.queries import Queries
    from perdure.store.queries import LogPage, LogRecord
    from perdure.watch.envelope import Frame, Place, Send
    from perdure.watch.selection import Match, Selection


class EveryEvent:
    """Sends every event, once, in order.

    Args:
        queries: For what the log does not tell.
        location: The server's location.
        reads: Bounds the reading of the store.
    """

    def __init__(self, queries: Queries, location: str, reads: asyncio.Semaphore) -> None:
        self._queries = queries
        self._location = location
        self._reads = reads

    async def send_recent(self, selection: Selection, place: Place, head: int, send: Send) -> None:
        """Send the next message of what the ring has behind a place, where there is something.

        Args:
            selection: Which covers the place.
            place: Where the watch stands.
            head: Place in the log that the ring is complete up to.
            send: Sends a frame.
        """
        matches = selection.after(place.position)
        key = (matches[0].entry.position, place.events)
        frames = selection.kept(key) or selection.keep(key, (_frame(selection, matches, place, head),))
        await send(frames[0])

    async def logged(self, selection: Selection, place: Place, page: LogPage) -> AsyncIterator[Frame]:
        """Make the messages of a page of the log that begins at a place.

        A record is serialised when its turn comes, so that a reader that does not read holds up one message.
        """
        subject = selection.subject
        batch = EventBatch(place)
        for record in page.records:
            kind = subject.kind(record.created, record.before, record.facts)
            if kind is None:
                continue
            try:
                events = await self._events(record, kind)
            except NotFound:
                # Deleted meanwhile. Another look at the log tells whether the watch may go on.
                yield batch.frame(selection.envelope)
                return
            stirs = kind is Kind.LEFT or record.facts.state in TERMINAL_EXECUTION_STATES
            ends = subject.ends_named(record.created, record.facts)
            while not batch.take(record.position, events, stirs=stirs, ends=ends):
                frame = batch.frame(selection.envelope)
                yield frame
                batch = EventBatch(frame.place)
            if ends:
                yield batch.frame(selection.envelope)
                return
        yield batch.frame(selection.envelope, page.through)

    async def _events(self, record: LogRecord, kind: Kind) -> tuple[bytes, ...]:
        if kind is Kind.LEFT:
            last = record.first_sequence + record.count - 1
            return (encode_left(record.created, record.facts, last, record.position, self._location),)
        async with self._reads:
            first, graph = await self._queries.created_event(record.created.key)
        return encode_record(record, first, graph, self._location)


def _frame(selection: Selection, matches: Sequence[Match], place: Place, head: int) -> Frame:
    """Build the message that begins behind a place."""
    subject = selection.subject
    batch = EventBatch(place)
    for entry, kind in matches:
        events = entry.events if kind is Kind.MATCHES else (entry.left,)
        stirs = kind is Kind.LEFT or entry.facts.state in TERMINAL_EXECUTION_STATES
        ends = subject.ends_named(entry.created, entry.facts)
        if not batch.take(entry.position, events, stirs=stirs, ends=ends) or ends:
            return batch.frame(selection.envelope)
    return batch.frame(selection.envelope, head)
