"""Events as they are stored: the events that one commit adds to one execution make one record.

Both directions look up a function by type of event, in tables that stand beside the functions. A new type
of event needs an entry in each direction; a stored kind keeps its number and its meaning for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from perdure.codec import record_control, record_lifecycle, record_rollback, record_suspensions, record_tasks
from perdure.codec.record_created import decode_created
from perdure.codec.record_parts import UnreadableRecord, check_format
from perdure.internal.v1 import record_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from perdure.domain import events as ev

FORMAT: Final = 1
"""Format of the batches that are written; all formats up to it can be read."""

_ENCODE: Final[dict[type, Callable[[Any, record_pb2.Event], None]]] = {
    **record_lifecycle.ENCODE,
    **record_tasks.ENCODE,
    **record_rollback.ENCODE,
    **record_control.ENCODE,
    **record_suspensions.ENCODE,
}
_DECODE: Final[dict[str, Callable[[Any], ev.Event]]] = {
    **record_lifecycle.DECODE,
    **record_tasks.DECODE,
    **record_rollback.DECODE,
    **record_control.DECODE,
    **record_suspensions.DECODE,
}


def encode_events(events: Sequence[ev.Event], time: int) -> bytes:
    """Encode the events of one commit, all of which happened at `time` (microseconds since the epoch)."""
    batch = record_pb2.EventBatch(format=FORMAT, time=time)
    add = batch.events.add
    for event in events:
        _ENCODE[type(event)](event, add())
    return batch.SerializeToString()


def decode_events(payload: bytes) -> tuple[int, list[ev.Event]]:
    """Decode one record: when its events happened, and the events in order.

    Raises:
        UnreadableRecord: It is damaged, or a newer version wrote it.
    """
    batch = _parse(payload)
    return batch.time, [_decode(stored) for stored in batch.events]


def first_created(payload: bytes) -> ev.ExecutionCreated:
    """Read the first event of an execution's first record.

    Raises:
        UnreadableRecord: It is damaged, a newer version wrote it, or it is not an execution's first.
    """
    batch = _parse(payload)
    if not batch.events or not batch.events[0].HasField("created"):
        raise UnreadableRecord("this event batch is not the first of its execution")
    return decode_created(batch.events[0].created)


def _parse(payload: bytes) -> record_pb2.EventBatch:
    try:
        batch = record_pb2.EventBatch.FromString(payload)
    except DecodeError as error:
        raise UnreadableRecord("an event batch is damaged") from error
    check_format(batch.format, FORMAT, "an event batch")
    return batch


def _decode(stored: record_pb2.Event) -> ev.Event:
    kind = stored.WhichOneof("kind")
    if kind is None:
        raise UnreadableRecord("an event batch has an event of a kind that this version does not know")
    return _DECODE[kind](getattr(stored, kind))
