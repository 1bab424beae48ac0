"""`python -m bench [--quick] [--json FILE] [--data DIR]`."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import grpc

from bench.executions import Rounds
from bench.fan_out import fan_out
from bench.figures import Figure, print_table, write_json
from bench.load import LoadGenerator
from bench.many_stored import many_stored
from bench.neighbours import neighbours
from bench.processes import BenchError
from bench.starting import scheduled, start_up
from bench.suspended import suspended
from bench.watching import watch_latency


def main() -> int:
    """Measure, print, and tell by the exit code whether every mark was reached."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Perdure on this machine.")
    parser.add_argument("--quick", action="store_true", help="one short round, in less than a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures for programs as well")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where stores are made; a disk, not memory")
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="perdure-bench-", dir=arguments.data) as directory:
            figures = measure(Path(directory), quick=arguments.quick)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{machine()}; {time.monotonic() - began:.0f} s\n")
    print_table(figures)
    if arguments.json:
        write_json(figures, machine(), arguments.json)
    return 0 if all(figure.reached is not False for figure in figures) else 1


def measure(directory: Path, *, quick: bool) -> list[Figure]:
    """Take all figures."""
    load = LoadGenerator(directory)
    figures = Rounds(directory, load, seconds=1.0 if quick else 3.0).run(1 if quick else 3)
    print("watch", flush=True)
    figures += watch_latency(directory, executions=20 if quick else 100)
    print("fan-out", flush=True)
    figures += fan_out(directory, load, seconds=3.0 if quick else 10.0)
    print("neighbours", flush=True)
    figures += neighbours(directory, load, seconds=3.0 if quick else 10.0)
    print("start-up", flush=True)
    figures += start_up(directory, repeats=1 if quick else 5)
    print("scheduled executions", flush=True)
    figures += scheduled(directory, load, count=10_000 if quick else 100_000)
    print("suspended executions", flush=True)
    figures += suspended(directory, load, count=10_000 if quick else 100_000, resumed=100 if quick else 500)
    print("many stored executions", flush=True)
    figures += many_stored(directory, load, count=50_000 if quick else 1_000_000, seconds=2.0 if quick else 5.0)
    return figures


def machine() -> str:
    """Describe the machine without naming it."""
    versions = f"Python {platform.python_version()}, grpcio {grpc.__version__}, SQLite {sqlite3.sqlite_version}"
    return f"{os.cpu_count()} CPUs ({processor()}), {platform.system()} {platform.release()}, {versions}"


def processor() -> str:
    """Read what the processor calls itself."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    sys.exit(main())
