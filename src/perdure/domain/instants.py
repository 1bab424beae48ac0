"""Instants: int64 microseconds since the epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(instant: int) -> str:
    """Write an instant as RFC 3339 text in UTC."""
    return (_EPOCH + timedelta(microseconds=instant)).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> int:
    """Read RFC 3339 text; what is finer than a microsecond is cut off.

    Raises:
        ValueError: It is no instant, or has no offset from UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC; write 2030-01-31T12:00:00Z")
    return (moment - _EPOCH) // timedelta(microseconds=1)
