"""What a SQLite error says about the transaction that met it (F15)."""

from __future__ import annotations

import sqlite3
from enum import Enum
from typing import Final

from perdure.runtime.failpoints import InjectedFault
from perdure.store.errors import StoreBroken


class Fault(Enum):
    """What may be concluded from an error.

    Attributes:
        COMMIT: One commit cannot be stored; the others are not concerned.
        REFUSED: Nothing can be stored now, such as on a full disk; the transaction left no trace.
        UNWRITABLE: As REFUSED, but the file has to be looked at before it is written again.
        BROKEN: The outcome is unknown or the file is damaged.
    """

    COMMIT = "commit"
    REFUSED = "refused"
    UNWRITABLE = "unwritable"
    BROKEN = "broken"


_PRIMARY_CODE_MASK: Final = 0xFF

_COMMIT_CODES: Final = frozenset(
    (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE)
)
_REFUSED_CODES: Final = frozenset(
    (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY)
)
_UNIQUE_CODES: Final = frozenset(
    (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_ROWID)
)


def classify(error: Exception) -> Fault:
    """Sort an error met while a batch is written."""
    if isinstance(error, StoreBroken):
        return Fault.BROKEN
    if isinstance(error, (OSError, InjectedFault)):
        return Fault.REFUSED
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # Not from SQLite: a commit that contradicts itself, or a value that the driver cannot bind.
        return Fault.COMMIT
    if code == sqlite3.SQLITE_IOERR_WRITE:
        return Fault.UNWRITABLE
    primary = code & _PRIMARY_CODE_MASK
    if primary in _COMMIT_CODES:
        return Fault.COMMIT
    if primary in _REFUSED_CODES:
        return Fault.REFUSED
    return Fault.BROKEN


def is_duplicate(error: Exception) -> bool:
    """Tell whether a statement failed because a key is taken."""
    return getattr(error, "sqlite_errorcode", None) in _UNIQUE_CODES
