"""Instants on the command line, and how long ago something was."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from perdure.codec.lengths import read_length
from perdure.runtime.clock import SystemClock

_LENGTH: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw])")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT_FORM: Final = "an instant with its time zone such as 2030-01-01T06:00:00Z"
_SINCE_FORMS: Final = f"write an age such as 90s, 15m, 1h, 7d or 2w, {_INSTANT_FORM}, or a date such as 2030-01-01"


def read_instant(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """Read an instant in ISO 8601, as the callback of an option.

    Raises:
        click.BadParameter: It is none, its time zone is missing, or UTC has no such instant.
    """
    if text is None:
        return None
    try:
        return _instant(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}; write {_INSTANT_FORM}", context, parameter) from None


def read_since(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """Read an age such as `1h`, an instant, or a date, which means its midnight in UTC, as the callback of an option.

    Raises:
        click.BadParameter: It is none of them, or before 1970.
    """
    if text is None:
        return None
    try:
        since = _since(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}; {_SINCE_FORMS}", context, parameter) from None
    if since < _EPOCH:
        message = f"{text!r} is before 1970, when there were no executions; give less, or leave it out"
        raise click.BadParameter(message, context, parameter)
    return since


def read_length_option(context: click.Context, parameter: click.Parameter, text: str | None) -> timedelta | None:
    """Read a length of time such as `30s`, as the callback of an option.

    Raises:
        click.BadParameter: It is none.
    """
    if text is None:
        return None
    try:
        return read_length(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


def instant_operand(instant: datetime) -> str:
    """Write an instant as filters have it."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def now_operand() -> str:
    """Write the present instant as filters have it."""
    return instant_operand(_now())


def _since(text: str) -> datetime:
    if _DATE.fullmatch(text):
        return _instant(f"{text}T00:00:00Z")
    age = _LENGTH.fullmatch(text)
    if age is None:
        return _instant(text)
    try:
        return _now() - timedelta(seconds=float(age[1]) * _SECONDS[age[2]])
    except OverflowError:
        raise ValueError("is longer ago than there are instants") from None


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is no instant") from None
    if instant.tzinfo is None:
        raise ValueError("has no time zone")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the years 1 to 9999 in UTC") from None


def _now() -> datetime:
    return _EPOCH + timedelta(microseconds=SystemClock().now())
