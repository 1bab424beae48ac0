"""What can be compared: how the constants of each kind are written, and what is allowed besides."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from perdure.codec.names import parse_execution, parse_id
from perdure.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Operand = str | int | float | bool
"""A constant as `Comparison` has it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[Tt](?P<time>(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<offset>[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d))?",
    re.ASCII,
)
_LENGTH: Final = re.compile(r"(?P<seconds>\d{1,12})(?:\.(?P<fraction>\d{1,9}))?s", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?P<broken>(?:\.\d+)?(?:[eE][+-]?\d+)?)", re.ASCII)
_INT64: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Kind:
    """How the constants of some fields are written.

    Attributes:
        allowed: What a field of this kind is compared with, for people.
        read: Makes the operand of the text of a constant; None if it is no such constant.
        ordered: Whether there is less and greater.
        prefixes: Whether the constant may be the beginning of a text.
    """

    allowed: str
    read: Callable[[str], Operand | None]
    ordered: bool = False
    prefixes: bool = False


def _read_text(text: str) -> str | None:
    return text or None


def _read_reference(text: str) -> str | None:
    """Read the id of an execution, alone or at the end of its name; ids are unique in the project."""
    try:
        return parse_execution(text, "filter").execution if "/" in text else parse_id(text, "filter")
    except InvalidRequest:
        return None


def _read_boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _read_whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _microseconds(fraction: str | None) -> int:
    """Read the digits behind a decimal point; what is finer than a microsecond is cut off."""
    return int((fraction or "")[:6].ljust(6, "0"))


def _read_instant(text: str) -> int | None:
    """Read RFC 3339 text, or a date, which means its first instant in UTC."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    offset = (match["offset"] or "Z").upper().replace("Z", "+00:00")
    try:
        whole = datetime.fromisoformat(f"{match['date']}T{match['time'] or '00:00:00'}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (whole - _EPOCH) // timedelta(microseconds=1) + _microseconds(match["fraction"])


def _read_length(text: str) -> int | None:
    match = _LENGTH.fullmatch(text)
    return int(match["seconds"]) * 1_000_000 + _microseconds(match["fraction"]) if match else None


def one_of(numbers: Mapping[str, int]) -> Kind:
    """Make the kind of the fields that have one of a few named values."""
    return Kind(f"is one of {', '.join(numbers)}", numbers.get)


TEXT: Final = Kind("is compared with a text", _read_text, prefixes=True)
REFERENCE: Final = Kind("is the id or the full name of an execution, in lower case and without *", _read_reference)
BOOLEAN: Final = Kind("is true or false", _read_boolean)
WHOLE: Final = Kind("is compared with a whole number of at most 18 digits", _read_whole, ordered=True)
INSTANT: Final = Kind(
    "is compared with an instant such as 2025-01-31T08:00:00Z or 2025-01-31T09:00:00.5+01:00, or a date such as"
    " 2025-01-31, which means its beginning in UTC",
    _read_instant,
    ordered=True,
)
LENGTH: Final = Kind("is compared with a number of seconds and an s, such as 2.5s or 3600s", _read_length, ordered=True)
LABEL: Final = Kind("is compared with a text", str, ordered=True, prefixes=True)


def read_parameter(text: str) -> Operand | None:
    """Read a constant without quotes as the value of a parameter: a number or a boolean; None if it is a text.

    Numbers are written as in JSON.

    Raises:
        OverflowError: It is a number that no double can hold.
    """
    if text in {"true", "false"}:
        return text == "true"
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if not match["broken"] and len(text) <= 20 and int(text) in _INT64:
        return int(text)
    number = float(text)
    if math.isinf(number):
        raise OverflowError
    return number


def plain_number(number: float) -> float:
    """Write a number as an integer of 64 bits if that is the same number."""
    if isinstance(number, int):
        return number
    return int(number) if number.is_integer() and int(number) in _INT64 else number
