"""What a watch hands out, and what is left of the message that it is handing out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from perdure.v1.execution_service_pb2 import WatchResponse


@dataclass(frozen=True, slots=True)
class Left:
    """An execution does not match any more; whoever shows it takes it away.

    Attributes:
        execution: Its name.
    """

    execution: str


@dataclass(frozen=True, slots=True)
class Synced:
    """The initial state is complete; from here on comes what happens."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Everything that the watch has told is void: the initial state follows."""


WatchUpdate: TypeAlias = ExecutionEvent | Execution | Left | Synced | Reset
"""An event; the state of an execution, which replaces the one before; or one of the three marks."""


@dataclass(frozen=True, slots=True)
class WatchMessage:
    """What one message of the stream tells.

    Attributes:
        updates: In their order. Empty when the server only says that nothing has happened.
        cursor: The position behind all of them.
        store_revision: The store revision that the watch is complete up to.
    """

    updates: tuple[WatchUpdate, ...]
    cursor: str
    store_revision: int


def message_of(response: WatchResponse) -> WatchMessage:
    """Read a message of the stream. One of a kind that is not known yet only moves the cursor."""
    updates: tuple[WatchUpdate, ...] = ()
    match response.WhichOneof("kind"):
        case "events":
            updates = tuple(response.events.events)
        case "executions":
            states = response.executions
            updates = (*states.executions, *(Left(name) for name in states.left))
        case "synced":
            updates = (Synced(),)
        case "reset":
            updates = (Reset(),)
    return WatchMessage(updates, response.cursor, response.store_revision)


class Handout:
    """Hands out a message update by update, and keeps the position behind what was handed out.

    Args:
        cursor: Where the watch begins; empty if it does not begin at a cursor.

    Attributes:
        cursor: Moves when a message is used up, because positions inside one cannot be named.
        store_revision: Moves with it.
    """

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        self.store_revision = 0
        self._message = WatchMessage((), "", 0)
        self._updates: deque[WatchUpdate] = deque()

    def __bool__(self) -> bool:
        return bool(self._updates)

    def begin(self, message: WatchMessage) -> None:
        """Go on with this message; the one before is used up."""
        self._message = message
        self._updates.extend(message.updates)
        self._move()

    def take(self) -> WatchUpdate:
        """Take the next update of a message that is not used up."""
        update = self._updates.popleft()
        self._move()
        return update

    def take_rest(self) -> WatchMessage:
        """Take all that is left of the message at once."""
        rest = WatchMessage(tuple(self._updates), self._message.cursor, self._message.store_revision)
        self._updates.clear()
        self._move()
        return rest

    def drop(self) -> None:
        """Forget what is left of the message; the position stays before it."""
        self._updates.clear()

    def _move(self) -> None:
        if not self._updates:
            self.cursor, self.store_revision = self._message.cursor, self._message.store_revision
