"""Failures as the contract shows them: as an `Error`, and as the value `ErrorInfo` among outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.message_parts import SEVERITIES, put_instant
from perdure.codec.values import encode_python
from perdure.domain.states import ExecutionState, Failure
from perdure.domain.value import Value, ValueKind

if TYPE_CHECKING:
    from perdure.domain.execution import ErrorEntry, Execution
    from perdure.v1 import error_pb2

ERROR_INFO: Final = "ErrorInfo"
"""The key among the outputs of an unsuccessful execution under which its error stands (semantics.md 1A.1)."""

_CANCELLED: Final = 1
_DEADLINE_EXCEEDED: Final = 4
_NOT_FOUND: Final = 5
_RESOURCE_EXHAUSTED: Final = 8
_FAILED_PRECONDITION: Final = 9

_RPC_CODES: Final = {
    "CANCELLED": _CANCELLED,
    "EXECUTION_CANCELLED": _CANCELLED,
    "DEADLINE_EXCEEDED": _DEADLINE_EXCEEDED,
    "TIMEOUT": _DEADLINE_EXCEEDED,
    "INTEGRATION_NOT_FOUND": _NOT_FOUND,
    "REVISION_NOT_FOUND": _NOT_FOUND,
    "TRIGGER_NOT_FOUND": _NOT_FOUND,
    "FAN_OUT_LIMIT": _RESOURCE_EXHAUSTED,
    "HISTORY_LIMIT": _RESOURCE_EXHAUSTED,
    "PARAMETERS_TOO_LARGE": _RESOURCE_EXHAUSTED,
    "VALUE_TOO_LARGE": _RESOURCE_EXHAUSTED,
}
"""The number in `google.rpc.Code` that comes nearest; a handler's own code is FAILED_PRECONDITION."""


def put_error(failure: Failure, target: error_pb2.Error, *, brief: bool = False) -> None:
    """Write a failure as the contract shows it; `brief` leaves payload and stack trace out."""
    target.code = failure.code
    target.message = failure.message
    target.context = failure.context
    if not brief:
        target.payload = failure.payload
        target.stack_trace = failure.stack_trace


def put_error_entry(entry: ErrorEntry, target: error_pb2.ErrorEntry) -> None:
    """Write an entry of the error list (row 34)."""
    put_error(entry.failure, target.error)
    target.task_number = entry.task_id
    target.task_attempt = entry.attempt
    target.execution_attempt = entry.execution_attempt
    target.severity = SEVERITIES[entry.severity]
    target.handled = entry.handled
    put_instant(entry.time, target.event_time)


def cancellation(reason: str) -> Failure:
    """Make the failure that a cancelled execution shows."""
    return Failure("EXECUTION_CANCELLED", reason or "the execution was cancelled", retryable=False)


def final_failure(execution: Execution) -> Failure | None:
    """Tell why an execution ended FAILED or CANCELLED; None in every other state."""
    if execution.state is ExecutionState.CANCELLED:
        return cancellation(execution.cancel_reason)
    return execution.failure


def error_info_value(failure: Failure) -> Value:
    """Make the value of `ErrorInfo`: JSON with the message and the nearest `google.rpc.Code`."""
    code = _RPC_CODES.get(failure.code, _FAILED_PRECONDITION)
    return encode_python({"message": failure.message, "code": code}, ValueKind.JSON)
