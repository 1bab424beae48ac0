"""`ExecutionService`, less `Execute` itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.service.admission import MethodClass
from perdure.service.execute import answer_within
from perdure.service.fields import Faults, read_length, read_text
from perdure.service.pipeline import Method, Service
from perdure.service.views import key_of, wants_full
from perdure.v1 import execution_service_pb2
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.execute import Executor
    from perdure.service.execution_lists import ExecutionLists
    from perdure.service.names import NameReader
    from perdure.service.views import Views
    from perdure.service.watches import WatchServicer
    from perdure.v1.execution_service_pb2 import (
        CancelExecutionRequest,
        GetExecutionRequest,
        WaitExecutionRequest,
    )

LONGEST_WAIT_SECONDS: Final = 24.0 * 3600
"""How long a wait without a timeout and without a deadline lasts."""


class ExecutionServicer:
    """Gets, waits for and cancels single executions."""

    def __init__(self, engine: Engine, names: NameReader, views: Views) -> None:
        self._engine = engine
        self._names = names
        self._views = views

    def service(self, executor: Executor, lists: ExecutionLists, watches: WatchServicer) -> Service:
        """Put the service together."""
        return Service(
            execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"],
            {
                "Execute": Method(executor.execute, MethodClass.WAITING),
                "GetExecution": Method(self.get_execution),
                "ListExecutions": Method(lists.list_executions),
                "WatchExecution": Method(watches.watch_execution, MethodClass.WATCH),
                "WatchExecutions": Method(watches.watch_executions, MethodClass.WATCH),
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
