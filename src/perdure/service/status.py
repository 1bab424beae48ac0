"""The one table from errors to gRPC statuses, with `google.rpc` details (AIP-193).

The details travel in trailers, whose size peers limit: they stay under 4 KiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status

from perdure.domain.errors import (
    AlreadyExists,
    Conflict,
    ExecutionUnsuccessful,
    InvalidRequest,
    LimitReached,
    NotAllowed,
    NotFound,
    OutOfRange,
    PerdureError,
    Unavailable,
    UnknownTrigger,
    WrongState,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

DOMAIN: Final = "perdure"
DETAILS_MAX_BYTES: Final = 4 << 10
VIOLATIONS_MAX: Final = 20
TEXT_MAX_BYTES: Final = 704
"""Longest message, path, description or metadata value in a status, in bytes of UTF-8."""

STATUS_DETAILS_KEY: Final = "grpc-status-details-bin"


class DeadlinePassed(PerdureError):
    """The time of the call is over; what it has started goes on."""

    reason = "DEADLINE_EXCEEDED"


class NoSuchMethod(PerdureError):
    """The server has no method of that name."""

    reason = "UNIMPLEMENTED_METHOD"


class ServerFault(PerdureError):
    """A fault of the server; the id leads to the traceback in its log, and nothing else goes out (F4)."""

    reason = "INTERNAL"

    def __init__(self, error_id: str) -> None:
        super().__init__(f"the server failed; its log has the cause under {error_id}", error_id=error_id)


CODES: Final[dict[type[PerdureError], grpc.StatusCode]] = {
    PerdureError: grpc.StatusCode.INTERNAL,
    ServerFault: grpc.StatusCode.INTERNAL,
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    UnknownTrigger: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    WrongState: grpc.StatusCode.FAILED_PRECONDITION,
    NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    ExecutionUnsuccessful: grpc.StatusCode.FAILED_PRECONDITION,
    OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    Conflict: grpc.StatusCode.ABORTED,
    LimitReached: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    DeadlinePassed: grpc.StatusCode.DEADLINE_EXCEEDED,
    NoSuchMethod: grpc.StatusCode.UNIMPLEMENTED,
}
"""Every class of error that can leave the server."""


class Outcome(NamedTuple):
    """A status as it is sent."""

    code: grpc.StatusCode
    message: str
    details: bytes


def code_of(error: PerdureError) -> grpc.StatusCode:
    """Find the code of an error; a class without one of its own has that of its base."""
    return next(CODES[each] for each in type(error).__mro__ if each in CODES)


def outcome_of(error: PerdureError) -> Outcome:
    """Turn an error into a status with its details."""
    code = code_of(error)
    message = _cut(error.message)
    status = Status(code=code.value[0], message=message)
    metadata = {key: _cut(value) for key, value in error.metadata.items()}
    info = ErrorInfo(reason=error.reason_name, domain=DOMAIN, metadata=metadata)
    _add(status, info)
    for detail in _details(error, message):
        _add(status, detail)
    _add_violations(status, error)
    return Outcome(code, message, status.SerializeToString())


RESOURCE_TYPES: Final = {
    "execution": "perdure/Execution",
    "snapshot": "perdure/ExecutionSnapshot",
    "integration": "perdure/Integration",
    "trigger": "perdure/Integration",
    "revision": "perdure/IntegrationRevision",
    "suspension": "perdure/Suspension",
    "task": "perdure/Execution",
}
"""Types of the contract (AIP-123) by the words of the rules; a trigger is a part of its integration, a
task one of its execution."""


def _details(error: PerdureError, message: str) -> Iterator[Message]:
    if isinstance(error, NotFound):
        yield ResourceInfo(
            resource_type=RESOURCE_TYPES.get(error.resource_type, error.resource_type),
            resource_name=_cut(error.name),
            description=message,
        )
    elif isinstance(error, WrongState):
        subject = _cut(error.metadata.get("execution", ""))
        violation = PreconditionFailure.Violation(type=error.reason_name, subject=subject, description=message)
        yield PreconditionFailure(violations=[violation])
    elif isinstance(error, LimitReached):
        yield QuotaFailure(violations=[QuotaFailure.Violation(subject=error.reason_name, description=message)])
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        retry = RetryInfo()
        retry.retry_delay.FromMicroseconds(int(retry_after * 1e6))
        yield retry


def _add_violations(status: Status, error: PerdureError) -> None:
    """Add as many violations as fit; the first ones are the ones that a caller repairs first."""
    if not isinstance(error, InvalidRequest) or not error.violations:
        return
    bad_request = BadRequest()
    room = DETAILS_MAX_BYTES - status.ByteSize() - 128
    for violation in error.violations[:VIOLATIONS_MAX]:
        each = BadRequest.FieldViolation(field=_cut(violation.path), description=_cut(violation.description))
        room -= each.ByteSize() + 4
        if room < 0:
            break
        bad_request.field_violations.append(each)
    _add(status, bad_request)


def _add(status: Status, detail: Message) -> None:
    packed = Any()
    packed.Pack(detail)
    status.details.append(packed)


def _cut(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    return (
        encoded.decode()
        if len(encoded) <= TEXT_MAX_BYTES
        else f"{encoded[: TEXT_MAX_BYTES - 3].decode(errors='ignore')}…"
    )
