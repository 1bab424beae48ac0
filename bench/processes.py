"""Processes that the benchmark starts, and ends by their ids."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import signal
    from types import TracebackType

PROJECT: Final = Path(__file__).resolve().parent.parent
MIB: Final = 1 << 20

FIRST_LINE_SECONDS: Final = 60
END_SECONDS: Final = 30


class BenchError(Exception):
    """Something did not go as it must for a figure to mean anything."""


class ServerProcess:
    """A server that says on its first line where it listens, at the end of that line.

    Attributes:
        address: `HOST:PORT`.
        startup_seconds: From the start of the process to that line.
    """

    def __init__(self, *arguments: str) -> None:
        """Start the server and wait for its first line.

        Raises:
            BenchError: It ended instead.
        """
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        began = time.perf_counter()
        self._process = subprocess.Popen(arguments, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.startup_seconds = time.perf_counter() - began
        if not line:
            code = self._process.wait(END_SECONDS)
            self._process.stdout.close()
            raise BenchError(f"{' '.join(arguments)} ended with code {code}")
        self.address = line.split()[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def resident_bytes(self) -> int:
        """Read how much memory of the server itself is resident."""
        return _resident_bytes(self._process.pid)

    def worker_resident_bytes(self) -> int:
        """Read how much memory of the processes that the server started is resident."""
        return sum(_resident_bytes(child) for child in _children(self._process.pid))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def end(self) -> None:
        """Ask the server to end, and insist when it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def perdure_server(data: Path, workers: str, *options: str) -> ServerProcess:
    """Start the product on a data directory, with the integrations of `bench.app`.

    Args:
        data: Directory of the store.
        workers: `in-process` or `process`.
        options: More options of `perdure serve`.
    """
    program = str(Path(sys.executable).with_name("perdure"))
    where = ("--data", str(data), "--listen", "127.0.0.1:0")
    return ServerProcess(program, "serve", *where, "--app", "bench.app:app", "--workers", workers, *options)


def python_process(*arguments: str) -> ServerProcess:
    """Start a program of the benchmark, such as a server that does nothing but answer."""
    return ServerProcess(sys.executable, *arguments)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found.extend(int(child) for child in (task / "children").read_text().split())
    return found


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
