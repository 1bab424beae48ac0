"""Stops: where, for how long, and what leads out of them (rows 43, 67)."""

import grpc
import pytest

from perdure import PermanentError
from tests.service.played import playing, state_of
from tests.service.serving import ints, refused

CHAIN = """
    parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT
                 default_value { int_value: 1 } }
    tasks { task_id: "a" task: "work" next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" parameters { key: "n" value { expression: "params.x" } }
            outputs { result: "result" parameter: "x" } next_tasks { task_id: "c" } }
    tasks { task_id: "c" task: "work" }
"""
FORK = """
    tasks { task_id: "a" task: "work" }
    tasks { task_id: "b" task: "work" }
    tasks { task_id: "c" task: "work" }
"""
RETRIED = """
    tasks { task_id: "a" task: "work" failure_policy { retry_strategy: RETRY_STRATEGY_FIXED_INTERVAL max_retries: 1
                                                       interval { seconds: 3600 } } }
"""


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("chain", CHAIN)
        yield world


def at(task, position="POSITION_BEFORE", condition=""):
    return {"task_number": task, "position": position, "condition": condition}


def explicit(*places, **fields):
    return {"breakpoints": places, **fields}


def stop_of(execution):
    stop = execution.stopped_at_breakpoint
    return stop.task_number, execution.breakpoints.breakpoints[0].Position.Name(stop.position).removeprefix("POSITION_")


def cause_of(execution):
    stop = execution.stopped_at_breakpoint
    return stop.task_number, stop.Cause.Name(stop.cause).removeprefix("CAUSE_")


@pytest.mark.parametrize(
    ("position", "before", "after"),
    [("POSITION_BEFORE", ["a"], ["a", "b", "c"]), ("POSITION_AFTER", ["a", "b"], ["a", "b", "c"])],
)
async def test_it_stops_at_a_breakpoint_and_goes_on_when_told_to(world, position, before, after):
    name = await world.start("chain", breakpoints=explicit(at("b", position)))
    stopped = await world.stopped(name)
    assert stop_of(stopped) == ("b", position.removeprefix("POSITION_"))
    assert (cause_of(stopped)[1], state_of(stopped)) == ("BREAKPOINT", "PROCESSING")
    assert world.script.calls == before
    stop = stopped.stopped_at_breakpoint
    assert stop.expire_time.ToMicroseconds() - stop.stop_time.ToMicroseconds() == 24 * 3600 * 1_000_000
    answer = await world.ask("StepExecution", name=name)
    assert not answer.HasField("stopped_at_breakpoint")
    assert state_of(await world.ended(name)) == "SUCCEEDED"
    assert world.script.calls == after


async def test_a_condition_decides_whether_it_stops(world):
    places = [at("b", condition="params.x > 5"), at("c", condition="params.x > 5")]
    name = await world.start("chain", breakpoints=explicit(*places), input_parameters=ints(x=5))
    assert stop_of(await world.stopped(name)) == ("c", "BEFORE")
    assert world.script.calls == ["a", "b"]
    await world.ask("StepExecution", name=name)
    assert state_of(await world.ended(name)) == "SUCCEEDED"


async def test_step_through_runs_one_task_after_the_other(world):
    name = await world.start("chain", breakpoints={})
    for task in "abc":
        stopped = await world.stopped(name)
        assert cause_of(stopped)[0] == task
        assert task not in world.script.calls
        await world.ask("StepExecution", name=name, action="ACTION_STEP")
        await world.until_task(name, task, "SUCCEED")
    assert state_of(await world.ended(name)) == "SUCCEEDED"


async def test_a_step_runs_the_task_that_was_chosen_and_no_other(world):
    await world.deploy("fork", FORK)
    name = await world.start("fork", breakpoints={"mode": "MODE_STEP_THROUGH"})
    await world.stopped(name)
    await world.ask("StepExecution", name=name, action="ACTION_STEP", task_number="c")
    await world.until_task(name, "c", "SUCCEED")
    assert world.script.calls == ["c"]
    stopped = await world.stopped(name)
    assert cause_of(stopped)[1] == "STEP"
    await world.cancel(name)
    ended = await world.ended(name)
    assert (state_of(ended), ended.HasField("stopped_at_breakpoint")) == ("CANCELLED", False)
    assert world.script.calls == ["c"]


