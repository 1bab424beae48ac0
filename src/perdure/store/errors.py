"""What can go wrong in a store, sorted by what the caller may conclude from it."""

from __future__ import annotations


class StoreError(Exception):
    """Root of the store's errors."""


class StoreRefused(StoreError):
    """A commit that definitely did not happen: disk full, database busy, constraint violated.

    Nothing of the commit is stored. Whatever was decided on top of it in memory must be dropped. A read that
    could not be made for such a reason, which may pass, is refused likewise.
    """


class StoreConflict(StoreRefused):
    """A commit that was built on a state which is not the stored one; it did not happen."""


class DuplicateKey(StoreConflict):
    """A commit that would create something whose key is taken; it did not happen.

    Attributes:
        table: The table that holds the key, such as `executions` or `request_ids`.
    """

    def __init__(self, table: str) -> None:
        super().__init__(f"key already present in {table}")
        self.table = table


class StoreBroken(StoreError):
    """A commit whose outcome is unknown, or a damaged database: the process must stop (F15)."""


class StoreUnusable(StoreError):
    """The data directory or a file in it cannot be used: not accessible, not a plain file, not a database."""


class StoreLocked(StoreError):
    """Another server owns the data directory."""


class StoreTooNew(StoreError):
    """The database was written by a newer version; it is left untouched."""


class OrderTooWide(Exception):
    """A list that is to be sorted holds too many executions; the caller has to narrow it."""
