"""Load from h2load, a client in C, so that it is the server that is measured."""

from __future__ import annotations

import itertools
import shutil
import statistics
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.processes import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

GET: Final = "perdure.v1.ExecutionService/GetExecution"
EXECUTE: Final = "perdure.v1.ExecutionService/Execute"

CONNECTIONS: Final = 8
"""Connections that many callers share."""

STREAMS_A_CONNECTION: Final = 50

WARM_UP_CALLS: Final = 256
LONGEST_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Load:
    """What h2load saw.

    Attributes:
        calls: How many were made, those of the warm-up left out.
        rate: Calls a second.
        p50: Median latency in milliseconds.
        p99: 99th percentile in milliseconds.
    """

    calls: int
    rate: float
    p50: float
    p99: float


class LoadGenerator:
    """Makes calls to servers.

    Args:
        directory: For the files that h2load reads and writes.
    """

    def __init__(self, directory: Path) -> None:
        """Find h2load.

        Raises:
            BenchError: It is not installed.
        """
        program = shutil.which("h2load")
        if program is None:
            raise BenchError("h2load is not installed; Debian has it in nghttp2-client")
        self._program = program
        self._directory = directory
        self._numbers = itertools.count(1)

    def run_for(self, seconds: float, address: str, method: str, request: Message, callers: int) -> tuple[Load, int]:
        """Warm up, then make as many calls as take about so many seconds.

        Returns:
            What was seen after the warm-up, and how many calls were made in all.
        """
        warm_up = max(WARM_UP_CALLS * callers // 64, 32)
        first = self.run(warm_up, address, method, request, callers)
        load = self.run(max(int(first.rate * seconds), callers), address, method, request, callers)
        return load, load.calls + warm_up

    def run(self, calls: int, address: str, method: str, request: Message, callers: int) -> Load:
        """Make so many calls, each caller one after the other.

        Raises:
            BenchError: Not all were answered.
        """
        log = self._directory / "calls.tsv"
        log.unlink(missing_ok=True)
        connections = min(CONNECTIONS, callers)
        counts = ("-n", str(calls), "-c", str(connections), "-m", str(callers // connections))
        done = subprocess.run(
            self._command(address, method, request, *counts, f"--log-file={log}"),
            capture_output=True,
            text=True,
            check=True,
            timeout=LONGEST_SECONDS,
        )
        finished = next(line for line in done.stdout.splitlines() if line.startswith("finished"))
        rows = [line.split() for line in log.read_text().splitlines()]
        latencies = [int(row[2]) / 1_000 for row in rows if row[1] == "200"]
        if len(latencies) != calls:
            raise BenchError(f"{len(latencies)} of {calls} calls of {method} were answered")
        return Load(calls, float(finished.split()[3]), *percentiles(latencies))

    @contextmanager
    def streams(self, address: str, method: str, request: Message, count: int) -> Iterator[None]:
        """Keep streams open that read as fast as they can."""
        connections = max(count // STREAMS_A_CONNECTION, 1)
        counts = ("-n", str(count), "-c", str(connections), "-m", str(-(-count // connections)))
        with _running(self._command(address, method, request, *counts)):
            yield

    @contextmanager
    def calls(self, address: str, method: str, request: Message, rate: int | None) -> Iterator[None]:
        """Make calls one after the other: so many a second, or as many as are answered."""
        pace = () if rate is None else (f"--rps={rate}",)
        options = ("-c", "1", "-D", str(LONGEST_SECONDS), *pace)
        with _running(self._command(address, method, request, *options)):
            yield

    def _command(self, address: str, method: str, request: Message, *options: str) -> tuple[str, ...]:
        body = self._directory / f"request-{next(self._numbers)}"
        body.write_bytes(framed(request))
        headers = ("-H", "content-type: application/grpc", "-H", "te: trailers")
        return (self._program, *headers, "-d", str(body), *options, f"http://{address}/{method}")


@contextmanager
def _running(command: tuple[str, ...]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def framed(request: Message) -> bytes:
    """Put a request into the frame that gRPC sends over HTTP/2: not compressed, four bytes of length."""
    data = request.SerializeToString()
    return b"\0" + len(data).to_bytes(4, "big") + data


def percentiles(values: list[float]) -> tuple[float, float]:
    """Find the median and the 99th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
