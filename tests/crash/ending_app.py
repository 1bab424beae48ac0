"""The integrations of the crash tests that fail, are undone, wait for somebody or are torn down; the app serves them.

Every effect has an idempotency key; what undoes it has the same one with `/rollback` behind it.
"""

import asyncio
import os
import time
from dataclasses import dataclass

from perdure import (
    Fixed,
    PermanentError,
    Rollback,
    Suspension,
    TaskContext,
    catching,
    decision_of,
    on_failure,
    parallel,
    suspend,
    teardown,
    wait_for_signal,
    when,
)
from perdure.testing.logs import Fault
from tests.crash.app import NotYet, app, ledger, recorded, step

__all__ = ["app"]

UNDO_FAILS_BEFORE = 3
"""The first attempt that undoes; an undo counts on from the attempts of what it undoes."""


@dataclass
class Booking:
    booked: int


@dataclass
class Payment:
    amount: int


@app.task(retry=Fixed(max_retries=5, interval="20ms"))
async def unbook(ctx: TaskContext, number: int, booked: int = 0) -> None:
    """Fails at first."""
    with recorded(ctx, "unbook"):
        if ctx.attempt < UNDO_FAILS_BEFORE:
            raise NotYet


@app.task()
async def unbook_in_vain(ctx: TaskContext, number: int) -> None:
    with recorded(ctx, "unbook_in_vain"):
        raise PermanentError("it stays booked")


@app.task()
async def lose_worker_once(ctx: TaskContext, number: int) -> None:
    """Takes its worker process with it at first."""
    with recorded(ctx, "lose_worker_once"):
        if ctx.attempt < UNDO_FAILS_BEFORE:
            ledger().write(Fault("worker lost", time.monotonic_ns(), time.monotonic_ns()))
            os._exit(1)


@app.task(rollback=unbook)
async def book(ctx: TaskContext, number: int) -> Booking:
    with recorded(ctx, "book"):
        return Booking(number + 1)


@app.task(rollback=unbook_in_vain)
async def book_for_good(ctx: TaskContext, number: int) -> int:
    with recorded(ctx, "book_for_good"):
        return number + 1


@app.task(rollback=lose_worker_once)
async def book_at_a_price(ctx: TaskContext, number: int) -> int:
    with recorded(ctx, "book_at_a_price"):
        return number + 1


@app.task(rollback=Rollback(unbook, on_unknown_outcome=True))
async def book_and_hold(ctx: TaskContext, number: int) -> int:
    """Goes on until it is stopped, and may have done it by then."""
    with recorded(ctx, "book_and_hold"):
        await asyncio.Event().wait()
        return number


@app.task()
async def refuse(ctx: TaskContext, number: int) -> int:
    with recorded(ctx, "refuse"):
        raise PermanentError("no", code="REFUSED")


@app.task(suspend_after=Suspension("is it right?"))
async def draft(ctx: TaskContext, number: int) -> Booking:
    with recorded(ctx, "draft"):
        return Booking(number + 1)


@app.integration()
def saga(tag: str, number: int) -> int:
    """Four tasks are undone, two of them at once; then it is torn down."""
    with on_failure():
        step(number)
    first = book(number)
    with teardown():
        step.with_id("sweep")(number)
        step.with_id("lock")(number)
    with parallel():
        second = book.with_id("second")(first.booked)
        book.with_id("third")(first.booked)
    last = book.with_id("last")(second.booked)
    return refuse(last.booked)


@app.integration()
def stuck_saga(tag: str, number: int) -> int:
    return refuse(book_for_good(book(number).booked))


@app.integration()
def costly_saga(tag: str, number: int) -> int:
    return refuse(book_at_a_price(book(number).booked))


@app.integration()
def cancelled_saga(tag: str, number: int) -> int:
    first = book(number)
    with teardown():
        step(number)
    return book_and_hold(first.booked)


@app.integration()
def caught(tag: str, number: int) -> int:
    with catching() as trouble:
        refuse(number)
    with on_failure(trouble):
        step.with_id("comfort")(number)
    with teardown():
        step.with_id("sweep")(number)
    return step(number)


@app.integration()
def decided(tag: str, number: int) -> int:
    """Waits for two decisions: one on what a task did, and one that stands alone."""
    drafted = draft(number)
    with when(decision_of(drafted).approved):
        step.with_id("publish")(drafted.booked)
    decision = suspend("go on?")
    with when(~decision.approved):
        step.with_id("file")(number)
    return step(number)


@app.integration()
def undecided(tag: str, number: int) -> int:
    suspend("go on?", expire_after="100ms", remind_after="50ms")
    return step(number)


@app.integration()
def called_back(tag: str, number: int) -> int:
    """Waits for two signals of one name."""
    first = wait_for_signal("paid", Payment)
    then = step(first.amount)
    second = wait_for_signal("paid", Payment)
    return step(second.amount + then)


@app.integration()
def uncalled(tag: str, number: int) -> int:
    """Fails when no signal comes, and undoes what it did."""
    book(number)
    payment = wait_for_signal("paid", Payment, timeout="100ms")
    return step(payment.amount)
