"""Instants on the command line, and how long ago something was."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from perdure.runtime.clock import SystemClock

_LENGTH: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_instant(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """Read an instant in ISO 8601, as the callback of an option.

    Raises:
        click.BadParameter: It is none, or its time zone is missing.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no instant such as 2030-01-01T06:00:00Z", context, parameter) from None
    if instant.tzinfo is None:
        raise click.BadParameter(f"{text!r} needs a time zone, such as Z or +02:00", context, parameter)
    return instant


def read_since(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """Read a length of time before now, such as `1h`, or an instant, as the callback of an option.

    Raises:
        click.BadParameter: It is neither, or longer ago than instants go.
    """
    length = None if text is None else _LENGTH.fullmatch(text)
    if length is None:
        return read_instant(context, parameter, text)
    try:
        return _now() - timedelta(seconds=float(length[1]) * _SECONDS[length[2]])
    except OverflowError:
        raise click.BadParameter(f"{text!r} is too long ago", context, parameter) from None


def instant_operand(instant: datetime) -> str:
    """Write an instant as filters have it."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def now_operand() -> str:
    """Write the present instant as filters have it."""
    return instant_operand(_now())


def _now() -> datetime:
    return _EPOCH + timedelta(microseconds=SystemClock().now())
