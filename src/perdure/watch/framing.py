"""Messages of a watch made of events that are serialised already.

A stream adds its cursor to the bytes that it shares with the others. What is written here is what
serialising the whole `WatchResponse` would write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.v1.execution_service_pb2 import WatchResponse

_FIELD_ONE: Final = b"\x0a"
"""Tag of field 1 of the wire type for messages: `WatchResponse.events` and `Events.events`."""


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
