"""Faults that one field of a definition can have by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.integrations.reading import microseconds
from perdure.codec.values import InvalidValue, value_from_message
from perdure.domain.errors import FieldViolation
from perdure.domain.limits import TEXT_MAX_CHARACTERS, VALUE_MAX_BYTES

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from google.protobuf.duration_pb2 import Duration

    from perdure.domain.value import Value
    from perdure.v1.value_pb2 import ValueType

_SHOWN_CHARACTERS = 80
_NANOS_IN_SECOND = 1_000_000_000


def show(text: str) -> str:
    """Quote what an author wrote, shortened."""
    return f'"{text}"' if len(text) <= _SHOWN_CHARACTERS else f'"{text[:_SHOWN_CHARACTERS]}..."'


def name_faults(path: str, name: str, pattern: re.Pattern[str], rule: str) -> Iterator[FieldViolation]:
    """Find a name that is missing or breaks the rule for its characters."""
    if not name:
        yield FieldViolation(path, f"is required: {rule}")
    elif not pattern.fullmatch(name):
        yield FieldViolation(path, f"{show(name)} is not allowed: {rule}")


def text_faults(path: str, text: str, maximum: int = TEXT_MAX_CHARACTERS) -> Iterator[FieldViolation]:
    """Find a text for people that has more than so many characters."""
    if len(text) > maximum:
        yield FieldViolation(path, f"has {len(text)} characters, the limit is {maximum}")


def length_faults(path: str, length: Duration, maximum: int | None, *, minimum: int = 0) -> Iterator[FieldViolation]:
    """Find a length of time that is malformed, negative, too long or too short.

    Args:
        path: Where it stands.
        length: As received; the wire can carry seconds and nanoseconds that contradict each other.
        maximum: The longest that is allowed, in microseconds; None for none.
        minimum: The shortest that is allowed, in microseconds: whole seconds, or 1 for anything above zero.
    """
    if abs(length.nanos) >= _NANOS_IN_SECOND or length.seconds * length.nanos < 0:
        yield FieldViolation(path, "is no length of time: its nanoseconds do not go with its seconds")
    elif length.seconds < 0 or length.nanos < 0:
        yield FieldViolation(path, "must not be negative")
    elif maximum is not None and microseconds(length) > maximum:
        yield FieldViolation(path, f"is longer than {maximum // 1_000_000} s, the longest that is allowed")
    elif microseconds(length) < minimum:
        shortest = f"at least {minimum // 1_000_000} s" if minimum >= 1_000_000 else "longer than zero"
        yield FieldViolation(path, f"must be {shortest}")


def read_value(path: str, message: ValueType) -> Value | FieldViolation:
    """Read a value, or say what is wrong with it."""
    try:
        return value_from_message(message, VALUE_MAX_BYTES)
    except InvalidValue as error:
        return FieldViolation(path, str(error))
