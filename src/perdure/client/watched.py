"""What a watch is about: one execution, or all that match. The two differ in how they end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from perdure.client.errors import error_of
from perdure.client.names import FULL, last_part
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import GetExecutionRequest, WatchExecutionRequest, WatchExecutionsRequest

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall

    from perdure.client.calls import Calls
    from perdure.client.connection import Connection
    from perdure.client.errors import CallFailed
    from perdure.client.updates import WatchMessage, WatchUpdate
    from perdure.v1.execution_service_pb2 import WatchResponse

    WatchStream: TypeAlias = (
        UnaryStreamCall[WatchExecutionRequest, WatchResponse] | UnaryStreamCall[WatchExecutionsRequest, WatchResponse]
    )

WatchRequest: TypeAlias = WatchExecutionRequest | WatchExecutionsRequest

STREAM_SECONDS: Final = 3600.0
"""Deadline of one stream, longer than a server keeps one open. The watch itself has none."""

FINAL_STATES: Final = frozenset({ExecutionDetails.SUCCEEDED, ExecutionDetails.FAILED, ExecutionDetails.CANCELLED})


class Watched(Protocol):
    """The side of a watch that depends on the method."""

    @property
    def request(self) -> WatchRequest:
        """What to ask for; the watch moves its start on."""

    @property
    def until_terminal(self) -> bool:
        """Whether the watch ends by itself."""

    @property
    def begins_now(self) -> bool:
        """Whether the request wants what happens from the moment on at which it arrives."""

    def open(self) -> WatchStream:
        """Open a stream for the request as it is now."""

    def shows_end(self, message: WatchMessage) -> bool:
        """Tell whether the watch has nothing to expect behind this message."""

    async def has_ended(self) -> bool:
        """Find out whether a stream that ended without an error may have had no more to tell."""

    def explained(self, failure: CallFailed) -> CallFailed:
        """Add to what the server refused whatever the caller may have meant instead."""


class OneExecution:
    """One execution, with those below it if the request says so.

    Args:
        connection: Carries the streams.
        calls: For the question whether it has ended.
        request: What to watch.
    """

    def __init__(self, connection: Connection, calls: Calls, request: WatchExecutionRequest) -> None:
        self._connection = connection
        self._calls = calls
        self._id = last_part(request.name)
        self.request = request
        self.until_terminal = not request.HasField("until_terminal") or request.until_terminal
        self.begins_now = request.from_now and not request.initial_state

    def open(self) -> WatchStream:
        """Open a stream."""
        return self._connection.executions.WatchExecution(self.request, timeout=STREAM_SECONDS)

    def shows_end(self, message: WatchMessage) -> bool:
        """Tell whether the message has the final state of the execution itself."""
        return any(self._is_end(update) for update in message.updates)

    async def has_ended(self) -> bool:
        """Ask the server whether the execution is in a final state."""
        request = GetExecutionRequest(name=self.request.name, view=Execution.VIEW_BASIC)
        execution = await self._calls.call(self._connection.executions.GetExecution, request)
        return execution.execution_details.state in FINAL_STATES

    def explained(self, failure: CallFailed) -> CallFailed:
        """Return it as it is."""
        return failure

    def _is_end(self, update: WatchUpdate) -> bool:
        match update:
            case Execution():
                return last_part(update.name) == self._id and update.execution_details.state in FINAL_STATES
            case ExecutionEvent():
                is_final = update.HasField("state_change") and update.state_change.state in FINAL_STATES
                return is_final and last_part(update.execution) == self._id
            case _:
                return False


class ManyExecutions:
    """All executions of an integration, a location or a tree that match a filter.

    Args:
        connection: Carries the streams.
        request: What to watch.
        given: Its parent as the caller gave it.
    """

    def __init__(self, connection: Connection, request: WatchExecutionsRequest, *, given: str) -> None:
        self._connection = connection
        self._given = given
        self.request = request
        self.until_terminal = request.until_terminal
        self.begins_now = request.WhichOneof("start") in {None, "from_now"} and not request.initial_state

    def open(self) -> WatchStream:
        """Open a stream."""
        return self._connection.executions.WatchExecutions(self.request, timeout=STREAM_SECONDS)

    def shows_end(self, message: WatchMessage) -> bool:
        """Answer no: only the server knows which executions are left."""
        return False

    async def has_ended(self) -> bool:
        """Believe it; the next stream confirms it by having nothing to tell either."""
        return True

    def explained(self, failure: CallFailed) -> CallFailed:
        """Tell who gave the id of an execution that only its full name is not taken for that of an integration."""
        if failure.reason != "INTEGRATION_NOT_FOUND" or self._given.startswith(FULL):
            return failure
        hint = f"if {self._given} is an execution, give its full name"
        return error_of(replace(failure.refusal, message=f"{failure.message}; {hint}"))
