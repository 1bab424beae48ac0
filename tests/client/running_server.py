"""A real server with a worker in this process, and an app for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from perdure import App, Fixed
from perdure.config import Settings
from perdure.runtime.supervisor import Supervisor
from perdure.server import Server
from perdure.worker.local import LocalTransport
from perdure.worker.registry import collect_handlers
from perdure.worker.worker import Worker, WorkerOptions


class Gates:
    """What a handler waits for, so that a test decides when an execution goes on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()


def make_app(gates: Gates) -> App:
    app = App("client-tests")

    @app.task()
    async def add(a: int, b: int) -> int:
        return a + b

    @app.task()
    async def pass_gate(n: int) -> int:
        gates.reached.set()
        await gates.open.wait()
        return n

    @app.task(retry=Fixed(max_retries=1, interval="10ms"))
    async def fail(text: str) -> str:
        raise ValueError(text)

    @app.integration()
    def total(a: int, b: int = 2) -> int:
        return add(a, b)

    @app.integration()
    def gated(n: int) -> int:
        return add(pass_gate(n), 1)

    @app.integration()
    def failing(text: str) -> str:
        return fail(text)

    return app


@asynccontextmanager
async def running(data: Path, app: App, listen: str = "127.0.0.1:0") -> AsyncIterator[Server]:
    """Serves from a directory until the context ends, then drains."""
    server = await Server.start(Settings(data=data, listen=listen, workers="none"))
    options = WorkerOptions(shared_loop=True)
    worker = Worker(collect_handlers([app]), LocalTransport(server.open_session), options)
    supervisor = Supervisor()
    performing = supervisor.spawn(worker.run(), "worker of the test")
    await worker.wait_welcomed()
    try:
        yield server
    finally:
        worker.stop()
        await performing
        await supervisor.close()
        await server.drain(0.0)
