"""A worker: keeps a session with a server as long as it lives, and performs what it is given."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.runtime.chance import SystemChance
from perdure.runtime.supervisor import Supervisor
from perdure.worker.errors import StreamBroken, WorkerRefused
from perdure.worker.executors import Executors
from perdure.worker.session import Identity, WorkerSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.worker.handler import Handler
    from perdure.worker.transport import Stream, Transport

_logger = logging.getLogger(__name__)

FIRST_BACKOFF: Final = 0.05
LONGEST_BACKOFF: Final = 5.0
"""Bounds of the wait before connecting again, in seconds; the wait is drawn between half of it and all of it."""

FAREWELL_SECONDS: Final = 2.0
"""How long the server has to end a connection on which the worker says no more."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works.

    Attributes:
        project: Whose tasks it performs; `-` for those of all projects.
        worker_id: Stays the same over reconnects; made up if empty.
        concurrency: Most attempts of one handler at a time.
        handler_concurrency: The same for single handlers, by name.
        total: Most attempts at a time; shared out evenly, so that no handler starves another.
        threads: Most attempts of blocking handlers at a time.
        processes: Most processes for handlers that run in one; None for one a processor.
        shared_loop: Whether async handlers run on the worker's own loop. For a worker inside the server only.
    """

    project: str = "default"
    location: str = "local"
    worker_id: str = ""
    concurrency: int = 16
    handler_concurrency: Mapping[str, int] | None = None
    total: int = 512
    threads: int = 32
    processes: int | None = None
    shared_loop: bool = False


class Worker:
    """Performs tasks with the handlers that it is given. Made and run inside a running loop.

    Args:
        handlers: By name, see `perdure.worker.registry.collect_handlers`.
        transport: The way to the server; closed with the worker.
    """

    def __init__(
        self, handlers: Mapping[str, Handler], transport: Transport, options: WorkerOptions | None = None
    ) -> None:
        chosen = options or WorkerOptions()
        self.worker_id = chosen.worker_id or f"worker-{secrets.token_hex(6)}"
        self._transport = transport
        self._chance = SystemChance()
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        self._draining = False
        identity = Identity(
            parent=f"projects/{chosen.project}/locations/{chosen.location}",
            worker_id=self.worker_id,
            incarnation=secrets.token_hex(8),
        )
        self._session = WorkerSession(
            identity, handlers, _shares(handlers, chosen), self._news.set, asyncio.get_running_loop().call_later
        )
        self._executors = Executors(
            self._session.finished,
            threads=chosen.threads,
            processes=chosen.processes,
            shared_loop=chosen.shared_loop,
        )
        self._session.executing = self._executors
        self._supervisor = Supervisor()
        self._was_welcomed = False
        # Set once the worker was let in, or will never be.
        self._settled = asyncio.Event()

    async def run(self) -> None:
        """Work until `drain` or `stop` has come to its end. Broken connections are made again, for ever.

        Raises:
            WorkerRefused: The server does not want this worker as it is.
        """
        backoff = FIRST_BACKOFF
        try:
            while not self._over.is_set():
                welcomed = await self._converse()
                backoff = FIRST_BACKOFF if welcomed else min(backoff * 2, LONGEST_BACKOFF)
                if self._draining and self._session.idle:
                    return
                wanted = self._session.reconnect_after
                await self._pause(backoff * (1 + self._chance.jitter()) / 2 if wanted is None else wanted)
        finally:
            self._settled.set()
            self._session.release_all()
            self._executors.close(seconds=1.0)
            await self._supervisor.close()
            await self._transport.close()

    def drain(self) -> None:
        """Take no more tasks, finish those that there are, see their results acknowledged; then `run` returns."""
        self._draining = True
        if self._session.idle and not self._session.welcomed:
            # There is nothing to say to a server, so none is waited for.
            self._over.set()
        self._session.drain()

    def stop(self) -> None:
        """Cancel what is being performed and give it back; then `run` returns."""
        self._session.release_all()
        self.drain()
        self._over.set()

    async def wait_welcomed(self) -> None:
        """Wait until the server has let the worker in for the first time.

        Raises:
            WorkerRefused: It did not, or `run` has ended before it could.
        """
        await self._settled.wait()
        if not self._was_welcomed:
            raise WorkerRefused("the worker has ended without ever being let in")

    async def _converse(self) -> bool:
        """Have one connection, from hello to its end; returns whether the server let the worker in.

        An error that no connection explains is raised: the worker ends rather than lives on half dead.
        """
        stream = self._transport.open()
        writer: asyncio.Task[None] | None = None
        try:
            await stream.send(self._session.hello())
            writer = self._supervisor.spawn(self._speak(stream), "speak to the server")
            async for response in stream.responses():
                self._session.receive(response)
                if self._session.welcomed and not self._was_welcomed:
                    self._was_welcomed = True
                    self._settled.set()
        except StreamBroken as error:
            _logger.info("the connection to the server broke: %s", error)
        finally:
            if writer is not None:
                writer.cancel()
            await stream.close()
            welcomed = self._session.disconnected()
        if writer is not None and writer.done():
            writer.result()
        return welcomed

    async def _speak(self, stream: Stream) -> None:
        """Say what there is to say, whenever there is something. How the connection ended, the reader learns."""
        try:
            while self._news.is_set() or not self._finished:
                await self._news.wait()
                self._news.clear()
                for request in self._session.take():
                    await stream.send(request)
        except (StreamBroken, WorkerRefused) as error:
            _logger.debug("cannot speak to the server: %s", error)
        except Exception:
            # A worker that hears and does not speak would be of no use, and nobody would know.
            await stream.close()
            raise
        await stream.finish()
        await asyncio.sleep(FAREWELL_SECONDS)
        await stream.close()

    @property
    def _finished(self) -> bool:
        return self._over.is_set() or (self._draining and self._session.idle)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return


def _shares(handlers: Mapping[str, Handler], options: WorkerOptions) -> dict[str, int]:
    """Tell how many attempts of each handler may run at a time."""
    own = options.handler_concurrency or {}
    share = max(1, options.total // max(1, len(handlers)))
    return {name: min(own.get(name, options.concurrency), share) for name in handlers}
