"""Messages of a watch made of events that are serialised already, each of a bounded size.

What is written here is what serialising the whole `WatchResponse` would write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.envelope import Envelope, Frame, Place, just_before

if TYPE_CHECKING:
    from collections.abc import Sequence

MESSAGE_MAX_BYTES: Final = 64 << 10
"""Size of the content of one message; a larger event or state travels alone. It bounds what a reader that does
not read keeps in memory."""

_FIELD_ONE: Final = b"\x0a"
"""Tag of field 1 of the wire type for messages: `WatchResponse.events` and `Events.events`."""


class EventBatch:
    """The events of one message, taken record by record.

    Args:
        place: Where the watch stands before them.
    """

    def __init__(self, place: Place) -> None:
        self._position, self._skipped, self._unsynced = place
        self._events: list[bytes] = []
        self._size = 0
        self._stirs = False
        self._ends = False

    def take(self, position: int, events: Sequence[bytes], *, stirs: bool, ends: bool) -> bool:
        """Take the events of the next record that concerns the watch, as far as they fit.

        Args:
            position: Place of the record in the log.
            events: All events of the record.
            stirs: Whether an execution ends or leaves with it.
            ends: Whether it is the end of the execution that the watch names.

        Returns:
            Whether all of them are in the message or were sent before.
        """
        for number in range(self._skipped, len(events)):
            size = len(events[number])
            if self._events and self._size + size > MESSAGE_MAX_BYTES:
                self._position = max(self._position, just_before(position))
                self._skipped = number
                return False
            self._events.append(events[number])
            self._size += size
        self._position, self._skipped = position, 0
        self._stirs = self._stirs or stirs
        self._ends = ends
        return True

    def frame(self, envelope: Envelope, complete: int = 0) -> Frame:
        """Make the message.

        Args:
            envelope: Of the watch.
            complete: Place in the log up to which nothing else concerns the watch, if it is known.
        """
        place = Place(max(self._position, complete), self._skipped, self._unsynced)
        if not self._events:
            return Frame(b"", place)
        message = frame_events(self._events, envelope.complete(WatchResponse(), place))
        return Frame(message, place, self._stirs, self._ends)


def frame_events(events: Sequence[bytes], envelope: WatchResponse) -> bytes:
    """Serialise a message.

    Args:
        events: Serialised `ExecutionEvent`s.
        envelope: The message without its kind.
    """
    inner = b"".join(part for event in events for part in (_FIELD_ONE, _varint(len(event)), event))
    return b"".join((_FIELD_ONE, _varint(len(inner)), inner, envelope.SerializeToString()))


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
