"""The app that the crash tests serve: one integration for each way in which executions go on.

Every run of a handler is recorded in the ledger, outside the service. The inputs `tag` make executions of one
integration different from each other.
"""

import asyncio
import contextlib
import functools
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from perdure import App, Fixed, Restart, TaskContext, for_each, parallel, timer
from perdure.testing.logs import RunBegan, RunEnded
from perdure.testing.recorder import Recorder

LEDGER_VARIABLE = "CRASH_TESTS_LEDGER"
"""Names the file of the ledger."""

app = App("crash-tests")


class NotYet(Exception):
    """What a handler raises that is to be tried again."""


@functools.cache
def ledger() -> Recorder:
    return Recorder(Path(os.environ[LEDGER_VARIABLE]))


@contextlib.contextmanager
def recorded(ctx: TaskContext, handler: str) -> Iterator[None]:
    """Writes down that a handler began, and how it ended."""
    run = uuid.uuid4().hex
    ledger().write(
        RunBegan(
            run=run,
            key=ctx.idempotency_key,
            execution=ctx.execution,
            task=ctx.task,
            execution_attempt=ctx.execution_attempt,
            attempt=ctx.attempt,
            handler=handler,
            at=time.monotonic_ns(),
        )
    )
    succeeded = False
    try:
        yield
        succeeded = True
    finally:
        ledger().write(RunEnded(run, time.monotonic_ns(), succeeded))


@app.task()
async def step(ctx: TaskContext, number: int) -> int:
    with recorded(ctx, "step"):
        return number + 1


@app.task()
def blocking_step(ctx: TaskContext, number: int) -> int:
    with recorded(ctx, "blocking_step"):
        return number + 1


@app.task()
async def total(ctx: TaskContext, one: int, two: int, three: int) -> int:
    with recorded(ctx, "total"):
        return one + two + three


@app.task(retry=Fixed(max_retries=5, interval="20ms"))
async def patient(ctx: TaskContext, number: int) -> int:
    """Fails twice."""
    with recorded(ctx, "patient"):
        ctx.message(f"attempt {ctx.attempt}")
        if ctx.attempt < 3:
            raise NotYet
        return number + 1


@app.task(retry=Restart(max_retries=3, interval="20ms"))
async def starting_over(ctx: TaskContext, number: int) -> int:
    """Fails in the first execution attempt."""
    with recorded(ctx, "starting_over"):
        if ctx.execution_attempt == 1:
            raise NotYet
        return number + 1


@app.task()
async def hold(ctx: TaskContext, number: int) -> int:
    """Goes on until it is stopped."""
    with recorded(ctx, "hold"):
        await asyncio.Event().wait()
        return number


@app.task()
def wait_at_gate(ctx: TaskContext, gate: str, number: int) -> int:
    """Goes on when somebody has opened the gate, a named pipe, and closed it again."""
    with recorded(ctx, "wait_at_gate"):
        Path(gate).read_bytes()
        return number + 1


@app.integration()
def one_task(tag: str, number: int) -> int:
    return step(number)


@app.integration()
def chain(tag: str, number: int) -> int:
    for _ in range(10):
        number = step(number)
    return number


@app.integration()
def side_by_side(tag: str, number: int) -> int:
    with parallel():
        one = step(number)
        two = blocking_step(number)
        three = step(number)
    return total(one, two, three)


@app.integration()
def retried(tag: str, number: int) -> int:
    return patient(number)


@app.integration()
def restarted(tag: str, number: int) -> int:
    return starting_over(step(number))


@app.integration()
def timed(tag: str, number: int) -> int:
    timer("200ms")
    return step(number)


@app.integration()
def each_item(tag: str, number: int) -> list[int]:
    return for_each(step, [1, 2, 3, 4, 5], parallelism=3)


@app.integration()
def nested(tag: str, number: int) -> int:
    return step(chain(tag, number))


@app.integration()
def each_nested(tag: str, number: int) -> list[int]:
    return for_each(one_task, [1, 2, 3], tag=tag)


@app.integration()
def held_up(tag: str, number: int) -> int:
    return hold(step(number))


@app.integration()
def nested_held_up(tag: str, number: int) -> int:
    return held_up(tag, number)


@app.integration()
def gated(tag: str, number: int, gate: str) -> int:
    return wait_at_gate(gate, number)
