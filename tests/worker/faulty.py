"""Handlers that do wrong whatever a handler can do wrong, in each of the places where handlers run."""

import asyncio
import math
import sys
import threading
from dataclasses import dataclass
from enum import Enum
from typing import Any

from perdure.definition.app import App
from perdure.worker.context import TaskContext
from perdure.worker.errors import PermanentError, TaskError


class Unspeakable(Exception):
    def __str__(self):
        raise SystemExit(1)


class Shrug(str):
    """A text whose own methods are of no use, of a class that no other process can find."""

    __slots__ = ()
    __qualname__ = "nowhere"

    def __str__(self):
        raise RuntimeError("no")

    def __getitem__(self, _):
        return 5

    def encode(self, *_):
        return b"\xff"


class OutOfStock(PermanentError):
    """Does not say to its base what that wants to know."""

    def __init__(self, sku):
        self.sku = sku


class Stubborn:
    def __repr__(self):
        raise KeyError("repr")

    def __bool__(self):
        raise KeyError("bool")


@dataclass
class Volatile:
    """A result that cannot be read."""

    value: int

    def __getattribute__(self, name):
        if name == "value":
            raise OSError("gone")
        return super().__getattribute__(name)


class Colour(Enum):
    RED = object()


def raising(error):
    def fault(_):
        raise error

    return fault


def endless():
    endless: list[Any] = []
    endless.append(endless)
    return endless


FAULTS = {
    # What is said while at work.
    "text as progress": (lambda ctx: ctx.progress("half"), "HANDLER_ERROR", "TypeError: progress is a number"),
    "bool as progress": (lambda ctx: ctx.progress(True), "HANDLER_ERROR", "TypeError: progress is a number"),
    "None as progress": (lambda ctx: ctx.progress(None), "HANDLER_ERROR", "TypeError: progress is a number"),
    "progress above 100": (lambda ctx: ctx.progress(101), "HANDLER_ERROR", "ValueError: progress is a number"),
    "progress below 0": (lambda ctx: ctx.progress(-0.5), "HANDLER_ERROR", "ValueError: progress is a number"),
    "NaN as progress": (lambda ctx: ctx.progress(math.nan), "HANDLER_ERROR", "ValueError: progress is a number"),
    "number as message": (lambda ctx: ctx.message(5), "HANDLER_ERROR", "TypeError: a message is text, not int"),
    "bytes as message": (lambda ctx: ctx.message(b"x"), "HANDLER_ERROR", "TypeError: a message is text, not bytes"),
    # What is returned.
    "object": (lambda _: object(), "INVALID_OUTPUT", "no form as a value"),
    "surrogate": (lambda _: "\udc80", "INVALID_OUTPUT", "surrogate"),
    "surrogate in JSON": (lambda _: {"\udc80": ["\udc80"]}, "INVALID_OUTPUT", "surrogate"),
    "NaN": (lambda _: math.nan, "INVALID_OUTPUT", "cannot be written as JSON"),
    "list that holds itself": (lambda _: endless(), "INVALID_OUTPUT", "RecursionError"),
    "fields that raise": (lambda _: Volatile(1), "INVALID_OUTPUT", "OSError: gone"),
    "enum of objects": (lambda _: Colour.RED, "INVALID_OUTPUT", "no form as a value"),
    "long text": (lambda _: "x" * 5_000_000, "VALUE_TOO_LARGE", "bytes"),
    # What is raised.
    "error without text": (raising(Unspeakable()), "HANDLER_ERROR", "Unspeakable: (unknown"),
    "surrogate in an error": (raising(OSError("\udc80" * 9_000)), "HANDLER_ERROR", "OSError: ???"),
    "long error": (raising(OSError("x" * 9_000_000)), "HANDLER_ERROR", "OSError: xxx"),
    "exit": (raising(SystemExit(3)), "HANDLER_ERROR", "SystemExit: 3"),
    "interrupt": (raising(KeyboardInterrupt()), "HANDLER_ERROR", "KeyboardInterrupt"),
    "stop": (raising(GeneratorExit()), "HANDLER_ERROR", "GeneratorExit"),
    "number as code": (raising(TaskError(5, "why")), "HANDLER_ERROR", "why"),  # type: ignore[arg-type]
    "long code": (raising(TaskError("X" * 9_000_000, "why")), "HANDLER_ERROR", "why"),
    "surrogate as code": (raising(TaskError("\udc80", "why")), "HANDLER_ERROR", "why"),
    "number as text of an error": (raising(TaskError("WHY", 5)), "WHY", "5"),  # type: ignore[arg-type]
    "strange text of an error": (raising(TaskError("WHY", Shrug("why"))), "WHY", "(unknown"),
    "payload of objects": (raising(TaskError("WHY", "why", payload=Stubborn())), "WHY", "why"),
    "payload that holds itself": (raising(TaskError("WHY", "why", payload=endless())), "WHY", "why"),
    "surrogate in a payload": (raising(TaskError("WHY", "why", payload="\udc80")), "WHY", "why"),
    "strange retryable": (
        raising(TaskError("WHY", "why", retryable=Stubborn())),  # type: ignore[arg-type]
        "WHY",
        "why",
    ),
    "error that skips its base": (raising(OutOfStock("pear")), "HANDLER_ERROR", "OutOfStock: "),
}
"""By name what is done, the code of the error that comes of it, and a part of its text."""


ODDITIES = {
    "fraction as progress": lambda ctx: ctx.progress(1 / 3 * 100),
    "a little above 100": lambda ctx: ctx.progress(100.00000000000001),
    "surrogate as message": lambda ctx: ctx.message("\udc80"),
    "long message": lambda ctx: ctx.message("x" * 9_000_000),
    "strange message": lambda ctx: ctx.message(Shrug("half")),
    "report past the checks": lambda ctx: ctx.report(0.5, object()),
    "message from a thread that lives on": lambda ctx: threading.Thread(target=ctx.message, args=("late",)).start(),
}
"""By name what is unusual and does no harm."""

app = App("faulty")


def do(ctx: TaskContext, what: str) -> object:
    if what in ODDITIES:
        ODDITIES[what](ctx)
        return what
    return FAULTS[what][0](ctx)


@app.task
async def do_on_loop(ctx: TaskContext, what: str) -> Any:
    return do(ctx, what)


@app.task
def do_in_thread(ctx: TaskContext, what: str) -> Any:
    return do(ctx, what)


@app.task(executor="process")
def do_in_process(ctx: TaskContext, what: str) -> Any:
    return do(ctx, what)


@app.task
async def exit_beside() -> None:
    """Ends its loop, if that lets itself be ended."""

    async def leave() -> None:
        sys.exit(1)

    await asyncio.gather(leave())


@app.task
async def stop_the_loop() -> str:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0)
    return "stopped"


@app.task
async def refuse_tasks() -> None:
    """Leaves a loop behind on which the next attempt cannot be begun."""
    loop = asyncio.get_running_loop()

    def refuse(*_: Any, **__: Any) -> Any:
        loop.set_task_factory(None)
        raise MemoryError("no more tasks")

    loop.set_task_factory(refuse)


@app.integration
def on_loop(what: str) -> None:
    do_on_loop(what)


@app.integration
def in_thread(what: str) -> None:
    do_in_thread(what)


@app.integration
def in_process(what: str) -> None:
    do_in_process(what)


@app.integration
def exiting() -> None:
    exit_beside()


@app.integration
def stopping() -> str:
    return stop_the_loop()


@app.integration
def refusing() -> None:
    refuse_tasks()
