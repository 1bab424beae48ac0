"""The open database: its directory, its one writing connection, its reading connections."""

from __future__ import annotations

import itertools
import logging
import secrets
import sqlite3
import uuid
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, Self, TypeVar

from perdure.store.errors import StoreBroken, StoreUnusable
from perdure.store.migrations import pending_migrations, read_migrations
from perdure.store.records import StoreIdentity
from perdure.store.sqlite.connection import SYNCHRONOUS, open_reader, open_writer, run
from perdure.store.sqlite.directory import DataDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import aiosqlite

P = ParamSpec("P")
T = TypeVar("T")

_logger = logging.getLogger(__name__)

READERS: Final = 2
"""Connections for short reads; one more is for long ones."""
CHECKED_BYTES: Final = 256 * 1024 * 1024
"""Larger databases are not read through after an unclean stop: it would hold up the start."""
TOKEN_KEY_BYTES: Final = 32


class Database:
    """One SQLite database, owned by this process until `close`.

    Attributes:
        writer: The connection that writes and checkpoints.
    """

    def __init__(self, directory: DataDirectory, writer: aiosqlite.Connection, synchronous: str) -> None:
        self.writer = writer
        self._directory = directory
        self._synchronous = synchronous
        self._readers: list[aiosqlite.Connection] = []
        self._next_reader = itertools.count()
        self._closed = False
        self._log_is_empty = False

    @classmethod
    async def open(cls, directory: Path, synchronous: str) -> Self:
        """Take the directory, and open its database at the newest schema; create what is missing.

        Raises:
            StoreLocked: Another server owns the directory.
            StoreTooNew: A newer server wrote the database; it is left untouched.
            StoreUnusable: The directory or the file cannot be used.
            StoreBroken: The database is damaged.
        """
        if synchronous not in SYNCHRONOUS:
            raise ValueError(f"synchronous is one of {', '.join(SYNCHRONOUS)}, not {synchronous!r}")
        owned = DataDirectory.acquire(directory)
        try:
            writer = await open_writer(owned.database, synchronous)
        except BaseException as error:
            owned.release(cleanly=owned.stopped_cleanly)
            raise _opening_error(error) from error
        database = cls(owned, writer, synchronous)
        try:
            await run(writer, _prepare, check=not owned.stopped_cleanly, size=owned.database.stat().st_size)
            for _ in range(READERS + 1):
                database._readers.append(await open_reader(owned.database))
        except BaseException as error:
            await database.close(cleanly=owned.stopped_cleanly)
            raise _opening_error(error) from error
        return database

    async def read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function on one snapshot of the committed state."""
        reader = self._readers[next(self._next_reader) % READERS]
        return await run(reader, _on_one_snapshot, function, *args, **kwargs)

    async def read_long(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function that may look at a great many rows as `read` does, but in nobody's way except its like."""
        return await run(self._readers[READERS], _on_one_snapshot, function, *args, **kwargs)

    async def reopen_writer(self) -> None:
        """Open the writing connection anew after a failed write, and look at the file (F15).

        Raises:
            StoreBroken: The file is damaged or cannot be opened.
        """
        try:
            await self.writer.close()
            self.writer = await open_writer(self._directory.database, self._synchronous)
            await run(self.writer, _check, self._directory.database.stat().st_size)
        except (sqlite3.Error, OSError) as error:
            raise StoreBroken(f"the database cannot be opened after a failed write: {error}") from error

    async def close(self, *, cleanly: bool) -> None:
        """Close all connections and give the directory up; safe to call twice.

        Args:
            cleanly: Whether the database can be trusted unseen the next time.
        """
        if self._closed:
            return
        self._closed = True
        # A stack goes on when one step fails or is cancelled: a connection left open keeps the process alive.
        async with AsyncExitStack() as steps:
            steps.callback(self._release)
            steps.push_async_callback(self.writer.close)
            if cleanly:
                steps.push_async_callback(self._empty_log)
            for reader in self._readers:
                steps.push_async_callback(reader.close)

    async def _empty_log(self) -> None:
        try:
            self._log_is_empty = await run(self.writer, _empty_log)
        except sqlite3.Error:
            _logger.exception("the write-ahead log was not emptied")

    def _release(self) -> None:
        self._directory.release(cleanly=self._log_is_empty)


def read_head(connection: sqlite3.Connection) -> int:
    """Read the store revision of the newest commit."""
    (revision,) = connection.execute("SELECT revision FROM head").fetchone()
    return int(revision)


def read_identity(connection: sqlite3.Connection) -> StoreIdentity:
    """Read what was made with the store."""
    (store_id,) = connection.execute("SELECT value FROM meta WHERE key = 'store_id'").fetchone()
    keys = connection.execute("SELECT key_id, secret FROM token_keys")
    return StoreIdentity(store_id, {key_id: bytes(secret) for key_id, secret in keys})


def _opening_error(error: BaseException) -> BaseException:
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code & 0xFF == sqlite3.SQLITE_CORRUPT:
        return StoreBroken(f"the database is damaged: {error}")
    return StoreUnusable(f"the database cannot be opened: {error}")


def _on_one_snapshot(
    connection: sqlite3.Connection,
    function: Callable[Concatenate[sqlite3.Connection, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    connection.execute("BEGIN")
    try:
        return function(connection, *args, **kwargs)
    finally:
        connection.execute("COMMIT")


def _prepare(connection: sqlite3.Connection, *, check: bool, size: int) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    pending = pending_migrations(read_migrations("perdure.store.sqlite.migrations"), version)
    if check:
        _check(connection, size)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreUnusable(f"the file system does not allow a write-ahead log (journal mode {mode})")
    for migration in pending:
        # executescript would commit a transaction that was open before it, so the script holds its own.
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{migration.sql}\nPRAGMA user_version = {migration.version};\nCOMMIT;"
        )
    _make_identity(connection)


def _check(connection: sqlite3.Connection, size: int) -> None:
    if size > CHECKED_BYTES:
        _logger.warning("database of %d bytes not checked, the limit is %d", size, CHECKED_BYTES)
        return
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreBroken(f"the database is damaged: {verdict}")


def _make_identity(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT 1 FROM meta WHERE key = 'store_id'").fetchone():
        return
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO meta (key, value) VALUES ('store_id', ?)", (uuid.uuid4().hex,))
    connection.execute("INSERT INTO token_keys (key_id, secret) VALUES (1, ?)", (secrets.token_bytes(TOKEN_KEY_BYTES),))
    connection.execute("COMMIT")


def _empty_log(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the database; tells whether all of it was."""
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
