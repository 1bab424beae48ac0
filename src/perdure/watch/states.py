"""Messages of a watch made of the states of executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from perdure.domain.errors import NotFound
from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.envelope import Frame
from perdure.watch.framing import MESSAGE_MAX_BYTES

if TYPE_CHECKING:
    import asyncio

    from perdure.engine.queries import Queries
    from perdure.store.records import ExecutionKey, ExecutionRow
    from perdure.v1.execution_pb2 import Execution
    from perdure.watch.envelope import Envelope, Place
    from perdure.watch.subject import Subject


class Projection(Protocol):
    """How much of an execution a state contains."""

    @property
    def rows_suffice(self) -> bool:
        """Whether `show_row` shows all that is wanted."""
        ...

    @property
    def key(self) -> bytes:
        """Equal for equal projections."""
        ...

    def show_row(self, row: ExecutionRow) -> Execution:
        """Show an execution as far as its columns tell."""
        ...

    async def read(self, row: ExecutionRow) -> ReadState | None:
        """Show an execution with what its columns lack, as it is now; None if it is not there any more."""
        ...


class ReadState(Protocol):
    """An execution as it was read."""

    @property
    def message(self) -> Execution:
        """What is shown of it."""
        ...

    @property
    def sequence(self) -> int:
        """Sequence of the last event that it shows."""
        ...


class StateReader:
    """Shows the states of executions that match.

    Args:
        queries: For the columns of what has changed since they were read.
        projection: How much of a state is shown.
        reads: Bounds the reading of the store.

    Attributes:
        newest: Store revision of the newest state that was shown.
    """

    def __init__(self, queries: Queries, projection: Projection, reads: asyncio.Semaphore) -> None:
        self.newest = 0
        self._queries = queries
        self._projection = projection
        self._reads = reads

    async def show(self, subject: Subject, row: ExecutionRow) -> Execution | None:
        """Show an execution that matches by its columns, or a later state that matches, too.

        Returns:
            None if it is not there any more, or matches no more.
        """
        if self._projection.rows_suffice:
            self.newest = max(self.newest, row.revision)
            return self._projection.show_row(row)
        current: ExecutionRow | None = row
        while current is not None:
            async with self._reads:
                state = await self._projection.read(current)
            if state is None:
                return None
            if state.sequence != current.sequence:
                # It has changed meanwhile, and what is shown has to match.
                current = await self.current(subject, current.created.key)
            if current is not None and state.sequence == current.sequence:
                self.newest = max(self.newest, current.revision)
                return state.message
        return None

    async def current(self, subject: Subject, key: ExecutionKey) -> ExecutionRow | None:
        """Read the columns of an execution as they are now; None if it is not there any more or does not match."""
        try:
            async with self._reads:
                row = await self._queries.row(key)
        except NotFound:
            return None
        return row if subject.matched(row.created, row.facts) else None


class StateBatch:
    """States and names for the messages that bring a watch from one place to the next.

    Only the last of the messages has the new place; whoever goes on from one before it gets some states again.

    Args:
        envelope: Of the watch.
        place: Where the watch stands before them.
    """

    def __init__(self, envelope: Envelope, place: Place) -> None:
        self._envelope = envelope
        self._place = place
        self._states = WatchResponse.States()
        self._size = 0

    def take(self, state: Execution) -> Frame | None:
        """Take a state; returns the message of those before it if it does not fit with them."""
        full = self._make_room(state.ByteSize())
        self._states.executions.append(state)
        return full

    def take_left(self, name: str) -> Frame | None:
        """Take the name of an execution that matches no more; returns as `take` does."""
        full = self._make_room(len(name))
        self._states.left.append(name)
        return full

    def _make_room(self, size: int) -> Frame | None:
        full = None
        if self._size and self._size + size > MESSAGE_MAX_BYTES:
            full = self._envelope.frame(WatchResponse(executions=self._states), self._place)
            self._states = WatchResponse.States()
            self._size = 0
        self._size += size
        return full

    def last(self, place: Place, *, stirs: bool = False, ends: bool = False) -> Frame:
        """Make the last message, which may have nothing to tell but the new place."""
        if not self._size:
            return Frame(b"", place, stirs, ends)
        return self._envelope.frame(WatchResponse(executions=self._states), place, stirs=stirs, ends=ends)
