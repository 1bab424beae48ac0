"""What several stored records are made of: values, failures, and the version of a record's format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.states import Failure
from perdure.domain.value import NO_VALUES, Value, ValueKind

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from perdure.internal.v1 import record_pb2

_KIND_BY_NUMBER: Final = (None, *ValueKind)


class UnreadableRecord(Exception):
    """A stored record that this version cannot read: it is damaged, or a newer version wrote it."""


def check_format(found: int, known: int, record: str) -> None:
    """Refuse a record of a format that is not known yet.

    Raises:
        UnreadableRecord: The format is newer than `known`, or is missing.
    """
    if not 1 <= found <= known:
        raise UnreadableRecord(
            f"{record} has format {found}, this version reads 1 to {known}; a newer version of the server wrote it"
        )


def value_from_encoded(encoded: bytes) -> Value:
    """Make a value of its encoded form, which was checked when it was accepted.

    The kind is the field number in the first tag, since a stored value has its one field in front.

    Raises:
        UnreadableRecord: There is no value in it.
    """
    kind = _KIND_BY_NUMBER[encoded[0] >> 3] if encoded and encoded[0] >> 3 < len(_KIND_BY_NUMBER) else None
    if kind is None:
        raise UnreadableRecord("a stored value has no kind that this version knows")
    return Value(kind, encoded)


def put_values(source: Mapping[str, Value], target: MutableMapping[str, bytes]) -> None:
    """Write values into a record's map."""
    for key, value in source.items():
        target[key] = value.encoded


def decode_values(stored: Mapping[str, bytes]) -> Mapping[str, Value]:
    """Read values from a record's map."""
    return {key: value_from_encoded(encoded) for key, encoded in stored.items()} if stored else NO_VALUES


def put_failure(failure: Failure, target: record_pb2.Failure) -> None:
    """Write a failure into its record."""
    target.code = failure.code
    target.message = failure.message
    target.payload = failure.payload
    target.context = failure.context
    target.stack_trace = failure.stack_trace
    target.retryable = failure.retryable


def decode_failure(stored: record_pb2.Failure) -> Failure:
    """Read a failure from its record."""
    return Failure(
        code=stored.code,
        message=stored.message,
        payload=stored.payload,
        context=stored.context,
        stack_trace=stored.stack_trace,
        retryable=stored.retryable,
    )
