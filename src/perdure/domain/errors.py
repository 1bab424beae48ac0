"""Errors that a caller can cause. They know their reason, not their gRPC code (`perdure.service.status`).

The failure of a task is data (`Failure`), never one of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One fault in a request: where, and what is allowed there."""

    path: str
    description: str


class PerdureError(Exception):
    """Root of the errors that go out to callers.

    Attributes:
        reason: The stable reason, a value of `ErrorReason`.
        metadata: Machine-readable facts for `google.rpc.ErrorInfo`.
    """

    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, reason: str | None = None, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason_name = reason or self.reason
        self.metadata = metadata


class InvalidRequest(PerdureError):
    """The request is wrong whatever the state of the server is."""

    reason = "INVALID_FIELD"

    def __init__(self, message: str, *violations: FieldViolation, reason: str | None = None, **metadata: str) -> None:
        super().__init__(message, reason=reason, **metadata)
        self.violations = violations


class NotFound(PerdureError):
    """The resource that is named does not exist."""

    reason = "EXECUTION_NOT_FOUND"

    def __init__(self, resource_type: str, name: str, *, reason: str | None = None) -> None:
        super().__init__(f"{resource_type} {name} does not exist", reason=reason)
        self.resource_type = resource_type
        self.name = name


class UnknownTrigger(NotFound):
    """The integration has no trigger of that id."""

    reason = "TRIGGER_NOT_FOUND"

    def __init__(self, integration: str, trigger_id: str) -> None:
        super().__init__("trigger", f"{trigger_id} of integration {integration}")


class AlreadyExists(PerdureError):
    """The id is taken."""

    reason = "EXECUTION_ALREADY_EXISTS"


class WrongState(PerdureError):
    """The request is right, but not in the state in which the resource is."""

    reason = "EXECUTION_NOT_ON_HOLD"


class NotAllowed(PerdureError):
    """The request is right, but not the caller's to make."""

    reason = "NOT_A_RESOLVER"


class ExecutionUnsuccessful(WrongState):
    """A synchronous execution did run, and failed or was cancelled (contract, decision 9)."""

    reason = "EXECUTION_FAILED"


class OutOfRange(PerdureError):
    """The request is right, but asks for what is not kept any more."""

    reason = "CURSOR_EXPIRED"


class Conflict(PerdureError):
    """Somebody else has changed the resource meanwhile; read it again."""

    reason = "ETAG_MISMATCH"


class LimitReached(PerdureError):
    """A limit of the server is reached; nothing was done.

    Attributes:
        retry_after: Seconds after which a retry can help; None if none can.
    """

    reason = "TOO_MANY_REQUESTS"

    def __init__(
        self, message: str, *, reason: str | None = None, retry_after: float | None = None, **metadata: str
    ) -> None:
        super().__init__(message, reason=reason, **metadata)
        self.retry_after = retry_after


class Unavailable(PerdureError):
    """The server cannot answer now; a retry with the same request id is safe."""

    reason = "STORE_UNAVAILABLE"

    def __init__(self, message: str, *, reason: str | None = None, retry_after: float = 1.0) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class IllegalCommand(Exception):
    """A command that no correct caller sends; the state is left alone."""
