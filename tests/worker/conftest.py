"""A dispatcher, a ledger and a worker that reaches it without a wire."""

import pytest

from perdure.worker.local import LocalTransport
from perdure.worker.registry import collect_handlers
from perdure.worker.worker import Worker, WorkerOptions
from tests.dispatch.harness import Stage
from tests.worker import apps


@pytest.fixture
def gates(monkeypatch):
    """What the handlers wait for in this test."""
    fresh = apps.Gates()
    monkeypatch.setattr(apps, "gates", fresh)
    return fresh


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    await stage.supervisor.close()


@pytest.fixture
async def start_worker(stage, gates):
    """Start workers; they are stopped at the end."""
    running = []

    async def start(transport=None, **options):
        handlers = collect_handlers([apps.app])
        worker = Worker(handlers, transport or LocalTransport(stage.dispatcher.open_session), WorkerOptions(**options))
        task = stage.supervisor.spawn(worker.run(), "worker")
        running.append((worker, task))
        await worker.wait_welcomed()
        return worker, task

    yield start
    gates.go_on.open()
    for worker, task in running:
        worker.stop()
        await task
