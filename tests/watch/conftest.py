import pytest

from tests.engine.harness import ONE, TWO
from tests.service.serving import INTEGRATIONS, serving
from tests.watch.harness import watched

PAUSING = [
    {"taskId": "a", "task": "work", "nextTasks": [{"taskId": "t"}]},
    {"taskId": "t", "timer": {"delay": "60s"}, "nextTasks": [{"taskId": "b"}]},
    {"taskId": "b", "task": "work"},
]
"""Is at work, waits for a minute, is at work again."""


@pytest.fixture
async def stubs(tmp_path):
    """A server with all integrations deployed."""
    async with serving(tmp_path / "data", *INTEGRATIONS) as served:
        yield served


@pytest.fixture
async def bench(tmp_path):
    """An engine with some integrations deployed."""
    async with watched(tmp_path / "data") as opened:
        await opened.deploy("one", ONE)
        await opened.deploy("two", TWO)
        await opened.deploy("pausing", PAUSING)
        yield opened
