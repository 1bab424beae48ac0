"""The client over connections that break, and over a server that is started again."""

import asyncio
import math

import pytest

from perdure.client import Client
from perdure.client.errors import Unavailable
from perdure.testing.proxy import Direction, Proxy
from tests.client.running_server import running


@pytest.fixture
async def proxy(server, client):
    async with Proxy(int(server.address.rpartition(":")[2])) as proxy:
        yield proxy


@pytest.fixture
async def through(proxy):
    async with Client(f"127.0.0.1:{proxy.port}") as through:
        yield through


async def test_a_cut_execute_attaches_to_its_execution_again(client, proxy, through, gates):
    call = asyncio.create_task(through.execute("gated", {"n": 1}))
    await gates.reached.wait()
    for _ in range(3):
        proxy.cut()
        await asyncio.sleep(0)
    gates.open.set()
    result = await call
    assert list(result.outputs.values()) == [2]
    assert [execution.name async for execution in client.list()] == [result.name]


async def test_a_watch_over_cut_connections_hands_out_each_event_once(client, proxy, through, gates):
    started = await client.start("gated", {"n": 1})
    seen = []
    async with through.watch(started.name) as watch:
        async for event in watch:
            seen.append(event)
            proxy.cut()
            if len(seen) == 3:
                gates.open.set()
    assert seen == [event async for event in client.events(started.name)]


async def test_an_answer_that_is_lost_is_asked_for_again(client, proxy, through, gates):
    await through.integrations.get("gated")
    proxy.blackhole(Direction.TO_CLIENT)
    call = asyncio.create_task(through.start("gated", {"n": 1}))
    await gates.reached.wait()
    proxy.cut()
    proxy.restore()
    result = await call
    assert [execution.name async for execution in client.list()] == [result.name]


async def test_a_server_that_is_gone_is_unavailable(proxy, server):
    proxy.refuse()
    async with Client(f"127.0.0.1:{proxy.port}", deadline=0.3, patience=0.3, watch_patience=0.3) as through:
        with pytest.raises(Unavailable):
            await through.integrations.get("gated")
        with pytest.raises(Unavailable):
            await through.execute("total", {"a": 1})
        with pytest.raises(Unavailable):
            async with through.watch("x") as watch:
                await anext(watch)


async def test_where_nobody_ever_answered_everything_gives_up_soon(proxy):
    proxy.refuse()
    target = f"127.0.0.1:{proxy.port}"
    through = Client(target, deadline=600.0, patience=600.0, watch_patience=math.inf, connect_timeout=0.1)
    async with through, asyncio.timeout(20):
        with pytest.raises(Unavailable):
            await through.integrations.get("gated")
        with pytest.raises(Unavailable):
            await through.execute("total", {"a": 1})
        with pytest.raises(Unavailable):
            await through.watch("x").message()
        with pytest.raises(Unavailable):
            await through.watch_all().message()


async def test_a_server_that_was_there_is_looked_for_longer(client, proxy):
    async with Client(f"127.0.0.1:{proxy.port}", connect_timeout=0.0) as through:
        await through.server_info()
        proxy.refuse()
        proxy.cut()
        reading = asyncio.create_task(through.integrations.get("gated"))
        failed = asyncio.create_task(through.integrations.list().page())
        done, _ = await asyncio.wait([reading, failed], timeout=0.2)
        assert not done
        proxy.restore()
        assert (await reading).name.endswith("/gated")
        assert await failed


async def test_a_restarted_server_is_found_again(tmp_path, app, gates):
    data = tmp_path / "restarted"
    async with running(data, app) as server:
        address = server.address
        client = Client(address)
        await client.__aenter__()
        await client.deploy(app.integrations["gated"])
        call = asyncio.create_task(client.execute("gated", {"n": 1}))
        await gates.reached.wait()
        (execution,) = [execution.name async for execution in client.list()]
        watch = client.watch(execution)
        await watch.__aenter__()
        seen = [await anext(watch)]
    gates.open.set()
    async with running(data, app, listen=address), client, watch:
        result = await call
        seen += [event async for event in watch]
        assert result.name == execution
        assert seen == [event async for event in client.events(execution)]
