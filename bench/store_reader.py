"""Counts, in the store itself, what the servers did: an answer alone proves nothing."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from bench.processes import BenchError
from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState

if TYPE_CHECKING:
    from pathlib import Path

DATABASE: Final = "perdure.db"
LIVE: Final = ",".join(str(int(state)) for state in ExecutionState if state not in TERMINAL_EXECUTION_STATES)

LOOK_EVERY_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 300


class StoreReader:
    """Reads the store of a running server.

    Args:
        data: The server's data directory.
    """

    def __init__(self, data: Path) -> None:
        self._file = (data / DATABASE).as_uri() + "?mode=ro"

    def count(self, state: ExecutionState) -> int:
        """Count the executions in a state."""
        return self._number("SELECT count(*) FROM executions WHERE state = ?", state)

    def newest(self) -> int:
        """Find when the newest execution was created, in microseconds since the epoch; 0 in an empty store."""
        return self._number("SELECT coalesce(max(create_time), 0) FROM executions")

    def wait_until_ended(self) -> None:
        """Wait until every execution has ended.

        Raises:
            BenchError: It takes too long.
        """
        give_up = time.monotonic() + LONGEST_SECONDS
        while self._number(f"SELECT count(*) FROM executions WHERE project = 'default' AND state IN ({LIVE})"):
            if time.monotonic() > give_up:
                raise BenchError("executions do not come to their end")
            time.sleep(LOOK_EVERY_SECONDS)

    def seconds_since(self, create_time: int) -> float:
        """Tell how long the executions created later took, from the first creation to the last end."""
        microseconds = self._number(
            "SELECT max(end_time) - min(create_time) FROM executions WHERE create_time > ?", create_time
        )
        return microseconds / 1e6

    def _number(self, query: str, *values: int) -> int:
        with closing(sqlite3.connect(self._file, uri=True)) as connection:
            row = connection.execute(query, values).fetchone()
        return int(row[0])
