"""Calls and watches that are recorded as the caller sees them."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Final, TypeVar

import grpc

from perdure.client.status import failure_of, metadata_values
from perdure.testing.logs import (
    Defined,
    Got,
    History,
    Listed,
    Operation,
    Outcome,
    StreamEnded,
    StreamMessage,
    StreamOpened,
)
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    ExecuteRequest,
    ExecuteResponse,
    GetExecutionRequest,
    ListExecutionEventsRequest,
    ListExecutionsRequest,
    WaitExecutionRequest,
    WatchExecutionRequest,
    WatchExecutionsRequest,
    WatchResponse,
)
from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub
from perdure.v1.integration_service_pb2 import ListIntegrationRevisionsRequest, ListIntegrationsRequest
from perdure.v1.integration_service_pb2_grpc import IntegrationServiceStub
from perdure.v1.intervention_pb2 import PauseExecutionRequest, ResumeExecutionRequest, StepExecutionRequest
from perdure.v1.suspension_service_pb2_grpc import SuspensionServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from google.protobuf.message import Message
    from grpc.aio import UnaryStreamCall, UnaryUnaryMultiCallable

    from perdure.testing.recorder import Recorder
    from perdure.v1.suspension_pb2 import Suspension
    from perdure.v1.suspension_service_pb2 import (
        ResolveSuspensionRequest,
        SignalExecutionRequest,
        SignalExecutionResponse,
    )

    _WatchStream = (
        UnaryStreamCall[WatchExecutionRequest, WatchResponse] | UnaryStreamCall[WatchExecutionsRequest, WatchResponse]
    )

_Request = TypeVar("_Request", bound="Message")
_Response = TypeVar("_Response", bound="Message")
_WatchRequest = WatchExecutionRequest | WatchExecutionsRequest

NAME_METADATA: Final = "perdure-execution"

_REFUSALS: Final = frozenset(
    (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
    )
)
_DID_RUN: Final = frozenset(("EXECUTION_FAILED", "EXECUTION_CANCELLED"))
"""The refusals that mean that the execution was accepted and has ended (contract, decision 9)."""


def outcome_of(code: grpc.StatusCode, reason: str) -> Outcome:
    """Sort a status by what it says about the effect of the call."""
    if code is grpc.StatusCode.OK or reason in _DID_RUN:
        return Outcome.OK
    # A refusal without a reason is made up by the caller's own gRPC library, after the fact.
    return Outcome.REFUSED if code in _REFUSALS and reason else Outcome.UNKNOWN


class RecordedCalls:
    """What callers do over one channel, with a record of every call.

    Every method raises `grpc.aio.AioRpcError` as the stub does.

    Args:
        client: Name of the caller in the records.
    """

    def __init__(self, channel: grpc.aio.Channel, recorder: Recorder, client: str) -> None:
        self._stub = ExecutionServiceStub(channel)
        self._integrations = IntegrationServiceStub(channel)
        self._suspensions = SuspensionServiceStub(channel)
        self._recorder = recorder
        self._client = client
        self._streams = itertools.count(1)

    async def execute(self, request: ExecuteRequest, timeout: float | None = None) -> ExecuteResponse:
        """Start an execution."""
        return await self._call("Execute", self._stub.Execute, request, timeout)

    async def get(self, name: str, timeout: float | None = None) -> Execution:
        """Get an execution in the FULL view."""
        return await self._call("GetExecution", self._stub.GetExecution, GetExecutionRequest(name=name), timeout)

    async def wait(self, request: WaitExecutionRequest, timeout: float | None = None) -> Execution:
        """Wait for the end of an execution."""
        return await self._call("WaitExecution", self._stub.WaitExecution, request, timeout)

    async def cancel(self, name: str, reason: str, timeout: float | None = None) -> Execution:
        """Cancel an execution."""
        request = CancelExecutionRequest(name=name, cancel_reason=reason)
        return await self._call("CancelExecution", self._stub.CancelExecution, request, timeout)

    async def pause(self, name: str, timeout: float | None = None) -> Execution:
        """Pause an execution."""
        return await self._call("PauseExecution", self._stub.PauseExecution, PauseExecutionRequest(name=name), timeout)

    async def resume(self, name: str, timeout: float | None = None) -> Execution:
        """End the pause of an execution."""
        return await self._call(
            "ResumeExecution", self._stub.ResumeExecution, ResumeExecutionRequest(name=name), timeout
        )

    async def step(self, request: StepExecutionRequest, timeout: float | None = None) -> Execution:
        """Let an execution go on from a breakpoint."""
        return await self._call("StepExecution", self._stub.StepExecution, request, timeout)

    async def resolve(self, request: ResolveSuspensionRequest, timeout: float | None = None) -> Suspension:
        """Decide a suspension."""
        return await self._call("ResolveSuspension", self._suspensions.ResolveSuspension, request, timeout)

    async def signal(self, request: SignalExecutionRequest, timeout: float | None = None) -> SignalExecutionResponse:
        """Send a signal to an execution."""
        return await self._call("SignalExecution", self._suspensions.SignalExecution, request, timeout)

    def watch(
        self, watcher: str, request: _WatchRequest, timeout: float | None = None
    ) -> AsyncGenerator[WatchResponse, None]:
        """Watch one execution or many on one stream.

        The stream is opened at once, and read only as far as the result is iterated over. Closing that cancels it.

        Args:
            watcher: Whose stream it is; see `StreamOpened`.
            request: What to watch, and from where.
            timeout: Deadline of the stream in seconds; None for none.
        """
        stream = f"{self._client}/{watcher}/{next(self._streams)}"
        wire = request.SerializeToString(deterministic=True)
        rpc, call = self._open(request, timeout)
        self._recorder.write(StreamOpened(stream, watcher, rpc, wire, time.monotonic_ns()))
        return self._messages(stream, call)

    async def _messages(self, stream: str, call: _WatchStream) -> AsyncGenerator[WatchResponse, None]:
        try:
            async for message in call:
                wire = message.SerializeToString(deterministic=True)
                self._recorder.write(StreamMessage(stream, time.monotonic_ns(), wire))
                yield message
        except grpc.aio.AioRpcError as error:
            failure = failure_of(error)
            end = StreamEnded(stream, time.monotonic_ns(), failure.code.name, failure.reason)
            self._recorder.write(end)
            raise
        else:
            self._recorder.write(StreamEnded(stream, time.monotonic_ns(), "OK", ""))
        finally:
            call.cancel()

    async def list_all(self, parent: str) -> AsyncIterator[Execution]:
        """Iterate over all executions of a parent in the BASIC view; this is not recorded."""
        request = ListExecutionsRequest(parent=parent, page_size=1_000)
        while True:
            page = await self._stub.ListExecutions(request)
            for execution in page.executions:
                yield execution
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def look_at_everything(self, parent: str) -> None:
        """Record the last look: all executions of integrations, each with its history, and what they were made from.

        Args:
            parent: The integration whose executions are looked at, `-` for all.
        """
        await self._look_at_definitions(parent)
        listed = [execution async for execution in self.list_all(parent)]
        for execution in listed:
            self._recorder.write(Listed(execution.SerializeToString(deterministic=True)))
        for name in {execution.name: None for execution in listed}:
            try:
                execution = await self._stub.GetExecution(GetExecutionRequest(name=name))
            except grpc.aio.AioRpcError as error:
                self._recorder.write(Got(name, error.code().name, b""))
            else:
                self._recorder.write(Got(name, "OK", execution.SerializeToString(deterministic=True)))
                self._recorder.write(History(name, tuple([wire async for wire in self._history(name)])))

    async def _look_at_definitions(self, parent: str) -> None:
        """Record the newest thousand revisions of each of the first thousand integrations."""
        location, _, wanted = parent.rpartition("/integrations/")
        found = await self._integrations.ListIntegrations(ListIntegrationsRequest(parent=location, page_size=1_000))
        for integration in found.integrations:
            if wanted in {"-", integration.name.rpartition("/")[2]}:
                request = ListIntegrationRevisionsRequest(parent=integration.name, page_size=1_000)
                revisions = await self._integrations.ListIntegrationRevisions(request)
                for revision in revisions.integration_revisions:
                    self._recorder.write(Defined(revision.SerializeToString(deterministic=True)))

    async def _history(self, name: str) -> AsyncIterator[bytes]:
        request = ListExecutionEventsRequest(parent=name, page_size=1_000)
        while True:
            page = await self._stub.ListExecutionEvents(request)
            for event in page.events:
                yield event.SerializeToString(deterministic=True)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _open(self, request: _WatchRequest, timeout: float | None) -> tuple[str, _WatchStream]:
        if isinstance(request, WatchExecutionRequest):
            return "WatchExecution", self._stub.WatchExecution(request, timeout=timeout)
        return "WatchExecutions", self._stub.WatchExecutions(request, timeout=timeout)

    async def _call(
        self,
        rpc: str,
        method: UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        timeout: float | None,
    ) -> _Response:
        began = time.monotonic_ns()
        code, reason, wire = grpc.StatusCode.CANCELLED, "", b""
        names: tuple[str, ...] = ()
        try:
            response = await method(request, timeout=timeout)
            code, names, wire = grpc.StatusCode.OK, _named(response), response.SerializeToString(deterministic=True)
        except grpc.aio.AioRpcError as error:
            code, reason = error.code(), failure_of(error).reason
            names = metadata_values(error.initial_metadata(), NAME_METADATA)
            raise
        else:
            return response
        finally:
            self._recorder.write(
                Operation(
                    client=self._client,
                    rpc=rpc,
                    began=began,
                    ended=time.monotonic_ns(),
                    outcome=outcome_of(code, reason),
                    code=code.name,
                    reason=reason,
                    executions=names,
                    request=request.SerializeToString(deterministic=True),
                    response=wire,
                )
            )


def _named(response: Message) -> tuple[str, ...]:
    match response:
        case ExecuteResponse():
            return tuple(response.executions)
        case Execution():
            return (response.name,)
        case _:
            return ()
