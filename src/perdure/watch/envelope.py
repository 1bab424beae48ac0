"""What every message of a watch has besides its kind: the cursor, the store revision, the time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from perdure.codec.message_parts import put_instant
from perdure.codec.tokens import Cursor
from perdure.store.queries import log_position, revision_of

if TYPE_CHECKING:
    from perdure.codec.tokens import TokenCodec
    from perdure.runtime.clock import Clock
    from perdure.v1.execution_service_pb2 import WatchResponse


class Place(NamedTuple):
    """How far a watch has come.

    Attributes:
        position: Place in the log up to which everything was sent.
        events: How many events of the next record that concerns the watch were sent too.
        unsynced: Whether the initial state is not complete yet.
    """

    position: int
    events: int = 0
    unsynced: bool = False

    @property
    def revision(self) -> int:
        """The store revision up to which the log was sent completely."""
        return complete_revision(self.position)


class Frame(NamedTuple):
    """A message ready to be sent, and where the watch stands with it.

    Attributes:
        message: Serialised `WatchResponse`; empty if there is nothing to tell but the watch has come further.
        stirs: Whether an execution has ended or left, so that the end of the watch may have come.
        ends: Whether the end of the execution that the watch names is the last thing in it.
    """

    message: bytes
    place: Place
    stirs: bool = False
    ends: bool = False


Send = Callable[[Frame], Awaitable[None]]
"""Sends a frame to a reader; waits as long as it does not take it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Completes the messages of watches that are about the same.

    Attributes:
        digest: Of what they are about.
    """

    tokens: TokenCodec
    clock: Clock
    store_id: str
    project: str
    digest: bytes

    def complete(self, response: WatchResponse, place: Place) -> WatchResponse:
        """Add what every message has."""
        cursor = Cursor(self.store_id, self.project, self.digest, place.position, place.events, place.unsynced)
        response.cursor = self.tokens.seal_cursor(cursor)
        response.store_revision = place.revision
        put_instant(self.clock.now(), response.server_time)
        return response

    def frame(self, response: WatchResponse, place: Place, *, stirs: bool = False, ends: bool = False) -> Frame:
        """Make a frame of a message that has its kind."""
        return Frame(self.complete(response, place).SerializeToString(), place, stirs, ends)


def complete_revision(position: int) -> int:
    """Tell the store revision up to which everything lies before a place in the log."""
    revision = revision_of(position)
    return revision if position == log_position(revision) else revision - 1


def just_before(position: int) -> int:
    """Tell the place in the log behind the commit before the one that a record belongs to."""
    return log_position(revision_of(position) - 1)
