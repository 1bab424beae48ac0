"""Suspensions as answers show them, from their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.message_parts import put_instant
from perdure.codec.names import execution_name, integration_name, suspension_name
from perdure.domain.events import SuspensionKind
from perdure.v1.suspension_pb2 import Suspension

if TYPE_CHECKING:
    from perdure.store.suspensions import SuspensionRow


def show_suspension(row: SuspensionRow, location: str) -> Suspension:
    """Show a suspension of an execution of this location."""
    record = row.record
    project, execution, number = record.key
    shown = Suspension(
        name=suspension_name(project, location, record.integration, execution, number),
        execution=execution_name(project, location, record.integration, execution),
        integration=integration_name(project, location, record.integration),
        task_number=record.task,
        kind=Suspension.Kind.Value(f"KIND_{SuspensionKind(record.kind).name}"),
        state=Suspension.ResolutionState.Value(f"RESOLUTION_STATE_{row.state.name}"),
        lift_when_expired=record.lift_when_expired,
        who_may_resolve=record.who_may_resolve,
        custom_message=record.message,
        signal=record.signal,
        suspension_result=row.result,
    )
    put_instant(record.create_time, shown.create_time)
    put_instant(row.update_time, shown.update_time)
    if record.expire_time is not None:
        put_instant(record.expire_time, shown.expire_time)
    if record.remind_time is not None:
        put_instant(record.remind_time, shown.remind_time)
    if row.last_reminder_time is not None:
        put_instant(row.last_reminder_time, shown.last_reminder_time)
    if row.resolve_time is not None:
        put_instant(row.resolve_time, shown.audit.resolve_time)
        shown.audit.resolver = row.resolver
    return shown
