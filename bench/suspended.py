"""What a hundred thousand executions that wait for a decision cost, and how soon one of them goes on."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Final

import grpc

from bench.executions import MANY
from bench.figures import Figure, Mark
from bench.load import EXECUTE, LoadGenerator
from bench.processes import MIB, BenchError, perdure_server
from bench.store_reader import StoreReader
from perdure.domain.states import ExecutionState
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import ExecuteRequest, ListExecutionsRequest, WaitExecutionRequest
from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub
from perdure.v1.integration_pb2 import Integration
from perdure.v1.integration_service_pb2 import CreateIntegrationRequest
from perdure.v1.integration_service_pb2_grpc import IntegrationServiceStub
from perdure.v1.suspension_service_pb2 import LiftSuspensionRequest
from perdure.v1.suspension_service_pb2_grpc import SuspensionServiceStub
from perdure.v1.task_config_pb2 import NextTask, SuspensionConfig, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCATION: Final = "projects/default/locations/local"
INTEGRATION: Final = f"{LOCATION}/integrations/decision"
GROWTH_MARK: Final = Mark(100.0)
RESUMED_MARK: Final = Mark(50.0)

FIRST_CALLS: Final = 2_000
"""Suspended before memory is looked at, so that what every server needs once is not counted."""

PAGE: Final = 1_000


def suspended(directory: Path, load: LoadGenerator, count: int, resumed: int) -> Iterator[Figure]:
    """Suspend executions, measure the growth of the server, restart it, and let some of them go on one by one.

    Args:
        directory: For the store.
        load: Starts the executions.
        count: How many are suspended.
        resumed: How many go on, spread over all of them.

    Raises:
        BenchError: The store does not hold as many as were answered.
    """
    data = directory / "suspended"
    request = ExecuteRequest(name=INTEGRATION, execution_method=Execution.POST_TO_QUEUE)
    what = f"{count:,} suspended executions"
    with perdure_server(data, "in-process") as server:
        asyncio.run(_create(server.address))
        load.run(FIRST_CALLS, server.address, EXECUTE, request, MANY)
        before = server.resident_bytes()
        seen = load.run(count, server.address, EXECUTE, request, MANY)
        growth = server.resident_bytes() - before
    found = StoreReader(data).count(ExecutionState.SUSPENDED)
    if found != count + FIRST_CALLS:
        raise BenchError(f"{count + FIRST_CALLS} executions were to be suspended, the store has {found}")
    yield Figure(f"{what}: accepted", "in-process", seen.rate, "/s")
    yield Figure(f"{what}: growth of the server", "in-process", growth / MIB, "MiB", mark=GROWTH_MARK)
    with perdure_server(data, "in-process") as server:
        yield Figure(f"{what}: restart", "in-process", server.startup_seconds, "s")
        took = asyncio.run(_resume_some(server.address, resumed))
    yield Figure(f"{what}: one goes on: p50", "in-process", statistics.median(took), "ms")
    yield Figure(f"{what}: one goes on: slowest of {resumed}", "in-process", max(took), "ms", mark=RESUMED_MARK)


async def _create(address: str) -> None:
    """Create an integration that waits for a decision and then does one thing more."""
    decide = TaskConfig(task_id="decide", suspend=SuspensionConfig(), next_tasks=[NextTask(task_id="note")])
    note = TaskConfig(task_id="note")
    note.assign.assignments.add(parameter="decision", expression='tasks["decide"].outputs.result')
    integration = Integration(tasks=[decide, note])
    request = CreateIntegrationRequest(parent=LOCATION, integration_id="decision", integration=integration)
    async with grpc.aio.insecure_channel(address) as channel:
        await IntegrationServiceStub(channel).CreateIntegration(request)


async def _resume_some(address: str, wanted: int) -> list[float]:
    """Let executions go on, one after the other; tells how many milliseconds each took."""
    async with grpc.aio.insecure_channel(address) as channel:
        executions, suspensions = ExecutionServiceStub(channel), SuspensionServiceStub(channel)
        names = await _spread(executions, wanted)
        return [await _resume(executions, suspensions, name) * 1_000 for name in names]


async def _spread(stub: ExecutionServiceStub, wanted: int) -> list[str]:
    """Pick executions from all over the store."""
    names: list[str] = []
    token = ""
    while True:
        page = await stub.ListExecutions(ListExecutionsRequest(parent=INTEGRATION, page_size=PAGE, page_token=token))
        names += (execution.name for execution in page.executions)
        token = page.next_page_token
        if not token:
            return names[:: max(len(names) // wanted, 1)][:wanted]


async def _resume(executions: ExecutionServiceStub, suspensions: SuspensionServiceStub, execution: str) -> float:
    """Lift the suspension of an execution; tells how long it took until the execution had ended.

    Raises:
        BenchError: It has not succeeded.
    """
    began = time.perf_counter()
    lift = LiftSuspensionRequest(name=f"{execution}/suspensions/1", suspension_result="yes")
    await suspensions.LiftSuspension(lift)
    ended = await executions.WaitExecution(WaitExecutionRequest(name=execution))
    took = time.perf_counter() - began
    if ended.execution_details.state != ExecutionDetails.SUCCEEDED:
        raise BenchError(f"{execution} has not succeeded")
    return took
