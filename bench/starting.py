"""How long a server takes to start, and what a hundred thousand executions that only wait cost it."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Final

from bench.executions import MANY, WORKERS, execute_request
from bench.figures import Figure, Mark
from bench.load import EXECUTE, LoadGenerator
from bench.processes import MIB, BenchError, perdure_server
from bench.store_reader import StoreReader
from perdure.domain.states import ExecutionState
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS_A_DAY: Final = 86_400
START_UP_MARK: Final = Mark(1.0)
GROWTH_MARK: Final = Mark(50.0)
RESTART_MARK: Final = Mark(5.0)

FIRST_CALLS: Final = 2_000
"""Scheduled before memory is looked at, so that what every server needs once is not counted."""


def start_up(directory: Path, repeats: int) -> Iterator[Figure]:
    """Measure from the start of the process to the line that says where it listens, with a new store."""
    for workers in WORKERS:
        seconds = []
        for number in range(repeats):
            with perdure_server(directory / f"start-{workers}-{number}", workers) as server:
                seconds.append(server.startup_seconds)
        yield Figure("start-up", workers, statistics.median(seconds), "s", mark=START_UP_MARK)


def scheduled(directory: Path, load: LoadGenerator, count: int) -> Iterator[Figure]:
    """Schedule executions for tomorrow, measure the growth of the server, then restart it.

    Raises:
        BenchError: The store does not hold as many as were answered.
    """
    data = directory / "scheduled"
    request = execute_request("one", Execution.SCHEDULE)
    request.schedule_time.FromSeconds(int(time.time()) + SECONDS_A_DAY)
    what = f"{count:,} scheduled executions"
    with perdure_server(data, "in-process") as server:
        load.run(FIRST_CALLS, server.address, EXECUTE, request, MANY)
        before = server.resident_bytes()
        seen = load.run(count, server.address, EXECUTE, request, MANY)
        growth = server.resident_bytes() - before
    found = StoreReader(data).count(ExecutionState.PENDING)
    if found != count + FIRST_CALLS:
        raise BenchError(f"{count + FIRST_CALLS} executions were scheduled, the store has {found}")
    yield Figure(f"{what}: accepted", "in-process", seen.rate, "/s")
    yield Figure(f"{what}: growth of the server", "in-process", growth / MIB, "MiB", mark=GROWTH_MARK)
    with perdure_server(data, "in-process") as server:
        yield Figure(f"{what}: restart", "in-process", server.startup_seconds, "s", mark=RESTART_MARK)
        resident = server.resident_bytes()
    yield Figure(f"{what}: resident memory after the restart", "in-process", resident / MIB, "MiB")
