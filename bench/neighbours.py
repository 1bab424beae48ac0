"""What watchers that behave badly cost those that do not."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.bad_watchers import COUNTS
from bench.fan_out import EVENTS_A_SECOND, UNLIMITED, Counted, counted_readers, drive
from bench.figures import Figure, Mark
from bench.load import percentiles
from bench.processes import perdure_server, python_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.load import LoadGenerator

HEALTHY_MARK = Mark(2.0)
"""How many times slower the healthy may become."""


def neighbours(directory: Path, load: LoadGenerator, seconds: float) -> Iterator[Figure]:
    """Take the latency of healthy watchers by themselves, then beside slow, stalled, restless and vanished ones."""
    with perdure_server(directory / "neighbours", "in-process", *UNLIMITED) as server:
        quiet = asyncio.run(_p99(server.address, load, seconds))
        with ExitStack() as bad:
            for kind in COUNTS:
                process = bad.enter_context(python_process("-m", "bench.bad_watchers", server.address, kind))
                if kind == "vanished":
                    bad.callback(process.signal, signal.SIGCONT)
                    process.signal(signal.SIGSTOP)
            beside = asyncio.run(_p99(server.address, load, seconds))
    yield Figure("healthy watchers, by themselves: p99", "", quiet, "ms")
    yield Figure("healthy watchers, beside bad ones: p99", "", beside, "ms")
    yield Figure("healthy watchers: the second against the first", "", beside / quiet, "times", mark=HEALTHY_MARK)


async def _p99(address: str, load: LoadGenerator, seconds: float) -> float:
    counted = Counted()
    readers = await counted_readers(address, counted)
    await drive(address, load, counted, seconds, EVENTS_A_SECOND)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    return percentiles(counted.latencies)[1]
