"""The books of the shop: stock, payments and parcels, in one SQLite file.

Every change carries the idempotency key of the task that makes it, and is made once: a task that runs again after a
lost worker finds what it has done.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER_VARIABLE: Final = "SHOP_FOLDER"
"""Names the folder of the shop; by default `shop`, below the current one."""

PRICES: Final = {"lamp": 40, "desk": 320, "chair": 90}
STOCK: Final = {"lamp": 12, "desk": 3, "chair": 6}

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count >= 0)) STRICT;
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, order_id TEXT NOT NULL, what TEXT NOT NULL, number INTEGER NOT NULL
) STRICT;
"""


class OutOfStock(Exception):
    """The shop has fewer than were ordered."""


@contextmanager
def books() -> Iterator[sqlite3.Connection]:
    """Open the books for one change, which is made whole or not at all."""
    folder = Path(os.environ.get(FOLDER_VARIABLE, "shop"))
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "shop.db", timeout=30.0, isolation_level=None)
    try:
        connection.executescript(_TABLES)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR IGNORE INTO stock VALUES (?, ?)", STOCK.items())
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()


def enter(connection: sqlite3.Connection, key: str, kind: str, order: str, what: str, number: int) -> bool:
    """Make an entry; tells whether it is new."""
    entry = (key, kind, order, what, number)
    return connection.execute("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?)", entry).rowcount == 1


def take(connection: sqlite3.Connection, sku: str, count: int) -> None:
    """Take pieces from the stock, or put them back where the count is negative.

    Raises:
        OutOfStock: There are not so many.
    """
    (left,) = connection.execute("SELECT count FROM stock WHERE sku = ?", (sku,)).fetchone()
    if left < count:
        raise OutOfStock(f"{count} x {sku} ordered, {left} left")
    connection.execute("UPDATE stock SET count = count - ? WHERE sku = ?", (count, sku))


def summary() -> list[str]:
    """Write down the stock and every entry, in the order in which they were made."""
    with books() as connection:
        stock = [f"{sku}: {count} in stock" for sku, count in connection.execute("SELECT * FROM stock ORDER BY sku")]
        query = "SELECT kind, order_id, what, number FROM entries ORDER BY rowid"
        entries = [f"{kind} {order}: {what} {number}" for kind, order, what, number in connection.execute(query)]
    return [*stock, *entries]
