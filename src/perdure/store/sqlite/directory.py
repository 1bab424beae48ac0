"""The data directory: who may see it, and which server owns it.

SQLite would let two servers share one file, and both would run every execution. An exclusive lock on a
file beside the database keeps the second one out (F10); the system drops it when its owner dies, however it
dies. The owner's process id stays in that file until a clean stop, so that the next owner knows whether
there was one.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final, Self

from perdure.store.errors import StoreLocked, StoreUnusable

if TYPE_CHECKING:
    from pathlib import Path

DATABASE_NAME: Final = "perdure.db"
LOCK_NAME: Final = "perdure.lock"


class DataDirectory:
    """A data directory that this process owns until `release`.

    Attributes:
        database: The database file, which exists.
        stopped_cleanly: Whether the previous owner released the directory, or there was none.
    """

    def __init__(self, database: Path, lock: int, stopped_cleanly: bool) -> None:
        self.database = database
        self.stopped_cleanly = stopped_cleanly
        self._lock = lock

    @classmethod
    def acquire(cls, directory: Path) -> Self:
        """Create the directory if it is missing, and take it.

        What is created is for its owner alone: mode 0700 and 0600; SQLite gives the files that it puts beside
        the database the mode of the database.

        Raises:
            StoreLocked: Another process owns it.
            StoreUnusable: It, the database or the lock file is not what it should be.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _open_file(directory / LOCK_NAME)
        except OSError as error:
            raise StoreUnusable(f"data directory {directory}: {error.strerror}") from error
        try:
            previous = _take_lock(lock, directory)
            database = directory / DATABASE_NAME
            os.close(_open_file(database))
            _sync_directory(directory)
        except OSError as error:
            os.close(lock)
            raise StoreUnusable(f"data directory {directory}: {error.strerror}") from error
        except BaseException:
            os.close(lock)
            raise
        return cls(database, lock, stopped_cleanly=not previous)

    def release(self, *, cleanly: bool) -> None:
        """Give the directory up; `cleanly` says that the database needs no check."""
        if cleanly:
            os.ftruncate(self._lock, 0)
        os.close(self._lock)


def _open_file(path: Path) -> int:
    # A symbolic link could lead to a file that another lock protects, or none.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _take_lock(lock: int, directory: Path) -> bytes:
    """Lock and mark as owned; returns the mark of an owner that did not stop cleanly."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise StoreLocked(f"data directory {directory} is in use by process {owner}") from None
    previous = os.pread(lock, 32, 0)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
    return previous


def _sync_directory(directory: Path) -> None:
    # Without it, a power loss may forget the new database file with everything acknowledged in it.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
