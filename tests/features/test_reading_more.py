"""Rows 28 to 36: what executions tell of themselves."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from perdure import App, Fixed, PermanentError, Restart, TaskContext, TaskError, for_each, timer, when
from perdure.client.errors import ExecutionFailed, FailedPrecondition
from perdure.codec.errors import put_error
from perdure.domain.task import Attempt
from perdure.engine.deleting import Deleter
from perdure.engine.queries import Queries
from perdure.engine.reports import EngineReports
from perdure.engine.starting import Starter
from perdure.service.event_summary import _add
from perdure.service.step_fold import StepFold
from perdure.testing.server import local_server
from perdure.v1.error_pb2 import ErrorEntry
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails
from tests.features.feature import feature
from tests.service.serving import definition

State = ExecutionDetails.State
TaskState = TaskExecutionDetails.TaskExecutionState

app = App("telling")


@app.integration()
def inner(n: int) -> int:
    return n + 1


@app.integration()
def middle(n: int) -> int:
    inner.start_detached(n)
    return inner(n)


@app.integration()
def outer(n: int) -> int:
    return middle(n)


@app.task()
async def add(n: int, by: int) -> int:
    return n + by


@app.integration()
def added(n: int) -> int:
    more = add.with_id("ten")(n, 10)
    return add.with_id("hundred")(more, 100)


@app.task(retry=Fixed(max_retries=2, interval="1ms"))
async def stumble(ctx: TaskContext) -> int:
    ctx.message(f"attempt {ctx.attempt}")
    if ctx.attempt < 3:
        raise TaskError("BUSY", f"busy {ctx.attempt}")
    return ctx.attempt


@app.integration()
def stumbled() -> int:
    return stumble()


@app.task(retry=Restart(max_retries=1, interval="1ms"))
async def relapse(ctx: TaskContext) -> int:
    if ctx.execution_attempt < 2:
        raise TaskError("BUSY", "once more")
    return ctx.execution_attempt


@app.integration()
def restarted() -> int:
    return relapse()


@app.integration()
def nap(n: int) -> None:
    with when(n > 0):
        timer("1h")


@app.integration()
def looped() -> None:
    add(1, 2)
    for_each(nap, [0, 1], id="each")
    add.with_id("last")(3, 4)


@app.task()
async def refuse(sku: str) -> None:
    raise PermanentError(f"{sku} is gone", code="SOLD", payload={"sku": sku})


@app.integration()
def sold(sku: str) -> None:
    refuse(sku)


SORTED = """
    name: "sorted"
    parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
    tasks { task_id: "look" assign { assignments { parameter: "n" expression: "params.n + 10" } }
            next_tasks { task_id: "large" condition: "params.n > 100" }
            next_tasks { task_id: "small" condition: "params.n <= 100" } }
    tasks { task_id: "large" assign { assignments { parameter: "n" expression: "params.n - 100" } } }
    tasks { task_id: "small" assign { assignments { parameter: "n" expression: "params.n + 100" } } }
