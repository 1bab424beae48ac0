"""Sends log lines to stderr, for processes whose logging is ours to set up."""

from __future__ import annotations

import logging
from typing import Final

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LIBRARIES: Final = ("aiosqlite", "asyncio", "grpc")
"""Their lines below WARNING are for their own developers, and hold payloads."""


def log_to_stderr(own_level: int) -> None:
    """Log from here on: Perdure from a level up, tasks and other code from INFO up, noisy libraries from WARNING up.

    Args:
        own_level: A level of `logging`.
    """
    logging.basicConfig(level=logging.INFO, format=_FORMAT)
    logging.getLogger("perdure").setLevel(own_level)
    # What a task says through its context is the author's, whatever is to be heard of the server and its workers.
    logging.getLogger("perdure.task").setLevel(min(own_level, logging.INFO))
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)
