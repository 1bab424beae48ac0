"""The least that a grpc.aio server can do: answer `GetExecution` with a message that is always the same.

The message has about 0.9 KB, with five tasks and nine parameters, and is serialised for every call.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc
import grpc.aio

from perdure.v1.execution_pb2 import Execution, ExecutionDetails, ExecutionSnapshot, TaskExecutionDetails
from perdure.v1.execution_service_pb2 import GetExecutionRequest
from perdure.v1.value_pb2 import ValueType

NAME: Final = "projects/default/locations/local/integrations/order/executions/0198c0de-0000-7000-8000-000000000001"
SECOND_OF_2025: Final = 1_750_000_000


def sample_execution() -> Execution:
    """Make the answer."""
    execution = Execution(name=NAME, trigger_id="api_trigger/order", execution_method=Execution.POST)
    execution.create_time.FromSeconds(SECOND_OF_2025)
    execution.update_time.FromSeconds(SECOND_OF_2025 + 1)
    execution.execution_details.state = ExecutionDetails.SUCCEEDED
    for number in range(9):
        value = ValueType(string_value=f"a value of usual length, number {number}")
        execution.request_parameters[f"parameter_{number}"].CopyFrom(value)
    snapshot = ExecutionSnapshot(checkpoint_task_number="5")
    for number in range(1, 6):
        task = TaskExecutionDetails(task_number=str(number), task="reserve_stock", worker="embedded-1")
        task.task_execution_state = TaskExecutionDetails.SUCCEED
        stats = task.task_attempt_stats.add()
        stats.start_time.FromSeconds(SECOND_OF_2025)
        stats.end_time.FromSeconds(SECOND_OF_2025 + 1)
        snapshot.task_execution_details.append(task)
    execution.execution_details.execution_snapshots.append(snapshot)
    return execution


class RawService:
    """Answers at once."""

    def __init__(self) -> None:
        self._answer = sample_execution()

    async def get(self, _: GetExecutionRequest, context: grpc.aio.ServicerContext[Any, Any]) -> Execution:
        """Give the one answer."""
        return self._answer

    def handler(self) -> grpc.GenericRpcHandler:
        """Make the one method known to gRPC."""
        method = grpc.unary_unary_rpc_method_handler(
            self.get,
            request_deserializer=GetExecutionRequest.FromString,
            response_serializer=Execution.SerializeToString,
        )
        return grpc.method_handlers_generic_handler("perdure.v1.ExecutionService", {"GetExecution": method})


async def serve(handler: grpc.GenericRpcHandler) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"raw: listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(RawService().handler()))
