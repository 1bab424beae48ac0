"""The watches of `ExecutionService`: what a request asks for, read and checked; the rest is `perdure.watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.service.contents import read_contents
from perdure.service.fields import Faults, read_length
from perdure.service.projection import Projection
from perdure.service.scopes import check_integration, scope_of
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import Scope
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.order import AfterRevision, AtCursor, Begin, Until, WatchOrder
from perdure.watch.subject import Subject

if TYPE_CHECKING:
    from perdure.service.call import Call
    from perdure.service.contents import Contents
    from perdure.service.names import NameReader
    from perdure.service.views import Views
    from perdure.store.interface import Store
    from perdure.v1.execution_service_pb2 import StorePoint, WatchExecutionRequest, WatchExecutionsRequest
    from perdure.watch.order import Start
    from perdure.watch.watches import Watches

    Request = WatchExecutionRequest | WatchExecutionsRequest

PROGRESS_DEFAULT_SECONDS: Final = 10.0
PROGRESS_MIN_SECONDS: Final = 1.0
PROGRESS_MAX_SECONDS: Final = 60.0

_EXECUTIONS: Final = "/executions/"
"""In the name of an execution, and of nothing else that can be watched."""


class WatchServicer:
    """Streams what happens to executions (row 26)."""

    def __init__(self, store: Store, names: NameReader, views: Views, watches: Watches) -> None:
        self._store = store
        self._names = names
        self._views = views
        self._watches = watches

    async def watch_execution(self, request: WatchExecutionRequest, call: Call) -> None:
        """Stream what happens to one execution, and to those below it if they are wanted, too."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        wanted = _read_wanted(request, Begin.BEGINNING, faults)
        if request.include_sub_executions:
            scope = Scope(name.project, tree=name.execution)
        else:
            scope = Scope(name.project, execution=name.execution)
        until_terminal = request.until_terminal if request.HasField("until_terminal") else True
        until = Until.NAMED_ENDS if until_terminal else Until.NEVER
        order = self._order(Subject(scope, None, wanted.latest), wanted, until)
        await self._views.extent(name)
        await self._watches.run(order, call.send_metadata, call.context.write)

    async def watch_executions(self, request: WatchExecutionsRequest, call: Call) -> None:
        """Stream what happens to the executions of a project, an integration or a tree that match a filter."""
        faults = Faults()
        with faults.noted():
            if _EXECUTIONS in request.parent:
                name = self._names.execution(request.parent, "parent")
                scope = Scope(name.project, tree=name.execution)
            else:
                parent = self._names.integration(request.parent, "parent", wildcard=True)
                scope = scope_of(parent, with_sub_executions=request.include_sub_executions)
        with faults.noted():
            chosen = parse_filter(request.filter)
        wanted = _read_wanted(request, Begin.NOW, faults)
        until = Until.ALL_ENDED if request.until_terminal else Until.NEVER
        order = self._order(Subject(scope, chosen, wanted.latest), wanted, until)
        if scope.tree is not None:
            await self._views.extent(name)
        else:
            await check_integration(scope, self._store)
        await self._watches.run(order, call.send_metadata, call.context.write)

    def _order(self, subject: Subject, wanted: _Wanted, until: Until) -> WatchOrder:
        return WatchOrder(
            subject=subject,
            start=wanted.start,
            projection=Projection(self._views, wanted.contents),
            until=until,
            resets=wanted.resets,
            progress_seconds=wanted.progress_seconds,
        )


class _Wanted(NamedTuple):
    """What a request says of its stream, whatever is watched.

    Attributes:
        contents: How much the states contain.
        latest: Whether latest states are wanted, and not every event.
        resets: Whether a start before what is kept begins anew, with the current states.
        progress_seconds: Longest silence, in seconds.
    """

    start: Start
    contents: Contents
    latest: bool
    resets: bool
    progress_seconds: float


def _read_wanted(request: Request, default: Begin, faults: Faults) -> _Wanted:
    """Read the rest of a request, and refuse it with all of its faults."""
    start = _read_start(request, default, faults)
    latest = _is_latest(request, faults)
    resets = _resets(request, faults)
    progress_seconds = _read_progress_interval(request, faults)
    # Last, because there can be so many of its faults that others would not fit.
    with faults.noted():
        contents = read_contents(request.view, request.read_mask, default=Execution.VIEW_BASIC)
    faults.refuse_if_any()
    return _Wanted(start, contents, latest, resets, progress_seconds)


def _read_start(request: Request, default: Begin, faults: Faults) -> Start:
    start = request.WhichOneof("start")
    if start is not None and start != "after_store_revision" and not getattr(request, start):
        faults.add(start, "must not be empty" if start == "cursor" else "must be true if it is set")
    if request.initial_state:
        if start not in {None, "from_now"}:
            faults.add("initial_state", f"must not be set together with {start}")
        return Begin.INITIAL_STATE
    match start:
        case "from_now":
            return Begin.NOW
        case "from_beginning":
            return Begin.BEGINNING
        case "cursor":
            return AtCursor(request.cursor)
        case "after_store_revision":
            return _read_store_point(request.after_store_revision, faults)
        case _:
            return default


def _read_store_point(point: StorePoint, faults: Faults) -> AfterRevision:
    if point.store_revision < 0:
        faults.add("after_store_revision.store_revision", "must not be negative")
    if not point.store_id:
        faults.add("after_store_revision.store_id", "must be set", "REQUIRED_FIELD_MISSING")
    return AfterRevision(point.store_revision, point.store_id)


def _is_latest(request: Request, faults: Faults) -> bool:
    if request.mode not in WatchResponse.Mode.values():
        faults.add("mode", "is no mode that this server knows")
    return request.mode == WatchResponse.MODE_LATEST_STATE


def _resets(request: Request, faults: Faults) -> bool:
    if request.on_expired not in WatchResponse.OnExpired.values():
        faults.add("on_expired", "is nothing that this server can do")
    return request.on_expired == WatchResponse.ON_EXPIRED_RESET


def _read_progress_interval(request: Request, faults: Faults) -> float:
    if not request.HasField("progress_interval"):
        return PROGRESS_DEFAULT_SECONDS
    length = read_length("progress_interval", request.progress_interval, faults)
    return min(max(length / 1e6, PROGRESS_MIN_SECONDS), PROGRESS_MAX_SECONDS)
