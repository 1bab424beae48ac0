"""`ExecutionService`, less `Execute` itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.service.admission import MethodClass
from perdure.service.execute import answer_within
from perdure.service.fields import Faults, read_length, read_text
from perdure.service.pipeline import Method, Service
from perdure.service.views import key_of, wants_full
from perdure.v1 import execution_service_pb2
from perdure.v1.execution_pb2 import Execution
from perdure.watch.stream import InitialState, WatchOrder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.execute import Executor
    from perdure.service.execution_lists import ExecutionLists
    from perdure.service.names import NameReader
    from perdure.service.views import Views
    from perdure.v1.execution_service_pb2 import (
        CancelExecutionRequest,
        GetExecutionRequest,
        WaitExecutionRequest,
        WatchExecutionRequest,
    )
    from perdure.watch.stream import Watches

LONGEST_WAIT_SECONDS: Final = 24.0 * 3600
"""How long a wait without a timeout and without a deadline lasts."""

PROGRESS_DEFAULT_SECONDS: Final = 10.0
PROGRESS_MIN_SECONDS: Final = 1.0
PROGRESS_MAX_SECONDS: Final = 60.0


class ExecutionServicer:
    """Gets, waits for, cancels and watches single executions."""

    def __init__(self, engine: Engine, names: NameReader, views: Views, watches: Watches) -> None:
        self._engine = engine
        self._names = names
        self._views = views
        self._watches = watches

    def service(self, executor: Executor, lists: ExecutionLists) -> Service:
        """Put the service together."""
        return Service(
            execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"],
            {
                "Execute": Method(executor.execute, MethodClass.WAITING),
                "GetExecution": Method(self.get_execution),
                "ListExecutions": Method(lists.list_executions),
                "WatchExecution": Method(self.watch_execution, MethodClass.WATCH),
                "WaitExecution": Method(self.wait_execution, MethodClass.WAITING),
                "CancelExecution": Method(self.cancel_execution, MethodClass.URGENT),
                "ListExecutionEvents": Method(lists.list_execution_events),
                "ListExecutionSnapshots": Method(lists.list_execution_snapshots),
                "GetExecutionSnapshot": Method(lists.get_execution_snapshot),
            },
        )

    async def get_execution(self, request: GetExecutionRequest, _: Call) -> Execution:
        """Get one execution as it was last committed (row 21)."""
        name = self._names.execution(request.name, "name")
        full = wants_full(request.view, default=Execution.VIEW_FULL)
        return (await self._views.get(name, full=full)).message

    async def wait_execution(self, request: WaitExecutionRequest, call: Call) -> Execution:
        """Answer when an execution has ended or the time is over (row 27)."""
        name = self._names.execution(request.name, "name")
        full = wants_full(request.view, default=Execution.VIEW_BASIC)
        faults = Faults()
        asked = read_length("timeout", request.timeout, faults) / 1e6 if request.HasField("timeout") else None
        faults.refuse_if_any()
        await self._views.extent(name)
        allowed = answer_within(call.remaining_seconds())
        seconds = min(each for each in (asked, allowed, LONGEST_WAIT_SECONDS) if each is not None)
        shown = await self._engine.wait(key_of(name), seconds, self._views.show(name, full=full))
        return (await self._views.complete(name, shown) if full else shown).message

    async def cancel_execution(self, request: CancelExecutionRequest, call: Call) -> Execution:
        """Cancel an execution; one that has ended is answered as it is (row 41)."""
        name = self._names.execution(request.name, "name")
        faults = Faults()
        reason = read_text("cancel_reason", request.cancel_reason, faults)
        faults.refuse_if_any()
        await self._views.extent(name)
        show = self._views.show(name, full=False)
        return (await self._engine.cancel(key_of(name), reason, call.principal, show)).message

    async def watch_execution(self, request: WatchExecutionRequest, _: Call) -> AsyncIterator[bytes]:
        """Stream what happens to an execution (row 26)."""
        name = self._names.execution(request.name, "name")
        full = wants_full(request.view, default=Execution.VIEW_BASIC)
        _check_start(request)
        progress_seconds = _read_progress_interval(request)
        await self._views.extent(name)

        async def initial_state() -> InitialState:
            shown = await self._views.get(name, full=full)
            return InitialState(shown.message, shown.extent.sequence)

        order = WatchOrder(
            key=key_of(name),
            cursor=request.cursor,
            from_now=request.from_now,
            initial_state=initial_state if request.initial_state else None,
            until_terminal=request.until_terminal if request.HasField("until_terminal") else True,
            progress_seconds=progress_seconds,
        )
        async for message in self._watches.stream(order):
            yield message


def _check_start(request: WatchExecutionRequest) -> None:
    start = request.WhichOneof("start")
    if start is None:
        return
    if not getattr(request, start):
        description = "must not be empty" if start == "cursor" else "must be true if it is set"
        raise InvalidRequest(f"{start}: {description}", FieldViolation(start, description))
    if request.initial_state and start != "from_now":
        description = f"must not be set together with {start}"
        raise InvalidRequest(f"initial_state: {description}", FieldViolation("initial_state", description))


def _read_progress_interval(request: WatchExecutionRequest) -> float:
    if not request.HasField("progress_interval"):
        return PROGRESS_DEFAULT_SECONDS
    faults = Faults()
    length = read_length("progress_interval", request.progress_interval, faults)
    faults.refuse_if_any()
    return min(max(length / 1e6, PROGRESS_MIN_SECONDS), PROGRESS_MAX_SECONDS)
