"""Background tasks that nobody loses: each is kept, named, and its failure stops the process.

A loop that has died behind a live port is worse than a process that has ended, so an exception that a
background task does not handle is fatal (fail-stop).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class Supervisor:
    """Keeps background tasks until they end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed = asyncio.Event()
        self._failure: BaseException | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine in the background."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        self._idle.clear()
        task.add_done_callback(self._ended)
        return task

    def share(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run a coroutine for those who await it, and to its end if they go away; its failure is theirs."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        self._idle.clear()
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()
        if not task.cancelled():
            task.exception()  # Looked at, so that nobody is told that it was not.

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._forget(task)
        if task.cancelled() or task.exception() is None:
            return
        _logger.critical("background task %s failed", task.get_name(), exc_info=task.exception())
        self.fail(task.exception())

    def fail(self, reason: BaseException | None) -> None:
        """Report a failure that the process must not outlive; the first one stays."""
        if not self._failed.is_set():
            self._failure = reason
            self._failed.set()

    async def wait_failed(self) -> BaseException | None:
        """Wait until something has failed, and return what."""
        await self._failed.wait()
        return self._failure

    async def wait_idle(self) -> None:
        """Wait until no background task is left."""
        await self._idle.wait()

    async def close(self) -> None:
        """Cancel what still runs and wait for its end; safe to call twice."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
