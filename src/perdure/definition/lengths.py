"""Lengths of time as authors write them: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"` or a timedelta."""

from __future__ import annotations

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from perdure.codec.lengths import read_length
from perdure.definition.errors import DefinitionError

LengthOfTime = str | timedelta


def parse_length(length: LengthOfTime) -> timedelta:
    """Read a length of time.

    Raises:
        DefinitionError: The text is none, or the length is negative or beyond what a timedelta holds.
    """
    try:
        parsed = length if isinstance(length, timedelta) else read_length(length)
    except ValueError as error:
        raise DefinitionError(str(error)) from None
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
