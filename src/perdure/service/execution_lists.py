"""The lists of `ExecutionService`: executions, events and snapshots, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.listed_executions import show_row
from perdure.codec.names import WILDCARD, ExecutionName
from perdure.domain.errors import NotFound
from perdure.service.paging import FULL_PAGE_MAX, PAGE_MAX, PAGE_MAX_BYTES, fitting
from perdure.service.views import key_of, wants_full
from perdure.store.records import IntegrationKey, ListQuery, Scope
from perdure.v1.execution_pb2 import Execution, ExecutionSnapshot
from perdure.v1.execution_service_pb2 import (
    ListExecutionEventsResponse,
    ListExecutionSnapshotsResponse,
    ListExecutionsResponse,
)
from perdure.watch.history import HistoryReader

if TYPE_CHECKING:
    from perdure.codec.names import IntegrationName
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.paging import Pager, Wanted
    from perdure.service.snapshot_reading import SnapshotReader
    from perdure.service.views import Views
    from perdure.store.records import ExecutionRow
    from perdure.v1.execution_service_pb2 import (
        GetExecutionSnapshotRequest,
        ListExecutionEventsRequest,
        ListExecutionSnapshotsRequest,
        ListExecutionsRequest,
    )


class ExecutionLists:
    """Lists what executions there are, and what they have left."""

    def __init__(
        self, engine: Engine, names: NameReader, views: Views, snapshots: SnapshotReader, pager: Pager
    ) -> None:
        self._engine = engine
        self._names = names
        self._views = views
        self._snapshots = snapshots
        self._pager = pager
        self._store = engine.environment.store
        self._location = engine.environment.location

    async def list_executions(self, request: ListExecutionsRequest, _: Call) -> ListExecutionsResponse:
        """List executions, newest first (row 22)."""
        parent = self._names.integration(request.parent, "parent", wildcard=True)
        full = wants_full(request.view, default=Execution.VIEW_BASIC)
        wanted = self._read_page(request, FULL_PAGE_MAX if full else PAGE_MAX)
        scope = Scope(parent.project, None if parent.integration == WILDCARD else parent.integration)
        page = await self._engine.queries.list_page(ListQuery(scope, after=wanted.key or None, limit=wanted.size))
        rows = page.rows
        if not rows:
            await self._check_integration(parent)
        response = ListExecutionsResponse(store_revision=wanted.store_revision)
        size = 0
        for row in rows:
            execution = await self._full(row) if full else self._basic(row)
            size += execution.ByteSize()
            if response.executions and size > PAGE_MAX_BYTES:
                break
            response.executions.append(execution)
        shown = len(response.executions)
        following = page.keys[shown - 1] if shown < len(rows) else page.next
        if following is not None:
            response.next_page_token = self._pager.token(wanted, *following)
        return response

    async def _check_integration(self, parent: IntegrationName) -> None:
        """Tell an integration without executions from one that never was.

        Raises:
            NotFound: There never was an integration of that name.
        """
        if parent.integration == WILDCARD:
            return
        if await self._store.get_integration(IntegrationKey(parent.project, parent.integration)) is None:
            raise NotFound("integration", parent.integration, reason="INTEGRATION_NOT_FOUND")

    def _basic(self, row: ExecutionRow) -> Execution:
        return show_row(row, self._location, self._engine.environment.clock.now())

    async def _full(self, row: ExecutionRow) -> Execution:
        key = row.created.key
        name = ExecutionName(key.project, self._location, row.created.integration, key.execution)
        return (await self._views.get(name, full=True)).message

    async def list_execution_events(self, request: ListExecutionEventsRequest, _: Call) -> ListExecutionEventsResponse:
        """List the history of an execution, oldest event first (row 31)."""
        parent = self._names.execution(request.parent, "parent")
        wanted = self._read_page(request, PAGE_MAX)
        await self._views.extent(parent)
        after = int(wanted.key[0]) if wanted.key else 0
        reader = await HistoryReader.open(self._engine, key_of(parent), after)
        events = await reader.read(wanted.size)
        shown = fitting(events)
        response = ListExecutionEventsResponse(events=events[:shown], store_revision=wanted.store_revision)
        if events and events[shown - 1].sequence < reader.known:
            response.next_page_token = self._pager.token(wanted, str(events[shown - 1].sequence))
        return response

    async def list_execution_snapshots(
        self, request: ListExecutionSnapshotsRequest, _: Call
    ) -> ListExecutionSnapshotsResponse:
        """List the snapshots of an execution, newest first (row 29)."""
        parent = self._names.execution(request.parent, "parent")
        wanted = self._read_page(request, FULL_PAGE_MAX)
        extent = await self._views.extent(parent)
        before = int(wanted.key[0]) if wanted.key else extent.snapshots + 1
        first = max(before - wanted.size, 1)
        response = ListExecutionSnapshotsResponse(store_revision=wanted.store_revision)
        if before <= 1:
            return response
        with_params = not request.snapshot_metadata_without_params
        oldest_first = await self._snapshots.some(key_of(parent), extent, first, before - 1, with_params=with_params)
        newest_first = oldest_first[::-1]
        shown = fitting(newest_first)
        response.execution_snapshots.extend(newest_first[:shown])
        if before - shown > 1:
            response.next_page_token = self._pager.token(wanted, str(before - shown))
        return response

    async def get_execution_snapshot(self, request: GetExecutionSnapshotRequest, _: Call) -> ExecutionSnapshot:
        """Get one snapshot (row 29)."""
        name = self._names.snapshot(request.name, "name")
        extent = await self._views.extent(name)
        if name.number > extent.snapshots:
            raise NotFound("snapshot", str(name), reason="SNAPSHOT_NOT_FOUND")
        (snapshot,) = await self._snapshots.some(key_of(name), extent, name.number, name.number, with_params=True)
        return snapshot

    def _read_page(
        self,
        request: ListExecutionsRequest | ListExecutionEventsRequest | ListExecutionSnapshotsRequest,
        most: int,
    ) -> Wanted:
        # Read before the list is: whatever is not in the list happened after that revision.
        return self._pager.read(request, most=most, store_revision=self._store.committed_revision())
