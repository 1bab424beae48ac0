"""Executions a second and their latency, in rounds with the limits of the machine."""

from __future__ import annotations

import statistics
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.figures import Figure, Mark
from bench.load import EXECUTE, GET, LoadGenerator
from bench.processes import MIB, BenchError, ServerProcess, perdure_server, python_process
from bench.raw_server import NAME
from bench.store_limit import rows_per_second
from bench.store_reader import StoreReader
from perdure.domain.states import ExecutionState
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import ExecuteRequest, GetExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY: Final = 64
"""Callers that keep a server busy."""

WORKERS: Final = ("in-process", "process")
RAW: Final = "raw grpc.aio calls, 64 callers"
RAW_ALONE: Final = "raw grpc.aio calls, 1 caller"
ROWS: Final = "SQLite rows in groups of 100"
SYNCHRONOUS: Final = "synchronous executions, 64 callers"
SYNCHRONOUS_ALONE: Final = "synchronous executions, 1 caller"
QUEUED: Final = "queued executions, 64 callers"
CHAIN: Final = "chains of 10 tasks, 64 callers"
CHAIN_ALONE: Final = "chains of 10 tasks, 1 caller"
LIMITS: Final = (RAW, RAW_ALONE, ROWS)
MEASURED: Final = (SYNCHRONOUS, SYNCHRONOUS_ALONE, QUEUED, CHAIN, CHAIN_ALONE)

MARKS: Final = {
    (SYNCHRONOUS, "in-process"): Mark(0.20, at_least=True, of_raw=True),
    (SYNCHRONOUS, "process"): Mark(0.10, at_least=True, of_raw=True),
}
LATENCY_MARKS: Final = {(SYNCHRONOUS_ALONE, workers): Mark(5.0) for workers in WORKERS}


@dataclass(frozen=True, slots=True)
class Sample:
    """What one measurement of one round gave; the latencies are in milliseconds, 0 where nobody waited."""

    rate: float
    p50: float = 0.0
    p99: float = 0.0


def execute_request(integration: str, method: Execution.ExecutionMethod.ValueType) -> ExecuteRequest:
    """Make the request that starts an integration of `bench.app`."""
    request = ExecuteRequest(name=f"projects/default/locations/local/integrations/{integration}")
    request.execution_method = method
    request.input_parameters["text"].string_value = "what the first task gets"
    return request


class ServerUnderTest:
    """A running server with its store, whose executions are counted after every measurement."""

    def __init__(self, server: ServerProcess, data: Path, load: LoadGenerator) -> None:
        self.server = server
        self._store = StoreReader(data)
        self._load = load
        self._expected = 0

    def synchronous(self, integration: str, callers: int, seconds: float) -> Sample:
        """Measure executions whose callers wait for their end."""
        request = execute_request(integration, Execution.POST)
        load, calls = self._load.run_for(seconds, self.server.address, EXECUTE, request, callers)
        self._check(calls)
        return Sample(load.rate, load.p50, load.p99)

    def queued(self, integration: str, callers: int, calls: int) -> Sample:
        """Measure executions that callers only hand in: from the first creation to the last end."""
        request = execute_request(integration, Execution.POST_TO_QUEUE)
        before = self._store.newest()
        self._load.run(calls, self.server.address, EXECUTE, request, callers)
        self._store.wait_until_ended()
        self._check(calls)
        return Sample(calls / self._store.seconds_since(before))

    def _check(self, calls: int) -> None:
        self._expected += calls
        found = self._store.count(ExecutionState.SUCCEEDED)
        if found != self._expected:
            raise BenchError(f"{self._expected} executions were answered, the store has {found} that succeeded")


