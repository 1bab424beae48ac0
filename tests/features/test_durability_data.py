"""Rows 78, 79 and 81: development mode, searchable parameters, retention."""

from datetime import UTC, datetime

import pytest

from perdure import App, Retention, execution, timer, when
from perdure.client.errors import FailedPrecondition, NotFound
from perdure.domain.decide import transition
from perdure.engine.deleting import _found
from perdure.engine.retention import Retention as Loop
from perdure.runtime.clock import SystemClock
from perdure.testing.server import local_server
from tests.features.feature import feature
from tests.features.observing import task_states

FAR = datetime(2999, 1, 1, tzinfo=UTC)
MINUTE_MICROSECONDS = 60_000_000

app = App("data")


@app.task
def total(price: float) -> float:
    return price


@app.integration
def sleep_long() -> None:
    timer("1h")


@app.integration
def careful(price: float) -> None:
    with when(~execution.development):
        total.with_id("charge")(price)


@app.integration(searchable=["customer", "price"])
def sell(customer: str, price: float) -> float:
    return total(price)


@app.integration(retention=Retention(max_count=1))
def one_kept(price: float) -> float:
    return total(price)


@app.integration(retention=Retention(max_age="1m"))
def kept_for_a_minute(price: float) -> float:
    return total(price)


def without_productive_mode(patch):
    patch.setattr("perdure.engine.deleting._found", lambda *args: _found(*args)._replace(development=True))


@feature(78, without=without_productive_mode)
async def test_only_in_development_mode_a_live_execution_can_be_deleted():
    async with local_server(app) as server:
        tried = (await server.client.start("sleep_long", development=True)).name
        await server.client.delete(tried, force=True)
        with pytest.raises(NotFound):
            await server.client.get(tried)
        productive = (await server.client.start("sleep_long")).name
        with pytest.raises(FailedPrecondition):
            await server.client.delete(productive, force=True)


def without_the_fact(patch):
    patch.setitem(transition._FACTS, "development", lambda _: False)


@feature(78, without=without_the_fact)
async def test_a_graph_can_go_another_way_in_development_mode():
    async with local_server(app) as server:
        tried = await server.client.execute("careful", {"price": 1.5}, development=True)
        assert (await task_states(server.client, tried.name))["charge"] == "SKIPPED"
        productive = await server.client.execute("careful", {"price": 1.5})
        assert (await task_states(server.client, productive.name))["charge"] == "SUCCEED"


def without_searchable_parameters(patch):
    patch.setattr("perdure.engine.facts._searchable_text", lambda *_: "{}")


@feature(79, without=without_searchable_parameters)
async def test_executions_are_found_by_their_parameters():
    async with local_server(app) as server:
        ann = await server.client.execute("sell", {"customer": "ann", "price": 2.5})
        bob = await server.client.execute("sell", {"customer": "bob", "price": 40.0})

        async def found(wanted):
            return [each.name async for each in server.client.list(filter=wanted)]

        assert await found('parameters.customer = "ann"') == [ann.name]
        assert await found("parameters.price > 10") == [bob.name]
        assert await found('parameters.customer = "bob" AND parameters.price < 10') == []


def without_counts(patch):
    limits = Loop._limits

    async def only_age(self, key):
        return (await limits(self, key))[0], None

    patch.setattr(Loop, "_limits", only_age)


@feature(81, without=without_counts)
async def test_only_so_many_ended_executions_are_kept():
    async with local_server(app) as server:
        ended = [(await server.client.execute("one_kept", {"price": number})).name for number in (1.0, 2.0, 3.0)]
        live = (await server.client.schedule("one_kept", {"price": 4.0}, at=FAR)).name
        await server.server.retention.run_pass()
        assert [each.name async for each in server.client.list("one_kept")] == [live, ended[-1]]


def without_ages(patch):
    limits = Loop._limits

    async def only_count(self, key):
        return None, (await limits(self, key))[1]

    patch.setattr(Loop, "_limits", only_count)


@feature(81, without=without_ages)
async def test_ended_executions_are_kept_for_so_long():
    async with local_server(app) as server:
        await server.client.execute("kept_for_a_minute", {"price": 1.0})
        await server.server.retention.run_pass()
        assert (await server.client.count("kept_for_a_minute")).total == 1
        with pytest.MonkeyPatch.context() as patch:
            now = SystemClock.now
            patch.setattr(SystemClock, "now", lambda clock: now(clock) + 2 * MINUTE_MICROSECONDS)
            await server.server.retention.run_pass()
        assert (await server.client.count("kept_for_a_minute")).total == 0
