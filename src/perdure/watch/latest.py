"""What a watch of the latest states sends: one state for each execution that has changed, however often it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from perdure.codec.names import execution_name
from perdure.domain.states import TERMINAL_EXECUTION_STATES
from perdure.watch.envelope import just_before
from perdure.watch.ring import Entry
from perdure.watch.states import StateBatch
from perdure.watch.subject import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from perdure.store.queries import LogPage, LogRecord
    from perdure.store.records import ExecutionKey
    from perdure.v1.execution_pb2 import Execution
    from perdure.watch.envelope import Frame, Place, Send
    from perdure.watch.selection import Match, Selection
    from perdure.watch.states import Projection, StateReader
    from perdure.watch.subject import Subject

EXECUTIONS_AT_ONCE: Final = 64
"""Executions whose changes in the ring become one step of a watch."""

T = TypeVar("T", "Match", "tuple[LogRecord, Kind]")


class Latest(NamedTuple):
    """The last change of an execution among several; `left` tells that the execution matches no more."""

    change: Entry | LogRecord
    left: bool


class LatestStates:
    """Sends the latest state of what has changed, never one older than the watch has sent before.

    The states of what the log tells are read when their turn comes, and may be ahead of the place where the watch
    stands. What the ring has of those executions is left out until the place has come so far.

    Args:
        states: Shows what is sent.
        projection: How much of a state that is.
        location: The server's location.
    """

    def __init__(self, states: StateReader, projection: Projection, location: str) -> None:
        self._states = states
        self._projection = projection
        self._location = location
        self._ahead: dict[ExecutionKey, int] = {}

    async def send_recent(self, selection: Selection, place: Place, head: int, send: Send) -> None:
        """Send the next messages of what the ring has behind a place, where there is something.

        Args:
            selection: Which covers the place.
            place: Where the watch stands.
            head: Place in the log that the ring is complete up to.
            send: Sends a frame.
        """
        matches = selection.after(place.position)
        self._come_to(place)
        if self._ahead or not self._projection.rows_suffice:
            # What has to be read can be large: it is neither shared nor made ahead of the reader.
            async for frame in self._recent(selection, matches, place, head):
                await send(frame)
            return
        key = (matches[0].entry.position, place.unsynced, self._projection.key)
        frames = selection.kept(key)
        if frames is None:
            frames = selection.keep(key, [frame async for frame in self._recent(selection, matches, place, head)])
        for frame in frames:
            await send(frame)

    def _recent(self, selection: Selection, matches: Sequence[Match], place: Place, head: int) -> AsyncIterator[Frame]:
        some = _first(matches, EXECUTIONS_AT_ONCE)
        through = head if len(some) == len(matches) else _through(some, matches[len(some)])
        # The same for every stream that has nothing to be told before the first match.
        before = place._replace(position=max(place.position, just_before(matches[0].entry.position)))
        latest = _coalesce(selection.subject, some, place)
        return self._frames(selection, latest, before, max(before.position, through))

    async def logged(self, selection: Selection, place: Place, page: LogPage) -> AsyncIterator[Frame]:
        """Make the messages of a page of the log that begins at a place."""
        self._come_to(place)
        subject = selection.subject
        judged = ((record, subject.kind(record.created, record.before, record.facts)) for record in page.records)
        latest = _coalesce(subject, [(record, kind) for record, kind in judged if kind is not None], place)
        async for frame in self._frames(selection, latest, place, page.through):
            yield frame

    async def _frames(
        self, selection: Selection, latest: Iterable[Latest], place: Place, through: int
    ) -> AsyncIterator[Frame]:
        subject = selection.subject
        batch = StateBatch(selection.envelope, place)
        stirs = ends = False
        for change, left in latest:
            stirs = stirs or left or change.facts.state in TERMINAL_EXECUTION_STATES
            ends = ends or subject.ends_named(change.created, change.facts)
            full = None
            if left:
                full = batch.take_left(self._name(change))
            elif (state := await self._state(subject, change)) is not None:
                full = batch.take(state)
            if full is not None:
                yield full
        yield batch.last(place._replace(position=through), stirs=stirs, ends=ends)

    def _name(self, change: Entry | LogRecord) -> str:
        created = change.created
        return execution_name(created.key.project, self._location, created.integration, created.key.execution)

    async def _state(self, subject: Subject, change: Entry | LogRecord) -> Execution | None:
        """Show the state after a change, or a later one; None if it is gone, or the later one does not match."""
        key = change.created.key
        row = change.row() if isinstance(change, Entry) else await self._states.current(subject, key)
        if row is None or row.revision < self._ahead.get(key, 0):
            return None
        if not isinstance(change, Entry):
            self._ahead[key] = row.revision
        return await self._states.show(subject, row)

    def _come_to(self, place: Place) -> None:
        """Forget the states that the watch has come up to."""
        if self._ahead:
            self._ahead = {key: revision for key, revision in self._ahead.items() if revision > place.revision}


def _first(matches: Sequence[Match], most: int) -> Sequence[Match]:
    """Take matches in order as long as they are about at most so many executions."""
    executions: set[ExecutionKey] = set()
    for index, match in enumerate(matches):
        executions.add(match.entry.created.key)
        if len(executions) > most:
            return matches[:index]
    return matches


def _through(some: Sequence[Match], following: Match) -> int:
    """Tell the place in the log that a step is complete up to, with a match behind it."""
    return max(some[-1].entry.position, just_before(following.entry.position))


def _coalesce(subject: Subject, matches: Sequence[T], place: Place) -> list[Latest]:
    """Find the last change of each execution, in the order of their first ones.

    An execution that has begun to match and ceased to is left out, for the reader does not know it; before
    `synced` it may know it from the initial state.
    """
    first: dict[ExecutionKey, T] = {}
    last: dict[ExecutionKey, T] = {}
    for match in matches:
        key = match[0].created.key
        first.setdefault(key, match)
        last[key] = match
    latest: list[Latest] = []
    for key, (change, kind) in last.items():
        began = first[key][0]
        if kind is Kind.MATCHES:
            latest.append(Latest(change, left=False))
        elif place.unsynced or subject.matched(began.created, began.before):
            latest.append(Latest(change, left=True))
    return latest
