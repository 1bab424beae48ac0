"""The disk is full: nothing is acknowledged that is lost, reads go on, and all goes on by itself afterwards.

A limit on the size of files stands in for the full disk: with it, every write of the server to a file fails.
"""

import asyncio
import contextlib
import random
import resource

import grpc
import pytest

from perdure.testing.checker import check
from perdure.v1.execution_pb2 import Execution
from tests.crash.load import Load
from tests.crash.system import ALL, System

pytestmark = pytest.mark.slow

PATIENCE = 120


@contextlib.contextmanager
def full_disk(server):
    """No file of a server grows, or is written anew, in the block."""
    limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)


async def test_a_full_disk_refuses_commits_and_answers_reads_until_there_is_room(tmp_path):
    async with asyncio.timeout(PATIENCE), System(tmp_path) as system:
        server = await system.start()
        load = Load(system, random.Random(1))
        async with load.going_on(4):
            await system.more(150)
        calls = (await system.life()).calls
        before = [execution.name async for execution in calls.list_all(ALL)]
        request = load.request("chain", 0, Execution.POST)
        with full_disk(server):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await calls.execute(request)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert (await calls.get(before[0])).name == before[0]
            assert [execution.name async for execution in calls.list_all(ALL)] == before
        response = await system.insist(lambda calls: calls.execute(request))
        assert response.output_parameters["result"].int_value == 17
        await system.settle()
        assert await server.stop() == 0
    assert check(system.logs()) == []


async def test_a_disk_that_is_full_under_load_loses_nothing_that_was_acknowledged(tmp_path):
    """Where writing keeps failing the server stops rather than go on with a file that it cannot trust (F15)."""
    async with asyncio.timeout(PATIENCE), System(tmp_path) as system:
        server = await system.start()
        load = Load(system, random.Random(2))
        async with load.going_on(8):
            await system.more(150)
            with full_disk(server):
                assert await server.ended() == 70
            system.bury()
            await system.start()
            await system.more(150)
        await system.settle()
        assert await system.server.stop() == 0
    assert check(system.logs()) == []
