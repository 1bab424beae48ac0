"""An app for the workers that belong to a server."""

from perdure import App

app = App("attached")


@app.task()
async def double(n: int) -> int:
    return 2 * n


@app.integration()
def doubled(n: int) -> int:
    return double(n)
