"""Messages of a watch made of the states of executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.envelope import Frame
from perdure.watch.framing import MESSAGE_MAX_BYTES

if TYPE_CHECKING:
    import asyncio

    from perdure.store.records import ExecutionRow
    from perdure.v1.execution_pb2 import Execution
    from perdure.watch.envelope import Envelope, Place


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

    async def read(self, row: ExecutionRow) -> Execution | None:
        """Show an execution with what its columns lack; None if it is not there any more."""
        ...


async def show_state(projection: Projection, row: ExecutionRow, reads: asyncio.Semaphore) -> Execution | None:
    """Show an execution; None if it is not there any more.

    Args:
        projection: How much of it.
        row: Its columns, which may suffice.
        reads: Bounds the reading of the store.
    """
    if projection.rows_suffice:
        return projection.show_row(row)
    async with reads:
        return await projection.read(row)


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
