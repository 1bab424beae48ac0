"""A loop in a thread of its own, on which the asynchronous client works for callers that block."""

from __future__ import annotations

import asyncio
import threading
import weakref
from concurrent import futures
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, TypeVarTuple

from perdure.client.errors import ClientClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from perdure.client.client import Client

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

JOIN_SECONDS: Final = 5.0
"""How long closing waits for the thread at most, so that no program hangs at its end."""


class LoopThread:
    """Runs coroutines for other threads, from its making until it is closed, forgotten, or the interpreter ends.

    Args:
        client: Opened on the loop and closed with it.

    Raises:
        RuntimeError: This thread runs a loop, which would stand still.
    """

    def __init__(self, client: Client) -> None:
        _refuse_running_loop()
        started: futures.Future[asyncio.AbstractEventLoop] = futures.Future()
        stop = asyncio.Event()
        # A daemon, because the interpreter would wait for any other thread before it runs the finalizer.
        thread = threading.Thread(target=_serve, args=(client, stop, started), name="perdure-client", daemon=True)
        thread.start()
        # Finalizers may run in the middle of anything, also while this thread has the lock.
        self._lock = threading.RLock()
        self._is_closed = False
        self._loop = started.result()
        self._end = weakref.finalize(self, _end, self._loop, stop, thread)
        self.run(client.__aenter__())

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, and return or raise what it does.

        An exception that a signal raises meanwhile, such as `KeyboardInterrupt`, is raised at once; the coroutine is
        cancelled then.

        Raises:
            ClientClosed: The thread is closed, or was closed during the call.
            RuntimeError: The calling thread runs a loop.
        """
        # Made before anything begins, because a signal can come as soon as it has.
        outcome: futures.Future[_T] = futures.Future()
        try:
            self._begin(work, outcome)
            return outcome.result()
        except futures.CancelledError:
            raise ClientClosed from None
        except BaseException:
            outcome.cancel()
            raise

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Have a function called on the loop, and do not wait for it; nothing happens if that has ended."""
        self._loop.call_soon_threadsafe(callback)

    def close(self) -> None:
        """End all work and the thread; safe to call twice and from any thread."""
        with self._lock:
            self._is_closed = True
        self._end()

    def _begin(self, work: Coroutine[Any, Any, _T], outcome: futures.Future[_T]) -> None:
        # Under the lock, so that whatever is begun is there for the end of the loop to cancel.
        with self._lock:
            if not self._is_closed and not _runs_loop():
                self._loop.call_soon_threadsafe(_carry_out, self._loop, work, outcome)
                return
        work.close()
        _refuse_running_loop()
        raise ClientClosed


class Handover(Generic[_T]):
    """Takes one item after the other from a coroutine function; a take that is interrupted loses none.

    Args:
        loop: Runs the coroutines.
        take_next: Gets the next item; None at the end.
    """

    def __init__(self, loop: LoopThread, take_next: Callable[[], Coroutine[Any, Any, _T | None]]) -> None:
        self._loop = loop
        self._take_next = take_next
        self._taking = asyncio.Lock()
        self._taken: list[_T] = []

    def take(self) -> _T | None:
        """Wait for the next item; None at the end. Only one thread at a time may take."""
        self._loop.run(self._fill())
        return self._taken.pop() if self._taken else None

    async def _fill(self) -> None:
        # An interrupted call may still be at it; what it gets is the next item.
        async with self._taking:
            if not self._taken:
                item = await self._take_next()
                if item is not None:
                    self._taken.append(item)


def _runs_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _refuse_running_loop() -> None:
    if _runs_loop():
        raise RuntimeError("SyncClient would block the event loop that runs in this thread: use Client, with `await`")


class _Loop(asyncio.SelectorEventLoop):
    """A loop that lets go by what comes after it was closed.

    gRPC tells all loops of the process of the ends of calls through whichever is awake. For a call that was cancelled
    just before its loop was closed that would raise in the midst of somebody else's loop.
    """

    def call_soon_threadsafe(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Have a function called soon by the thread of the loop, if that has not ended."""
        try:
            return super().call_soon_threadsafe(callback, *args, context=context)
        except RuntimeError:
            return asyncio.Handle(callback, args, self, context)


def _carry_out(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _T], outcome: futures.Future[_T]) -> None:
    """Run a coroutine for another thread; cancelling the outcome cancels it."""
    task = loop.create_task(work)

    def hand_over(_: asyncio.Task[_T]) -> None:
        if task.cancelled():
            outcome.cancel()
        elif outcome.set_running_or_notify_cancel():
            error = task.exception()
            outcome.set_exception(error) if error else outcome.set_result(task.result())

    task.add_done_callback(hand_over)
    outcome.add_done_callback(lambda _: loop.call_soon_threadsafe(task.cancel))


def _serve(client: Client, stop: asyncio.Event, started: futures.Future[asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(_hold(client, stop, started))


async def _hold(client: Client, stop: asyncio.Event, started: futures.Future[asyncio.AbstractEventLoop]) -> None:
    started.set_result(asyncio.get_running_loop())
    await stop.wait()
    await client.close()


def _end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(stop.set)
    # What is not referenced any more can be finalized in the thread itself.
    if thread is not threading.current_thread():
        thread.join(JOIN_SECONDS)
