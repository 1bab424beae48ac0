"""The typed client: what a program uses to run integrations and to follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.client.calls import Calls
from perdure.client.deploying import message_of
from perdure.client.executing import ExecuteCall
from perdure.client.integrations import Integrations
from perdure.client.names import Scope
from perdure.client.options import set_options
from perdure.client.results import ExecuteResult, result_of
from perdure.client.values import to_messages
from perdure.client.waiting import wait_until_terminal
from perdure.client.watching import Watch
from perdure.runtime.chance import SystemChance
from perdure.v1.execution_pb2 import Execution, ExecutionSnapshot
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    ExecuteRequest,
    GetExecutionRequest,
    GetExecutionSnapshotRequest,
    ListExecutionEventsRequest,
    ListExecutionSnapshotsRequest,
    ListExecutionsRequest,
    WatchExecutionRequest,
)
from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub
from perdure.v1.integration_service_pb2 import UpdateIntegrationRequest
from perdure.v1.integration_service_pb2_grpc import IntegrationServiceStub
from perdure.v1.server_service_pb2 import GetServerInfoRequest, ServerInfo
from perdure.v1.server_service_pb2_grpc import ServerServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime, timedelta
    from types import TracebackType
    from typing import Unpack

    from perdure.client.deploying import Deployable
    from perdure.client.options import ExecuteOptions
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.integration_pb2 import Integration

DEADLINE_SECONDS: Final = 10.0
"""How long a call may take with all its tries, unless told otherwise."""
PATIENCE_SECONDS: Final = 60.0
"""How long an Execute or a watch looks for a lost server before it gives up."""

_CHANNEL_OPTIONS: Final = (
    # gRPC waits a second and then longer before it connects again, a restarted server is there sooner.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A silent connection is checked no more often than servers allow.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 16 << 20),
    # Each client has a connection of its own, whose trouble is nobody else's.
    ("grpc.use_local_subchannel_pool", 1),
)


class Client:
    """A connection to a Perdure server, used with `async with` inside a running loop.

    Names may be short: the id of an integration or of an execution stands for its full name in the client's
    project and location. Calls that got lost are made again where that is safe; a synchronous Execute attaches
    to its execution again. Every method raises `CallFailed`, one of its subclasses.

    Args:
        target: `HOST:PORT`, or `unix:PATH`.
        project: Id of the project for short names.
        location: Id of the location for short names.
        deadline: Seconds for a call with all its tries, unless the method has a timeout of its own.
        patience: Seconds that an Execute or a watch goes on without any sign of the server.
    """

    def __init__(
        self,
        target: str,
        *,
        project: str = "default",
        location: str = "local",
        deadline: float = DEADLINE_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.target = target
        self.scope = Scope(project, location)
        self._chance = SystemChance()
        self._calls = Calls(deadline, self._chance.jitter)
        self._patience = patience
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Self:
        channel = grpc.aio.insecure_channel(self.target, options=_CHANNEL_OPTIONS)
        self._channel = channel
        self._executions = ExecutionServiceStub(channel)
        self._integrations = IntegrationServiceStub(channel)
        self._server = ServerServiceStub(channel)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call and the connection; safe to call twice."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    @property
    def integrations(self) -> Integrations:
        """The definitions on the server."""
        return Integrations(self._integrations, self._calls, self.scope)

    async def execute(
        self,
        integration: str,
        inputs: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,
        **options: Unpack[ExecuteOptions],
    ) -> ExecuteResult:
        """Run an integration and wait for its outputs.

        Args:
            integration: Its name; `-` runs all that have the trigger.
            inputs: By key Python objects or `ValueType` messages.
            timeout: Seconds to wait for the end; None waits as long as it takes.
            **options: See `ExecuteOptions`.

        Raises:
            ExecutionFailed: It ran and failed.
            ExecutionCancelled: It ran and was cancelled.
            ExecutionPending: The time is over and it goes on.
        """
        return await self._execute(integration, inputs, Execution.POST, None, timeout, options)

    async def start(
        self,
        integration: str,
        inputs: Mapping[str, object] | None = None,
        *,
        timeout: float | None = DEADLINE_SECONDS,
        **options: Unpack[ExecuteOptions],
    ) -> ExecuteResult:
        """Start an integration and return as soon as the execution is durable.

        Raises:
            ExecutionPending: No answer came in time; it may have been accepted.
        """
        return await self._execute(integration, inputs, Execution.POST_TO_QUEUE, None, timeout, options)

    async def schedule(
        self,
        integration: str,
        inputs: Mapping[str, object] | None = None,
        *,
        at: datetime,
        timeout: float | None = DEADLINE_SECONDS,
        **options: Unpack[ExecuteOptions],
    ) -> ExecuteResult:
        """Accept an execution that starts at an instant.

        Args:
            integration: Its name.
            inputs: By key Python objects or `ValueType` messages.
            at: When it starts, with a time zone; the past means at once.
            timeout: Seconds to wait for the answer.
            **options: See `ExecuteOptions`.

        Raises:
            ValueError: The instant has no time zone.
            ExecutionPending: No answer came in time; it may have been accepted.
        """
        if at.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        schedule_time = Timestamp()
        schedule_time.FromDatetime(at)
        return await self._execute(integration, inputs, Execution.SCHEDULE, schedule_time, timeout, options)

    async def start_held(self, execution: str, *, timeout: float | None = DEADLINE_SECONDS) -> ExecuteResult:
        """Start an execution that is PENDING now.

        Raises:
            FailedPrecondition: It is not PENDING.
        """
        name, _, execution_id = self.scope.execution(execution).partition("/executions/")
        request = ExecuteRequest(name=name, execution_id=execution_id, request_id=self._chance.execution_id())
        return await self._answer(request, timeout)

    async def get(self, execution: str, *, view: Execution.View.ValueType = Execution.VIEW_FULL) -> Execution:
        """Get an execution as it was last committed."""
        request = GetExecutionRequest(name=self.scope.execution(execution), view=view)
        return await self._calls.call(self._executions.GetExecution, request)

    async def list(
        self, integration: str = "-", *, view: Execution.View.ValueType = Execution.VIEW_BASIC, page_size: int = 0
    ) -> AsyncIterator[Execution]:
        """Iterate over the executions of an integration, or of all, newest first, page by page."""
        request = ListExecutionsRequest(parent=self.scope.integration(integration), view=view, page_size=page_size)
        async for page in self._calls.pages(self._executions.ListExecutions, request):
            for execution in page.executions:
                yield execution

    async def wait(
        self,
        execution: str,
        *,
        timeout: float | None = None,
        view: Execution.View.ValueType = Execution.VIEW_BASIC,
    ) -> Execution:
        """Wait until an execution has ended, or a time has passed, and return its latest state.

        Args:
            execution: Its name.
            timeout: Seconds to wait; None waits as long as it takes.
            view: How much to return.
        """
        return await wait_until_terminal(
            self._calls, self._executions, self.scope.execution(execution), timeout=timeout, view=view
        )

    async def cancel(self, execution: str, reason: str = "") -> Execution:
        """Ask to cancel an execution, and return how it stands now; one that has ended stays as it is."""
        request = CancelExecutionRequest(name=self.scope.execution(execution), cancel_reason=reason)
        return await self._calls.call(self._executions.CancelExecution, request)

    def watch(
        self,
        execution: str,
        *,
        cursor: str = "",
        from_now: bool = False,
        until_terminal: bool = True,
        progress_interval: timedelta | None = None,
    ) -> Watch:
        """Follow an execution: each event once, in order, whatever happens to the connection.

        Args:
            execution: Its name.
            cursor: Begin behind this position, the `cursor` of another watch.
            from_now: Begin with what happens next instead of the first event.
            until_terminal: Whether the iteration ends with the final state.
            progress_interval: How long the server may be silent; None leaves that to the server.
        """
        request = WatchExecutionRequest(name=self.scope.execution(execution), until_terminal=until_terminal)
        if cursor:
            request.cursor = cursor
        elif from_now:
            request.from_now = True
        if progress_interval is not None:
            request.progress_interval.FromTimedelta(progress_interval)
        return Watch(self._executions, self._calls, request, self._patience, self._chance.jitter)

    async def events(self, execution: str, *, page_size: int = 0) -> AsyncIterator[ExecutionEvent]:
        """Iterate over the history of an execution so far, oldest event first."""
        request = ListExecutionEventsRequest(parent=self.scope.execution(execution), page_size=page_size)
        async for page in self._calls.pages(self._executions.ListExecutionEvents, request):
            for event in page.events:
                yield event

    async def snapshots(self, execution: str, *, without_params: bool = False) -> AsyncIterator[ExecutionSnapshot]:
        """Iterate over the snapshots of an execution, newest first."""
        request = ListExecutionSnapshotsRequest(
            parent=self.scope.execution(execution), snapshot_metadata_without_params=without_params
        )
        async for page in self._calls.pages(self._executions.ListExecutionSnapshots, request):
            for snapshot in page.execution_snapshots:
                yield snapshot

    async def snapshot(self, execution: str, number: int) -> ExecutionSnapshot:
        """Get one snapshot of an execution by its number, counted from 1."""
        request = GetExecutionSnapshotRequest(name=self.scope.snapshot(execution, number))
        return await self._calls.call(self._executions.GetExecutionSnapshot, request)

    async def deploy(self, integration: Deployable, *, validate_only: bool = False) -> Integration:
        """Put a definition on the server, as a new revision if it differs from the latest one.

        Args:
            integration: The message, an integration of an `App`, or the path of a YAML file.
            validate_only: True only checks it and returns what would be.

        Raises:
            InvalidRequest: The definition has faults; `field_violations` has all of them.
        """
        message = message_of(integration)
        message.name = self.scope.integration(message.name)
        request = UpdateIntegrationRequest(integration=message, allow_missing=True, validate_only=validate_only)
        return await self._calls.call(self._integrations.UpdateIntegration, request)

    async def server_info(self) -> ServerInfo:
        """Get the server's version, limits and store."""
        return await self._calls.call(self._server.GetServerInfo, GetServerInfoRequest())

    async def _execute(
        self,
        integration: str,
        inputs: Mapping[str, object] | None,
        method: Execution.ExecutionMethod.ValueType,
        schedule_time: Timestamp | None,
        timeout: float | None,
        options: ExecuteOptions,
    ) -> ExecuteResult:
        request = ExecuteRequest(
            name=self.scope.integration(integration),
            execution_method=method,
            input_parameters=to_messages({} if inputs is None else inputs),
            schedule_time=schedule_time,
        )
        set_options(request, options)
        request.request_id = request.request_id or self._chance.execution_id()
        return await self._answer(request, timeout)

    async def _answer(self, request: ExecuteRequest, timeout: float | None) -> ExecuteResult:
        call = ExecuteCall(self._executions, request, self._patience, self._chance.jitter)
        return result_of(await call.answer(timeout), request.request_id)
