"""A watch of the client, recorded as its user sees it: as one stream, whatever happens to those below."""

import time

from perdure.client.updates import Left, Reset, Synced
from perdure.testing.logs import StreamMessage, StreamOpened
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WatchResponse


async def record_watch(recorder, watcher, request, watch):
    """Iterates over the messages of a watch that asks for what a request does, as those of the contract."""
    wire = request.SerializeToString(deterministic=True)
    recorder.write(StreamOpened(watcher, watcher, "WatchExecutions", wire, time.monotonic_ns()))
    while (message := await watch.message()) is not None:
        response = response_of(message)
        wire = response.SerializeToString(deterministic=True)
        recorder.write(StreamMessage(watcher, time.monotonic_ns(), wire))
        yield response


def response_of(message):
    """The message of the contract that a message of the client was made of."""
    response = WatchResponse(cursor=message.cursor, store_revision=message.store_revision)
    if not message.updates:
        response.progress.SetInParent()
    for update in message.updates:
        match update:
            case ExecutionEvent():
                response.events.events.append(update)
            case Execution():
                response.executions.executions.append(update)
            case Left():
                response.executions.left.append(update.execution)
            case Synced():
                response.synced.SetInParent()
            case Reset():
                response.reset.SetInParent()
    return response
