"""Workers that no server has started keep their attempts while servers die and come back."""

import asyncio
import contextlib
import os
import random

import pytest

from perdure.testing.checker import check
from perdure.testing.logs import RunBegan
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WaitExecutionRequest
from tests.crash.load import Load
from tests.crash.server_process import WorkerProcess
from tests.crash.system import System

pytestmark = pytest.mark.slow

PATIENCE = 180
KILLS = 8
WORKERS = 2
ALONE = ("--workers", "none")


@contextlib.asynccontextmanager
async def served_by_workers(directory, count):
    """A system whose tasks are performed by workers of their own, and the address that all its lives have."""
    async with asyncio.timeout(PATIENCE), System(directory) as system, contextlib.AsyncExitStack() as workers:
        address = (await system.start(*ALONE)).address
        for _ in range(count):
            await workers.enter_async_context(WorkerProcess(directory, address))
        yield system, address


async def test_an_attempt_under_way_outlives_its_server_and_is_performed_once(tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with served_by_workers(tmp_path, 1) as (system, address):
        calls = (await system.life()).calls
        request = Load.request("gated", 1, Execution.POST_TO_QUEUE)
        request.input_parameters["gate"].string_value = str(gate)
        name = (await calls.execute(request)).execution
        # Opening the one end of the pipe waits for the handler to open the other.
        opened = await asyncio.to_thread(gate.open, "wb")
        await system.kill()
        await system.start(*ALONE, listen=address)
        opened.close()
        execution = await (await system.life()).calls.wait(WaitExecutionRequest(name=name, view=Execution.VIEW_FULL))
        assert execution.response_parameters["result"].int_value == 8
        await system.settle()
        assert await system.server.stop() == 0
    logs = system.logs()
    assert check(logs) == []
    assert [record.attempt for record in logs.records if isinstance(record, RunBegan)] == [1]


async def test_workers_go_on_through_the_deaths_of_their_servers(tmp_path):
    choose = random.Random(3)
    async with served_by_workers(tmp_path, WORKERS) as (system, address):
        # Nobody starts these workers again.
        load = Load(system, choose, leave_out=("costly_saga",))
        async with load.going_on(10):
            for _ in range(KILLS):
                await system.more(choose.randrange(1, 300))
                await system.kill()
                await system.start(*ALONE, listen=address)
        await system.settle()
        assert await system.server.stop() == 0
    assert check(system.logs()) == []
    assert load.done > KILLS
