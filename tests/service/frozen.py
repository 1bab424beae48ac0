"""An app whose handler tells its process and then waits."""

import asyncio
import os

from perdure import App, TaskContext

app = App("frozen")


@app.task()
async def tell(ctx: TaskContext) -> None:
    ctx.message(str(os.getpid()))
    await asyncio.Event().wait()