class Rounds:
    """Takes every measurement in turn, several times.

    Args:
        directory: For the stores.
        seconds: How long each measurement takes.
    """

    def __init__(self, directory: Path, load: LoadGenerator, seconds: float) -> None:
        self._directory = directory
        self._load = load
        self._seconds = seconds
        self._samples: dict[tuple[str, str], list[Sample]] = defaultdict(list)

    def run(self, rounds: int) -> list[Figure]:
        """Measure."""
        with ExitStack() as running:
            raw = running.enter_context(python_process("-m", "bench.raw_server"))
            tested: dict[str, ServerUnderTest] = {}
            for workers in WORKERS:
                data = self._directory / workers
                server = running.enter_context(perdure_server(data, workers))
                tested[workers] = ServerUnderTest(server, data, self._load)
            memory = [*self._memory(tested, "idle")]
            for number in range(rounds):
                print(f"round {number + 1} of {rounds}", flush=True)
                self._round(raw, tested)
            memory += self._memory(tested, "after the load")
        return [*self._figures(), *memory]

    def _round(self, raw: ServerProcess, tested: dict[str, ServerUnderTest]) -> None:
        """Take every measurement once, those that have a mark right between two of the limit they are held against."""
        seconds = self._seconds
        limits = [self._limit(raw, MANY, seconds)]
        for workers, under_test in tested.items():
            self._samples[SYNCHRONOUS, workers].append(under_test.synchronous("one", MANY, seconds))
            limits.append(self._limit(raw, MANY, seconds))
        self._samples[RAW, ""].append(_middle(limits))
        self._samples[RAW_ALONE, ""].append(self._limit(raw, 1, seconds / 2))
        self._samples[ROWS, ""].append(Sample(rows_per_second(self._directory, seconds / 2)))
        for workers, under_test in tested.items():
            self._others(workers, under_test)

    def _limit(self, raw: ServerProcess, callers: int, seconds: float) -> Sample:
        load, _ = self._load.run_for(seconds, raw.address, GET, GetExecutionRequest(name=NAME), callers)
        return Sample(load.rate, load.p50, load.p99)

    def _others(self, workers: str, under_test: ServerUnderTest) -> None:
        seconds = self._seconds
        many = self._samples[SYNCHRONOUS, workers][-1]
        self._samples[SYNCHRONOUS_ALONE, workers].append(under_test.synchronous("one", 1, seconds / 2))
        self._samples[QUEUED, workers].append(under_test.queued("one", MANY, int(many.rate * seconds)))
        self._samples[CHAIN, workers].append(under_test.synchronous("chain", MANY, seconds))
        self._samples[CHAIN_ALONE, workers].append(under_test.synchronous("chain", 1, seconds / 2))

    @staticmethod
    def _memory(tested: dict[str, ServerUnderTest], when: str) -> Iterator[Figure]:
        for workers, under_test in tested.items():
            resident = under_test.server.resident_bytes()
            yield Figure(f"resident memory of the server, {when}", workers, resident / MIB, "MiB")
            if workers == "process":
                resident = under_test.server.worker_resident_bytes()
                yield Figure(f"resident memory of the worker, {when}", workers, resident / MIB, "MiB")

    def _figures(self) -> Iterator[Figure]:
        for name in LIMITS:
            yield from self._rate_and_latency(name, "")
        for name in MEASURED:
            for workers in WORKERS:
                yield from self._rate_and_latency(name, workers)

    def _rate_and_latency(self, name: str, workers: str) -> Iterator[Figure]:
        samples = self._samples[name, workers]
        middle = _middle(samples)
        mark = MARKS.get((name, workers))
        of_raw, of_rows = (self._ratio(RAW, samples), self._ratio(ROWS, samples)) if workers else (None, None)
        yield Figure(name, workers, middle.rate, "/s", of_raw, of_rows, mark)
        if middle.p50:
            yield Figure(f"{name}: p50", workers, middle.p50, "ms", mark=LATENCY_MARKS.get((name, workers)))
            yield Figure(f"{name}: p99", workers, middle.p99, "ms")

    def _ratio(self, limit: str, samples: list[Sample]) -> float:
        pairs = zip(samples, self._samples[limit, ""], strict=True)
        return statistics.median(sample.rate / beside.rate for sample, beside in pairs)


def _middle(samples: list[Sample]) -> Sample:
    """Take the middle of samples of one thing, each part by itself."""
    return Sample(
        statistics.median(sample.rate for sample in samples),
        statistics.median(sample.p50 for sample in samples),
        statistics.median(sample.p99 for sample in samples),
    )