async def test_a_stopped_execution_takes_other_parameters(world):
    name = await world.start("chain", breakpoints=explicit(at("b")))
    await world.stopped(name)
    await world.ask("StepExecution", name=name, modified_parameters=ints(x=9))
    assert (await world.ended(name)).response_parameters["x"].int_value == 10


@pytest.mark.parametrize(
    ("action", "calls", "state"),
    [("ACTION_RETRY", ["a", "a"], "SUCCEEDED"), ("ACTION_CONTINUE", ["a"], "RETRY_ON_HOLD")],
)
async def test_it_stops_at_a_failure_before_the_policy_acts(world, action, calls, state):
    await world.deploy("retried", RETRIED)
    world.script.fail("a", PermanentError("once", code="BUSY") if action == "ACTION_RETRY" else ValueError("once"))
    place = at("", "POSITION_ON_FAILURE", "error.code != ''")
    name = await world.start("retried", breakpoints=explicit(place))
    stopped = await world.stopped(name)
    assert stop_of(stopped) == ("a", "ON_FAILURE")
    await world.ask("StepExecution", name=name, action=action)
    reached = await world.until(name, lambda execution: state_of(execution) == state)
    assert world.script.calls == calls
    assert reached.HasField("next_execution_time") == (state == "RETRY_ON_HOLD")


async def test_steps_that_are_not_possible_are_refused(world):
    world.script.hold("a")
    name = await world.start("chain", breakpoints=explicit(at("b")))
    await world.script.begun("a")
    told = await refused(world.ask("StepExecution", name=name))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_NOT_STOPPED")
    world.script.release("a")
    await world.stopped(name)
    told = await refused(world.ask("StepExecution", name=name, action="ACTION_RETRY"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STEP_NOT_POSSIBLE")
    told = await refused(world.ask("StepExecution", name=name, action="ACTION_STEP", task_number="c"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STEP_NOT_POSSIBLE")
    told = await refused(world.ask("StepExecution", name=name, action="ACTION_STEP", task_number="z"))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
    told = await refused(world.ask("StepExecution", name=name, task_number="b"))
    assert (told.reason, told.fields) == ("INVALID_FIELD", ["task_number"])
    told = await refused(world.ask("StepExecution", name=name, action=9))
    assert (told.reason, told.fields) == ("INVALID_FIELD", ["action"])
    assert (await world.get(name)).HasField("stopped_at_breakpoint")
    await world.ask("StepExecution", name=name)
    await world.ended(name)
    told = await refused(world.ask("StepExecution", name=name))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_ENDED")


async def test_breakpoints_that_cannot_be_are_refused_all_at_once_and_nothing_starts(world):
    places = [at("b", position=9), at(""), at("c"), at("c", condition="x" * 501)]
    told = await refused(world.start("chain", breakpoints=explicit(*places, mode=7, expire_after={"nanos": 1})))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert told.fields == [
        "breakpoints.mode",
        "breakpoints.breakpoints[0].position",
        "breakpoints.breakpoints[1].task_number",
        "breakpoints.breakpoints[3].condition",
        "breakpoints.expire_after",
    ]
    places = [at("z"), at("b", condition="params.x +"), at("b", condition="error.code == ''"), at("c", condition="1")]
    told = await refused(world.start("chain", breakpoints=explicit(*places), input_parameters=ints(y=1)))
    assert told.fields == [
        'input_parameters["y"]',
        "breakpoints.breakpoints[0].task_number",
        "breakpoints.breakpoints[1].condition",
        "breakpoints.breakpoints[2].condition",
        "breakpoints.breakpoints[3].condition",
    ]
    told = await refused(world.start("chain", breakpoints=explicit(*[at("b")] * 101)))
    assert told.fields == ["breakpoints.breakpoints"]
    assert world.script.calls == []


async def test_a_stop_outlives_the_server(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("chain", CHAIN)
        name = await world.start("chain", breakpoints=explicit(at("b")))
        before = await world.stopped(name)
    async with playing(tmp_path) as world:
        after = await world.get(name)
        assert after.stopped_at_breakpoint == before.stopped_at_breakpoint
        await world.ask("StepExecution", name=name, action="ACTION_STEP")
        stopped = await world.stopped(name)
        assert (world.script.calls, cause_of(stopped)) == (["b"], ("c", "STEP"))
        await world.ask("StepExecution", name=name)
        assert state_of(await world.ended(name)) == "SUCCEEDED"
