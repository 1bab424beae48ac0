"""The worker process of a server dies with it, and comes back without it."""

import asyncio
import signal

import pytest

from tests.crash.server_process import ServerProcess, children, gone

pytestmark = pytest.mark.slow


async def test_a_killed_server_leaves_no_worker_behind(tmp_path):
    async with asyncio.timeout(60), ServerProcess(tmp_path) as server:
        (worker,) = children(server.pid)
        server.send(signal.SIGKILL)
        await server.ended()
        await gone(worker)


async def test_a_stopped_server_leaves_no_worker_behind(tmp_path):
    async with asyncio.timeout(60), ServerProcess(tmp_path) as server:
        (worker,) = children(server.pid)
        assert await server.stop() == 0
        await gone(worker)
