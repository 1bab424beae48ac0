"""A gRPC server that answers as a test tells it to.

It serves what a real server does only under stress: peers that cancel, streams that end early, broken connections
between proxies. Everything else is tested against the real one.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent import futures
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from perdure.client import Client
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import (
    CountExecutionsRequest,
    ExecuteRequest,
    ExportExecutionResponse,
    GetExecutionRequest,
    ListExecutionsRequest,
    WatchResponse,
)
from perdure.v1.execution_service_pb2_grpc import ExecutionServiceServicer, add_ExecutionServiceServicer_to_server
from perdure.v1.integration_service_pb2_grpc import IntegrationServiceServicer, add_IntegrationServiceServicer_to_server
from perdure.v1.server_service_pb2 import ServerInfo
from perdure.v1.server_service_pb2_grpc import ServerServiceServicer, add_ServerServiceServicer_to_server
from perdure.v1.suspension_service_pb2_grpc import SuspensionServiceServicer, add_SuspensionServiceServicer_to_server

NAME = "projects/default/locations/local/integrations/order/executions/e1"

Step = Callable[[Any], Any]


class ScriptedService(ExecutionServiceServicer):
    """Takes the next step of its script for each call; records the requests."""

    def __init__(self) -> None:
        self.executes: deque[Step] = deque()
        self.gets: deque[Step] = deque()
        self.lists: deque[Step] = deque()
        self.counts: deque[Step] = deque()
        self.infos: deque[Step] = deque()
        self.watches: deque[Sequence[Step | WatchResponse]] = deque()
        self.execute_requests: list[ExecuteRequest] = []
        self.get_requests: list[GetExecutionRequest] = []
        self.list_requests: list[ListExecutionsRequest] = []
        self.count_requests: list[CountExecutionsRequest] = []
        self.watch_requests: list[Any] = []
        self.steps: deque[Step] = deque()
        self.requests: list[Any] = []
        self.exports: deque[Sequence[Step | ExportExecutionResponse]] = deque()
        self.open_watches = 0

    async def Execute(self, request, context):  # noqa: N802
        self.execute_requests.append(request)
        return await self.executes.popleft()(context)

    async def GetExecution(self, request, context):  # noqa: N802
        self.get_requests.append(request)
        return await self.gets.popleft()(context)

    async def ListExecutions(self, request, context):  # noqa: N802
        self.list_requests.append(request)
        return await self.lists.popleft()(context)

    async def CountExecutions(self, request, context):  # noqa: N802
        self.count_requests.append(request)
        return await self.counts.popleft()(context)

    async def WatchExecution(self, request, context):  # noqa: N802
        self.watch_requests.append(request)
        self.open_watches += 1
        try:
            for step in self.watches.popleft():
                if isinstance(step, WatchResponse):
                    yield step
                else:
                    await step(context)
        finally:
            self.open_watches -= 1

    WatchExecutions = WatchExecution

    async def ExportExecution(self, request, context):  # noqa: N802
        self.requests.append(request)
        for step in self.exports.popleft():
            if isinstance(step, ExportExecutionResponse):
                yield step
            else:
                await step(context)

    async def next_step(self, request, context):
        """Answers a call of any method that has no script of its own."""
        self.requests.append(request)
        return await self.steps.popleft()(context)

    CancelExecution = PauseExecution = ResumeExecution = StepExecution = UpdateExecution = next_step
    ReplayExecution = ResolveRollback = DeleteExecution = next_step
    ExplainExecution = CompareExecutionSnapshots = SummarizeExecutionEvents = ListExecutionSteps = next_step
    WaitExecution = ListExecutionEvents = ListExecutionSnapshots = GetExecutionSnapshot = next_step


class ScriptedSuspensions(SuspensionServiceServicer):
    """Answers by the steps of a service."""

    def __init__(self, service: ScriptedService) -> None:
        self._service = service

    async def _next_step(self, request, context):
        return await self._service.next_step(request, context)

    ListSuspensions = GetSuspension = LiftSuspension = ResolveSuspension = SignalExecution = _next_step


class ScriptedIntegrations(IntegrationServiceServicer):
    """Answers by the steps of a service."""

    def __init__(self, service: ScriptedService) -> None:
        self._service = service

    async def _next_step(self, request, context):
        return await self._service.next_step(request, context)

    CreateIntegration = GetIntegration = ListIntegrations = UpdateIntegration = DeleteIntegration = _next_step
    ListIntegrationRevisions = GetIntegrationRevision = RenderIntegration = _next_step


class ScriptedInfo(ServerServiceServicer):
    """Tells the store revision as the script of a service says."""

    def __init__(self, service: ScriptedService) -> None:
        self._service = service

    async def GetServerInfo(self, request, context):  # noqa: N802
        return await self._service.infos.popleft()(context)


def abort(code: grpc.StatusCode, reason: str = "", retry_after: float | None = None, **metadata: str) -> Step:
    """Ends the call with a status; with a reason as our server would, without one as a proxy would."""

    async def step(context):
        if not reason:
            await context.abort(code, "cut")
        status = Status(code=code.value[0], message="refused")
        _pack(status, ErrorInfo(reason=reason, domain="perdure", metadata=metadata))
        if retry_after is not None:
            retry = RetryInfo()
            retry.retry_delay.FromMicroseconds(int(retry_after * 1e6))
            _pack(status, retry)
        await context.abort(code, "refused", (("grpc-status-details-bin", status.SerializeToString()),))

    return step


def _pack(status: Status, detail: Any) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def accept_then(step: Step) -> Step:
    """Tells the name of the execution before it goes on."""

    async def accepting(context):
        await context.send_initial_metadata((("perdure-execution", NAME),))
        return await step(context)

    return accepting


def answer(message: Any) -> Step:
    async def step(context):
        return message

    return step


def events(*sequences: int, final: bool = False) -> WatchResponse:
    """Makes a message with the events of these sequences; the last one is final if asked for."""
    response = WatchResponse(cursor=f"after-{sequences[-1]}", store_revision=sequences[-1])
    for sequence in sequences:
        response.events.events.append(ExecutionEvent(execution=NAME, sequence=sequence))
    if final:
        response.events.events[-1].state_change.state = ExecutionDetails.SUCCEEDED
    return response


def execution(state: ExecutionDetails.State.ValueType) -> Execution:
    return Execution(name=NAME, execution_details=ExecutionDetails(state=state))


def info(revision: int) -> Step:
    return answer(ServerInfo(newest_store_revision=revision, store_id="s1"))


async def hold(context: Any) -> None:
    """Leaves the call open until it is cancelled."""
    await asyncio.Event().wait()


class Held:
    """A step that leaves the call open, and tells when it has begun and when it was ended from outside.

    The events are of threads, because callers that block have no loop to wait on.
    """

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    async def __call__(self, context: Any) -> None:
        self.begun.set()
        try:
            await hold(context)
        finally:
            self.ended.set()


@asynccontextmanager
async def served(service: ScriptedService) -> AsyncIterator[str]:
    """Serves the script on a free port."""
    server = grpc.aio.server()
    add_ExecutionServiceServicer_to_server(service, server)
    add_ServerServiceServicer_to_server(ScriptedInfo(service), server)
    add_SuspensionServiceServicer_to_server(ScriptedSuspensions(service), server)
    add_IntegrationServiceServicer_to_server(ScriptedIntegrations(service), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def scripted(service: ScriptedService, **options: Any) -> AsyncIterator[Client]:
    """Serves the script and connects a client to it."""
    async with served(service) as address, Client(address, **options) as client:
        yield client


@contextmanager
def served_elsewhere(service: ScriptedService) -> Iterator[str]:
    """Serves the script on a loop in another thread, for callers that block."""
    address: futures.Future[str] = futures.Future()
    over = asyncio.Event()

    async def serve() -> None:
        async with served(service) as at:
            loops.append(asyncio.get_running_loop())
            address.set_result(at)
            await over.wait()

    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield address.result()
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join()
