"""The composition root: puts a server together, starts it, and ends it in order."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import signal
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self

import grpc

from perdure.codec.tokens import TokenCodec
from perdure.config import InvalidSettings, failpoint_environment
from perdure.dispatch.dispatcher import Dispatcher
from perdure.dispatch.private_socket import PrivateSocket
from perdure.dispatch.settings import DispatchSettings
from perdure.engine.engine import Engine
from perdure.engine.environment import Environment
from perdure.engine.retention import Retention
from perdure.expression.cel import CelEvaluator
from perdure.runtime.chance import SystemChance
from perdure.runtime.clock import SystemClock
from perdure.runtime.failpoints import arm_from_environment
from perdure.runtime.supervisor import Supervisor
from perdure.service.admission import Admission
from perdure.service.edge import Edge
from perdure.service.options import CHANNEL_OPTIONS
from perdure.store.errors import StoreError
from perdure.store.sqlite.store import SqliteStore
from perdure.watch.hub import WatchHub

if TYPE_CHECKING:
    from perdure.attached_workers import AttachedWorkers
    from perdure.config import Settings
    from perdure.dispatch.session import Session

_logger = logging.getLogger(__name__)

EXIT_STOPPED: Final = 0
EXIT_FAILED: Final = 70
"""Exit code of a server that must not go on (EX_SOFTWARE): its store or one of its loops has failed."""


class CannotListen(RuntimeError):
    """The address cannot be bound."""


class Server:
    """A server on one data directory. Made by `start`, ended by `drain`.

    Attributes:
        address: Where callers connect, `HOST:PORT`.
        engine: Interprets the integrations.
        retention: Deletes executions that have ended when their time has come.
        failure: Why the server must not go on; None as long as it may.
        socket: Where the server's own worker processes connect; None if there are none.
    """

    def __init__(self, settings: Settings, engine: Engine, dispatcher: Dispatcher, hub: WatchHub, edge: Edge) -> None:
        self.address = ""
        self.failure: BaseException | None = None
        self.engine = engine
        self.retention = Retention(engine.environment, engine.delete, _microseconds(settings.retention))
        self._settings = settings
        self._dispatcher = dispatcher
        self._hub = hub
        self._edge = edge
        self._grpc = grpc.aio.server(handlers=(edge.pipeline,), options=CHANNEL_OPTIONS)
        self._stop = asyncio.Event()
        self._closed = False
        self.socket: PrivateSocket | None = None
        self._workers: AttachedWorkers | None = None

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Open the store, take up what a former server left, and listen.

        Raises:
            InvalidSettings: A setting cannot be used.
            CannotListen: The address is taken.
            StoreError: The store cannot be opened: it is in use, too new, damaged, or no store.
        """
        host, port = read_listen(settings.listen)
        arm_from_environment(failpoint_environment())
        async with AsyncExitStack() as undo:
            store = await SqliteStore.open(settings.data)
            undo.push_async_callback(store.close)
            environment = Environment(
                store=store,
                clock=SystemClock(),
                chance=SystemChance(),
                evaluator=CelEvaluator(),
                supervisor=Supervisor(),
                location=settings.location,
            )
            undo.push_async_callback(environment.supervisor.close)
            server = cls._compose(settings, environment)
            undo.pop_all()
        try:
            await server.serve(host, port)
        except BaseException:
            await server.drain(0.0)
            raise
        return server

    @classmethod
    def _compose(cls, settings: Settings, environment: Environment) -> Self:
        store = environment.store
        tokens = TokenCodec(store.identity.token_keys)
        dispatch = DispatchSettings(location=settings.location)
        admission = Admission(settings.max_watchers, settings.max_watchers_per_principal)
        hub = WatchHub(store.committed_revision(), settings.location)
        engine = Engine(environment, hub)
        dispatcher = Dispatcher(
            tokens,
            engine.reports,
            environment.supervisor,
            clock=environment.clock,
            chance=environment.chance,
            settings=dispatch,
        )
        return cls(settings, engine, dispatcher, hub, Edge(engine, dispatcher, hub, tokens, dispatch, admission))

    async def serve(self, host: str, port: int) -> None:
        """Take up what a former server left, let callers in, and start the workers that belong to the server.

        Raises:
            InvalidSettings: An app cannot be used.
            CannotListen: The address is taken.
        """
        self.engine.environment.supervisor.spawn(self._stop_on_failure(), "stop on failure")
        await self.engine.start(self._dispatcher, self._edge.dispatch.lease_ttl)
        self.retention.start()
        self.address = self._bind(host, port)
        self._workers = self._make_workers()
        await self._grpc.start()
        if self._workers is not None:
            await self._workers.start()
        self._edge.health.set_serving(self._edge.services, serving=True)

    def _bind(self, host: str, port: int) -> str:
        shown = f"[{host}]" if ":" in host else host
        try:
            return f"{shown}:{self._grpc.add_insecure_port(f'{shown}:{port}')}"
        except RuntimeError as error:
            raise CannotListen(f"cannot listen on {shown}:{port}; another program may be listening there") from error

    def _make_workers(self) -> AttachedWorkers | None:
        settings, supervisor = self._settings, self.engine.environment.supervisor
        if not settings.apps or settings.workers == "none":
            return None
        # Loaded only where there are handlers to perform: it is a third of the time to start.
        from perdure.attached_workers import InProcessWorker, WorkerProcesses  # noqa: PLC0415

        if settings.workers == "in-process":
            return InProcessWorker(settings, supervisor, self.open_session)
        self.socket = PrivateSocket()
        self._grpc.add_insecure_port(self.socket.target)
        # The directory keeps others out already; the socket must not depend on that alone.
        self.socket.path.chmod(0o600)
        return WorkerProcesses(settings, self._dispatcher, supervisor, self.socket.target)

    def open_session(self) -> Session:
        """Begin a session with a worker that runs in this process."""
        return self._dispatcher.open_session(embedded=True)

    def handle_signals(self) -> None:
        """Let SIGTERM and SIGINT stop the server; the second one ends the process on the spot."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: int) -> None:
        if self._stop.is_set():
            # What is acknowledged is durable; everything else comes again.
            os._exit(128 + number)
        self.stop()

    def stop(self) -> None:
        """Ask the server to end."""
        self._stop.set()

    async def wait(self) -> int:
        """Wait until the server has been asked to end, or must; end it, and return the exit code."""
        await self._stop.wait()
        if self.failure is None:
            await self.drain(self._settings.drain_seconds)
            return EXIT_STOPPED
        try:
            await self._end(0.0)
        except StoreError:
            _logger.exception("the store could not be closed")
        return EXIT_FAILED

    async def _stop_on_failure(self) -> None:
        """Have the server end as soon as its store or one of its loops has failed (F15, P21)."""
        environment = self.engine.environment
        loop = environment.supervisor.share(environment.supervisor.wait_failed(), "wait for a loop to fail")
        store = environment.supervisor.share(environment.store.wait_broken(), "wait for the store to break")
        done, _ = await asyncio.wait({loop, store}, return_when=asyncio.FIRST_COMPLETED)
        self.failure = done.pop().result()
        _logger.critical("the server must not go on: %s", self.failure)
        self._stop.set()

    async def drain(self, grace: float) -> None:
        """End in order: nothing acknowledged is lost, and every stream ends with where to go on.

        Args:
            grace: How long calls under way may take, in seconds.
        """
        if self._closed:
            return
        end = asyncio.get_running_loop().time() + grace
        self._edge.drain()
        self._hub.drain()
        # The server's own workers come to their end first: their results still count.
        if self._workers is not None:
            await self._workers.stop(grace)
        self._dispatcher.drain()
        await self._end(max(end - asyncio.get_running_loop().time(), 0.0))

    async def _end(self, grace: float) -> None:
        if self._closed:
            return
        self._closed = True
        self.retention.close()
        await self._grpc.stop(grace)
        self.engine.close()
        await self.engine.environment.supervisor.close()
        await self.engine.environment.store.close()
        if self.socket is not None:
            self.socket.close()


def _microseconds(length: timedelta | None) -> int | None:
    return None if length is None else length // timedelta(microseconds=1)


def read_listen(listen: str) -> tuple[str, int]:
    """Take `HOST:PORT` apart; only loopback is allowed before callers can be told apart.

    Raises:
        InvalidSettings: It is malformed, or would let other machines in.
    """
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise InvalidSettings(f"listen: {listen!r} is not of the form HOST:PORT")
    if not _is_loopback(host):
        raise InvalidSettings(
            f"listen: {host} is reachable from other machines, and there is no authentication yet; use 127.0.0.1"
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
