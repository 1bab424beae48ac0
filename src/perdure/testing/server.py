"""A whole server in the process of a test."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.client import Client
from perdure.config import Settings
from perdure.runtime.supervisor import Supervisor
from perdure.server import Server
from perdure.worker.local import LocalTransport
from perdure.worker.registry import collect_handlers
from perdure.worker.worker import Worker, WorkerOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.definition import App


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that serves.

    Attributes:
        address: Where it listens, `HOST:PORT`; stubs of any kind may connect.
        client: A client that is connected to it.
        server: The server itself.
    """

    address: str
    client: Client
    server: Server


@asynccontextmanager
async def local_server(*apps: App, data: Path | None = None) -> AsyncIterator[LocalServer]:
    """Serve apps on a free port of loopback, with their integrations deployed and their handlers at work.

    The handlers run in this process, async ones on the running loop. At the end they are cancelled and the server is
    ended; executions that are still alive stay so in the data directory.

    Args:
        apps: What to deploy and to perform; without handlers no task is performed.
        data: The data directory; by default a new one that is removed afterwards.
    """
    async with AsyncExitStack() as stack:
        directory = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perdure-")))
        server = await Server.start(Settings(data=directory, listen="127.0.0.1:0", workers="none"))
        stack.push_async_callback(server.drain, 0.0)
        await stack.enter_async_context(_worker(server, apps))
        client = await stack.enter_async_context(Client(server.address))
        for app in apps:
            for integration in app.integrations.values():
                await client.deploy(integration)
        yield LocalServer(server.address, client, server)


@asynccontextmanager
async def _worker(server: Server, apps: tuple[App, ...]) -> AsyncIterator[None]:
    handlers = collect_handlers(apps)
    if not handlers:
        yield
        return
    worker = Worker(handlers, LocalTransport(server.open_session), WorkerOptions(shared_loop=True))
    supervisor = Supervisor()
    work = supervisor.spawn(worker.run(), "perform handlers")
    welcome = supervisor.spawn(worker.wait_welcomed(), "be welcomed")
    try:
        # A worker that is refused ends instead, and its error is the one to see.
        await asyncio.wait({work, welcome}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            yield
    finally:
        worker.stop()
        welcome.cancel()
        await work
