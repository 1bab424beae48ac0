"""Rows 70 to 72: executions outlive servers, memory and workers."""

import asyncio
import shutil
from dataclasses import dataclass

from perdure import App, TaskContext, timer, wait_for_signal
from perdure.store.records import IntegrationKey
from perdure.testing.server import local_server
from tests.features.feature import feature
from tests.features.observing import SOON_SECONDS, ended, state, task_changes, until, until_asked

app = App("durability")


@app.task
def prepare(n: int) -> int:
    return n + 1


@app.task
async def work(ctx: TaskContext, n: int) -> int:
    """Never gets done in its first attempt."""
    if ctx.attempt == 1:
        await asyncio.Event().wait()
    return n * 10


@app.integration
def build(n: int) -> int:
    return work(prepare(n))


@app.integration
def three_steps(n: int) -> int:
    return prepare.with_id("three")(prepare.with_id("two")(prepare.with_id("one")(n)))


@app.integration
def sleep_long() -> None:
    timer("1h")


newer = App("newer")
older = App("older")


@dataclass
class Go:
    n: int


@older.task
def price(n: int) -> int:
    return n


@older.integration(id="quote")
def old_quote() -> int:
    return price(wait_for_signal("go", Go).n)


@newer.task(name="price")
def new_price(n: int) -> int:
    return n


@newer.task
def add_tax(n: int) -> int:
    return n + 1


@newer.integration(id="quote")
def new_quote() -> int:
    return add_tax(new_price(wait_for_signal("go", Go).n))


def without_snapshots(patch):
    patch.setattr("perdure.domain.decide.running._take_snapshot", lambda *_: None)


@feature(70, without=without_snapshots)
async def test_every_task_is_a_checkpoint():
    async with local_server(app) as server:
        execution = await server.client.execute("three_steps", {"n": 1})
        snapshots = [each async for each in server.client.snapshots(execution.name)]
        assert [each.checkpoint_task_number for each in snapshots] == ["three", "two", "one"]


def without_recovery(patch):
    patch.setattr("perdure.engine.recovery.Recovery._take_up", lambda *_: None)


@feature(70, without=without_recovery)
async def test_an_execution_goes_on_where_it_was_when_the_server_crashed(tmp_path):
    async with local_server(app, data=tmp_path / "data") as server:
        execution = (await server.client.start("build", {"n": 1})).name
        await until(server.client, execution, "work", "IN_PROCESS")
        # What a server leaves behind that is killed at this moment.
        shutil.copytree(tmp_path / "data", tmp_path / "crashed")
    async with local_server(app, data=tmp_path / "crashed") as server:
        assert state(await server.client.wait(execution, timeout=SOON_SECONDS)) == "SUCCEEDED"
        shown = await server.client.get(execution)
        assert shown.response_parameters["result"].int_value == 20
        attempts = {change.task_number: change.attempt for change in await task_changes(server.client, execution)}
        assert attempts == {"prepare": 1, "work": 2}


def without_pinned_revisions(patch):
    async def newest(self, project, created):
        latest = await self.latest(IntegrationKey(project, created.integration))
        return latest.graph(created.trigger_id, created.implicit_task)

    patch.setattr("perdure.engine.definitions.Definitions.graph_of", newest)


@feature(70, without=without_pinned_revisions)
async def test_an_execution_goes_on_as_it_began_when_the_app_was_upgraded(tmp_path):
    async with local_server(older, data=tmp_path) as server:
        execution = (await server.client.start("quote")).name
        await until_asked(server.client, execution)
    async with local_server(newer, data=tmp_path) as server:
        await server.client.signal(execution, "go", {"n": 1})
        assert (await ended(server.client, execution)).response_parameters["result"].int_value == 1
        renewed = (await server.client.start("quote")).name
        await server.client.signal(renewed, "go", {"n": 1})
        assert (await ended(server.client, renewed)).response_parameters["result"].int_value == 2


def without_leaving_memory(patch):
    patch.setattr("perdure.domain.execution.Execution.is_waiting", lambda _: False)


@feature(71, without=without_leaving_memory)
async def test_executions_that_wait_are_not_in_memory():
    async with local_server(app) as server:
        waiting = [(await server.client.start("sleep_long")).name for _ in range(20)]
        assert server.server.engine.active_count() == 0
        await server.client.cancel(waiting[0])
        assert state(await server.client.get(waiting[0])) == "CANCELLED"
        assert state(await server.client.get(waiting[1])) == "SUSPENDED"
