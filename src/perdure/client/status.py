"""Reads what a failed call says about itself, and whether making it again can help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from perdure.client.errors import CallFailed, FieldViolation, Refusal, error_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_DETAILS_KEY: Final = "grpc-status-details-bin"
_BROKEN_CONNECTION: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
)
_NOBODY: Final = ("failed to connect", "DNS resolution failed")
"""How gRPC begins to tell that it could not connect; if it ever says otherwise, calls only look longer."""


def failure_of(error: grpc.aio.AioRpcError) -> CallFailed:
    """Turn the error of a call into one of this package."""
    message = error.details() or "the call failed without a word"
    details = _details(error)
    if details is None:
        return error_of(Refusal(error.code(), message))
    info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
    retry_after = None
    for detail in details.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToMicroseconds() / 1e6
    violations = tuple(FieldViolation(each.field, each.description) for each in bad_request.field_violations)
    refusal = Refusal(error.code(), message, info.reason, dict(info.metadata), violations, retry_after)
    return error_of(refusal)


def is_cut_off(failure: CallFailed) -> bool:
    """Tell whether the call got lost on its way, so that its outcome is not known.

    CANCELLED and INTERNAL that carry no reason come from a broken stream and not from our server.
    """
    if failure.code is grpc.StatusCode.UNAVAILABLE:
        return True
    return failure.code in _BROKEN_CONNECTION and not failure.reason


def found_nobody(failure: CallFailed) -> bool:
    """Tell whether there was no connection at all, because nobody listens at the address."""
    return failure.code is grpc.StatusCode.UNAVAILABLE and failure.message.startswith(_NOBODY)


def was_not_begun(failure: CallFailed) -> bool:
    """Tell whether the server refused for want of room, before any effect, and asks to try again."""
    return failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED and failure.refusal.retry_after is not None


def metadata_values(metadata: Iterable[tuple[str, str | bytes]] | None, key: str) -> tuple[str, ...]:
    """Take every text that metadata have under a key."""
    return tuple(value for name, value in metadata or () if name == key and isinstance(value, str))


def _details(error: grpc.aio.AioRpcError) -> Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return Status.FromString(value)
            except DecodeError:  # not our server, then
                return None
    return None
