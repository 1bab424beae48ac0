"""The one task that writes: it takes every commit that waits and stores all of them in one transaction.

Rules of this module:

1. A caller never owns a transaction. It waits for a future of its own, so that cancelling it leaves the commit
   and everybody else's alone (F1, F2).
2. A batch is one function on the connection's thread. While it runs, the next batch gathers; nothing waits
   for a batch to fill.
3. A commit that cannot be stored fails alone: the batch is rolled back and taken again with a savepoint for
   each commit.
4. An unknown outcome or a damaged file ends writing for good (F15).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.runtime.failpoints import failpoint, register
from perdure.store.errors import StoreBroken, StoreError, StoreRefused
from perdure.store.sqlite.batch import write_commits
from perdure.store.sqlite.connection import run
from perdure.store.sqlite.faults import Fault, classify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.store.records import Commit
    from perdure.store.sqlite.database import Database

_logger = logging.getLogger(__name__)

BATCH_COMMITS: Final = 512
BATCH_BYTES: Final = 8 * 1024 * 1024

WRITE_ERRORS_TOLERATED: Final = 2
WRITE_ERROR_WINDOW_SECONDS: Final = 60.0

BEFORE_BEGIN: Final = register("store.before_begin")
BEFORE_COMMIT: Final = register("store.before_commit")
AFTER_COMMIT: Final = register("store.after_commit")


class _Waiting(NamedTuple):
    commit: Commit
    outcome: asyncio.Future[None]


class _Unwritable(Exception):
    """A write to the file failed; the transaction is rolled back."""


class Writer:
    """Stores commits in the order in which they are given to it.

    Attributes:
        head: Store revision of the newest durable commit.
        submitted: Store revision of the newest commit that was given to it.
    """

    def __init__(self, database: Database, head: int) -> None:
        self.head = self.submitted = head
        self._database = database
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._broken: asyncio.Future[StoreBroken] = asyncio.get_running_loop().create_future()
        self._write_errors: deque[float] = deque(maxlen=WRITE_ERRORS_TOLERATED + 1)
        self._task = asyncio.create_task(  # noqa: TID251  # kept here and awaited by close
            self._write_until_closed(), name="store writer"
        )

    def submit(self, commit: Commit) -> asyncio.Future[None]:
        """Queue a commit; the future tells its outcome and may be cancelled without effect on the commit.

        Raises:
            StoreRefused: The store is closed.
            StoreBroken: Writing has ended for good.
        """
        if self._broken.done():
            raise StoreBroken(str(self._broken.result()))
        if self._closing:
            raise StoreRefused("the store is closed")
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(commit, outcome))
        self.submitted = max(self.submitted, commit.revision)
        self._wake.set()
        return outcome

    async def close(self) -> None:
        """Store what is queued and end; safe to call twice."""
        self._closing = True
        self._wake.set()
        await asyncio.shield(self._task)

    @property
    def broken(self) -> StoreBroken | None:
        """Why writing has ended for good, if it has."""
        return self._broken.result() if self._broken.done() else None

    async def wait_broken(self) -> StoreBroken:
        """Wait until writing has ended for good, and return why."""
        return await asyncio.shield(self._broken)

    def mark_broken(self, reason: StoreBroken) -> None:
        """End writing for good; everything queued fails with the reason. The first reason stays."""
        if not self._broken.done():
            _logger.critical("store is broken: %s", reason)
            self._broken.set_result(reason)
        while self._queue:
            _settle(self._queue.popleft(), StoreBroken(str(self._broken.result())))

    async def _write_until_closed(self) -> None:
        try:
            while True:
                batch = self._take_batch()
                if batch:
                    await self._store(batch)
                elif self._closing:
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            if not self._closing or self._queue:
                self.mark_broken(StoreBroken("the writer was stopped before the store was closed"))

    def _take_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < BATCH_COMMITS and size < BATCH_BYTES:
            waiting = self._queue.popleft()
            commit = waiting.commit
            size += sum(len(record.payload) for record in commit.events)
            size += sum(len(base.payload) for base in commit.base_states)
            batch.append(waiting)
        return batch

    async def _store(self, batch: list[_Waiting]) -> None:
        commits = [waiting.commit for waiting in batch]
        outcomes: Sequence[StoreError | None]
        try:
            outcomes = await run(self._database.writer, store_batch, commits)
        except _Unwritable as error:
            outcomes = [StoreRefused(f"the database cannot be written now: {error}") for _ in batch]
            await self._recover_from_write_error(error)
        except StoreBroken as error:
            outcomes = [StoreBroken(str(error)) for _ in batch]
            self.mark_broken(error)
        except BaseException as error:
            broken = StoreBroken(f"the writer failed: {error!r}")
            outcomes = [StoreBroken(str(broken)) for _ in batch]
            self.mark_broken(broken)
            if not isinstance(error, Exception):
                raise
        finally:
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if outcome is None:
                    self.head = waiting.commit.revision
                _settle(waiting, outcome)

    async def _recover_from_write_error(self, error: _Unwritable) -> None:
        """Look at the file before it is written again; give up on the third error within a minute."""
        now = asyncio.get_running_loop().time()
        self._write_errors.append(now)
        too_many = len(self._write_errors) > WRITE_ERRORS_TOLERATED
        if too_many and now - self._write_errors[0] < WRITE_ERROR_WINDOW_SECONDS:
            self.mark_broken(StoreBroken(f"writing keeps failing: {error}"))
            return
        try:
            await self._database.reopen_writer()
        except StoreBroken as broken:
            self.mark_broken(broken)


def _settle(waiting: _Waiting, outcome: StoreError | None) -> None:
    if waiting.outcome.done():
        return
    if outcome is None:
        waiting.outcome.set_result(None)
    else:
        waiting.outcome.set_exception(outcome)


def store_batch(connection: sqlite3.Connection, commits: Sequence[Commit]) -> Sequence[StoreRefused | None]:
    """Store commits in one transaction; returns for each why it was refused, None if it is durable.

    Raises:
        StoreBroken: The outcome is unknown.
        _Unwritable: Nothing is stored, and the file has to be looked at.
    """
    try:
        return _store_together(connection, commits)
    except Exception as error:
        _roll_back(connection)
        if classify(error) is not Fault.COMMIT:
            return _refuse_all(commits, error)
        if len(commits) == 1:
            return [_refusal(error)]
    try:
        return _store_one_by_one(connection, commits)
    except Exception as error:
        _roll_back(connection)
        return _refuse_all(commits, error)


def _store_together(connection: sqlite3.Connection, commits: Sequence[Commit]) -> Sequence[None]:
    failpoint(BEFORE_BEGIN)
    connection.execute("BEGIN IMMEDIATE")
    write_commits(connection, commits)
    _commit(connection)
    return [None] * len(commits)


def _store_one_by_one(connection: sqlite3.Connection, commits: Sequence[Commit]) -> Sequence[StoreRefused | None]:
    outcomes: list[StoreRefused | None] = []
    connection.execute("BEGIN IMMEDIATE")
    for commit in commits:
        connection.execute("SAVEPOINT one")
        try:
            write_commits(connection, (commit,))
            outcomes.append(None)
        except Exception as error:
            if classify(error) is not Fault.COMMIT:
                raise
            connection.execute("ROLLBACK TO one")
            outcomes.append(_refusal(error))
        connection.execute("RELEASE one")
    _commit(connection)
    return outcomes


def _commit(connection: sqlite3.Connection) -> None:
    failpoint(BEFORE_COMMIT)
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if classify(error) in (Fault.REFUSED, Fault.UNWRITABLE):
            raise
        raise StoreBroken(f"the outcome of a commit is unknown: {error}") from error
    try:
        failpoint(AFTER_COMMIT)
    except Exception as error:
        raise StoreBroken("the outcome of a commit is unknown: injected") from error


def _refusal(error: Exception) -> StoreRefused:
    return error if isinstance(error, StoreRefused) else StoreRefused(f"the commit cannot be stored: {error}")


def _refuse_all(commits: Sequence[Commit], error: Exception) -> Sequence[StoreRefused]:
    """Conclude from an error that concerns the database, not a commit."""
    match classify(error):
        case Fault.REFUSED:
            _logger.warning("%d commits refused: %s", len(commits), error)
            return [StoreRefused(f"the database cannot be written now: {error}") for _ in commits]
        case Fault.UNWRITABLE:
            raise _Unwritable(str(error)) from error
        case _:
            raise StoreBroken(f"the database cannot be trusted: {error}") from error


def _roll_back(connection: sqlite3.Connection) -> None:
    """End the open transaction, if SQLite has not done so itself.

    Raises:
        StoreBroken: It cannot be ended.
    """
    if not connection.in_transaction:
        return
    try:
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise StoreBroken(f"a transaction cannot be rolled back: {error}") from error
