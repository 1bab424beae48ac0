"""Connections to a SQLite file, and the one place that runs a whole function on a connection's thread.

aiosqlite gives each connection a thread and moves every statement there one by one. A transaction or a read
of several statements runs here as one function in one move, through aiosqlite's private `_execute`: nothing
can be cancelled between its statements (F2), and it pays for one hand-over instead of one a statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import aiosqlite

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_MS: Final = 5_000
CHECKPOINT_PAGES: Final = 8_000
"""Pages of write-ahead log after which the writer moves them into the database: 32 MiB, so that a page that is
written again and again is moved once."""
WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Size to which a write-ahead log is cut back after a long read has made it grow."""

CACHE_KIB: Final = 16_384
"""Memory in which a connection keeps pages, as far as it needs them: the upper levels of the indexes of a million
executions, with room for a look at many rows."""

SYNCHRONOUS: Final = ("FULL", "NORMAL")
"""FULL survives power loss; NORMAL only the death of the process."""


async def run(
    connection: aiosqlite.Connection,
    function: Callable[Concatenate[sqlite3.Connection, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a function on the connection's thread and return its result.

    A cancelled caller does not stop the function: it runs to its end, unobserved.
    """
    result: T = await connection._execute(  # type: ignore[no-untyped-call]  # noqa: SLF001
        function,
        connection._conn,  # noqa: SLF001
        *args,
        **kwargs,
    )
    return result


async def open_writer(path: Path, synchronous: str) -> aiosqlite.Connection:
    """Open the connection that writes and checkpoints; there is one per database (F12).

    The journal mode is left as it is: it is part of the file, which may turn out to be too new.
    """
    return await _open(
        path,
        f"PRAGMA synchronous = {synchronous}",
        f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
        f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}",
    )


async def open_reader(path: Path) -> aiosqlite.Connection:
    """Open a connection that can only read."""
    return await _open(path, "PRAGMA query_only = ON", "PRAGMA wal_autocheckpoint = 0")


async def _open(path: Path, *pragmas: str) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None)
    try:
        await run(connection, _configure, pragmas)
    except BaseException:
        # Its thread is not a daemon: left open, it would keep the process from exiting.
        await connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, pragmas: tuple[str, ...]) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    for pragma in pragmas:
        connection.execute(pragma)
