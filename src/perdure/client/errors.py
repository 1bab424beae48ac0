"""What can go wrong with a call, one class for each thing that a caller would do about it.

A refusal of the server keeps all that it said: the code, the `ErrorReason` name, the metadata and the field
paths (AIP-193).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc

if TYPE_CHECKING:
    from collections.abc import Mapping


class ClientError(Exception):
    """Every error that the client raises by itself."""


class ClientClosed(ClientError):
    """The client is not open: it was closed, also during the call, or was not entered yet."""

    def __init__(self) -> None:
        super().__init__("the client is closed, or was not entered by `with` yet")


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that was refused.

    Attributes:
        path: Where it is, such as `tasks[2].timeout`.
        description: What is wrong with it.
    """

    path: str
    description: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the server said about a call that failed.

    Attributes:
        code: The status code.
        message: What went wrong, for people.
        reason: The name of an `ErrorReason`; empty if the answer did not come from a Perdure server, as when
            the connection broke.
        metadata: What the reason is about, by keys that each reason defines.
        field_violations: The fields that are wrong, for an invalid request.
        retry_after: Seconds to let pass before the call is made again; None if the server named none.
    """

    code: grpc.StatusCode
    message: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    field_violations: tuple[FieldViolation, ...] = ()
    retry_after: float | None = None


class CallFailed(ClientError):
    """A call was refused, or did not get through."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal

    @property
    def code(self) -> grpc.StatusCode:
        """The status code."""
        return self.refusal.code

    @property
    def message(self) -> str:
        """What went wrong, for people."""
        return self.refusal.message

    @property
    def reason(self) -> str:
        """The name of an `ErrorReason`, or empty text."""
        return self.refusal.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the reason is about."""
        return self.refusal.metadata

    @property
    def field_violations(self) -> tuple[FieldViolation, ...]:
        """The fields that are wrong."""
        return self.refusal.field_violations


class InvalidRequest(CallFailed):
    """The request breaks a rule of the contract; `field_violations` says where."""


class NotFound(CallFailed):
    """What the request names does not exist."""


class AlreadyExists(CallFailed):
    """What was to be made exists, or the request id came with another request before."""


class FailedPrecondition(CallFailed):
    """The state of the resource does not allow the call."""


class ExecutionUnsuccessful(FailedPrecondition):
    """A synchronous execution did run, and did not succeed. Making the call again would not run it again.

    The metadata has the error in brief.
    """

    @property
    def execution(self) -> str:
        """The name of the execution."""
        return self.metadata.get("execution", "")


class ExecutionFailed(ExecutionUnsuccessful):
    """A synchronous execution failed."""


class ExecutionCancelled(ExecutionUnsuccessful):
    """A synchronous execution was cancelled."""


class Aborted(CallFailed):
    """The resource has changed since its etag was read."""


class PermissionDenied(CallFailed):
    """The caller may not do this."""


class ResourceExhausted(CallFailed):
    """A limit is reached; nothing was done."""


class Unavailable(CallFailed):
    """The server cannot be reached, or cannot serve now."""


class TimedOut(CallFailed):
    """The deadline of the call has passed."""


class Unimplemented(CallFailed):
    """The server does not know the method; one of both sides is older."""


class CursorExpired(CallFailed):
    """A watch was to begin before what the server keeps. List, and watch from there; or ask for `reset`."""

    @property
    def oldest_revision(self) -> int:
        """The oldest store revision that a watch can begin after."""
        return int(self.metadata.get("oldest_revision", "0"))


class ServerFault(CallFailed):
    """The server failed; the metadata has the id under which its log tells why."""


class ExecutionPending(ClientError):
    """The client stopped waiting; the execution goes on, or may.

    Attributes:
        executions: The names of the executions as far as they are known. Empty means that it is not known
            whether the call was accepted.
        request_id: Calling again with it attaches to the same execution and starts no other.
    """

    def __init__(self, executions: tuple[str, ...], request_id: str) -> None:
        known = ", ".join(executions) or "perhaps accepted"
        super().__init__(f"the execution has not been seen to end: {known} (request id {request_id})")
        self.executions = executions
        self.request_id = request_id

    @property
    def execution(self) -> str | None:
        """The name of the one execution; None when it is not known or there are several."""
        return self.executions[0] if len(self.executions) == 1 else None


_BY_REASON: Final[Mapping[tuple[grpc.StatusCode, str], type[CallFailed]]] = {
    (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_FAILED"): ExecutionFailed,
    (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_CANCELLED"): ExecutionCancelled,
    (grpc.StatusCode.OUT_OF_RANGE, "CURSOR_EXPIRED"): CursorExpired,
}
_BY_CODE: Final[Mapping[grpc.StatusCode, type[CallFailed]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.ABORTED: Aborted,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: TimedOut,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.INTERNAL: ServerFault,
}


def error_of(refusal: Refusal) -> CallFailed:
    """Choose the class for what the server said; a code without one of its own is a plain `CallFailed`."""
    chosen = _BY_REASON.get((refusal.code, refusal.reason)) or _BY_CODE.get(refusal.code, CallFailed)
    return chosen(refusal)
