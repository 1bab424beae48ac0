"""`ExecutionService`: single executions, and the service put together."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Final

from perdure.service.admission import MethodClass
from perdure.service.contents import BASIC, contents_of, read_contents
from perdure.service.execute import answer_within
from perdure.service.fields import Faults, read_length, read_text
from perdure.service.min_store_revision import check_min_store_revision, require_store_revision
from perdure.service.pipeline import Method, Service
from perdure.service.views import key_of
from perdure.v1 import execution_service_pb2
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.execute import Executor
    from perdure.service.execution_lists import ExecutionLists
    from perdure.service.finding import ExecutionFinder
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

    def service(
        self,
        executor: Executor,
        finder: ExecutionFinder,
        lists: ExecutionLists,
        watches: WatchServicer,
        *others: Mapping[str, Method],
    ) -> Service:
        """Put the service together.

        Args:
            executor: Performs `Execute`.
            finder: Lists and counts.
            lists: Lists what single executions leave behind.
            watches: Performs the watches.
            others: Methods of other servicers, by name.
        """
        return Service(
            execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"],
            {
                "Execute": Method(executor.execute, MethodClass.WAITING),
                "GetExecution": Method(self.get_execution),
                "ListExecutions": Method(finder.list_executions),
                "CountExecutions": Method(finder.count_executions),
                "WatchExecution": Method(watches.watch_execution, MethodClass.WATCH, writes=True),
                "WatchExecutions": Method(watches.watch_executions, MethodClass.WATCH, writes=True),
                "WaitExecution": Method(self.wait_execution, MethodClass.WAITING),
                "CancelExecution": Method(self.cancel_execution, MethodClass.URGENT),
                "ListExecutionEvents": Method(lists.list_execution_events),
                "ListExecutionSnapshots": Method(lists.list_execution_snapshots),
                "GetExecutionSnapshot": Method(lists.get_execution_snapshot),
                **ChainMap(*map(dict, others)),
            },
        )

    async def get_execution(self, request: GetExecutionRequest, _: Call) -> Execution:
        """Get one execution as it was last committed (row 21)."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        check_min_store_revision(request.min_store_revision, faults)
        with faults.noted():
            contents = contents_of(request, default=Execution.VIEW_FULL)
        faults.refuse_if_any()
        require_store_revision(request.min_store_revision, self._engine.environment.store)
        return (await self._views.get(name, contents)).message

    async def wait_execution(self, request: WaitExecutionRequest, call: Call) -> Execution:
        """Answer when an execution has ended or the time is over (row 27)."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        with faults.noted():
            contents = read_contents(request.view, None, default=Execution.VIEW_BASIC)
        asked = read_length("timeout", request.timeout, faults) / 1e6 if request.HasField("timeout") else None
        faults.refuse_if_any()
        await self._views.extent(name)
        allowed = answer_within(call.remaining_seconds())
        seconds = min(each for each in (asked, allowed, LONGEST_WAIT_SECONDS) if each is not None)
        shown = await self._engine.wait(key_of(name), seconds, self._views.show(name, contents))
        return (await self._views.complete(key_of(name), shown, contents)).message

    async def cancel_execution(self, request: CancelExecutionRequest, call: Call) -> Execution:
        """Cancel an execution; one that has ended is answered as it is (row 41)."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        reason = read_text("cancel_reason", request.cancel_reason, faults)
        faults.refuse_if_any()
        await self._views.extent(name)
        show = self._views.show(name, BASIC)
        cancel = self._engine.cancel(key_of(name), reason, call.principal, show, force=request.force)
        return (await cancel).message
