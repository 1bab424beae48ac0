"""Row 67: breakpoints and stepping."""

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from perdure import App, TaskContext, TaskError
from perdure.domain.breakpoints import STOP_EXPIRES_AFTER, Breakpoints, StepAction
from perdure.domain.commands import Step
from perdure.testing.server import local_server
from perdure.v1 import breakpoint_pb2
from perdure.v1.breakpoint_pb2 import Breakpoint
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import ExecutionDetails
from perdure.v1.intervention_pb2 import StepExecutionRequest
from tests.features.feature import feature
from tests.features.observing import ended, state, task_states, until_event

CONTINUE = StepExecutionRequest.ACTION_CONTINUE
STEP = StepExecutionRequest.ACTION_STEP
RETRY = StepExecutionRequest.ACTION_RETRY
BEFORE = Breakpoint.POSITION_BEFORE
AFTER = Breakpoint.POSITION_AFTER
ON_FAILURE = Breakpoint.POSITION_ON_FAILURE
STEP_THROUGH = breakpoint_pb2.Breakpoints(mode=breakpoint_pb2.Breakpoints.MODE_STEP_THROUGH)
STOPPED = ExecutionEvent.BreakpointChange.CAUSE_STOPPED

app = App("stepping")


@app.task
def add(n: int) -> int:
    return n + 1


@app.task
def work_second_time(ctx: TaskContext) -> int:
    if ctx.attempt == 1:
        raise TaskError("NOT_YET", "once more, please")
    return ctx.attempt


@app.integration
def calculate(n: int) -> int:
    return add.with_id("third")(add.with_id("second")(add.with_id("first")(n)))


@app.integration
def persist() -> int:
    return work_second_time()


def at(task, position=BEFORE, condition=""):
    return breakpoint_pb2.Breakpoints(
        breakpoints=[Breakpoint(task_number=task, position=position, condition=condition)]
    )


async def stands_at(client, execution, task):
    """Waits until an execution stands at a task, and names the tasks that have begun."""

    def holds(event):
        change = event.breakpoint_change
        return (change.cause, change.stop.task_number) == (STOPPED, task)

    await until_event(client, execution, holds)
    assert (await client.get(execution)).stopped_at_breakpoint.task_number == task
    return set(await task_states(client, execution))


def without_breakpoints(patch):
    patch.setattr("perdure.domain.decide.gate._matches", lambda *_: False)


@feature(67, without=without_breakpoints)
async def test_an_execution_stops_before_a_task():
    async with local_server(app) as server:
        execution = (await server.client.start("calculate", {"n": 1}, breakpoints=at("second"))).name
        assert await stands_at(server.client, execution, "second") == {"first"}
        await server.client.step(execution, CONTINUE)
        assert state(await ended(server.client, execution)) == "SUCCEEDED"


@feature(67, without=without_breakpoints)
async def test_an_execution_stops_after_a_task():
    async with local_server(app) as server:
        execution = (await server.client.start("calculate", {"n": 1}, breakpoints=at("second", AFTER))).name
        assert await stands_at(server.client, execution, "second") == {"first", "second"}
        await server.client.step(execution, CONTINUE)
        assert state(await ended(server.client, execution)) == "SUCCEEDED"


@feature(67, without=without_breakpoints)
async def test_an_execution_stops_at_a_failure_and_tries_again_when_told_to():
    async with local_server(app) as server:
        breakpoints = at("work_second_time", ON_FAILURE)
        execution = (await server.client.start("persist", breakpoints=breakpoints)).name
        await stands_at(server.client, execution, "work_second_time")
        await server.client.step(execution, RETRY)
        assert state(await ended(server.client, execution)) == "SUCCEEDED"


def stops_or_succeeds(event):
    return event.HasField("breakpoint_change") or event.state_change.state == ExecutionDetails.SUCCEEDED


def without_conditions(patch):
    patch.setattr("perdure.domain.decide.gate._holds", lambda *_: True)


@feature(67, without=without_conditions)
async def test_an_execution_stops_if_the_condition_holds():
    async with local_server(app) as server:
        breakpoints = at("second", condition="params.n > 10")
        small = (await server.client.start("calculate", {"n": 1}, breakpoints=breakpoints)).name
        large = (await server.client.start("calculate", {"n": 11}, breakpoints=breakpoints)).name
        await stands_at(server.client, large, "second")
        came = await until_event(server.client, small, stops_or_succeeds)
        assert came.HasField("state_change")


def without_stepping_through(patch):
    patch.setattr(
        "perdure.service.breakpoint_fields.Breakpoints", lambda **said: Breakpoints(**{**said, "step_through": False})
    )


@feature(67, without=without_stepping_through)
async def test_an_execution_stops_before_every_task():
    async with local_server(app) as server:
        execution = (await server.client.start("calculate", {"n": 1}, breakpoints=STEP_THROUGH)).name
        for task in ("first", "second", "third"):
            await stands_at(server.client, execution, task)
            await server.client.step(execution, CONTINUE)
        assert state(await ended(server.client, execution)) == "SUCCEEDED"


def without_steps(patch):
    patch.setattr("perdure.service.controls.Step", lambda _, *rest: Step(StepAction.CONTINUE, *rest))


@feature(67, without=without_steps)
async def test_a_step_runs_one_task_and_stops_again():
    async with local_server(app) as server:
        execution = (await server.client.start("calculate", {"n": 1}, breakpoints=at("first"))).name
        await stands_at(server.client, execution, "first")
        await server.client.step(execution, STEP)
        assert await stands_at(server.client, execution, "second") == {"first"}


def without_other_parameters(patch):
    patch.setattr("perdure.domain.decide.control.edit_parameters", lambda *_: None)


@feature(67, without=without_other_parameters)
async def test_parameters_can_be_changed_while_it_stands():
    async with local_server(app) as server:
        execution = (await server.client.start("calculate", {"n": 1}, breakpoints=at("first"))).name
        await stands_at(server.client, execution, "first")
        await server.client.step(execution, CONTINUE, modified_parameters={"n": 10})
        shown = await ended(server.client, execution)
        assert shown.response_parameters["result"].int_value == 13


def without_expiry(patch):
    patch.setattr(
        "perdure.service.breakpoint_fields.Breakpoints",
        lambda **said: Breakpoints(**{**said, "expire_after": STOP_EXPIRES_AFTER}),
    )


@feature(67, without=without_expiry)
async def test_a_stop_that_nobody_touches_expires():
    async with local_server(app) as server:
        breakpoints = at("second")
        breakpoints.expire_after.CopyFrom(Duration(seconds=1))
        execution = (await server.client.start("calculate", {"n": 1}, breakpoints=breakpoints)).name
        await stands_at(server.client, execution, "second")
        stop = (await server.client.get(execution)).stopped_at_breakpoint
        assert stop.expire_time.ToDatetime() - stop.stop_time.ToDatetime() == timedelta(seconds=1)
        assert state(await ended(server.client, execution)) == "SUCCEEDED"
