"""Waits for the end of an execution by calls that each have a deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from perdure.client.watched import FINAL_STATES
from perdure.v1.execution_service_pb2 import WaitExecutionRequest

if TYPE_CHECKING:
    from perdure.client.calls import Calls
    from perdure.v1.execution_pb2 import Execution
    from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub

LEG_SECONDS: Final = 25.0
"""How long one call lets the server wait."""
_MARGIN_SECONDS: Final = 10.0
"""How much later than the server's answer the deadline of the call is, tries after a lost one included."""


async def wait_until_terminal(
    calls: Calls,
    stub: ExecutionServiceStub,
    name: str,
    *,
    timeout: float | None,
    view: Execution.View.ValueType,
) -> Execution:
    """Return the execution as soon as it has ended, or as it is when the timeout has passed.

    Raises:
        CallFailed: The server refused, or could not be reached for too long.
    """
    loop = asyncio.get_running_loop()
    ends = None if timeout is None else loop.time() + timeout
    while True:
        leg = LEG_SECONDS if ends is None else max(min(LEG_SECONDS, ends - loop.time()), 0.0)
        request = WaitExecutionRequest(name=name, view=view)
        request.timeout.FromMicroseconds(int(leg * 1e6))
        execution = await calls.call(stub.WaitExecution, request, timeout=leg + _MARGIN_SECONDS)
        if execution.execution_details.state in FINAL_STATES or (ends is not None and loop.time() >= ends):
            return execution
