"""Instants, lengths, sizes and foreign text as one line of a terminal shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What would move the cursor, change colours or turn the direction of writing."""


def safe(text: str) -> str:
    """Make text of others harmless for a terminal: one line, with control characters spelled out."""
    return _UNSAFE.sub(_spelled, text)


def shortened(text: str, width: int) -> str:
    """Cut a text that is longer than a width, with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def instant_text(timestamp: Timestamp) -> str:
    """Write an instant as UTC to the millisecond; nothing if it is unset."""
    if timestamp.seconds == 0 and timestamp.nanos == 0:
        return ""
    return f"{timestamp.ToDatetime():%Y-%m-%d %H:%M:%S}.{timestamp.nanos // 1_000_000:03d}Z"


def length_text(microseconds: int) -> str:
    """Write a length of time in the unit that suits it."""
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.0f}ms"
    seconds = microseconds / 1_000_000
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, seconds = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{seconds:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h"


def _spelled(match: re.Match[str]) -> str:
    character = match.group()
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character, f"\\u{ord(character):04x}")
