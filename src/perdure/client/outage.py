"""How long a watch goes on without its server, and who is told of that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.client.connection import Connection
    from perdure.client.errors import CallFailed

TOLD_AFTER_SECONDS: Final = 1.0
"""A server that is there again sooner is not worth a word: streams also end because servers are replaced."""


class Outage:
    """The time in which one watch has no server; it may begin and end again and again.

    Args:
        connection: Knows whether the server was ever reached.
        patience: Seconds that an outage may last; infinity is allowed.
        tell: Called with the failure when an outage has lasted for `TOLD_AFTER_SECONDS`, and with None at its end.
    """

    def __init__(
        self, connection: Connection, patience: float, tell: Callable[[CallFailed | None], object] | None
    ) -> None:
        self._connection = connection
        self._patience = patience
        self._tell = tell
        self._begun: float | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._was_told = False

    def lasts(self, failure: CallFailed, delay: float) -> bool:
        """Note a failure, and decide whether to try again after a delay in seconds."""
        loop = asyncio.get_running_loop()
        if self._begun is None:
            self._begun = loop.time()
            if self._tell is not None:
                self._telling = loop.call_later(TOLD_AFTER_SECONDS, self._tell_of, failure)
        return loop.time() + delay < self._begun + self._connection.patience(self._patience)

    def end(self) -> None:
        """Note that the server is there."""
        self.forget()
        self._begun = None
        if self._was_told and self._tell is not None:
            self._was_told = False
            self._tell(None)

    def forget(self) -> None:
        """Tell nothing more of what has begun, because nobody looks for the server any more."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    def _tell_of(self, failure: CallFailed) -> None:
        if self._tell is not None:
            self._was_told = True
            self._tell(failure)
