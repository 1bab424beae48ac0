"""Load from h2load, a client in C, so that it is the server that is measured."""

from __future__ import annotations

import shutil
import statistics
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.processes import BenchError

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.message import Message

GET: Final = "perdure.v1.ExecutionService/GetExecution"
EXECUTE: Final = "perdure.v1.ExecutionService/Execute"

CONNECTIONS: Final = 8
"""Connections that many callers share."""

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
        body = self._directory / "request"
        body.write_bytes(framed(request))
        log = self._directory / "calls.tsv"
        log.unlink(missing_ok=True)
        connections = min(CONNECTIONS, callers)
        counts = ("-n", str(calls), "-c", str(connections), "-m", str(callers // connections))
        headers = ("-H", "content-type: application/grpc", "-H", "te: trailers")
        arguments = (self._program, *counts, *headers, "-d", str(body), f"--log-file={log}")
        done = subprocess.run(
            (*arguments, f"http://{address}/{method}"),
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


def framed(request: Message) -> bytes:
    """Put a request into the frame that gRPC sends over HTTP/2: not compressed, four bytes of length."""
    data = request.SerializeToString()
    return b"\0" + len(data).to_bytes(4, "big") + data


def percentiles(values: list[float]) -> tuple[float, float]:
    """Find the median and the 99th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
