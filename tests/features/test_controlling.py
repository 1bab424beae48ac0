"""Rows 41 to 43, 50 and 51: cancel, pause, delete and change executions."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from perdure import App, TaskContext, timer, wait_for_signal
from perdure.client.errors import FailedPrecondition, NotFound
from perdure.domain.commands import Cancel
from perdure.testing.server import local_server
from tests.features.feature import feature
from tests.features.observing import SOON_SECONDS, ended, state, task_states, until, until_asked, until_event

app = App("controlling")
released: dict[str, asyncio.Event] = {}


@app.task
async def tidy_up(ctx: TaskContext) -> str:
    """Works until it is cancelled, and then until it is released."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await released[ctx.execution].wait()
    return "tidy"


@app.task
def double(n: int) -> int:
    return 2 * n


@app.integration
def tidied() -> str:
    return tidy_up()


@app.integration
def waiting() -> None:
    timer("1h")


@app.integration
def outer() -> None:
    waiting()


@app.integration
def two_steps(n: int) -> int:
    wait_for_signal("go")
    return double(n)


def without_cascade(patch):
    patch.setattr("perdure.engine.effects.Performer._cancel_children", lambda *_: None)


@feature(41, without=without_cascade)
async def test_a_cancel_goes_down_the_tree():
    async with local_server(app) as server:
        parent = (await server.client.start("outer")).name
        await until_event(server.client, parent, lambda event: event.HasField("sub_execution_change"))
        await server.client.cancel(parent, "no longer needed")
        assert state(await server.client.wait(parent, timeout=SOON_SECONDS)) == "CANCELLED"
        children = [child async for child in server.client.list("waiting")]
        assert [state(child) for child in children] == ["CANCELLED"]


def without_the_reason(patch):
    patch.setattr("perdure.engine.engine.Cancel", lambda _, *rest: Cancel("", *rest))


@feature(41, without=without_the_reason)
async def test_the_reason_of_a_cancel_is_recorded():
    async with local_server(app) as server:
        execution = (await server.client.start("waiting")).name
        await server.client.cancel(execution, "no longer needed")
        shown = await ended(server.client, execution)
        assert shown.cancel_reason == "no longer needed"
        assert shown.HasField("cancel_requested_time")


def without_grace(patch):
    patch.setattr("perdure.domain.decide.control.CANCEL_GRACE", 0)


@feature(42, without=without_grace)
async def test_a_cancel_gives_a_handler_time_to_tidy_up():
    async with local_server(app) as server:
        execution = (await server.client.start("tidied")).name
        released[execution] = asyncio.Event()
        await until(server.client, execution, "tidy_up", "IN_PROCESS")
        await server.client.cancel(execution)
        shown = await server.client.wait(execution, timeout=0.1)
        assert state(shown) == "PROCESSING"
        assert shown.HasField("cancel_requested_time")
        released[execution].set()
        assert state(await ended(server.client, execution)) == "CANCELLED"
        assert await task_states(server.client, execution) == {"tidy_up": "SUCCEED"}


def without_force(patch):
    patch.setattr("perdure.domain.decide.control.give_up", lambda _: None)


@feature(42, without=without_force)
async def test_a_cancel_by_force_ends_the_grace():
    async with local_server(app) as server:
        execution = (await server.client.start("tidied")).name
        released[execution] = asyncio.Event()
        await until(server.client, execution, "tidy_up", "IN_PROCESS")
        assert state(await server.client.cancel(execution)) == "PROCESSING"
        assert state(await server.client.cancel(execution, force=True)) == "CANCELLED"
        released[execution].set()


def without_pause(patch):
    patch.setattr("perdure.domain.execution.Execution.is_gated", property(lambda _: False))


@feature(43, without=without_pause)
async def test_nothing_starts_in_a_paused_execution_until_it_is_resumed():
    async with local_server(app) as server:
        execution = (await server.client.start("two_steps", {"n": 21})).name
        await until_asked(server.client, execution)
        paused = await server.client.pause(execution, "the shop is closed")
        assert (paused.paused, paused.pause_reason) == (True, "the shop is closed")
        await server.client.signal(execution, "go")
        assert await task_states(server.client, execution) == {"go": "SUCCEED"}
        assert not (await server.client.resume(execution)).paused
        assert state(await ended(server.client, execution)) == "SUCCEEDED"


def without_deletion(patch):
    async def nothing(*_):
        return None

    patch.setattr("perdure.engine.deleting.Deleter._delete_rows", nothing)


@feature(50, without=without_deletion)
async def test_an_execution_that_has_ended_can_be_deleted():
    async with local_server(app) as server:
        execution = (await server.client.start("waiting")).name
        await server.client.cancel(execution)
        await server.client.delete(execution)
        with pytest.raises(NotFound):
            await server.client.get(execution)


def without_deletion_of_histories(patch):
    async def nothing(*_):
        return None

    patch.setattr("perdure.engine.deleting.Deleter._delete_histories", nothing)


@feature(50, without=without_deletion_of_histories)
async def test_only_the_history_can_be_deleted():
    async with local_server(app) as server:
        execution = (await server.client.start("waiting")).name
        await server.client.cancel(execution, "no longer needed")
        await server.client.delete(execution, history_only=True)
        assert (await server.client.get(execution)).cancel_reason == "no longer needed"
        with pytest.raises(FailedPrecondition):
            [event async for event in server.client.events(execution)]


def without_changes(patch):
    patch.setattr("perdure.domain.decide.control._changed", lambda *_: None)


@feature(51, without=without_changes)
async def test_settings_of_a_live_execution_can_be_changed():
    async with local_server(app) as server:
        execution = (await server.client.start("waiting")).name
        await server.client.update(execution, priority=900, labels={"shop": "north"}, description="the big one")
        shown = await server.client.get(execution)
        assert (shown.priority, dict(shown.labels), shown.description) == (900, {"shop": "north"}, "the big one")
        found = [each.name async for each in server.client.list(filter='labels.shop = "north"')]
        assert found == [execution]


@feature(51, without=without_changes)
async def test_the_new_deadline_counts():
    async with local_server(app) as server:
        execution = (await server.client.start("waiting")).name
        deadline = datetime.now(UTC) + timedelta(milliseconds=20)
        changed = await server.client.update(execution, deadline=deadline)
        assert changed.deadline.ToDatetime(UTC) == deadline
        shown = await ended(server.client, execution)
        assert (state(shown), shown.error.code) == ("FAILED", "DEADLINE_EXCEEDED")
