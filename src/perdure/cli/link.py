"""Whether the server of a watch is there, for who looks on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import click
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.cli.text import instant_text
from perdure.client.client import WATCH_PATIENCE_SECONDS
from perdure.codec.lengths import read_length
from perdure.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.client import CallFailed

FOR_EVER: Final = "forever"
_DEFAULT_MINUTES: Final = int(WATCH_PATIENCE_SECONDS / 60)


class Link:
    """The link to a server, as the watch tells of it.

    Args:
        server: Its address.
        announces: True prints to stderr what changes; False leaves it to a live table to show `note`.
    """

    def __init__(self, server: str, *, announces: bool) -> None:
        self._server = server
        self._announces = announces
        self._clock = SystemClock()
        self._lost_at: int | None = None

    @property
    def note(self) -> str:
        """What is to be said of it; nothing while the server is there."""
        if self._lost_at is None:
            return ""
        since = Timestamp()
        since.FromMicroseconds(self._lost_at)
        return f"no server at {self._server} since {instant_text(since)}, looking for it"

    def take(self, failure: CallFailed | None) -> None:
        """Note that the server is lost, because of this failure, or there again."""
        self._lost_at = None if failure is None else self._clock.now()
        if not self._announces:
            return
        if failure is None:
            click.echo(f"the server at {self._server} is there again", err=True)
        else:
            why = failure.reason or failure.code.name
            click.echo(f"the server at {self._server} is lost ({why}), looking for it", err=True)

    def now(self) -> int:
        """Tell the instant that what is shown is of, in microseconds since the epoch: it stands while none is told."""
        return self._clock.now() if self._lost_at is None else self._lost_at


def patience_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--patience` and hand it to the command as its argument `patience`, in seconds."""
    option = click.option(
        "--patience",
        callback=_read_patience,
        default=f"{_DEFAULT_MINUTES}m",
        show_default=True,
        metavar=f"LENGTH|{FOR_EVER}",
        help="How long to look for a server that is lost, such as 30s or 2h; 0s gives up at once.",
    )
    return option(function)


def _read_patience(context: click.Context, parameter: click.Parameter, text: str) -> float:
    if text == FOR_EVER:
        return math.inf
    try:
        return read_length(text).total_seconds()
    except ValueError:
        message = f"{text!r} is no length of time; write 30s, 10m or 2h, or {FOR_EVER}"
        raise click.BadParameter(message, context, parameter) from None
