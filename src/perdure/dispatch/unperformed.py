"""Says in the log when tasks wait for a handler that no worker has: it looks just like a slow one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.dispatch.alarms import Alarms

_logger = logging.getLogger(__name__)


class UnperformedHandlers:
    """Knows the handlers that workers have had since the start, and warns once of each other one.

    Args:
        patience: Seconds for which a handler may be missing, since workers take a moment to connect.
    """

    def __init__(self, alarms: Alarms, patience: float) -> None:
        self._alarms = alarms
        self._patience = patience
        self._performed: set[str] = set()
        self._wanted: set[str] = set()

    def add(self, handlers: Iterable[str]) -> None:
        """Take note of what a worker performs."""
        self._performed.update(handlers)
        self._wanted -= self._performed

    def want(self, handler: str) -> None:
        """Take note that a task waits for a handler."""
        if handler not in self._performed and handler not in self._wanted:
            self._wanted.add(handler)
            self._alarms.call_at(self._alarms.now() + self._patience, lambda: self._look(handler))

    def _look(self, handler: str) -> None:
        if handler in self._wanted:
            _logger.warning("no connected worker performs %r; its tasks wait until one does", handler)
