"""The workers that belong to a server: child processes, or inside the server's own process."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from perdure.config import InvalidSettings
from perdure.dispatch.embedded import EmbeddedOptions, EmbeddedWorker, EmbeddedWorkerFailed
from perdure.worker.app_path import AppNotFound, load_app
from perdure.worker.local import LocalTransport
from perdure.worker.registry import collect_handlers
from perdure.worker.worker import Worker, WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.config import Settings
    from perdure.dispatch.dispatcher import Dispatcher
    from perdure.dispatch.session import Session
    from perdure.runtime.supervisor import Supervisor

RELEASE_SECONDS: Final = 2.0
"""How long a worker that did not finish in time has to give its tasks back."""

_ALL_PROJECTS: Final = "-"


class WorkerProcesses:
    """A child process for each app.

    Args:
        target: Where they connect, as gRPC writes addresses.
    """

    def __init__(self, settings: Settings, dispatcher: Dispatcher, supervisor: Supervisor, target: str) -> None:
        self._workers = [
            EmbeddedWorker(
                dispatcher,
                supervisor,
                EmbeddedOptions(
                    target=target,
                    app=app,
                    location=settings.location,
                    drain_within=settings.drain_seconds,
                    release_within=RELEASE_SECONDS,
                    # As much is to be heard of them as of the server.
                    log_level=logging.getLogger("perdure").getEffectiveLevel(),
                ),
            )
            for app in settings.apps
        ]

    async def start(self) -> None:
        """Start them all and wait until each has its session.

        Raises:
            InvalidSettings: The app of one of them cannot be used.
        """
        try:
            for worker in self._workers:
                await worker.start()
        except EmbeddedWorkerFailed as error:
            raise InvalidSettings(f"apps: {error}") from error

    async def stop(self, _grace: float) -> None:
        """Let them finish what they have, within the time of the settings."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))


class InProcessWorker:
    """One worker for all apps, whose async handlers run on the server's own loop; for trusted code only."""

    def __init__(self, settings: Settings, supervisor: Supervisor, open_session: Callable[[], Session]) -> None:
        try:
            handlers = collect_handlers([load_app(app) for app in settings.apps])
        except AppNotFound as error:
            raise InvalidSettings(f"apps: {error}") from error
        options = WorkerOptions(project=_ALL_PROJECTS, location=settings.location, shared_loop=True)
        self._worker = Worker(handlers, LocalTransport(open_session), options)
        self._supervisor = supervisor
        self._performing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to work."""
        self._performing = self._supervisor.spawn(self._worker.run(), "in-process worker")
        await self._worker.wait_welcomed()

    async def stop(self, grace: float) -> None:
        """Let it finish what it has, or give it back when the time is over."""
        if self._performing is None:
            return
        self._worker.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await asyncio.shield(self._performing)
        self._worker.stop()
        await self._performing


AttachedWorkers = WorkerProcesses | InProcessWorker
