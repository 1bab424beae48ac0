"""An app for the workers that belong to a server."""

from perdure import App, Restart, TaskContext

app = App("attached")


@app.task()
async def double(n: int) -> int:
    return 2 * n


@app.integration()
def doubled(n: int) -> int:
    return double(n)


@app.task(retry=Restart(max_retries=2, interval="1ms"))
async def stumble(ctx: TaskContext, n: int) -> int:
    if ctx.execution_attempt <= 2:
        raise ValueError("not yet")
    return n


@app.integration()
def stumbling(n: int) -> int:
    return stumble(double(n))
