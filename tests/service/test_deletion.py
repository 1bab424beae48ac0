"""Executions that a caller deletes: whole, or only what happened to them (row 50)."""

import asyncio

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    DeleteExecutionRequest,
    GetExecutionRequest,
    GetExecutionSnapshotRequest,
    ListExecutionEventsRequest,
    ListExecutionSnapshotsRequest,
    ListExecutionsRequest,
    WaitExecutionRequest,
    WatchExecutionRequest,
    WatchResponse,
)
from perdure.v1.explanation_pb2 import ExplainExecutionRequest
from perdure.v1.step_pb2 import ListExecutionStepsRequest
from tests.service.played import playing, state_of
from tests.service.serving import ANY, INTEGRATIONS, create, ints, refused, serving

ORPHANED = """
    tasks { task_id: "s" parameters { key: "x" value { expression: "1" } }
            sub_integration { integration_id: "increment" wait: false } }
"""
ABOVE_A_WAIT = 'tasks { task_id: "s" sub_integration { integration_id: "wait" } }'
STUBBORN = """
    tasks { task_id: "a" task: "work" rollback { task: "undo" } next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" }
    teardown_tasks { task_id: "t" task: "work" }
    teardown_tasks { task_id: "u" task: "work" }
"""


async def delete(stubs, name, **fields):
    await stubs.executions.DeleteExecution(DeleteExecutionRequest(name=name, **fields))


async def refusal_of(stubs, name, **fields):
    told = await refused(stubs.executions.DeleteExecution(DeleteExecutionRequest(name=name, **fields)))
    return told.code, told.reason


async def run(stubs, name, **fields):
    """Runs an execution to its end and returns its name."""
    return (await stubs.execute(name, "POST", **fields)).execution


async def names(stubs):
    """Names all executions there are."""
    return {each.name for each in (await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY))).executions}


async def get(stubs, name, view="VIEW_FULL"):
    return await stubs.executions.GetExecution(GetExecutionRequest(name=name, view=view))


