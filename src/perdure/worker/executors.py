"""Where user code runs: on a loop of its own thread, in threads, or in processes that are spawned.

The thread that speaks to the server runs no user code, so that nothing a handler does keeps leases from
being renewed. The exception is a worker inside the server, whose async handlers are trusted with its loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from perdure.worker.bridge import Bridge
from perdure.worker.handler import Place
from perdure.worker.performing import cancelled, failure, perform, settle
from perdure.worker.processes import ProcessPool
from perdure.worker.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.v1.worker_service_pb2 import TaskResult
    from perdure.worker.run import Run

    Finished = Callable[[Run, TaskResult | None], None]

_logger = logging.getLogger(__name__)


class LoopExecutor:
    """Runs async handlers on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, post: Callable[..., None], finished: Finished) -> None:
        self._loop = loop
        self._post = post
        self._finished = finished

    def start(self, run: Run) -> None:
        """Begin an attempt."""
        self._post(self._begin, run)

    def cancel(self, run: Run) -> None:
        """Cancel the task that performs an attempt."""
        self._post(self._cancel, run)

    def _begin(self, run: Run) -> None:
        _begin_or_fail(self._create, run, self._finished)

    def _create(self, run: Run) -> None:
        work = perform(run.handler, run.assignment, run.context)
        try:
            task = self._loop.create_task(work)
        except BaseException:
            # Only a factory of tasks that user code has set raises here; nobody else will end the coroutine.
            work.close()
            raise
        run.performed_by = task
        task.add_done_callback(lambda done: self._ended(run, done))

    def _ended(self, run: Run, done: asyncio.Task[TaskResult]) -> None:
        # A task that is cancelled before its first step has no result of its own.
        result = cancelled(run.assignment) if done.cancelled() else settle(run.assignment, done.result)
        self._finished(run, result)

    def _cancel(self, run: Run) -> None:
        if run.performed_by is not None:
            run.performed_by.cancel()


class LoopThread:
    """A loop in a thread of its own, for user code."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.bridge = Bridge(self.loop)
        self._closing = False
        # A daemon: user code that never yields must not keep the process from ending.
        self._thread = threading.Thread(target=self._serve, name="perdure-handlers", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            while not self._closing:
                self._run()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()

    def _run(self) -> None:
        """Run the loop until it is stopped, which user code can do, too: other handlers still need it."""
        try:
            self.loop.run_forever()
        except BaseException:
            # asyncio lets SystemExit out of the loop if a task that a handler started raises it.
            _logger.exception("a task of a handler raised what ends a loop; the loop goes on")

    def close(self, seconds: float) -> None:
        """Cancel what still runs and end the thread; a handler that will not yield is left behind."""
        self._closing = True
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(seconds)


class Executors:
    """Runs each attempt where its handler belongs, and hands the results back on the loop that made this.

    Args:
        finished: Called on that loop with what `settle` made of each attempt.
        threads: Most attempts of blocking handlers at a time.
        processes: Most processes; None for one a processor.
        shared_loop: Whether async handlers run on that loop itself, instead of in a thread of their own.
    """

    def __init__(self, finished: Finished, *, threads: int, processes: int | None, shared_loop: bool) -> None:
        self._finished = finished
        self._processes = processes
        self._bridge = Bridge(asyncio.get_running_loop())
        self._loop_thread = None if shared_loop else LoopThread()
        if self._loop_thread is None:
            self._async = LoopExecutor(asyncio.get_running_loop(), _call, finished)
        else:
            self._async = LoopExecutor(self._loop_thread.loop, self._loop_thread.bridge.post, self._hand_back)
        self._threads = ThreadPool(threads, self._hand_back)
        self._pool: ProcessPool | None = None

    def post(self, callback: Callable[..., None], *arguments: object) -> None:
        """Make a call on the loop that made this; from any thread."""
        self._bridge.post(callback, *arguments)

    def start(self, run: Run) -> None:
        """Begin an attempt. One that cannot be begun has failed."""
        match run.handler.place:
            case Place.LOOP:
                self._async.start(run)
            case Place.THREAD:
                _begin_or_fail(self._threads.start, run, self._hand_back)
            case Place.PROCESS:
                _begin_or_fail(self._start_in_process, run, self._hand_back)

    def cancel(self, run: Run) -> None:
        """Make known to an attempt that it is not wanted any more.

        An async handler is cancelled, a blocking one sees it in its context. One that has not begun never will;
        one that runs in a process goes on, since nothing reaches it.
        """
        run.context.cancel()
        match run.handler.place:
            case Place.LOOP:
                self._async.cancel(run)
            case Place.THREAD:
                if self._threads.withdraw(run):
                    self._hand_back(run, cancelled(run.assignment))
            case Place.PROCESS:
                if run.performed_by is not None:
                    run.performed_by.cancel()

    def close(self, seconds: float) -> None:
        """Begin nothing more and end the threads and processes, as far as user code lets them.

        Args:
            seconds: How long to wait for async handlers to be cancelled, and for processes to end.
        """
        if self._loop_thread is not None:
            self._loop_thread.close(seconds)
        self._threads.close()
        if self._pool is not None:
            self._pool.close(seconds)

    def _hand_back(self, run: Run, result: TaskResult | None) -> None:
        self._bridge.post(self._finished, run, result)

    def _start_in_process(self, run: Run) -> None:
        if self._pool is None:
            self._pool = ProcessPool(self._processes, self._hand_back, lambda pool: self.post(self._forget_pool, pool))
        self._pool.start(run)

    def _forget_pool(self, pool: ProcessPool) -> None:
        """Give the next attempt a new pool."""
        pool.close(seconds=0.0)
        if self._pool is pool:
            self._pool = None


def _begin_or_fail(begin: Callable[[Run], None], run: Run, finished: Finished) -> None:
    try:
        begin(run)
    except Exception as error:  # the system may have no thread, process or memory left
        finished(run, failure(run.assignment, error))


def _call(callback: Callable[..., None], *arguments: object) -> None:
    callback(*arguments)
