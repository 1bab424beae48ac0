"""The embedded worker: a child process beside the server, kept alive by it and ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.worker.embedded import EXIT_UNUSABLE, EmbeddedConfig

if TYPE_CHECKING:
    from perdure.dispatch.dispatcher import Dispatcher
    from perdure.runtime.supervisor import Supervisor

_logger = logging.getLogger(__name__)

FIRST_BACKOFF: Final = 0.1
LONGEST_BACKOFF: Final = 10.0
"""Bounds of the wait before a worker that died is started again, in seconds; doubled each time it dies early."""

_STDERR: Final = 2


class EmbeddedWorkerFailed(Exception):
    """The embedded worker ended before it was ever of use."""


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """What the embedded worker is and how long it may take; times in seconds.

    Attributes:
        target: Where the server listens for it, as gRPC writes addresses.
        app: `MODULE:NAME`.
        drain_within: How long its tasks may take to end when the server is stopped.
        release_within: How long it may take after that to give back those that did not.
        log_level: From which level of `logging` up Perdure itself is heard.
    """

    target: str
    app: str
    project: str = "-"
    location: str = "local"
    concurrency: int = 16
    drain_within: float = 10.0
    release_within: float = 2.0
    log_level: int = logging.INFO


class EmbeddedWorker:
    """Starts the worker's process and starts it again when it dies."""

    def __init__(self, dispatcher: Dispatcher, supervisor: Supervisor, options: EmbeddedOptions) -> None:
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._options = options
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline: int | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._worker_id = ""

    @property
    def pid(self) -> int | None:
        """Process id of the worker; None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process and wait until it has a session; from then on it is kept.

        Raises:
            EmbeddedWorkerFailed: It ended before that; its own messages are on stderr.
        """
        connected = await self._spawn()
        process = self._process
        assert process is not None
        ended = self._supervisor.spawn(process.wait(), "embedded worker ends")
        arrived = self._supervisor.spawn(connected.wait(), "embedded worker connects")
        try:
            await asyncio.wait({ended, arrived}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrived.cancel()
            if not connected.is_set():
                # Closing the pipe ends a process that has not ended by itself.
                self._gone()
        if not connected.is_set():
            raise EmbeddedWorkerFailed(
                f"the embedded worker for {self._options.app} ended at once, with exit code {process.returncode}"
            )
        self._keeper = self._supervisor.spawn(self._keep(), "embedded worker")

    async def stop(self) -> None:
        """End the process: let its tasks end, then have them given back, then kill it. Safe to call twice."""
        self._stopping.set()
        process = self._process
        if process is not None and self._keeper is not None:
            for seconds in (self._options.drain_within, self._options.release_within):
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                if await self._ended_within(seconds):
                    break
            else:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if self._keeper is not None:
            await self._keeper

    async def _keep(self) -> None:
        """Wait for the process to end, and start it again unless that was wanted."""
        backoff = FIRST_BACKOFF
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            if self._process is not None:
                code = await self._process.wait()
                self._gone()
                if self._stopping.is_set():
                    return
                hint = "; a restart will hardly help" if code == EXIT_UNUSABLE else ""
                _logger.warning("the embedded worker ended with exit code %s%s", code, hint)
            backoff = FIRST_BACKOFF if loop.time() - began > LONGEST_BACKOFF else min(backoff * 2, LONGEST_BACKOFF)
            if await self._stopped_within(backoff):
                return
            try:
                await self._spawn()
            except OSError:
                _logger.exception("the embedded worker cannot be started now; trying again")
            if self._stopping.is_set() and self._process is not None:
                # Whoever stops looked while there was none.
                self._process.kill()

    async def _spawn(self) -> asyncio.Event:
        """Start a process; returns what is set once it has a session."""
        self._worker_id = f"embedded-{secrets.token_hex(6)}"
        options = self._options
        config = EmbeddedConfig(
            target=options.target,
            app=options.app,
            project=options.project,
            location=options.location,
            worker_id=self._worker_id,
            concurrency=options.concurrency,
            log_level=options.log_level,
        )
        connected = self._dispatcher.expect_embedded(options.project, self._worker_id)
        reading, self._lifeline = os.pipe()
        # A pipe holds this without a reader.
        os.write(self._lifeline, config.to_line())
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "perdure.worker.embedded",
                str(reading),
                stdin=asyncio.subprocess.DEVNULL,
                # Standard output is the server's own, and its first line means something.
                stdout=_STDERR,
                pass_fds=(reading,),
            )
        except OSError:
            self._gone()
            raise
        finally:
            os.close(reading)
        return connected

    def _gone(self) -> None:
        """Clean up after a process that has ended, and have its tasks performed by another."""
        self._process = None
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        self._dispatcher.worker_died(self._options.project, self._worker_id)

    async def _ended_within(self, seconds: float) -> bool:
        assert self._keeper is not None
        await asyncio.wait({self._keeper}, timeout=seconds)
        return self._keeper.done()

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True
