"""A thousand watchers in groups: each event goes to the hundred whose filter names its group.

Nine in ten watchers are streams of h2load, which reads and forgets, so that it is the server that is
measured. The others are Python programs that count the events and take the latency of each. Both are spread
evenly over the groups, so that a tenth of the deliveries is counted.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc.aio

from bench.executions import execute_request
from bench.figures import Figure, Mark
from bench.load import EXECUTE, LoadGenerator, percentiles
from bench.processes import ServerProcess, perdure_server, python_process
from bench.raw_fan_out import GROUP_LABEL, group_filter
from perdure.v1 import execution_service_pb2_grpc as rpc
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WatchExecutionsRequest

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.v1.execution_service_pb2 import ExecuteRequest

GROUPS: Final = 10
WATCHERS: Final = 1_000
COUNTED: Final = 100
EVENTS_A_SECOND: Final = 200
"""Events a second that make 20,000 deliveries."""

STALLED: Final = 200
STALLED_EVENTS: Final = 4_000
STALLED_LABEL_BYTES: Final = 63

WATCH: Final = "perdure.v1.ExecutionService/WatchExecutions"
PARENT: Final = "projects/default/locations/local/integrations/-"
SECONDS_A_DAY: Final = 86_400
UNLIMITED: Final = ("--max-watchers", "2000", "--max-watchers-per-principal", "2000")

DELIVERY_MARK: Final = Mark(50.0)
FAN_OUT_MARK: Final = Mark(0.6, at_least=True, of_raw=True)
IDLE_MARK: Final = Mark(100.0)


@dataclass(slots=True)
class Counted:
    """What the counted watchers have seen.

    Attributes:
        open: How many of them are known to be open.
        all_open: Set when all are.
        events: How many events have come.
        latencies: From the decision of an event to its arrival, in milliseconds.
    """

    open: int = 0
    all_open: asyncio.Event = field(default_factory=asyncio.Event)
    events: int = 0
    latencies: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FannedOut:
    """What one server did: with a given rate of events, and with as many as it takes."""

    p50: float
    p99: float
    steady: float
    most: float


def fan_out(directory: Path, load: LoadGenerator, seconds: float) -> list[Figure]:
    """Measure the product and a server that does nothing else, one after the other."""
    with python_process("-m", "bench.raw_fan_out") as server:
        raw = asyncio.run(_measure(server.address, load, seconds))
    with perdure_server(directory / "fan-out", "in-process", *UNLIMITED) as server:
        before = server.resident_bytes()
        with ExitStack() as watchers:
            asyncio.run(_open_all(server.address, load, watchers))
            idle = (server.resident_bytes() - before) / WATCHERS / 1024
        ours = asyncio.run(_measure(server.address, load, seconds))
    with perdure_server(directory / "stalled", "in-process", *UNLIMITED) as server:
        stalled = asyncio.run(_stall(server, load))
    name = f"{WATCHERS:,} watchers, {EVENTS_A_SECOND * WATCHERS // GROUPS:,} deliveries/s"
    return [
        Figure(f"{name}: raw p99", "", raw.p99, "ms"),
        Figure(f"{name}: p50", "", ours.p50, "ms"),
        Figure(f"{name}: p99", "", ours.p99, "ms", mark=DELIVERY_MARK),
        Figure(f"{name}: delivered", "", ours.steady, "/s"),
        Figure("raw fan-out, as much as it takes", "", raw.most, "/s"),
        Figure("fan-out, as much as it takes", "", ours.most, "/s", of_raw=ours.most / raw.most, mark=FAN_OUT_MARK),
        Figure("memory of an idle watcher", "", idle, "KiB", mark=IDLE_MARK),
        Figure(f"memory of a stalled watcher, {STALLED_EVENTS:,} events behind", "", stalled, "KiB"),
    ]


async def _measure(address: str, load: LoadGenerator, seconds: float) -> FannedOut:
    counted = Counted()
    async with asyncio.timeout(60 + 10 * seconds):
        with ExitStack() as watchers:
            readers = await _open_all(address, load, watchers, counted)
            steady = await drive(address, load, counted, seconds, EVENTS_A_SECOND)
            p50, p99 = percentiles(counted.latencies)
            most = await drive(address, load, counted, seconds, None)
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
    return FannedOut(p50, p99, steady, most)


async def _open_all(
    address: str, load: LoadGenerator, watchers: ExitStack, counted: Counted | None = None
) -> list[asyncio.Task[None]]:
    """Open every watcher; without a count all of them are streams of h2load."""
    each = (WATCHERS - (COUNTED if counted else 0)) // GROUPS
    for group in range(GROUPS):
        watchers.enter_context(load.streams(address, WATCH, watch_request(group), each))
    readers = [] if counted is None else await counted_readers(address, counted)
    await asyncio.sleep(1.0)  # h2load does not say when its streams are open.
    return readers


async def counted_readers(address: str, counted: Counted) -> list[asyncio.Task[None]]:
    """Open the counted watchers; returns when all are open."""
    readers = [asyncio.create_task(_read(address, group, counted)) for group in range(GROUPS)]
    await counted.all_open.wait()
    return readers


async def _read(address: str, group: int, counted: Counted) -> None:
    """Keep the counted watchers of one group, on a connection of their own."""
    async with grpc.aio.insecure_channel(address, (("grpc.use_local_subchannel_pool", 1),)) as channel:
        service = rpc.ExecutionServiceStub(channel)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(COUNTED // GROUPS):
                tasks.create_task(_count(service, group, counted))


async def _count(service: rpc.ExecutionServiceStub, group: int, counted: Counted) -> None:
    opened = False
    async for message in service.WatchExecutions(watch_request(group)):
        arrived = time.time_ns() // 1_000
        if not opened:
            opened = True
            counted.open += 1
            if counted.open == COUNTED:
                counted.all_open.set()
        for event in message.events.events:
            counted.events += 1
            counted.latencies.append((arrived - event.event_time.ToMicroseconds()) / 1_000)


async def drive(address: str, load: LoadGenerator, counted: Counted, seconds: float, rate: int | None) -> float:
    """Make events for some time; returns the deliveries a second, those not counted included."""
    requests = [_execute_request(group) for group in range(GROUPS)]
    each = None if rate is None else rate // GROUPS
    with ExitStack() as drivers:
        for request in requests:
            drivers.enter_context(load.calls(address, EXECUTE, request, each))
        await asyncio.sleep(1.0)
        counted.latencies.clear()
        events, began = counted.events, time.perf_counter()
        await asyncio.sleep(seconds)
        delivered = (counted.events - events) / (time.perf_counter() - began)
    return delivered * WATCHERS / COUNTED


async def _stall(server: ServerProcess, load: LoadGenerator) -> float:
    """Open watchers that never read, let much happen, and take what each of them costs in KiB."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        service = rpc.ExecutionServiceStub(channel)
        streams = [service.WatchExecutions(watch_request(group % GROUPS)) for group in range(STALLED)]
        for stream in streams:
            await stream.initial_metadata()
        before = server.resident_bytes()
        for group in range(GROUPS):
            load.run(STALLED_EVENTS // GROUPS, server.address, EXECUTE, _execute_request(group), 8)
        grown = server.resident_bytes() - before
        for stream in streams:
            stream.cancel()
    return grown / STALLED / 1024


def watch_request(group: int) -> WatchExecutionsRequest:
    """Ask for what happens to one group from now on."""
    request = WatchExecutionsRequest(parent=PARENT, filter=group_filter(str(group)), from_now=True)
    request.progress_interval.FromSeconds(1)
    return request


def _execute_request(group: int) -> ExecuteRequest:
    """Ask for an execution that is one event and nothing else for now."""
    request = execute_request("one", Execution.SCHEDULE)
    request.schedule_time.FromSeconds(int(time.time()) + SECONDS_A_DAY)
    request.labels[GROUP_LABEL] = str(group)
    return request
