"""One statement for many rows, and what its failure means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.store.errors import DuplicateKey, StoreRefused
from perdure.store.sqlite.faults import Fault, classify, is_duplicate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from perdure.store.sqlite.rows import Row


def write(connection: sqlite3.Connection, table: str, sql: str, rows: Sequence[Row]) -> int:
    """Run one statement for each row; returns how many rows it changed in all.

    Raises:
        DuplicateKey: A key of the table is taken.
        StoreRefused: A row breaks another rule of the table, or cannot be bound.
        sqlite3.Error: The database cannot be written.
    """
    if not rows:
        return 0
    try:
        return connection.executemany(sql, rows).rowcount
    except Exception as error:
        if is_duplicate(error):
            raise DuplicateKey(table) from error
        if classify(error) is Fault.COMMIT:
            raise StoreRefused(f"a row breaks a rule of {table}: {error}") from error
        raise
