"""A whole server in the process of a test."""

import asyncio

import pytest

from perdure import App, Fixed
from perdure.client import ExecutionFailed
from perdure.testing.handlers import Scripted
from perdure.testing.server import local_server
from perdure.v1.execution_pb2 import ExecutionDetails

PATIENCE = 30


class Busy(Exception):
    pass


def counting_app(*outcomes):
    app = App("counting")
    script = Scripted(*outcomes)

    @app.task(retry=Fixed(max_retries=2, interval="10ms"))
    @script
    async def add_one(number: int) -> int:
        return number + 1

    @app.integration()
    def count(number: int) -> int:
        return add_one(add_one(number))

    return app, script


async def test_integrations_are_deployed_and_their_handlers_perform():
    app, script = counting_app()
    async with asyncio.timeout(PATIENCE), local_server(app) as local:
        result = await local.client.execute("count", {"number": 1})
        assert result.outputs["result"] == 3
        assert script.calls == 2


async def test_a_handler_fails_twice_then_succeeds():
    app, script = counting_app(Busy(), Busy())
    async with asyncio.timeout(PATIENCE), local_server(app) as local:
        result = await local.client.execute("count", {"number": 1})
        assert result.outputs["result"] == 3
        assert script.calls == 4


async def test_a_handler_that_fails_too_often_fails_the_execution():
    app, _ = counting_app(Busy(), Busy(), Busy())
    async with asyncio.timeout(PATIENCE), local_server(app) as local:
        with pytest.raises(ExecutionFailed):
            await local.client.execute("count", {"number": 1})


async def test_a_data_directory_outlives_its_server(tmp_path):
    app, _ = counting_app()
    async with asyncio.timeout(PATIENCE):
        async with local_server(app, data=tmp_path) as local:
            name = (await local.client.execute("count", {"number": 1})).name
        async with local_server(app, data=tmp_path) as local:
            execution = await local.client.get(name)
    assert execution.execution_details.state == ExecutionDetails.SUCCEEDED


async def test_an_execution_waits_where_no_handler_performs():
    app, _ = counting_app()
    async with asyncio.timeout(PATIENCE), local_server() as local:
        await local.client.deploy(app.integrations["count"])
        name = (await local.client.start("count", {"number": 1})).name
        execution = await local.client.cancel(name, "nobody performs it")
        execution = await local.client.wait(name)
    assert execution.execution_details.state == ExecutionDetails.CANCELLED
