"""Stored events of suspensions and signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.record_parts import decode_values, put_values
from perdure.domain import events as ev

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.internal.v1 import record_pb2


def _put_suspension_opened(event: ev.SuspensionOpened, target: record_pb2.Event) -> None:
    record = target.suspension_opened
    record.number = event.number
    record.task_id = event.task_id
    record.kind = event.kind
    if event.expire_time is not None:
        record.expire_time = event.expire_time
    if event.remind_time is not None:
        record.remind_time = event.remind_time
    record.lift_when_expired = event.lift_when_expired
    record.who_may_resolve.extend(event.who_may_resolve)
    record.message = event.message
    record.signal = event.signal
    put_values(event.outputs, record.outputs)
    record.worker = event.worker


def _put_suspension_reminded(event: ev.SuspensionReminded, target: record_pb2.Event) -> None:
    record = target.suspension_reminded
    record.number = event.number
    record.task_id = event.task_id


def _put_suspension_resolved(event: ev.SuspensionResolved, target: record_pb2.Event) -> None:
    record = target.suspension_resolved
    record.number = event.number
    record.task_id = event.task_id
    record.lifted = event.lifted
    record.resolver = event.resolver
    record.result = event.result
    record.expired = event.expired


def _put_signal_received(event: ev.SignalReceived, target: record_pb2.Event) -> None:
    record = target.signal_received
    record.signal = event.signal
    record.signal_id = event.signal_id
    put_values(event.payload, record.payload)
    record.principal = event.principal


def _put_signal_consumed(event: ev.SignalConsumed, target: record_pb2.Event) -> None:
    record = target.signal_consumed
    record.signal = event.signal
    record.task_id = event.task_id


ENCODE: Final[dict[type, Callable[[Any, record_pb2.Event], None]]] = {
    ev.SuspensionOpened: _put_suspension_opened,
    ev.SuspensionReminded: _put_suspension_reminded,
    ev.SuspensionResolved: _put_suspension_resolved,
    ev.SignalReceived: _put_signal_received,
    ev.SignalConsumed: _put_signal_consumed,
}


def _suspension_opened(record: record_pb2.SuspensionOpened) -> ev.Event:
    return ev.SuspensionOpened(
        number=record.number,
        task_id=record.task_id,
        kind=ev.SuspensionKind(record.kind),
        expire_time=record.expire_time if record.HasField("expire_time") else None,
        remind_time=record.remind_time if record.HasField("remind_time") else None,
        lift_when_expired=record.lift_when_expired,
        who_may_resolve=tuple(record.who_may_resolve),
        message=record.message,
        signal=record.signal,
        outputs=decode_values(record.outputs),
        worker=record.worker,
    )


def _suspension_resolved(record: record_pb2.SuspensionResolved) -> ev.Event:
    return ev.SuspensionResolved(
        record.number, record.task_id, record.lifted, record.resolver, record.result, record.expired
    )


def _signal_received(record: record_pb2.SignalReceived) -> ev.Event:
    return ev.SignalReceived(record.signal, record.signal_id, decode_values(record.payload), record.principal)


DECODE: Final[dict[str, Callable[[Any], ev.Event]]] = {
    "suspension_opened": _suspension_opened,
    "suspension_reminded": lambda record: ev.SuspensionReminded(record.number, record.task_id),
    "suspension_resolved": _suspension_resolved,
    "signal_received": _signal_received,
    "signal_consumed": lambda record: ev.SignalConsumed(record.signal, record.task_id),
}
