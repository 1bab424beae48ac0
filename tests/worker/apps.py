"""Handlers that the tests of the worker perform."""

import asyncio
import os
import signal
import threading
from dataclasses import dataclass

from perdure.definition.app import App
from perdure.worker.context import TaskContext
from perdure.worker.errors import PermanentError, TaskError

app = App("tests")


class Gate:
    """Something that threads and loops can wait for."""

    def __init__(self):
        self._open = threading.Event()
        self._waiters = []

    def open(self):
        self._open.set()
        for loop, event in self._waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def wait(self, seconds=None):
        return self._open.wait(seconds)

    async def passed(self):
        event = asyncio.Event()
        self._waiters.append((asyncio.get_running_loop(), event))
        if not self._open.is_set():
            await event.wait()


class Gates:
    """Where handlers of one process meet their test. Made anew for each test."""

    def __init__(self):
        self.started = threading.Semaphore(0)
        self.go_on = Gate()
        self.cancelled = threading.Event()
        self.threads = []
        self.calls = 0


gates = Gates()


@dataclass
class Filled:
    a: str = ""
    b: str = ""
    c: str = ""


@dataclass
class Receipt:
    number: int
    text: str


@app.task()
async def add(a: int, b: int = 1) -> int:
    return a + b


@app.task()
def add_in_thread(a: int, b: int) -> int:
    gates.threads.append(threading.current_thread().name)
    return a + b


@app.task(executor="process")
def add_in_process(ctx: TaskContext, a: int, b: int) -> Receipt:
    return Receipt(a + b, f"{ctx.task} in {os.getpid()}")


@app.task(executor="process")
def read_in_process(ctx: TaskContext, path: str) -> str:
    """Says what it does, then waits for what the test writes."""
    ctx.message("reading")
    ctx.progress(50)
    with open(path) as pipe:
        return pipe.read()


@app.task(executor="process")
def die_in_process() -> None:
    os._exit(7)


@app.task()
async def forget(ctx: TaskContext, sku: str, result: int, note: str = "none") -> str:
    """Undoes something that was given a `sku` and perhaps a `note`, and returned a number."""
    assert ctx.rollback is not None
    return f"{sku}/{result}/{note} of {ctx.rollback.inputs} and {ctx.rollback.outputs}, {ctx.rollback.outcome_unknown}"


@app.task(executor="process")
def forget_in_process(ctx: TaskContext, sku: str) -> str:
    return f"{sku} {ctx.development} {ctx.rollback}"


@app.task()
async def receipt(ctx: TaskContext, number: int) -> Receipt:
    ctx.logger.debug("working")
    return Receipt(number, f"{ctx.task}/{ctx.attempt}/{ctx.idempotency_key}")


@app.task()
async def fill(count: int) -> Filled:
    return Filled(*["x" * 800_000] * count)


@app.task()
async def fail_at_length() -> None:
    raise TaskError("OUT_OF_STOCK", "no luck", payload="x" * 5_000_000)


@app.task()
async def fail(code: str) -> None:
    raise TaskError(code, "no luck", payload={"left": 0})


@app.task()
async def fail_for_good() -> None:
    raise PermanentError("never")


@app.task()
def crash() -> None:
    raise KeyError("sku\udc80")


@app.task()
def leave() -> None:
    raise SystemExit(3)


@app.task()
async def report_progress(ctx: TaskContext) -> None:
    for percent in range(101):
        ctx.progress(percent)
    ctx.message("done")


@app.task()
async def wait_for_gate(ctx: TaskContext) -> str:
    """Waits until it may go on, or is cancelled."""
    gates.calls += 1
    gates.started.release()
    try:
        await gates.go_on.passed()
    except asyncio.CancelledError:
        gates.cancelled.set()
        raise
    return ctx.task


@app.task()
def block_until_gate(ctx: TaskContext) -> str:
    """Blocks its thread until it may go on, or sees that it is not wanted."""
    gates.started.release()
    while not gates.go_on.wait(0.005):
        if ctx.cancelled:
            gates.cancelled.set()
            raise PermanentError("gave up")
    return ctx.task


@app.task()
async def hog_the_loop() -> str:
    """Does what no async handler should: blocks the loop that handlers run on."""
    gates.started.release()
    gates.go_on.wait()
    return "done"


@app.task()
async def tell_process() -> int:
    return os.getpid()


@app.task()
async def kill_the_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@app.task()
def take_a_moment(ctx: TaskContext) -> None:
    """Says that it has begun, and ends a little later."""
    ctx.progress(1)
    threading.Event().wait(0.3)


@app.task()
def hold_the_interpreter(ctx: TaskContext) -> None:
    """Never ends, whatever anybody asks."""
    ctx.progress(1)
    threading.Event().wait()
