"""The store of one server on one machine: a SQLite database in a directory of its own."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, Self, TypeVar

from perdure.store.errors import StoreBroken, StoreRefused
from perdure.store.sqlite import (
    execution_reads,
    integration_reads,
    list_reads,
    log_reads,
    retention_reads,
    suspension_reads,
)
from perdure.store.sqlite.database import Database, read_head, read_identity
from perdure.store.sqlite.faults import Fault, classify
from perdure.store.sqlite.writer import Writer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from perdure.store.filter.filter import Filter
    from perdure.store.queries import (
        Counted,
        EndedTree,
        ListPage,
        ListQuery,
        LogPage,
        Scope,
    )
    from perdure.store.records import (
        ChildRow,
        Commit,
        ExecutionKey,
        ExecutionRow,
        IntegrationKey,
        IntegrationRecord,
        LiveChild,
        RequestRecord,
        RevisionRecord,
        StoredEvents,
        StoredExecution,
        StoreIdentity,
        WorkerSessionRecord,
    )
    from perdure.store.suspensions import SuspensionKey, SuspensionPage, SuspensionQuery, SuspensionRow

P = ParamSpec("P")
T = TypeVar("T")

ACTIVE_PAGE: Final = 256
"""Executions that recovery reads at a time."""


class SqliteStore:
    """A `Store` in SQLite: group commit on one connection, reads on others.

    Attributes:
        identity: What was made with the store.
    """

    kind = "sqlite"

    def __init__(self, database: Database, identity: StoreIdentity, writer: Writer) -> None:
        self.identity = identity
        self._database = database
        self._writer = writer

    @classmethod
    async def open(cls, directory: Path, *, synchronous: str = "FULL") -> Self:
        """Open the store in a directory; create both if they are missing.

        Args:
            directory: The data directory; nothing else may write to it.
            synchronous: `FULL` survives power loss, `NORMAL` only the death of the process.

        Raises:
            StoreLocked: Another server owns the directory.
            StoreTooNew: A newer server wrote the database; it is left untouched.
            StoreUnusable: The directory or a file in it cannot be used.
            StoreBroken: The database is damaged.
        """
        database = await Database.open(directory, synchronous)
        try:
            identity = await database.read(read_identity)
            head = await database.read(read_head)
        except BaseException:
            await database.close(cleanly=False)
            raise
        return cls(database, identity, Writer(database, head))

    @property
    def software(self) -> str:
        """Name and version of the linked SQLite."""
        return f"SQLite {sqlite3.sqlite_version}"

    def committed_revision(self) -> int:
        """Store revision of the newest durable commit; 0 in an empty store."""
        return self._writer.head

    def submitted_revision(self) -> int:
        """Store revision of the newest commit given to the store; see `Store.submitted_revision`."""
        return self._writer.submitted

    def submit(self, commit: Commit) -> asyncio.Future[None]:
        """Queue one commit; see `Store.submit`."""
        return self._writer.submit(commit)

    async def commit(self, commit: Commit) -> None:
        """Store one commit; returns when it is durable. See `Store.commit`.

        Raises:
            StoreRefused: It did not happen.
            StoreBroken: The outcome is unknown, or an earlier one was.
        """
        await self._writer.submit(commit)

    async def wait_broken(self) -> StoreBroken:
        """Wait until the store can no longer be trusted, and return why; the process must then stop."""
        return await self._writer.wait_broken()

    async def close(self) -> None:
        """Finish what is queued, checkpoint and release the directory; safe to call twice."""
        try:
            await self._writer.close()
        finally:
            await self._database.close(cleanly=self._writer.broken is None)

    async def oldest_revision(self) -> int:
        """Read the store revision up to which records of any project may have been deleted; 0 as long as none was."""
        return await self._read(log_reads.oldest_revision)

    async def get_row(self, key: ExecutionKey) -> ExecutionRow | None:
        """Read the columns of one execution."""
        return await self._read(execution_reads.get_row, key)

    async def load(self, key: ExecutionKey) -> StoredExecution | None:
        """Read one execution with its newest base state and the events after it."""
        return await self._read(execution_reads.load, key)

    async def load_active(self) -> AsyncIterator[list[StoredExecution]]:
        """Read all executions that have to be in memory, in pages, oldest created first."""
        after: tuple[int, ExecutionKey] | None = None
        while page := await self._read(execution_reads.active_page, after, ACTIVE_PAGE):
            yield page
            last = page[-1].row.created
            after = (last.create_time, last.key)

    async def list_page(self, wanted: ListQuery) -> ListPage:
        """Read one page of a list; see `Store.list_page`."""
        return await self._read(list_reads.list_page, wanted)

    async def count(self, scope: Scope, chosen: Filter | None) -> Counted:
        """Count executions by state."""
        return await self._read_long(list_reads.count, scope, chosen)

    async def log_page(self, scope: Scope, after: int, *, max_records: int, max_bytes: int) -> LogPage:
        """Read records of a scope behind a position of the log; see `Store.log_page`."""
        return await self._read(log_reads.log_page, scope, after, max_records, max_bytes)

    async def log_floor(self, scope: Scope) -> int:
        """Read the store revision up to which records of a scope may have been deleted."""
        return await self._read(log_reads.log_floor, scope)

    async def ended_trees(
        self, key: IntegrationKey, *, ended_before: int, keep: int | None, limit: int
    ) -> list[EndedTree]:
        """Read trees that may be deleted, first ended first."""
        return await self._read_long(retention_reads.ended_trees, key, ended_before, keep, limit)

    async def integrations_with_executions(self) -> list[IntegrationKey]:
        """Read all integrations that have root executions which have ended."""
        return await self._read_long(retention_reads.integrations_with_executions)

    async def forgettable_requests(
        self, created_before: int, after: tuple[int, str, str, str] | None, limit: int
    ) -> tuple[list[tuple[str, str, str]], tuple[int, str, str, str] | None]:
        """Read request ids whose executions are all gone; see `Store.forgettable_requests`."""
        return await self._read_long(retention_reads.forgettable_requests, created_before, after, limit)

    async def event_page(
        self, key: ExecutionKey, after_sequence: int, *, max_records: int, max_bytes: int
    ) -> list[StoredEvents]:
        """Read event records whose last event is after a sequence; at least one if any is left."""
        return await self._read(execution_reads.event_page, key, after_sequence, max_records, max_bytes)

    async def due(self, until: int, limit: int) -> list[tuple[ExecutionKey, int]]:
        """Read which inactive executions have to be loaded until then, soonest first."""
        return await self._read(execution_reads.due, until, limit)

    async def replays(self, key: ExecutionKey) -> list[str]:
        """Read the ids of the executions that replay an execution, newest first; see `Store.replays`."""
        return await self._read(execution_reads.replays, key)

    async def get_suspension(self, key: SuspensionKey) -> SuspensionRow | None:
        """Read one suspension."""
        return await self._read(suspension_reads.get_suspension, key)

    async def suspension_page(self, wanted: SuspensionQuery) -> SuspensionPage:
        """Read one page of a list of suspensions, newest first."""
        return await self._read(suspension_reads.suspension_page, wanted)

    async def children(self, parent: ExecutionKey, task: str, generation: int) -> list[ChildRow]:
        """Read the sub-executions that one attempt of a task started, by item."""
        return await self._read(execution_reads.children, parent, task, generation)

    async def live_children(self) -> list[LiveChild]:
        """Read the sub-executions, orphans left out, that have not ended."""
        return await self._read(execution_reads.live_children)

    async def live_executions(self, key: IntegrationKey, limit: int) -> list[ExecutionKey]:
        """Read executions of an integration that have not ended, oldest first."""
        return await self._read(execution_reads.live_executions, key, limit)

    async def get_request(self, project: str, method: str, request_id: str) -> RequestRecord | None:
        """Read what a request id was used for."""
        return await self._read(integration_reads.get_request, project, method, request_id)

    async def get_integration(self, key: IntegrationKey) -> IntegrationRecord | None:
        """Read an integration, its tombstone included."""
        return await self._read(integration_reads.get_integration, key)

    async def list_integrations(
        self, project: str, after: str, limit: int
    ) -> list[tuple[IntegrationRecord, RevisionRecord]]:
        """Read integrations that are not deleted, by id, with their latest revisions."""
        return await self._read(integration_reads.list_integrations, project, after, limit)

    async def integrations_with_trigger(self, project: str, trigger_id: str) -> list[IntegrationRecord]:
        """Read the integrations whose latest revision has a trigger, by id."""
        return await self._read(integration_reads.integrations_with_trigger, project, trigger_id)

    async def get_revision(self, key: IntegrationKey, ordinal: int) -> RevisionRecord | None:
        """Read one revision of an integration."""
        return await self._read(integration_reads.get_revision, key, ordinal)

    async def list_revisions(self, key: IntegrationKey, before: int | None, limit: int) -> list[RevisionRecord]:
        """Read revisions below an ordinal, newest first."""
        return await self._read(integration_reads.list_revisions, key, before, limit)

    async def open_sessions(self) -> list[WorkerSessionRecord]:
        """Read the worker sessions that were open when the store was last written."""
        return await self._read(integration_reads.open_sessions)

    async def _read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._answered(self._database.read(function, *args, **kwargs))

    async def _read_long(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._answered(self._database.read_long(function, *args, **kwargs))

    async def _answered(self, reading: Coroutine[object, object, T]) -> T:
        try:
            return await reading
        except sqlite3.Error as error:
            if classify(error) is Fault.BROKEN:
                broken = StoreBroken(f"the database cannot be read: {error}")
                self._writer.mark_broken(broken)
                raise broken from error
            raise StoreRefused(f"the database cannot be read now: {error}") from error
