"""Ends a worker on the signals that end processes."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.worker.worker import Worker


async def run_until_signalled(worker: Worker, *, interrupt: bool = True) -> None:
    """Run a worker. The first signal drains it, the second one stops it.

    Args:
        worker: Not running yet.
        interrupt: Whether SIGINT counts; without, it is ignored, since whoever started the worker hears it too.

    Raises:
        WorkerRefused: The server does not want this worker as it is.
    """
    loop = asyncio.get_running_loop()
    signalled = False

    def on_signal() -> None:
        nonlocal signalled
        if signalled:
            worker.stop()
        else:
            signalled = True
            worker.drain()

    loop.add_signal_handler(signal.SIGTERM, on_signal)
    loop.add_signal_handler(signal.SIGINT, on_signal if interrupt else lambda: None)
    try:
        await worker.run()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)
