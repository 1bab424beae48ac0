"""Finding executions: page by page, and by their number (rows 22 to 25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.message_parts import EXECUTION_STATES
from perdure.domain.states import ExecutionState
from perdure.service.contents import contents_of
from perdure.service.fields import Faults
from perdure.service.min_store_revision import check_min_store_revision, require_store_revision
from perdure.service.ordering import read_order, too_wide
from perdure.service.paging import FULL_PAGE_MAX, PAGE_MAX, PAGE_MAX_BYTES, check_page_size
from perdure.service.projection import Projection
from perdure.service.scopes import check_integration, scope_of
from perdure.store.errors import OrderTooWide
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import ListQuery
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import CountExecutionsResponse, ListExecutionsResponse

if TYPE_CHECKING:
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.contents import Contents
    from perdure.service.names import NameReader
    from perdure.service.ordering import Order
    from perdure.service.paging import Pager
    from perdure.service.views import Views
    from perdure.store.filter.filter import Filter
    from perdure.store.queries import ListPage, Scope
    from perdure.v1.execution_service_pb2 import CountExecutionsRequest, ListExecutionsRequest


class ExecutionFinder:
    """Finds executions by what is known of all of them."""

    def __init__(self, engine: Engine, names: NameReader, views: Views, pager: Pager) -> None:
        self._queries = engine.queries
        self._store = engine.environment.store
        self._names = names
        self._views = views
        self._pager = pager

    async def list_executions(self, request: ListExecutionsRequest, _: Call) -> ListExecutionsResponse:
        """List executions, by default newest first (row 22).

        What the rows do not tell is read as it is when its turn comes: it may already be newer than what the
        filter was asked of.
        """
        scope, chosen, order, contents = self._read_list(request)
        require_store_revision(request.min_store_revision, self._store)
        # Read before the list is: whatever is not in the list happened after that revision.
        store_revision = self._store.committed_revision()
        most = PAGE_MAX if contents.row_suffices else FULL_PAGE_MAX
        wanted = self._pager.read(request, most=most, store_revision=store_revision)
        query = ListQuery(scope, chosen, *order, after=wanted.key or None, limit=wanted.size)
        try:
            page = await self._queries.list_page(query)
        except OrderTooWide as error:
            raise too_wide(order, error) from None
        if not page.rows:
            await check_integration(scope, self._store)
        store_id = self._store.identity.store_id
        response = ListExecutionsResponse(store_revision=wanted.store_revision, store_id=store_id)
        following = await _fill(response, page, Projection(self._views, contents))
        if following is not None:
            response.next_page_token = self._pager.token(wanted, *following)
        return response

    def _read_list(self, request: ListExecutionsRequest) -> tuple[Scope, Filter | None, Order, Contents]:
        """Read all of a request but its token, and refuse it with all of its faults."""
        faults = Faults()
        with faults.noted():
            scope = scope_of(self._names.integration(request.parent, "parent", wildcard=True))
        check_page_size(request.page_size, faults)
        check_min_store_revision(request.min_store_revision, faults)
        with faults.noted():
            chosen = parse_filter(request.filter)
        with faults.noted():
            order = read_order(request.order_by)
        # Last, because there can be so many of its faults that others would not fit.
        with faults.noted():
            contents = contents_of(request, default=Execution.VIEW_BASIC)
        faults.refuse_if_any()
        return scope, chosen, order, contents

    async def count_executions(self, request: CountExecutionsRequest, _: Call) -> CountExecutionsResponse:
        """Count executions, in all and by state."""
        faults = Faults()
        with faults.noted():
            scope = scope_of(self._names.integration(request.parent, "parent", wildcard=True))
        with faults.noted():
            chosen = parse_filter(request.filter)
        check_min_store_revision(request.min_store_revision, faults)
        faults.refuse_if_any()
        require_store_revision(request.min_store_revision, self._store)
        store_revision = self._store.committed_revision()
        counted = await self._queries.count(scope, chosen)
        if not counted.by_state:
            await check_integration(scope, self._store)
        response = CountExecutionsResponse(
            count=sum(counted.by_state.values()), lower_bound=counted.lower_bound, store_revision=store_revision
        )
        for state, count in sorted(counted.by_state.items()):
            response.state_counts.add(state=EXECUTION_STATES[ExecutionState(state)], count=count)
        return response


async def _fill(response: ListExecutionsResponse, page: ListPage, projection: Projection) -> tuple[str, ...] | None:
    """Show the rows of a page, one after the other, as far as they fit; those that have been deleted are left out.

    Returns:
        The key to continue after; None if nothing is left.
    """
    size = 0
    after = None
    for row, key in zip(page.rows, page.keys, strict=True):
        shown = await projection.show(row)
        if shown is not None:
            size += shown.ByteSize()
            if response.executions and size > PAGE_MAX_BYTES:
                return after
            response.executions.append(shown)
        after = key
    return page.next
