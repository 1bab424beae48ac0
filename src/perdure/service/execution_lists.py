"""What an execution leaves behind, page by page: its events and its snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.queries import require_history
from perdure.service.fields import Faults
from perdure.service.history import HistoryReader
from perdure.service.paging import FULL_PAGE_MAX, PAGE_MAX, check_page_size, fitting
from perdure.service.views import key_of
from perdure.v1.execution_service_pb2 import ListExecutionEventsResponse, ListExecutionSnapshotsResponse

if TYPE_CHECKING:
    from perdure.codec.names import ExecutionName
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.paging import Pager, Wanted
    from perdure.service.snapshot_reading import SnapshotReader
    from perdure.service.views import Views
    from perdure.v1.execution_pb2 import ExecutionSnapshot
    from perdure.v1.execution_service_pb2 import (
        GetExecutionSnapshotRequest,
        ListExecutionEventsRequest,
        ListExecutionSnapshotsRequest,
    )


class ExecutionLists:
    """Lists what single executions have left."""

    def __init__(
        self, engine: Engine, names: NameReader, views: Views, snapshots: SnapshotReader, pager: Pager
    ) -> None:
        self._engine = engine
        self._names = names
        self._views = views
        self._snapshots = snapshots
        self._pager = pager
        self._store = engine.environment.store

    async def list_execution_events(self, request: ListExecutionEventsRequest, _: Call) -> ListExecutionEventsResponse:
        """List the history of an execution, oldest event first (row 31)."""
        parent, wanted = self._read_page(request, PAGE_MAX)
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
        parent, wanted = self._read_page(request, FULL_PAGE_MAX)
        extent = await self._views.extent(parent)
        before = int(wanted.key[0]) if wanted.key else extent.snapshots + 1
        first = max(before - wanted.size, 1)
        response = ListExecutionSnapshotsResponse(store_revision=wanted.store_revision)
        if before <= 1:
            require_history(await self._engine.queries.row(key_of(parent)))
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
        return await self._snapshots.one(name, await self._views.extent(name))

    def _read_page(
        self, request: ListExecutionEventsRequest | ListExecutionSnapshotsRequest, most: int
    ) -> tuple[ExecutionName, Wanted]:
        faults = Faults()
        with faults.noted():
            parent = self._names.execution(request.parent, "parent")
        check_page_size(request.page_size, faults)
        faults.refuse_if_any()
        # Read before the list is: whatever is not in the list happened after that revision.
        return parent, self._pager.read(request, most=most, store_revision=self._store.committed_revision())
