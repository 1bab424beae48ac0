"""From the commit of an event to its watcher.

An event carries the instant at which it was decided, just before its commit, so the latency measured here
includes the commit. The watcher is a Python program on the same machine, with the same clock.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import grpc.aio

from bench.executions import WORKERS, execute_request
from bench.figures import Figure
from bench.load import percentiles
from bench.processes import BenchError, perdure_server
from perdure.v1 import execution_service_pb2_grpc as rpc
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import ExecuteRequest, WatchExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS_A_DAY: Final = 86_400


def watch_latency(directory: Path, executions: int) -> Iterator[Figure]:
    """Watch chains of ten tasks, one after the other, from their first step to their end."""
    for workers in WORKERS:
        with perdure_server(directory / f"watch-{workers}", workers) as server:
            latencies = asyncio.run(_watch_chains(server.address, executions))
        p50, p99 = percentiles(latencies)
        yield Figure("event to watcher, commit included: p50", workers, p50, "ms")
        yield Figure("event to watcher, commit included: p99", workers, p99, "ms")


async def _watch_chains(address: str, executions: int) -> list[float]:
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel:
        service = rpc.ExecutionServiceStub(channel)
        for number in range(executions + 1):
            seen = await _watch_chain(service)
            if number:  # The first one finds a server that has done nothing yet.
                latencies += seen
    return latencies


async def _watch_chain(service: rpc.ExecutionServiceStub) -> list[float]:
    """Put an execution on hold, watch it, start it, and take the latency of every event in milliseconds."""
    request = execute_request("chain", Execution.SCHEDULE)
    request.schedule_time.FromSeconds(int(time.time()) + SECONDS_A_DAY)
    created = await service.Execute(request)
    watch = service.WatchExecution(WatchExecutionRequest(name=created.execution, initial_state=True))
    latencies = []
    starting = None
    async for response in watch:
        arrived = time.time_ns() // 1_000
        if response.HasField("synced"):
            start = ExecuteRequest(name=request.name, execution_id=created.execution_id)
            starting = asyncio.create_task(_start(service, start))
        elif response.HasField("events"):
            instants = [event.event_time.ToMicroseconds() for event in response.events.events]
            latencies += [(arrived - instant) / 1_000 for instant in instants]
    if starting is None or not latencies:
        raise BenchError("a watch ended before its execution began")
    await starting
    return latencies


async def _start(service: rpc.ExecutionServiceStub, start: ExecuteRequest) -> None:
    await service.Execute(start)
