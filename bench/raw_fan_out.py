"""The least that a grpc.aio server can do to fan events out: one queue a stream, and a message that is ready.

`Execute` puts the message into the queue of every stream whose filter names the same group.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any, Final

import grpc
import grpc.aio

from bench.raw_server import NAME, serve
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_service_pb2 import ExecuteRequest, ExecuteResponse, WatchExecutionsRequest, WatchResponse

GROUP_LABEL: Final = "group"
CURSOR_CHARACTERS: Final = 130


def group_filter(group: str) -> str:
    """Write the filter for the executions of one group."""
    return f'labels.{GROUP_LABEL} = "{group}"'


class RawFanOut:
    """Streams without any promise."""

    def __init__(self) -> None:
        self._queues: dict[str, list[asyncio.Queue[bytes]]] = defaultdict(list)
        self._sequence = 0

    async def execute(self, request: ExecuteRequest, context: grpc.aio.ServicerContext[Any, Any]) -> ExecuteResponse:
        """Tell a group that something has happened."""
        self._sequence += 1
        group = request.labels[GROUP_LABEL]
        message = _message(self._sequence, group)
        for queue in self._queues[group_filter(group)]:
            queue.put_nowait(message)
        return ExecuteResponse(execution=NAME)

    async def watch(self, request: WatchExecutionsRequest, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Send what comes."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        queues = self._queues[request.filter]
        queues.append(queue)
        try:
            # What tells a reader that its watch is open.
            await context.write(WatchResponse(progress=WatchResponse.Progress()).SerializeToString())
            while True:
                await context.write(await queue.get())
        finally:
            queues.remove(queue)

    def handler(self) -> grpc.GenericRpcHandler:
        """Make both methods known to gRPC."""
        execute = grpc.unary_unary_rpc_method_handler(
            self.execute,
            request_deserializer=ExecuteRequest.FromString,
            response_serializer=ExecuteResponse.SerializeToString,
        )
        watch: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(
            self.watch, request_deserializer=WatchExecutionsRequest.FromString, response_serializer=None
        )
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Execute": execute, "WatchExecutions": watch}
        return grpc.method_handlers_generic_handler("perdure.v1.ExecutionService", methods)


def _message(sequence: int, group: str) -> bytes:
    """Make a message of the size that the product sends for one new execution."""
    event = ExecutionEvent(execution=NAME, sequence=1, store_revision=sequence, principal="local")
    event.integration = NAME.rpartition("/executions/")[0]
    event.event_time.FromMicroseconds(time.time_ns() // 1_000)
    event.created.integration_revision_id = "000001-a4d"
    event.created.request_parameters["text"].string_value = "what the first task gets"
    event.created.labels[GROUP_LABEL] = group
    event.created.schedule_time.GetCurrentTime()
    event.created.root = NAME
    message = WatchResponse(events=WatchResponse.Events(events=[event]), cursor="c" * CURSOR_CHARACTERS)
    message.store_revision = sequence
    message.server_time.GetCurrentTime()
    return message.SerializeToString()


if __name__ == "__main__":
    asyncio.run(serve(RawFanOut().handler()))