"""


def snapshots_of(execution):
    """Lists the snapshots, oldest first."""
    return execution.execution_details.execution_snapshots[::-1]


def states_in(snapshot):
    return {each.task_number: each.task_execution_state for each in snapshot.task_execution_details}


@asynccontextmanager
async def half_done_loop():
    """Serves, with a loop that has done one of two items and is asleep in the other."""
    async with local_server(app) as server:
        name = (await server.client.start("looped")).name
        async with server.client.watch(name) as watch:
            async for event in watch:
                if event.progress_change.finished_sub_job_count:
                    break
        yield server.client, name


def without_children(patch):
    async def none(*_):
        return []

    patch.setattr(Queries, "children", none)


@feature(28, without=without_children)
async def test_an_execution_names_its_children_its_parent_and_the_root_of_all():
    async with local_server(app) as server:
        root = await server.client.get((await server.client.execute("outer", {"n": 1})).name)
        (child,) = root.direct_sub_executions
        assert (child.parent, child.root) == (root.name, root.name)
        grandchildren = (await server.client.get(child.name)).direct_sub_executions
        assert len(grandchildren) == 2
        for grandchild in grandchildren:
            assert grandchild.parent == child.name
            assert grandchild.root == (grandchild.name if grandchild.orphan else root.name)


def without_orphans(patch):
    real: Any = Starter.child
    patch.setattr(Starter, "child", lambda *args: real(*args[:-1], replace(args[-1], orphan=False)))


@feature(28, without=without_orphans)
async def test_what_was_started_without_waiting_is_an_orphan_and_the_root_of_its_own_tree():
    async with local_server(app) as server:
        parent = await server.client.get((await server.client.execute("middle", {"n": 1})).name)
        orphan, child = sorted(parent.direct_sub_executions, key=lambda each: not each.orphan)
        assert (orphan.orphan, orphan.parent, orphan.root) == (True, parent.name, orphan.name)
        assert (child.orphan, child.parent, child.root) == (False, parent.name, parent.name)


def without_snapshots(patch):
    patch.setattr("perdure.domain.decide.running._take_snapshot", lambda *_: None)


@feature(29, without=without_snapshots)
async def test_after_each_task_a_snapshot_has_the_parameters_and_the_state_of_every_task():
    async with local_server() as server:
        await server.client.deploy(definition(SORTED))
        shown = await server.client.get((await server.client.execute("sorted", {"n": 1})).name)
        look, small = snapshots_of(shown)
        assert (look.checkpoint_task_number, look.params["n"].int_value) == ("look", 11)
        assert states_in(look)["small"] == TaskState.PENDING_EXECUTION
        assert (small.checkpoint_task_number, small.params["n"].int_value) == ("small", 111)
        assert states_in(small) == {"look": TaskState.SUCCEED, "large": TaskState.SKIPPED, "small": TaskState.SUCCEED}


def with_newest_attempt_only(patch):
    def begin(attempts, time):
        attempts[:] = [Attempt(time)]

    patch.setattr("perdure.domain.apply.tasks.begin_attempt", begin)
    patch.setattr("perdure.domain.apply.lifecycle.begin_attempt", begin)


def check_attempts(attempts, count):
    """Checks that attempts are complete, one after the other."""
    assert len(attempts) == count
    times = [time.ToMicroseconds() for each in attempts for time in (each.start_time, each.end_time)]
    assert times == sorted(times)
    assert all(times)


@feature(30, without=with_newest_attempt_only)
async def test_each_attempt_of_a_task_tells_its_begin_and_end():
    async with local_server(app) as server:
        shown = await server.client.get((await server.client.execute("stumbled")).name)
        task = snapshots_of(shown)[0].task_execution_details[0]
        check_attempts(task.task_attempt_stats, 3)
        check_attempts(shown.execution_details.attempt_stats, 1)


@feature(30, without=with_newest_attempt_only)
async def test_each_attempt_of_an_execution_tells_its_begin_and_end():
    async with local_server(app) as server:
        shown = await server.client.get((await server.client.execute("restarted")).name)
        check_attempts(shown.execution_details.attempt_stats, 2)


@feature(31, without=lambda patch: patch.setattr(StepFold, "_before", lambda *_: []))
async def test_steps_tell_what_they_followed_what_followed_them_and_how_long_they_took():
    async with local_server(app) as server:
        name = (await server.client.execute("added", {"n": 1})).name
        ten, hundred, *_ = [step async for step in server.client.steps(name)]
        assert (ten.task_number, ten.attempt, ten.state) == ("ten", 1, TaskState.SUCCEED)
        assert list(ten.next_steps) == [hundred.step_number]
        assert list(hundred.previous_steps) == [ten.step_number]
        for step in (ten, hundred):
            taken = step.end_time.ToMicroseconds() - step.start_time.ToMicroseconds()
            assert step.duration.ToMicroseconds() == taken > 0


@feature(31, without=lambda patch: patch.setattr(StepFold, "_progressed", lambda *_: None))
async def test_the_step_of_a_loop_tells_how_far_it_is():
    async with half_done_loop() as (client, name):
        loop = [step async for step in client.steps(name)][-1]
        assert (loop.task_number, loop.state) == ("each", TaskState.IN_PROCESS)
        assert (loop.iterations.count, loop.iterations.finished) == (2, 1)


def without_deletion(patch):
    async def perform(*_):
        pass

    patch.setattr(Deleter, "perform", perform)


@feature(31, without=without_deletion)
async def test_the_history_can_be_deleted_without_the_execution():
    async with local_server(app) as server:
        name = (await server.client.execute("added", {"n": 1})).name
        await server.client.delete(name, history_only=True)
        with pytest.raises(FailedPrecondition):
            await server.client.steps(name).page()
        assert (await server.client.get(name)).execution_details.state == State.SUCCEEDED


@feature(32, without=lambda patch: patch.setattr("perdure.codec.executions._put_progress", lambda *_: None))
async def test_progress_is_told_in_percent_tasks_and_items_with_the_tasks_at_work():
    async with half_done_loop() as (client, name):
        progress = (await client.get(name)).progress
        assert (progress.percent, progress.task_count, progress.finished_task_count) == (33, 3, 1)
        assert (progress.sub_job_count, progress.finished_sub_job_count) == (2, 1)
        assert list(progress.current_tasks) == ["each"]


def without_conditions(patch):
    patch.setattr("perdure.codec.task_details.put_condition_results", lambda *_: None)


@feature(33, without=without_conditions)
async def test_a_task_tells_what_the_conditions_of_its_ways_on_came_to():
    async with local_server() as server:
        await server.client.deploy(definition(SORTED))
        shown = await server.client.get((await server.client.execute("sorted", {"n": 91})).name)
        results = snapshots_of(shown)[0].task_execution_details[0].condition_results
        assert {each.next_task_number: each.result for each in results} == {"large": True, "small": False}


@feature(34, without=lambda patch: patch.setattr("perdure.codec.executions.put_error_entry", lambda *_: None))
async def test_every_error_is_listed_in_order_with_its_task_and_attempt():
    async with local_server(app) as server:
        shown = await server.client.get((await server.client.execute("stumbled")).name)
        told = [(each.error.code, each.error.message, each.task_number, each.task_attempt) for each in shown.errors]
        assert told == [("BUSY", "busy 1", "stumble", 1), ("BUSY", "busy 2", "stumble", 2)]
        assert {each.severity for each in shown.errors} == {ErrorEntry.SEVERITY_WARNING}


def without_details_of_errors(patch):
    def put_brief(failure, target, **_):
        put_error(failure, target, brief=True)

    patch.setattr("perdure.codec.executions.put_error", put_brief)


@feature(34, without=without_details_of_errors)
async def test_the_final_error_has_payload_context_and_stack_trace():
    async with local_server(app) as server:
        with pytest.raises(ExecutionFailed) as failure:
            await server.client.execute("sold", {"sku": "pear"})
        error = (await server.client.get(failure.value.execution)).error
        assert (error.code, error.message) == ("SOLD", "pear is gone")
        assert "refuse" in error.context
        assert "PermanentError" in error.stack_trace
        assert json.loads(error.payload) == {"sku": "pear"}


def without_counting(patch):
    def add_apart(summaries, event):
        apart: dict[Any, Any] = {}
        _add(apart, event)
        summaries.update({(str(event.sequence), *key): summary for key, summary in apart.items()})

    patch.setattr("perdure.service.event_summary._add", add_apart)


@feature(35, without=without_counting)
async def test_events_of_one_kind_are_one_line_with_a_count_and_the_first_and_last_time():
    async with local_server(app) as server:
        name = (await server.client.execute("stumbled")).name
        (busy,) = [each for each in await server.client.event_summary(name) if each.reason == "BUSY"]
        assert (busy.task_number, busy.count, busy.message) == ("stumble", 2, "busy 2")
        assert busy.first_time.ToMicroseconds() < busy.last_time.ToMicroseconds()


def without_messages(patch):
    real: Any = EngineReports.progressed
    patch.setattr(EngineReports, "progressed", lambda *args: real(*args[:-2], None, args[-1]))


@feature(36, without=without_messages)
async def test_running_code_says_what_it_is_about():
    async with local_server(app) as server:
        shown = await server.client.get((await server.client.execute("stumbled")).name)
        assert shown.message == "attempt 3"
