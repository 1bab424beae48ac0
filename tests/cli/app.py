"""The app that the tests of the command line serve and run."""

import asyncio

from perdure import App, Fixed, TaskContext, for_each, parallel

app = App("cli-tests")


@app.task()
async def add(a: int, b: int) -> int:
    return a + b


@app.task()
async def double(item: int) -> int:
    return 2 * item


@app.task(retry=Fixed(max_retries=1, interval="10ms"))
async def fail(text: str) -> str:
    raise ValueError(text)


@app.task()
async def wait_for_cancel(ctx: TaskContext) -> str:
    ctx.message("waiting")
    await asyncio.Event().wait()
    return "never"


@app.integration()
def total(a: int, b: int = 2) -> int:
    """Add two numbers."""
    with parallel():
        left = add(a, b)
        right = add(b, a, id="check")  # type: ignore[call-arg]
    return add(left, right, id="sum")  # type: ignore[call-arg]


@app.integration()
def doubled(numbers: list[int]) -> list[int]:
    return for_each(double, numbers)


@app.integration()
def failing(text: str) -> str:
    return fail(text)


@app.integration()
def waiting() -> str:
    return wait_for_cancel()
