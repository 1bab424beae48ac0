"""Lengths of time as authors write them: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"` or a timedelta."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration

from perdure.definition.errors import DefinitionError

LengthOfTime = str | timedelta

_TEXT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def parse_length(length: LengthOfTime) -> timedelta:
    """Read a length of time.

    Raises:
        DefinitionError: The text is none, or the length is negative or beyond what a timedelta holds.
    """
    if isinstance(length, timedelta):
        parsed = length
    else:
        match = _TEXT.fullmatch(length)
        if match is None:
            raise DefinitionError(f'{length!r} is no length of time; write "250ms", "30s", "5m", "2h" or "7d"')
        try:
            parsed = float(match[1]) * _UNITS[match[2]]
        except OverflowError:
            raise DefinitionError(f"{length!r} is too long") from None
    if parsed < timedelta():
        raise DefinitionError(f"{length!r} is negative")
    return parsed


def duration(length: LengthOfTime) -> Duration:
    """Make the contract's message of a length of time.

    Raises:
        DefinitionError: As for `parse_length`.
    """
    message = Duration()
    message.FromTimedelta(parse_length(length))
    return message
