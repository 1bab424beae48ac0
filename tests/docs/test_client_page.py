"""What docs/client.md shows is run against a real server."""

import asyncio
from dataclasses import dataclass

import pytest

from perdure import App, suspend, timer, wait_for_signal
from perdure.client.errors import ExecutionFailed, NotFound
from perdure.testing.server import local_server
from perdure.v1.execution_pb2 import ExecutionDetails
from tests.docs.documents import PROJECT
from tests.docs.pages import module_of

app = App("client-page")


@dataclass
class Payment:
    amount: int


@app.task
async def add(a: int, b: int) -> int:
    return a + b


@app.task
async def wait_for_cancel() -> str:
    await asyncio.Event().wait()
    return "never"


@app.integration
def total(a: int, b: int = 2) -> int:
    return add(a, b)


@app.integration
def slow() -> str:
    return wait_for_cancel()


@app.integration
def pair(a: int) -> int:
    return add(add(a, 1), 1)


@app.integration
def held(a: int, b: int = 2) -> int:
    timer("1h")
    return add(a, b)


@app.task
async def fail() -> None:
    raise ValueError("no stock")


@app.integration
def failing() -> None:
    fail()


@app.integration
def purchase() -> int:
    suspend("May it go?", id="ask")
    return wait_for_signal("paid", Payment, id="payment").amount


@pytest.fixture
def page(tmp_path):
    with module_of(PROJECT / "docs" / "client.md", tmp_path) as module:
        yield module


async def test_starting_and_watching_do_what_the_page_says(page):
    async with local_server(app) as served:
        assert await page.total(served.address) == 3
        name = await page.order_once(served.client, "A1")
        kinds = await page.history(served.client, name)
        assert (kinds[0], kinds[-1]) == ("created", "state_change")
        await page.look_around(served.client, name)


async def test_watching_many_does_what_the_page_says(page):
    async with local_server(app) as served:
        for shop in ("north", "south", "north"):
            await served.client.execute("total", {"a": 1}, labels={"shop": shop})
        north = 'labels.shop = "north"'
        async with served.client.watch_all("total", filter=north, from_beginning=True) as watch:
            await watch.message()
        await served.client.start("total", {"a": 1}, labels={"shop": "north"})
        changes, cursor = await page.follow(served.client, watch.cursor, 1)
        assert changes
        assert cursor != watch.cursor
        shown = await page.board(served.client)
        assert len(shown) == 4


async def test_listing_and_counting_do_what_the_page_says(page):
    async with local_server(app) as served:
        started = [await served.client.execute("total", {"a": n}, labels={"shop": "north"}) for n in range(3)]
        with pytest.raises(ExecutionFailed):
            await served.client.execute("failing")
        assert await page.north(served.client) == [result.name for result in started]
        assert await page.failed(served.client) == 1


async def test_scripts_without_a_loop_do_what_the_page_says(page):
    async with local_server(app) as served:
        first, *_, last = await asyncio.to_thread(page.report, served.address)
        (execution,) = [execution async for execution in served.client.list()]
        assert (first, last) == ("1 created", execution.name)


async def test_an_execution_that_is_not_waited_for_goes_on(page):
    async with local_server(app) as served:
        name = await page.impatient(served.client)
        execution = await served.client.get(name)
        assert execution.execution_details.state == ExecutionDetails.PROCESSING
        await served.client.cancel(name)


async def test_errors_tell_what_the_page_says(page):
    async with local_server(app) as served:
        assert "no stock" in await page.explain(served.client, "failing", {})
        assert await page.explain(served.client, "total", {"a": "x"}) == 'input_parameters["a"]'
        assert await page.explain(served.client, "nothing", {}) == "INTEGRATION_NOT_FOUND"
        assert await page.explain(served.client, "total", {"a": 1}) == "it worked"
        with pytest.raises(ExecutionFailed):
            await served.client.execute("failing")


async def suspended(client):
    """Starts a purchase and waits until it is suspended; returns its name."""
    started = await client.start("purchase")
    async with client.watch(started.name) as watch:
        async for event in watch:
            if event.HasField("suspension_change"):
                break
    return started.name


async def test_finding_out_why_does_what_the_page_says(page):
    async with local_server(app) as served:
        waiting = await suspended(served.client)
        assert any("ask" in message for message in await page.why(served.client, waiting))
        await page.examine(served.client, (await served.client.execute("pair", {"a": 1})).name)
        assert "header" in await page.keep(served.client, waiting)


async def test_pausing_and_changing_do_what_the_page_says(page):
    async with local_server(app) as served:
        started = await served.client.start("held", {"a": 1})
        assert await page.hold(served.client, started.name)
        changed = await served.client.get(started.name)
        assert (changed.priority, changed.paused) == (900, False)
        assert changed.current_parameters["b"].int_value == 3
        await page.stop(served.client, started.name)
        with pytest.raises(NotFound):
            await served.client.get(started.name)


async def test_stepping_does_what_the_page_says(page):
    async with local_server(app) as served:
        ended = await served.client.get(await page.debug(served.client))
        assert ended.response_parameters["result"].int_value == 22


async def test_deciding_and_signalling_do_what_the_page_says(page):
    async with local_server(app) as served:
        name = await suspended(served.client)
        assert await page.decide(served.client, name) == "bob"
        assert await page.decide(served.client, name) == "nothing to decide"
        assert not await page.pay(served.client, name, "bank-1")
        assert (await served.client.wait(name)).execution_details.state == ExecutionDetails.SUCCEEDED


async def test_replaying_does_what_the_page_says(page):
    async with local_server(app) as served:
        first = await served.client.execute("total", {"a": 1})
        assert await page.repeat(served.client, first.name) == 7
        with pytest.raises(ExecutionFailed) as failed:
            await served.client.execute("failing")
        repaired = await page.repair(served.client, failed.value.execution)
        assert (await served.client.wait(repaired)).execution_details.state == ExecutionDetails.FAILED
