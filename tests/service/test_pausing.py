"""Pause and resume, also with other parameters (row 43)."""

import grpc
import pytest

from tests.service.played import playing, state_of
from tests.service.serving import ints, refused

TWO = """
    parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT
                 default_value { int_value: 1 } }
    tasks { task_id: "a" task: "work" next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" parameters { key: "n" value { expression: "params.x" } }
            outputs { result: "result" parameter: "x" } }
"""
LOOP = """
    tasks { task_id: "f" for_each { items: "[1, 2, 3]" item_parameter: "n" task: "work" parallelism: 1 } }
"""


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("two", TWO)
        yield world


async def test_nothing_starts_while_paused_and_what_runs_counts(world):
    world.script.hold("a")
    name = await world.start("two")
    await world.script.begun("a")
    paused = await world.ask("PauseExecution", name=name, reason="look")
    assert (paused.paused, paused.pause_reason, state_of(paused)) == (True, "look", "PROCESSING")
    again = await world.ask("PauseExecution", name=name, reason="look again")
    assert (again.pause_reason, again.pause_time, again.etag) == ("look", paused.pause_time, paused.etag)
    world.script.release("a")
    await world.until_task(name, "a", "SUCCEED")
    assert world.script.calls == ["a"]
    resumed = await world.ask("ResumeExecution", name=name)
    assert not resumed.paused
    assert not resumed.pause_reason
    assert state_of(await world.ended(name)) == "SUCCEEDED"
    assert world.script.calls == ["a", "b"]
    changes = [event for event in await world.history(name) if event.HasField("pause_change")]
    assert [(event.pause_change.paused, event.principal) for event in changes] == [(True, "local"), (False, "local")]


async def test_a_paused_execution_takes_other_parameters(world):
    world.script.hold("a")
    name = await world.start("two")
    await world.script.begun("a")
    await world.ask("PauseExecution", name=name)
    world.script.release("a")
    await world.until_task(name, "a", "SUCCEED")
    await world.ask("ResumeExecution", name=name, modified_parameters=ints(x=40))
    ended = await world.ended(name)
    assert ended.response_parameters["x"].int_value == 41
    assert world.script.given["b"] == {"n": 40}


async def test_parameters_that_do_not_fit_are_refused_all_at_once_and_it_stays_paused(world):
    world.script.hold("a")
    name = await world.start("two")
    await world.script.begun("a")
    await world.ask("PauseExecution", name=name)
    told = await refused(
        world.ask("ResumeExecution", name=name, modified_parameters={"x": {"string_value": "?"}, **ints(y=1)})
    )
    assert told.code is grpc.StatusCode.INVALID_ARGUMENT
    assert sorted(told.fields) == ['modified_parameters["x"]', 'modified_parameters["y"]']
    assert (await world.get(name)).paused
    world.script.release("a")


async def test_resuming_what_is_not_paused_changes_nothing_unless_it_was_to_change_parameters(world):
    world.script.hold("a")
    name = await world.start("two")
    await world.script.begun("a")
    before = await world.get(name)
    assert (await world.ask("ResumeExecution", name=name)).etag == before.etag
    told = await refused(world.ask("ResumeExecution", name=name, modified_parameters=ints(x=2)))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_NOT_PAUSED")
    world.script.release("a")


async def test_an_execution_that_has_ended_is_neither_paused_nor_resumed(world):
    name = await world.start("two")
    await world.ended(name)
    for method in ("PauseExecution", "ResumeExecution"):
        told = await refused(world.ask(method, name=name))
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_ENDED")
    for method in ("PauseExecution", "ResumeExecution"):
        told = await refused(world.ask(method, name=name.replace("/executions/", "/executions/x")))
        assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


async def test_a_pause_outlives_the_server(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("two", TWO)
        world.script.hold("a")
        name = await world.start("two")
        await world.script.begun("a")
        await world.ask("PauseExecution", name=name)
        world.script.release("a")
        await world.until_task(name, "a", "SUCCEED")
    async with playing(tmp_path) as world:
        assert (await world.get(name)).paused
        assert world.script.calls == []
        await world.ask("ResumeExecution", name=name)
        assert state_of(await world.ended(name)) == "SUCCEEDED"
        assert world.script.calls == ["b"]


async def test_a_cancel_lifts_a_pause(world):
    world.script.hold("a")
    name = await world.start("two")
    await world.script.begun("a")
    await world.ask("PauseExecution", name=name)
    cancelled = await world.cancel(name)
    assert not cancelled.paused
    assert state_of(await world.ended(name)) == "CANCELLED"


async def test_a_loop_that_has_begun_goes_on_with_its_items_while_paused(world):
    await world.deploy("loop", LOOP)
    world.script.hold("item")
    name = await world.start("loop")
    await world.script.begun("item")
    await world.ask("PauseExecution", name=name)
    world.script.release("item")
    ended = await world.until_task(name, "f", "SUCCEED")
    assert ended.task_change.task_number == "f"
    assert len(world.script.calls) == 3
