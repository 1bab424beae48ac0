"""What the engine asks of a store. Every backend passes the same conformance suite.

Rules of this interface:

1. A `Commit` is atomic: all of it is stored or none of it. Commits are applied in the order in which
   they were given to `commit`, and each has one store revision, which the caller numbered.
2. `commit` may be cancelled by its caller; the commit goes on regardless and its outcome is what the
   next read shows.
3. Reads see committed state only.
4. Payloads are opaque to the store: records made by `perdure.codec`. Instants are int64 microseconds
   since the epoch, UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from perdure.store.errors import StoreBroken
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


class Store(Protocol):
    """A place where executions are kept."""

    kind: str
    identity: StoreIdentity

    @property
    def software(self) -> str:
        """Name and version of the database software, such as `SQLite 3.45.1`."""
        ...

    def committed_revision(self) -> int:
        """Store revision of the newest commit that is durable; 0 in an empty store."""
        ...

    def submitted_revision(self) -> int:
        """Store revision of the newest commit given to the store, durable or not; no read shows more.

        What is read may be ahead of `committed_revision` for a moment, because others see a commit before
        whoever made it is told.
        """
        ...

    async def oldest_revision(self) -> int:
        """Store revision up to which records of any project may have been deleted; 0 as long as none was."""
        ...

    def submit(self, commit: Commit) -> asyncio.Future[None]:
        """Queue one commit; the future is resolved when it is durable. The order of calls is that of commits.

        The future raises `StoreRefused` if it did not happen, nor did any commit queued after it that
        depends on it, and `StoreBroken` if the outcome is unknown and the process must stop.

        Raises:
            StoreError: The store takes no commits any more.
        """
        ...

    async def commit(self, commit: Commit) -> None:
        """Store one commit; returns when it is durable, and fails as the future of `submit` does."""
        ...

    async def get_row(self, key: ExecutionKey) -> ExecutionRow | None:
        """Read the columns of one execution."""
        ...

    async def load(self, key: ExecutionKey) -> StoredExecution | None:
        """Read one execution, consistent in itself."""
        ...

    def load_active(self) -> AsyncIterator[list[StoredExecution]]:
        """Read all executions that have to be in memory, in pages, oldest created first."""
        ...

    async def list_page(self, wanted: ListQuery) -> ListPage:
        """Read one page of a list.

        Raises:
            OrderTooWide: The order is not by create time, and the filter leaves too many executions to sort.
        """
        ...

    async def count(self, scope: Scope, chosen: Filter | None) -> Counted:
        """Count executions by state."""
        ...

    async def log_page(self, scope: Scope, after: int, *, max_records: int, max_bytes: int) -> LogPage:
        """Read records of a scope behind a position of the log, by position; at least one if any is left.

        The page may be empty before the end: a page looks at a bounded number of records.
        """
        ...

    async def log_floor(self, scope: Scope) -> int:
        """Read the store revision up to which records of a scope may have been deleted."""
        ...

    async def ended_trees(
        self, key: IntegrationKey, *, ended_before: int, keep: int | None, limit: int
    ) -> list[EndedTree]:
        """Read trees that may be deleted, whose roots are executions of an integration, first ended first.

        Args:
            key: The integration of the roots.
            ended_before: Microseconds since the epoch; trees with a later end are kept unless there are too many.
            keep: How many roots that have ended may stay; None for any number.
            limit: At most so many executions in all.
        """
        ...

    async def integrations_with_executions(self) -> list[IntegrationKey]:
        """Read all integrations that have root executions which have ended, deleted integrations included."""
        ...

    async def forgettable_requests(
        self, created_before: int, after: tuple[int, str, str, str] | None, limit: int
    ) -> tuple[list[tuple[str, str, str]], tuple[int, str, str, str] | None]:
        """Read request ids whose executions are all gone, looking at some of those made before an instant.

        Args:
            created_before: Microseconds since the epoch.
            after: Where the last look ended; None to begin with the oldest.
            limit: At most so many request ids are looked at.

        Returns:
            The request ids, as in `Commit.forgotten`, and where the look ended; None at the end.
        """
        ...

    async def event_page(
        self, key: ExecutionKey, after_sequence: int, *, max_records: int, max_bytes: int
    ) -> list[StoredEvents]:
        """Read event records whose last event is after a sequence, in order; at least one if any is left."""
        ...

    async def due(self, until: int, limit: int) -> list[tuple[ExecutionKey, int]]:
        """Read which inactive executions have to be loaded until then, with their wake times, soonest first."""
        ...

    async def replays(self, key: ExecutionKey) -> list[str]:
        """Read the ids of the executions that replay an execution, newest first; at most 1,000."""
        ...

    async def get_suspension(self, key: SuspensionKey) -> SuspensionRow | None:
        """Read one suspension."""
        ...

    async def suspension_page(self, wanted: SuspensionQuery) -> SuspensionPage:
        """Read one page of a list of suspensions, newest first."""
        ...

    async def children(self, parent: ExecutionKey, task: str, generation: int) -> list[ChildRow]:
        """Read the sub-executions that one attempt of a task started, by item."""
        ...

    async def live_children(self) -> list[LiveChild]:
        """Read all sub-executions that have not ended, orphans left out, with what became of their parents."""
        ...

    async def live_executions(self, key: IntegrationKey, limit: int) -> list[ExecutionKey]:
        """Read executions of an integration that have not ended."""
        ...

    async def get_request(self, project: str, method: str, request_id: str) -> RequestRecord | None:
        """Read what a request id was used for."""
        ...

    async def get_integration(self, key: IntegrationKey) -> IntegrationRecord | None:
        """Read an integration, its tombstone included."""
        ...

    async def list_integrations(
        self, project: str, after: str, limit: int
    ) -> list[tuple[IntegrationRecord, RevisionRecord]]:
        """Read integrations that are not deleted, by id, with their latest revisions."""
        ...

    async def integrations_with_trigger(self, project: str, trigger_id: str) -> list[IntegrationRecord]:
        """Read the integrations whose latest revision has a trigger, by id."""
        ...

    async def get_revision(self, key: IntegrationKey, ordinal: int) -> RevisionRecord | None:
        """Read one revision of an integration."""
        ...

    async def list_revisions(self, key: IntegrationKey, before: int | None, limit: int) -> list[RevisionRecord]:
        """Read revisions, newest first, below an ordinal."""
        ...

    async def open_sessions(self) -> list[WorkerSessionRecord]:
        """Read the worker sessions that were open when the store was last written."""
        ...

    async def wait_broken(self) -> StoreBroken:
        """Wait until the store can no longer be trusted, and return why; the process must then stop."""
        ...

    async def close(self) -> None:
        """Finish what is queued, checkpoint and release the store; safe to call twice."""
        ...
