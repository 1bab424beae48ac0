"""Interventions and replays against a real server: each happens once, and what is asked for is there afterwards."""

import asyncio
from dataclasses import dataclass

import pytest

from perdure import App, Rollback, suspend, timer, wait_for_signal
from perdure.client.errors import AlreadyExists, FailedPrecondition, InvalidRequest, NotFound, PermissionDenied
from perdure.testing.server import local_server
from perdure.v1.breakpoint_pb2 import Breakpoint, Breakpoints
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.intervention_pb2 import ResolveRollbackRequest, StepExecutionRequest
from perdure.v1.suspension_pb2 import Suspension

app = App("client-interventions")


@dataclass
class Payment:
    amount: int


@app.task
async def add(a: int, b: int) -> int:
    return a + b


@app.task
async def release(a: int) -> None:
    raise ValueError("cannot be released")


@app.task(rollback=Rollback(release, hold=True))
async def reserve(a: int) -> int:
    return a


@app.task
async def fail(a: int) -> int:
    raise ValueError("no stock")


@app.integration
def total(a: int, b: int = 2) -> int:
    return add(a, b)


@app.integration
def later(a: int) -> int:
    timer("1h")
    return add(a, 1)


@app.integration
def purchase() -> int:
    suspend("May it go?", by=["bob"], id="ask")
    return wait_for_signal("paid", Payment, id="payment").amount


@app.integration
def undone(a: int) -> int:
    return fail(reserve(a))


@pytest.fixture
async def client():
    async with local_server(app) as served:
        yield served.client


async def seen(client, execution, kind):
    """Waits until something of this kind has happened to an execution."""
    async with asyncio.timeout(60), client.watch(execution) as watch:
        async for event in watch:
            if event.HasField(kind):
                return event
    raise AssertionError(f"it ended without any {kind}")


async def test_the_same_signal_is_taken_once(client):
    name = (await client.start("purchase")).name
    first = await client.signal(name, "paid", {"amount": 7}, signal_id="bank-1")
    again = await client.signal(name, "paid", {"amount": 8}, signal_id="bank-1")
    assert (first.duplicate, again.duplicate) == (False, True)
    await seen(client, name, "suspension_change")
    await client.suspensions.lift(name, 1, resolver="bob")
    ended = await client.wait(name, view=Execution.VIEW_FULL)
    assert ended.response_parameters["result"].int_value == 7
    with pytest.raises(FailedPrecondition) as late:
        await client.signal(name, "paid", {"amount": 9})
    assert late.value.reason == "EXECUTION_ENDED"


async def test_only_those_who_may_decide_and_only_once(client):
    name = (await client.start("purchase")).name
    await seen(client, name, "suspension_change")
    with pytest.raises(PermissionDenied):
        await client.suspensions.reject(name, 1, resolver="ann")
    rejected = await client.suspensions.reject(name, 1, "too dear", resolver="bob")
    assert rejected.state == Suspension.RESOLUTION_STATE_REJECTED
    assert await client.suspensions.get(name, 1) == rejected
    with pytest.raises(FailedPrecondition):
        await client.suspensions.lift(name, 1, resolver="bob")
    listed = [each async for each in client.suspensions.list(integration="purchase", filter="state = REJECTED")]
    assert listed == [rejected]


async def test_a_replay_with_the_same_request_id_is_the_same_replay(client):
    original = (await client.execute("total", {"a": 1})).name
    first = await client.replay(original, "again", wait=True, request_id="r1")
    assert await client.replay(original, "again", wait=True, request_id="r1") == first
    assert (first.original, first.outputs) == (original, {"result": 3})
    with pytest.raises(AlreadyExists):
        await client.replay(original, "other", wait=True, request_id="r1")
    only = await client.replay(original, "anew", modified_parameters={"a": 5}, only_modified=True, wait=True)
    assert only.outputs == {"result": 7}
    with pytest.raises(InvalidRequest) as wrong:
        await client.replay(original, "anew", modified_parameters={"no": 5})
    assert wrong.value.field_violations[0].path == 'modified_parameters["no"]'
    checked = await client.replay(original, "only checked", validate_only=True)
    assert checked.name == ""


async def test_a_pause_can_be_asked_for_twice_and_ended_twice(client):
    name = (await client.start("later", {"a": 1})).name
    assert (await client.pause(name, "first")).pause_reason == "first"
    assert (await client.pause(name, "second")).pause_reason == "first"
    assert not (await client.resume(name)).paused
    assert not (await client.resume(name)).paused
    with pytest.raises(FailedPrecondition) as caught:
        await client.resume(name, {"a": 2})
    assert caught.value.reason == "EXECUTION_NOT_PAUSED"


async def test_a_stop_is_left_by_a_step(client):
    breakpoints = Breakpoints(breakpoints=[Breakpoint(position=Breakpoint.POSITION_ON_FAILURE)])
    name = (await client.start("undone", {"a": 1}, breakpoints=breakpoints, development=True)).name
    stop = (await seen(client, name, "breakpoint_change")).breakpoint_change.stop
    assert stop.task_number == "fail"
    found = await client.get(name)
    assert (found.development, found.stopped_at_breakpoint) == (True, stop)
    assert not (await client.update(name, breakpoints=None)).HasField("breakpoints")
    await client.step(name, StepExecutionRequest.ACTION_CONTINUE)
    await seen(client, name, "rollback_change")


async def test_an_undo_that_is_held_can_be_given_up(client):
    name = (await client.start("undone", {"a": 1})).name
    async with asyncio.timeout(60), client.watch(name) as watch:
        async for event in watch:
            if event.task_change.rollback_held:
                break
    blockers = (await client.explain(name)).blockers
    assert [each.WhichOneof("kind") for each in blockers] == ["rollback_held"]
    await client.resolve_rollback(name, "reserve", ResolveRollbackRequest.ACTION_SKIP, "known")
    ended = await client.wait(name)
    assert ended.execution_details.state == ExecutionDetails.FAILED
    assert list(ended.execution_details.rollback.not_undone_tasks) == ["reserve"]


async def test_a_deletion_is_refused_before_the_end_and_final_after_it(client):
    name = (await client.start("later", {"a": 1})).name
    with pytest.raises(FailedPrecondition) as caught:
        await client.delete(name)
    assert caught.value.reason == "EXECUTION_IN_USE"
    await client.cancel(name, force=True)
    await client.wait(name)
    await client.delete(name)
    await client.delete(name, allow_missing=True)
    with pytest.raises(NotFound):
        await client.delete(name)
