"""Handlers that run in processes: the pool of them in the worker, and what happens in each."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial, reduce
from itertools import count
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Final

from perdure.v1.worker_service_pb2 import Assignment, TaskResult
from perdure.worker.context import TaskContext, facts_of
from perdure.worker.performing import cancelled, failure, perform_blocking, process_died, settle
from perdure.worker.registry import handler_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Lock

    from perdure.worker.handler import Handler
    from perdure.worker.run import Run

    Finished = Callable[[Run, TaskResult | None], None]


class ProcessPool:
    """Performs attempts in processes, until one of them dies under its attempt; then the pool is of no use.

    Processes are spawned, since a fork of a process with gRPC in it does not work.

    Args:
        processes: Most processes; None for one a processor.
        finished: Called with what `settle` made of each attempt, from a thread of the pool.
        broken: Called once when the pool is of no use any more, from a thread of the pool.
    """

    def __init__(self, processes: int | None, finished: Finished, broken: Callable[[ProcessPool], None]) -> None:
        self._finished = finished
        self._broken = broken
        context = multiprocessing.get_context("spawn")
        self._told, self._telling = context.Pipe(duplex=False)
        # Nothing is ever sent here: it ends with this process, or when the pool is closed, and so do the others.
        self._lifeline_end, self._lifeline = context.Pipe(duplex=False)
        self._pool: ProcessPoolExecutor | None = ProcessPoolExecutor(
            processes,
            mp_context=context,
            initializer=_begin_process,
            initargs=(self._telling, context.Lock(), self._lifeline_end),
        )
        self._runs: dict[int, Run] = {}
        self._numbers = count(1)
        threading.Thread(target=self._listen, name="perdure-progress", daemon=True).start()

    def start(self, run: Run) -> None:
        """Begin an attempt."""
        assert self._pool is not None, "nothing is begun in a pool that is closed"
        number = next(self._numbers)
        self._runs[number] = run
        function = run.handler.function
        try:
            future = self._pool.submit(
                _perform, number, function.__module__, function.__qualname__, run.assignment.SerializeToString()
            )
        except Exception as error:  # broken, or the system has no process left
            died = isinstance(error, BrokenProcessPool)
            self._broken(self)
            self._end(number, process_died(run.assignment) if died else failure(run.assignment, error))
            return
        run.performed_by = future
        future.add_done_callback(partial(self._ended, number))

    def close(self, seconds: float) -> None:
        """End the processes, whatever they do, and the listener with them. Safe to call twice.

        Args:
            seconds: How long to wait for their end. What they share with this process is given back to the
                system after it, and only if this process still lives then.
        """
        pool, self._pool = self._pool, None
        if pool is None:
            return
        for connection in (self._lifeline, self._lifeline_end, self._telling):
            connection.close()
        # A process that is still importing user code does not know yet that it should end.
        ending = threading.Thread(target=pool.shutdown, kwargs={"cancel_futures": True}, daemon=True)
        ending.start()
        ending.join(seconds)

    def _ended(self, number: int, done: Future[bytes]) -> None:
        assignment = self._runs[number].assignment
        if done.cancelled():
            self._end(number, cancelled(assignment))
        elif isinstance(done.exception(), BrokenProcessPool):
            # First, so that no attempt after the answer meets this pool.
            self._broken(self)
            self._end(number, process_died(assignment))
        else:
            self._end(number, settle(assignment, lambda: TaskResult.FromString(done.result())))

    def _end(self, number: int, result: TaskResult | None) -> None:
        self._finished(self._runs.pop(number), result)

    def _listen(self) -> None:
        """Pass on what handlers say of themselves."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                number, percent, message = self._told.recv()
                run = self._runs.get(number)
                if run is not None:
                    run.context.report(percent, message)


_process: Final[list[tuple[Connection, Lock]]] = []
"""In a process of the pool: where progress goes."""


def _begin_process(telling: Connection, lock: Lock, lifeline: Connection) -> None:
    """Prepare a process of the pool; a worker that is killed would leave it behind otherwise."""
    _process.append((telling, lock))
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    wait([lifeline])
    os._exit(0)


def _perform(number: int, module: str, qualified_name: str, assignment: bytes) -> bytes:
    """Perform an attempt with the handler of that name; returns the serialised result."""
    message = Assignment.FromString(assignment)
    context = TaskContext(facts_of(message), partial(_tell, number))
    try:
        handler = _find(module, qualified_name)
    except BaseException as error:  # user code is imported, and what it raises may not survive the way back
        return failure(message, error).SerializeToString()
    return perform_blocking(handler, message, context).SerializeToString()


def _tell(number: int, percent: int | None, message: str | None) -> None:
    telling, lock = _process[0]
    with lock:
        telling.send((number, percent, message))


@cache
def _find(module: str, qualified_name: str) -> Handler:
    """Import the module and look the task up in it: the name of a decorated function is that of its task."""
    return handler_of(reduce(getattr, qualified_name.split("."), importlib.import_module(module)))
