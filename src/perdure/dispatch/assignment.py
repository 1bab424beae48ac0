"""The messages that tell a worker about an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.v1.worker_service_pb2 import Assignment, TaskCancel

if TYPE_CHECKING:
    from perdure.dispatch.attempt import LiveAttempt

_SECOND = 1_000_000


def write_assignment(attempt: LiveAttempt) -> Assignment:
    """Write the assignment of an attempt that has just been granted."""
    offer = attempt.offer
    assert offer is not None
    message = Assignment(
        lease=attempt.lease,
        execution=offer.execution_name,
        task_number=offer.task_id,
        handler=offer.handler,
        attempt=offer.attempt,
        execution_attempt=offer.execution_attempt,
        idempotency_key=offer.idempotency_key,
        trace_parent=offer.trace_parent,
        trace_state=offer.trace_state,
        integration=offer.integration,
        integration_revision_id=offer.revision_id,
        rollback=offer.rollback,
        forward_outcome_unknown=offer.forward_outcome_unknown,
        development=offer.development,
    )
    if offer.deadline is not None:
        message.deadline.seconds, microseconds = divmod(offer.deadline, _SECOND)
        message.deadline.nanos = microseconds * 1_000
    # The encoded form of a value is the serialised message itself.
    for name, value in offer.inputs.items():
        message.inputs[name].ParseFromString(value.encoded)
    for name, value in offer.forward_outputs.items():
        message.forward_outputs[name].ParseFromString(value.encoded)
    return message


def write_cancel(attempt: LiveAttempt) -> TaskCancel:
    """Write the request to stop an attempt that was withdrawn."""
    message = TaskCancel(lease=attempt.lease, cancel_reason=attempt.stop_reason or "")
    message.grace.seconds, microseconds = divmod(attempt.stop_grace, _SECOND)
    message.grace.nanos = microseconds * 1_000
    return message
