"""The typed client: what a program uses to run integrations and to follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from perdure.client.deploying import message_of
from perdure.client.executing import ExecuteCall
from perdure.client.inspections import Inspections
from perdure.client.integrations import Integrations
from perdure.client.interventions import Interventions
from perdure.client.names import Scope
from perdure.client.options import set_options, set_replay_options, timestamp_of
from perdure.client.outage import Outage
from perdure.client.paging import ExecutionPages
from perdure.client.read_options import set_count_options, set_get_options, set_list_options, set_watch_options
from perdure.client.results import Count, ExecuteResult, ReplayResult, count_of, replay_of, result_of
from perdure.client.values import to_messages
from perdure.client.waiting import wait_until_terminal
from perdure.client.watched import ManyExecutions, OneExecution
from perdure.client.watching import Watch
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import (
    CountExecutionsRequest,
    ExecuteRequest,
    GetExecutionRequest,
    ListExecutionsRequest,
    WatchExecutionRequest,
    WatchExecutionsRequest,
)
from perdure.v1.integration_service_pb2 import UpdateIntegrationRequest
from perdure.v1.replay_pb2 import ReplayExecutionRequest
from perdure.v1.server_service_pb2 import GetServerInfoRequest, ServerInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from typing import Unpack

    from google.protobuf.timestamp_pb2 import Timestamp

    from perdure.client.deploying import Deployable
    from perdure.client.options import ExecuteOptions, ReplayOptions
    from perdure.client.read_options import CountOptions, GetOptions, ListOptions, WatchAllOptions, WatchOptions
    from perdure.client.watched import Watched
    from perdure.v1.execution_service_pb2 import ExecuteResponse
    from perdure.v1.integration_pb2 import Integration
    from perdure.v1.replay_pb2 import ReplayExecutionResponse

_Response = TypeVar("_Response")

DEADLINE_SECONDS: Final = 10.0
"""How long a call may take with all its tries, unless told otherwise."""
PATIENCE_SECONDS: Final = 60.0
"""How long an Execute looks for a lost server before it gives up."""
WATCH_PATIENCE_SECONDS: Final = 600.0
"""The same for a watch, which nobody has to wait for: long enough for a server that is moved or upgraded."""
CONNECT_SECONDS: Final = 2.0
"""How long anything looks for a server where nobody has ever answered."""


class Client(Interventions, Inspections):
    """A connection to a Perdure server, used with `async with` inside a running loop.

    Names may be short: the id of an integration or of an execution stands for its full name in the client's
    project and location. Calls that got lost are made again where that is safe; a synchronous Execute attaches
    to its execution again. Every method raises `CallFailed`, one of its subclasses.

    Args:
        target: `HOST:PORT`, or `unix:PATH`.
        project: Id of the project for short names.
        location: Id of the location for short names.
        deadline: Seconds for a call with all its tries, unless the method has a timeout of its own.
        patience: Seconds that an Execute goes on without any sign of the server.
        watch_patience: Seconds that a watch does; `math.inf` is for ever.
        connect_timeout: Seconds after which everything gives up as long as nobody has ever answered at the target.
    """

    def __init__(
        self,
        target: str,
        *,
        project: str = "default",
        location: str = "local",
        deadline: float = DEADLINE_SECONDS,
        patience: float = PATIENCE_SECONDS,
        watch_patience: float = WATCH_PATIENCE_SECONDS,
        connect_timeout: float = CONNECT_SECONDS,
    ) -> None:
        super().__init__(target, Scope(project, location), deadline, connect_timeout)
        self._patience = patience
        self._watch_patience = watch_patience

    @property
    def integrations(self) -> Integrations:
        """The definitions on the server."""
        return Integrations(self._connection.integrations, self._calls, self.scope)

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
        schedule_time = timestamp_of(at)
        return await self._execute(integration, inputs, Execution.SCHEDULE, schedule_time, timeout, options)

    async def start_held(self, execution: str, *, timeout: float | None = DEADLINE_SECONDS) -> ExecuteResult:
        """Start an execution that is PENDING now.

        Raises:
            FailedPrecondition: It is not PENDING.
        """
        name, _, execution_id = self.scope.execution(execution).partition("/executions/")
        request = ExecuteRequest(name=name, execution_id=execution_id, request_id=self._chance.execution_id())
        return await self._answer(request, timeout)

    async def replay(
        self,
        execution: str,
        reason: str,
        *,
        wait: bool = False,
        timeout: float | None = None,
        **options: Unpack[ReplayOptions],
    ) -> ReplayResult:
        """Start an execution anew, from its beginning unless told otherwise; the original stays as it is.

        Args:
            execution: The name of the original.
            reason: Why, for people; it is kept with both.
            wait: True waits for the outputs, as `execute` does; False returns as soon as the replay is durable.
            timeout: Seconds to wait; None waits for the end as long as it takes.
            **options: See `ReplayOptions`.

        Raises:
            ExecutionFailed: It was waited for and failed.
            ExecutionCancelled: It was waited for and was cancelled.
            ExecutionPending: The time is over, and the replay goes on if it was accepted.
            FailedPrecondition: The original has not ended, or there is nothing to replay it from.
        """
        request = ReplayExecutionRequest(
            name=self.scope.execution(execution),
            replay_reason=reason,
            execution_method=Execution.POST if wait else Execution.POST_TO_QUEUE,
        )
        set_replay_options(request, options)
        request.request_id = request.request_id or self._chance.execution_id()
        if timeout is None and not wait:
            timeout = DEADLINE_SECONDS

        async def send(seconds: float) -> ReplayExecutionResponse:
            return await self._connection.executions.ReplayExecution(request, timeout=seconds)

        return replay_of(await self._start_once(send, request.request_id, timeout), request.request_id)

    async def get(self, execution: str, **options: Unpack[GetOptions]) -> Execution:
        """Get an execution as it was last committed, in the FULL view unless told otherwise.

        Args:
            execution: Its name.
            **options: See `GetOptions`.

        Raises:
            TypeError: The read mask is a plain text.
        """
        request = GetExecutionRequest(name=self.scope.execution(execution))
        set_get_options(request, options)
        return await self._calls.call(self._connection.executions.GetExecution, request)

    def list(self, integration: str = "-", **options: Unpack[ListOptions]) -> ExecutionPages:
        """List the executions of an integration, or of all, newest first and in the BASIC view unless told otherwise.

        Args:
            integration: Its name.
            **options: See `ListOptions`.

        Returns:
            The executions, for `async for`. What the server refuses is raised there.

        Raises:
            TypeError: The read mask is a plain text.
            ValueError: The contract has no such page size.
        """
        request = ListExecutionsRequest(parent=self.scope.integration(integration))
        set_list_options(request, options)
        return ExecutionPages(self._calls, self._connection.executions.ListExecutions, request)

    async def count(self, integration: str = "-", **options: Unpack[CountOptions]) -> Count:
        """Count the executions of an integration, or of all.

        Args:
            integration: Its name.
            **options: See `CountOptions`.
        """
        request = CountExecutionsRequest(parent=self.scope.integration(integration))
        set_count_options(request, options)
        return count_of(await self._calls.call(self._connection.executions.CountExecutions, request))

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
            self._calls, self._connection.executions, self.scope.execution(execution), timeout=timeout, view=view
        )

    def watch(self, execution: str, **options: Unpack[WatchOptions]) -> Watch:
        """Follow an execution: each event once, in order, whatever happens to the connection.

        Begins with the first event unless told otherwise, and ends in the final state.

        Args:
            execution: Its name.
            **options: See `WatchOptions`.

        Raises:
            TypeError: The read mask is a plain text.
            ValueError: There are several starts, or the cursor is empty.
        """
        request = WatchExecutionRequest(name=self.scope.execution(execution))
        set_watch_options(request, options)
        return self._watch(OneExecution(self._connection, self._calls, request), options)

    def watch_all(self, parent: str = "-", **options: Unpack[WatchAllOptions]) -> Watch:
        """Follow all executions that match, in the order in which things happen.

        Begins now unless told otherwise, and goes on until it is closed. An execution that stops matching is told
        by one event `left_filter`.

        Args:
            parent: The name of an integration, `-` for all; or the full name of an execution, for it and all below.
            **options: See `WatchAllOptions`.

        Raises:
            TypeError: The read mask is a plain text.
            ValueError: There are several starts, or the cursor is empty.
        """
        request = WatchExecutionsRequest(parent=self.scope.integration(parent), filter=options.get("filter", ""))
        set_watch_options(request, options)
        return self._watch(ManyExecutions(self._connection, request, given=parent), options)

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
        return await self._calls.call(self._connection.integrations.UpdateIntegration, request)

    async def server_info(self) -> ServerInfo:
        """Get the server's version, limits and store."""
        return await self._calls.call(self._connection.server.GetServerInfo, GetServerInfoRequest())

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
        async def send(seconds: float) -> ExecuteResponse:
            return await self._connection.executions.Execute(request, timeout=seconds)

        return result_of(await self._start_once(send, request.request_id, timeout), request.request_id)

    async def _start_once(
        self, send: Callable[[float], Awaitable[_Response]], request_id: str, timeout: float | None
    ) -> _Response:
        call = ExecuteCall(self._connection, send, request_id, self._patience, self._chance.jitter)
        return await call.answer(timeout)

    def _watch(self, watched: Watched, options: WatchOptions) -> Watch:
        outage = Outage(self._connection, self._watch_patience, options.get("on_outage"))
        return Watch(self._connection, self._calls, watched, outage, self._chance.jitter)
