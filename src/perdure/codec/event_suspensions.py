"""Events of suspensions and signals, as the contract shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.message_parts import put_instant, put_value_messages
from perdure.codec.names import suspension_name
from perdure.domain import events as ev
from perdure.domain.decide.failing import SYSTEM
from perdure.v1.suspension_pb2 import Suspension

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.codec.events import EventContext
    from perdure.v1.event_pb2 import ExecutionEvent


def _about(
    event: ev.SuspensionOpened | ev.SuspensionReminded | ev.SuspensionResolved,
    context: EventContext,
    shown: ExecutionEvent,
) -> ExecutionEvent.SuspensionChange:
    change = shown.suspension_change
    integration = context.created.integration
    change.suspension = suspension_name(
        context.project, context.location, integration, context.execution_id, event.number
    )
    change.suspension_number = event.number
    change.task_number = event.task_id
    change.state = Suspension.RESOLUTION_STATE_PENDING
    return change


def _suspension_opened(event: ev.SuspensionOpened, context: EventContext, shown: ExecutionEvent) -> None:
    change = _about(event, context, shown)
    change.worker = event.worker
    if event.expire_time is not None:
        put_instant(event.expire_time, change.expire_time)


def _suspension_reminded(event: ev.SuspensionReminded, context: EventContext, shown: ExecutionEvent) -> None:
    _about(event, context, shown).reminder = True


def _suspension_resolved(event: ev.SuspensionResolved, context: EventContext, shown: ExecutionEvent) -> None:
    if event.resolver != SYSTEM:
        shown.principal = event.resolver
    change = _about(event, context, shown)
    lifted = event.lifted
    change.state = Suspension.RESOLUTION_STATE_LIFTED if lifted else Suspension.RESOLUTION_STATE_REJECTED
    change.resolver = event.resolver
    change.suspension_result = event.result


def _signal_received(event: ev.SignalReceived, _: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal or shown.principal
    change = shown.signal_change
    change.signal = event.signal
    change.signal_id = event.signal_id
    put_value_messages(event.payload, change.payload)


def _signal_consumed(event: ev.SignalConsumed, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.signal_change
    change.signal = event.signal
    change.task_number = event.task_id


SHOW: Final[dict[type, Callable[[Any, EventContext, ExecutionEvent], None]]] = {
    ev.SuspensionOpened: _suspension_opened,
    ev.SuspensionReminded: _suspension_reminded,
    ev.SuspensionResolved: _suspension_resolved,
    ev.SignalReceived: _signal_received,
    ev.SignalConsumed: _signal_consumed,
}