GONE = (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")
IN_USE = (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_IN_USE")
WITHOUT_HISTORY = (grpc.StatusCode.FAILED_PRECONDITION, "HISTORY_DELETED")


async def test_what_has_ended_is_deleted_once_and_its_id_is_free_again(stubs):
    name = await run(stubs, "increment", input_parameters=ints(x=1), user_execution_id="mine")
    await delete(stubs, name)
    assert await names(stubs) == set()
    assert (await refused(get(stubs, name))).reason == "EXECUTION_NOT_FOUND"
    assert await refusal_of(stubs, name) == GONE
    await delete(stubs, name, allow_missing=True)
    assert await run(stubs, "increment", input_parameters=ints(x=1), user_execution_id="mine") == name


async def test_the_executions_below_go_too_but_for_orphans(stubs):
    await stubs.integrations.CreateIntegration(create("orphaned", ORPHANED))
    both = await run(stubs, "both")
    orphaned = await run(stubs, "orphaned")
    assert len(await names(stubs)) == 5
    await delete(stubs, both)
    await delete(stubs, orphaned)
    (orphan,) = await names(stubs)
    assert "/integrations/increment/" in orphan
    await stubs.executions.WaitExecution(WaitExecutionRequest(name=orphan))
    await delete(stubs, orphan)
    assert await names(stubs) == set()


async def test_a_tree_of_more_than_one_commit_goes_whole(tmp_path):
    loop = 'item_parameter: "x" sub_integration { integration_id: "increment" }'
    many = f'tasks {{ task_id: "f" for_each {{ items: "{list(range(230))}" {loop} }} }}'
    async with serving(tmp_path / "data", "increment") as stubs:
        await stubs.integrations.CreateIntegration(create("many", many))
        name = await run(stubs, "many")
        await delete(stubs, name, history_only=True)
        told = await refused(stubs.executions.ListExecutionEvents(ListExecutionEventsRequest(parent=name)))
        assert told.reason == "HISTORY_DELETED"
        await delete(stubs, name)
        assert await names(stubs) == set()


async def test_what_has_not_ended_stays_whatever_is_asked(stubs):
    name = (await stubs.execute("wait")).execution
    for fields in ({}, {"force": True}, {"history_only": True}, {"validate_only": True}, {"allow_missing": True}):
        assert await refusal_of(stubs, name, **fields) == IN_USE
    assert state_of(await get(stubs, name)) == "SUSPENDED"


async def test_a_sub_execution_stays_as_long_as_its_parent_has_not_ended(stubs):
    await stubs.integrations.CreateIntegration(create("above", ABOVE_A_WAIT))
    parent = (await stubs.execute("above")).execution
    child = None
    async with asyncio.timeout(20):
        while child is None:
            shown = await get(stubs, parent)
            child = next((each.name for each in shown.direct_sub_executions), None)
    await stubs.executions.CancelExecution(CancelExecutionRequest(name=parent))
    await stubs.executions.WaitExecution(WaitExecutionRequest(name=parent))
    await stubs.executions.WaitExecution(WaitExecutionRequest(name=child))
    await delete(stubs, child)
    await delete(stubs, parent)
    assert await names(stubs) == set()


async def test_an_item_stays_as_long_as_its_loop_runs(tmp_path):
    loop = """
        tasks { task_id: "f" for_each { items: "[1, 2]" item_parameter: "n" task: "work" continue_on_failure: true } }
    """
    async with playing(tmp_path) as world:
        await world.deploy("loop", loop)
        world.script.hold("item")
        name = await world.start("loop")
        await world.script.begun("item", 2)
        item = next(iter((await world.get(name, "VIEW_FULL")).direct_sub_executions)).name
        told = await refused(world.ask("DeleteExecution", name=item))
        assert (told.code, told.reason) == IN_USE
        await world.cancel(item, force=True)
        await world.ended(item)
        told = await refused(world.ask("DeleteExecution", name=item))
        assert (told.code, told.reason) == IN_USE
        assert "which has not ended" in told.message
        world.script.release("item")


async def test_a_check_deletes_nothing(stubs):
    name = await run(stubs, "both")
    await delete(stubs, name, validate_only=True)
    await delete(stubs, name, validate_only=True, history_only=True)
    assert len(await names(stubs)) == 3
    assert await stubs.executions.ListExecutionEvents(ListExecutionEventsRequest(parent=name))
    missing = f"{name}-not"
    assert await refusal_of(stubs, missing, validate_only=True) == GONE
    await delete(stubs, missing, validate_only=True, allow_missing=True)


async def test_another_etag_keeps_it(stubs):
    name = await run(stubs, "increment", input_parameters=ints(x=1))
    etag = (await get(stubs, name)).etag
    assert await refusal_of(stubs, name, etag="another") == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    await delete(stubs, name, etag=etag)
    assert await names(stubs) == set()


async def test_an_execution_of_another_integration_is_none_of_that_name(stubs):
    name = await run(stubs, "increment", input_parameters=ints(x=1))
    assert await refusal_of(stubs, name.replace("/increment/", "/wait/")) == GONE
    await delete(stubs, name.replace("/increment/", "/-/"))


async def test_in_development_force_ends_every_stage_and_deletes(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("stubborn", STUBBORN)
        world.script.hold("b", "undo a", "t", "u")
        name = await world.start("stubborn", development=True)
        await world.script.begun("b")
        told = await refused(world.ask("DeleteExecution", name=name))
        assert (told.code, told.reason) == IN_USE
        await world.ask("DeleteExecution", name=name, force=True)
        assert (await refused(world.get(name))).reason == "EXECUTION_NOT_FOUND"
        world.script.release("b")


async def test_in_development_force_ends_what_is_below_too(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("wait", INTEGRATIONS["wait"])
        await world.deploy("above", ABOVE_A_WAIT)
        name = await world.start("above", development=True)
        await world.until_task(name, "s", "IN_PROCESS")
        async with asyncio.timeout(20):
            while not (await world.get(name, "VIEW_FULL")).direct_sub_executions:
                pass
        await world.ask("DeleteExecution", name=name, force=True)
        assert not (await world.ask("ListExecutions", parent=ANY)).executions


async def test_without_its_history_an_execution_stays_as_it_ended(tmp_path):
    async with serving(tmp_path / "data", *INTEGRATIONS) as stubs:
        name = await run(stubs, "increment", input_parameters=ints(x=1))
        before = await get(stubs, name)
        await delete(stubs, name, history_only=True)
        await delete(stubs, name, history_only=True)
        await has_no_history(stubs, name, before)
    async with serving(tmp_path / "data") as stubs:
        await has_no_history(stubs, name, before)
        await delete(stubs, name)
        assert await names(stubs) == set()


async def has_no_history(stubs, name, before):
    """Checks that an execution is as it was but for its history."""
    after = await get(stubs, name)
    for field in ("execution_snapshots", "event_execution_snapshots_size"):
        before.execution_details.ClearField(field)
    assert after == before
    assert (await stubs.executions.ExplainExecution(ExplainExecutionRequest(name=name))).summary.startswith("It ended")
    snapshot = GetExecutionSnapshotRequest(name=f"{name}/snapshots/1")
    for call in (
        stubs.executions.ListExecutionEvents(ListExecutionEventsRequest(parent=name)),
        stubs.executions.ListExecutionSteps(ListExecutionStepsRequest(parent=name)),
        stubs.executions.ListExecutionSnapshots(ListExecutionSnapshotsRequest(parent=name)),
        stubs.executions.GetExecutionSnapshot(snapshot),
        stubs.executions.WatchExecution(WatchExecutionRequest(name=name, from_beginning=True)).read(),
        stubs.executions.WatchExecution(
            WatchExecutionRequest(name=name, from_beginning=True, mode=WatchResponse.MODE_LATEST_STATE)
        ).read(),
    ):
        told = await refused(call)
        assert (told.code, told.reason) == WITHOUT_HISTORY
    watch = stubs.executions.WatchExecution(WatchExecutionRequest(name=name, initial_state=True))
    assert [response.WhichOneof("kind") async for response in watch][:2] == ["executions", "synced"]
    anew = stubs.executions.WatchExecution(
        WatchExecutionRequest(name=name, from_beginning=True, on_expired=WatchResponse.ON_EXPIRED_RESET)
    )
    assert [response.WhichOneof("kind") async for response in anew][:3] == ["reset", "executions", "synced"]


async def test_steps_that_were_read_before_are_not_told_after_the_history_was_deleted(stubs):
    name = await run(stubs, "increment", input_parameters=ints(x=1))
    request = ListExecutionStepsRequest(parent=name)
    assert (await stubs.executions.ListExecutionSteps(request)).total_size == 2
    await delete(stubs, name, history_only=True)
    assert (await refused(stubs.executions.ListExecutionSteps(request))).reason == "HISTORY_DELETED"


async def test_a_cursor_behind_the_end_is_still_good_without_the_history(stubs):
    name = await run(stubs, "increment", input_parameters=ints(x=1))
    watch = stubs.executions.WatchExecution(WatchExecutionRequest(name=name, from_beginning=True))
    cursor = [response.cursor async for response in watch][-1]
    await delete(stubs, name, history_only=True)
    again = stubs.executions.WatchExecution(WatchExecutionRequest(name=name, cursor=cursor))
    assert [event async for response in again for event in response.events.events] == []


async def test_who_watches_an_execution_is_told_that_it_is_gone(stubs):
    name = await run(stubs, "increment", input_parameters=ints(x=1))
    watch = stubs.executions.WatchExecution(WatchExecutionRequest(name=name, initial_state=True, until_terminal=False))
    async with asyncio.timeout(20):
        while (await watch.read()).WhichOneof("kind") != "synced":
            pass
        await delete(stubs, name)
        assert (await refused(watch.read())).reason == "EXECUTION_NOT_FOUND"


def _code(error):
    return error.code()


async def test_two_who_delete_at_once_delete_it_once(stubs):
    name = await run(stubs, "both")
    outcomes = await asyncio.gather(*(delete(stubs, name) for _ in range(5)), return_exceptions=True)
    assert all(each is None or _code(each) is grpc.StatusCode.NOT_FOUND for each in outcomes)
    assert None in outcomes
    assert await names(stubs) == set()


async def test_a_name_that_is_none_is_refused(stubs):
    told = await refused(stubs.executions.DeleteExecution(DeleteExecutionRequest(name="nothing", allow_missing=True)))
    assert (told.reason, told.fields) == ("INVALID_NAME", ["name"])


@pytest.mark.parametrize("history_only", [True, False])
async def test_an_execution_that_has_not_started_is_no_exception(stubs, history_only):
    name = (await stubs.execute("wait", "SCHEDULE", schedule_time=Timestamp(seconds=4_000_000_000))).execution
    assert await refusal_of(stubs, name, history_only=history_only) == IN_USE
