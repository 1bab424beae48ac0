"""What the servers under test run: a handler that does nothing, alone and ten times in a row."""

from __future__ import annotations

from perdure import App

app = App("bench")


@app.task()
async def echo(text: str) -> str:
    """Give back what came in."""
    return text


@app.integration()
def one(text: str) -> str:
    """One task."""
    return echo(text)


@app.integration()
def chain(text: str) -> str:
    """Ten tasks, each with the result of the one before."""
    for _ in range(10):
        text = echo(text)
    return text
