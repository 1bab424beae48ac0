"""How many rows a second SQLite makes durable in groups of a hundred, without anything around it."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

ROWS_PER_COMMIT: Final = 100
PAYLOAD_BYTES: Final = 300


def rows_per_second(directory: Path, seconds: float) -> float:
    """Append rows for so many seconds, `synchronous=FULL` in WAL mode."""
    file = directory / "limit.db"
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE events (position INTEGER PRIMARY KEY, execution TEXT, payload BLOB)")
        return _append(connection, seconds)
    finally:
        connection.close()
        for path in directory.glob(f"{file.name}*"):
            path.unlink()


def _append(connection: sqlite3.Connection, seconds: float) -> float:
    payload = os.urandom(PAYLOAD_BYTES)
    rows = 0
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?)",
            [(position, f"{position:036d}", payload) for position in range(rows, rows + ROWS_PER_COMMIT)],
        )
        connection.execute("COMMIT")
        rows += ROWS_PER_COMMIT
    return rows / elapsed
