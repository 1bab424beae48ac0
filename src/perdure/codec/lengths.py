"""Lengths of time as people write them: `250ms`, `30s`, `5m`, `2h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_TEXT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def read_length(text: str) -> timedelta:
    """Read a length of time.

    Raises:
        ValueError: The text is none, or the length is beyond what a timedelta holds.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is no length of time; write "250ms", "30s", "5m", "2h" or "7d"')
    try:
        return float(match[1]) * _UNITS[match[2]]
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None
