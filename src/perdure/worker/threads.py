"""Threads for blocking handlers. They are daemons: a handler that never ends must not keep its process alive."""

from __future__ import annotations

import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from perdure.worker.performing import perform_blocking, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.v1.worker_service_pb2 import TaskResult
    from perdure.worker.run import Run


class ThreadPool:
    """Performs attempts in threads, which are started as they are needed and then kept.

    Args:
        most: Most threads; further attempts wait.
        finished: Called with what `settle` made of each attempt, from the thread that performed it.
    """

    def __init__(self, most: int, finished: Callable[[Run, TaskResult | None], None]) -> None:
        self._most = most
        self._finished = finished
        self._queue: SimpleQueue[Run | None] = SimpleQueue()
        # Whoever takes an attempt out of here decides about it: a thread that begins it, or a cancel.
        self._waiting: dict[Run, bool] = {}
        self._idle = threading.Semaphore(0)
        self._threads = 0

    def start(self, run: Run) -> None:
        """Begin an attempt, as soon as a thread is free. Called from one thread only.

        Raises:
            RuntimeError: The system has no thread left; the attempt has not begun.
        """
        if not self._idle.acquire(blocking=False) and self._threads < self._most:
            threading.Thread(target=self._serve, name=f"perdure-task-{self._threads + 1}", daemon=True).start()
            self._threads += 1
        self._waiting[run] = True
        self._queue.put(run)

    def withdraw(self, run: Run) -> bool:
        """Take back an attempt that has not begun; returns whether it had not."""
        return self._waiting.pop(run, False)

    def close(self) -> None:
        """Begin nothing more; threads end when they are done with what they have."""
        self._waiting.clear()
        for _ in range(self._threads):
            self._queue.put(None)

    def _serve(self) -> None:
        while (run := self._queue.get()) is not None:
            if self._waiting.pop(run, False):
                perform = partial(perform_blocking, run.handler, run.assignment, run.context)
                self._finished(run, settle(run.assignment, perform))
            self._idle.release()
