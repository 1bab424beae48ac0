"""The steps of executions: what was attempted, what it followed and what followed it (row 31); sums of events (35)."""

import asyncio
from typing import Any, cast

import grpc
import pytest

from perdure import PermanentError
from perdure.domain import events as ev
from perdure.domain.graph import build_graph
from perdure.domain.integration import Edge, Integration, TaskConfig
from perdure.domain.states import Failure, TaskState
from perdure.service.step_fold import StepFold
from perdure.v1.event_summary_pb2 import SummarizeExecutionEventsRequest
from perdure.v1.execution_pb2 import TaskExecutionDetails
from perdure.v1.execution_service_pb2 import ListExecutionEventsRequest
from perdure.v1.step_pb2 import ExecutionStep, ListExecutionStepsRequest
from tests.service.played import playing, state_of
from tests.service.serving import create, ints, refused, serving

AT_ONCE = "retry_strategy: RETRY_STRATEGY_FIXED_INTERVAL max_retries: 3 interval { nanos: 1000000 }"
CHAIN = """
    tasks { task_id: "a" task: "work" failure_policy { AT_ONCE } rollback { task: "undo" }
            parameters { key: "n" value { constant { int_value: 1 } } } next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" parameters { key: "n" value { constant { int_value: 2 } } } }
    teardown_tasks { task_id: "t" task: "work" }
    teardown_tasks { task_id: "u" task: "work" }
""".replace("AT_ONCE", AT_ONCE)
ASSIGN = 'assign { assignments { parameter: "x" expression: "1" } }'
FORK = """
    parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    tasks { task_id: "a" ASSIGN next_tasks { task_id: "b" condition: "false" } next_tasks { task_id: "c" } }
    tasks { task_id: "b" ASSIGN next_tasks { task_id: "d" } }
    tasks { task_id: "c" ASSIGN next_tasks { task_id: "d" } }
    tasks { task_id: "d" ASSIGN }
""".replace("ASSIGN", ASSIGN)
CAUGHT = """
    tasks { task_id: "a" task: "work" error_catcher_id: "c" next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" }
    tasks { task_id: "k" task: "work" }
    error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "k" } }
"""


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        yield world


async def steps(stubs, name, view="VIEW_BASIC", page_size=0):
    """Reads all steps, page by page."""
    found, token = [], ""
    while True:
        page = await stubs.executions.ListExecutionSteps(
            ListExecutionStepsRequest(parent=name, view=view, page_size=page_size, page_token=token)
        )
        found += page.execution_steps
        token = page.next_page_token
        if not token:
            assert len(found) == page.total_size
            return found


def brief(found):
    """Writes steps as texts: number, task, attempt, state, and those that it followed."""
    name = TaskExecutionDetails.TaskExecutionState.Name
    return [
        f"{step.step_number} {step.task_number}/{step.attempt} {name(step.state)} {list(step.previous_steps)}"
        for step in found
    ]


def is_linked_both_ways(found):
    """Whether every step is among those before the ones that follow it."""
    forward = {(step.step_number, after) for step in found for after in step.next_steps}
    back = {(before, step.step_number) for step in found for before in step.previous_steps}
    return forward == back


async def test_attempts_an_undo_and_the_teardown_are_steps_in_their_order(world):
    await world.deploy("chain", CHAIN)
    world.script.fail("a", ValueError("not yet"))
    world.script.fail("b", PermanentError("out of stock"))
    name = await world.start("chain")
    await world.ended(name)
    found = await steps(world, name, "VIEW_DETAILED")
    assert brief(found) == [
        "1 a/1 FAILED []",
        "2 a/2 SUCCEED [1]",
        "3 b/1 FAILED [2]",
        "4 a/3 ROLLEDBACK [2]",
        "5 t/1 SUCCEED []",
        "6 u/1 SUCCEED [5]",
    ]
    assert is_linked_both_ways(found)
    kind = ExecutionStep.Kind.Name
    assert [kind(step.kind) for step in found] == [
        *["KIND_FORWARD"] * 3,
        "KIND_ROLLBACK",
        *["KIND_TEARDOWN"] * 2,
    ]
    first, second, third, undo, *_ = found
    assert (undo.task, first.task) == ("undo", "work")
    assert [step.error.message for step in found][:4] == ["ValueError: not yet", "", "out of stock", ""]
    assert second.inputs == first.inputs == undo.inputs == ints(n=1)
    assert (second.outputs, third.outputs, undo.outputs) == (ints(result=2), {}, {})
    assert [(each.next_task_number, each.result) for each in second.condition_results] == [("b", True)]
    assert not first.condition_results
    assert all(step.worker for step in found)
    for step in found:
        assert step.duration.ToMicroseconds() == step.end_time.ToMicroseconds() - step.start_time.ToMicroseconds()
    bare = await steps(world, name)
    for step in found:
        step.ClearField("inputs")
        step.ClearField("outputs")
    assert bare == found


async def test_a_task_whose_condition_failed_is_a_step_and_a_join_follows_both_ways(stubs):
    await stubs.integrations.CreateIntegration(create("fork", FORK))
    name = (await stubs.execute("fork", "POST")).execution
    found = await steps(stubs, name)
    assert sorted(step.split(" ", 1)[1].rsplit(" [", 1)[0] for step in brief(found)) == [
        "a/1 SUCCEED",
        "b/0 SKIPPED",
        "c/1 SUCCEED",
        "d/1 SUCCEED",
    ]
    by_task = {step.task_number: step for step in found}
    joined = sorted(by_task["d"].previous_steps)
    assert joined == sorted([by_task["b"].step_number, by_task["c"].step_number])
    assert [each.result for each in by_task["a"].condition_results] == [False, True]
    assert is_linked_both_ways(found)


async def test_a_catcher_follows_the_failure_that_it_takes(world):
    await world.deploy("caught", CAUGHT)
    world.script.fail("a", PermanentError("no"))
    name = await world.start("caught")
    await world.ended(name)
    found = await steps(world, name)
    assert brief(found)[:2] == ["1 a/1 FAILED []", "2 k/1 SUCCEED [1]"]
    assert found[1].kind == ExecutionStep.KIND_ERROR_CATCHER


async def test_an_open_step_lasts_until_now_and_a_wait_shows_as_one(stubs):
    name = (await stubs.execute("wait")).execution
    (step,) = await steps(stubs, name)
    assert brief([step]) == ["1 t/1 SUSPENDED []"]
    assert not step.HasField("end_time")
    (later,) = await steps(stubs, name)
    assert later.duration.ToMicroseconds() >= step.duration.ToMicroseconds() > 0


async def test_sub_executions_and_items_are_told_with_their_step(stubs):
    outer = (await stubs.execute("outer", "POST", input_parameters=ints(x=1))).execution
    (step,) = await steps(stubs, outer)
    assert "/integrations/increment/executions/" in step.sub_execution
    both = (await stubs.execute("both", "POST")).execution
    (step,) = await steps(stubs, both)
    assert (step.iterations.count, step.iterations.finished) == (2, 2)
    assert not step.sub_execution


async def test_a_restarted_execution_begins_its_attempts_anew(tmp_path):
    async with serving(tmp_path / "data", apps=("tests.service.app:app",), workers="in-process") as stubs:
        text = """
            parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
            tasks { task_id: "a" task: "stumble" parameters { key: "n" value { expression: "params.n" } }
                failure_policy { retry_strategy: RETRY_STRATEGY_RESTART_INTEGRATION_WITH_BACKOFF
                                 max_retries: 2 interval { nanos: 1000000 } } }
        """
        await stubs.integrations.CreateIntegration(create("again", text))
        name = (await stubs.execute("again", input_parameters=ints(n=1))).execution
        async with asyncio.timeout(20):
            while len(found := await steps(stubs, name)) < 3 or not found[-1].HasField("end_time"):
                pass
        assert [(step.execution_attempt, step.attempt) for step in found] == [(1, 1), (2, 1), (3, 1)]
        assert [list(step.previous_steps) for step in found] == [[], [], []]
    async with serving(tmp_path / "data") as stubs:
        assert await steps(stubs, name) == found


async def test_pages_join_whatever_their_size(world):
    await world.deploy("chain", CHAIN)
    name = await world.start("chain")
    await world.ended(name)
    whole = await steps(world, name, "VIEW_DETAILED")
    for size in (1, 2, 3):
        assert await steps(world, name, "VIEW_DETAILED", size) == whole


async def test_a_token_is_good_for_its_view_only(stubs):
    name = (await stubs.execute("increment", "POST", input_parameters=ints(x=1))).execution
    page = await stubs.executions.ListExecutionSteps(ListExecutionStepsRequest(parent=name, page_size=1))
    other = ListExecutionStepsRequest(
        parent=name, page_token=page.next_page_token, view=ListExecutionStepsRequest.VIEW_DETAILED
    )
    assert (await refused(stubs.executions.ListExecutionSteps(other))).reason == "PAGE_TOKEN_INVALID"


async def test_every_fault_of_a_request_is_told(stubs):
    request = ListExecutionStepsRequest(parent="nothing", page_size=-1, view=cast("Any", 7))
    assert (await refused(stubs.executions.ListExecutionSteps(request))).fields == ["parent", "page_size", "view"]
    missing = ListExecutionStepsRequest(parent="projects/p/locations/local/integrations/-/executions/nothing")
    told = await refused(stubs.executions.ListExecutionSteps(missing))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


def test_a_lost_attempt_failed_and_the_next_one_follows_it():
    tasks = {"a": TaskConfig("a", "work", edges=(Edge("b"),)), "b": TaskConfig("b", "work")}
    fold = StepFold(build_graph(Integration("i", "000001-a", 1, tasks), ""))
    history: list[ev.Event] = [
        ev.TaskStarted("a", {}),
        ev.TaskAttemptLost("a", 2),
        ev.TaskAttemptLost("a", 2, held=True),
        ev.TaskRetried("a", 3),
        ev.TaskCancelled("a", 3),
        ev.TaskCancelled("b", 0),
    ]
    for sequence, event in enumerate(history, 2):
        fold.add(event, sequence, sequence * 10)
    shown = [(step.task_id, step.attempt, step.state, step.previous) for step in fold.steps]
    assert shown == [
        ("a", 1, TaskState.FAILED, []),
        ("a", 2, TaskState.FAILED, [1]),
        ("a", 3, TaskState.CANCELLED, [2]),
        ("b", 0, TaskState.CANCELLED, [3]),
    ]
    assert [step.failure and step.failure.code for step in fold.steps] == ["LEASE_LOST", "LEASE_LOST", None, None]


def test_a_step_has_the_inputs_that_were_computed_anew_and_the_worker_of_what_was_suspended():
    tasks = {"a": TaskConfig("a", "work")}
    fold = StepFold(build_graph(Integration("i", "000001-a", 1, tasks), ""))
    history: list[ev.Event] = [
        ev.TaskStarted("a", {}, sub_job_count=3),
        ev.TaskAttemptFailed("a", 1, Failure("BROKEN", ""), ev.Resolution.HOLD),
        ev.TaskRetried("a", 2),
        ev.TaskAttemptFailed("a", 2, Failure("BROKEN", ""), ev.Resolution.HOLD),
        ev.TaskRetried("a", 3, inputs={}, sub_job_count=2),
        ev.SuspensionOpened(1, "a", ev.SuspensionKind.APPROVAL, worker="w1"),
        ev.TaskSucceeded("a", 3),
    ]
    for sequence, event in enumerate(history, 2):
        fold.add(event, sequence, sequence * 10)
    assert [(step.inputs_at, step.items, step.worker) for step in fold.steps] == [(2, 3, ""), (2, 3, ""), (6, 2, "w1")]


async def test_a_long_history_is_folded_while_others_are_served(tmp_path):
    count = 2_000
    links = (f'next_tasks {{ task_id: "t{at + 1}" }}' if at + 1 < count else "" for at in range(count))
    text = "".join(f'tasks {{ task_id: "t{at}" {ASSIGN} {link} }}' for at, link in enumerate(links))
    async with serving(tmp_path / "data") as stubs:
        declared = 'parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }'
        await stubs.integrations.CreateIntegration(create("long", declared + text))
        name = (await stubs.execute("long", "POST")).execution
        found = await steps(stubs, name, page_size=700)
        assert len(found) == count
        assert brief(found)[-1] == f"{count} t{count - 1}/1 SUCCEED [{count - 1}]"
        told = await stubs.executions.SummarizeExecutionEvents(SummarizeExecutionEventsRequest(name=name))
        assert len(told.event_summaries) > count


async def test_events_are_summed_up_by_kind_task_and_reason_in_the_order_in_which_they_were_last_seen(world):
    await world.deploy("chain", CHAIN)
    world.script.fail("a", ValueError("not yet"), ValueError("not yet"), ValueError("no room"))
    name = await world.start("chain")
    await world.ended(name)
    told = await world.executions.SummarizeExecutionEvents(SummarizeExecutionEventsRequest(name=name))
    events = (await world.executions.ListExecutionEvents(ListExecutionEventsRequest(parent=name))).events
    assert sum(each.count for each in told.event_summaries) == len(events)
    times = [each.last_time.ToMicroseconds() for each in told.event_summaries]
    assert times == sorted(times)
    by_key = {(each.kind, each.task_number, each.reason): each for each in told.event_summaries}
    failed = by_key["task_change", "a", "HANDLER_ERROR"]
    assert (failed.count, failed.message) == (3, "ValueError: no room")
    assert failed.first_time.ToMicroseconds() < failed.last_time.ToMicroseconds()
    assert by_key["created", "", "PENDING"].count == 1
    assert by_key["task_change", "a", "IN_PROCESS"].message == ""
    assert by_key["task_change", "a", "IN_PROCESS"].count == 4
    assert told.event_summaries[-1].reason == "SUCCEEDED"
    assert told.store_revision >= events[-1].store_revision


async def test_the_reasons_of_summaries_are_the_states_without_what_all_of_them_begin_with(world):
    await world.deploy("ask", 'tasks { task_id: "a" task: "suspend" suspend { expire_after { seconds: 3600 } } }')
    name = await world.start("ask")
    await world.until(name, lambda execution: state_of(execution) == "SUSPENDED")
    told = await world.executions.SummarizeExecutionEvents(SummarizeExecutionEventsRequest(name=name))
    assert ("suspension_change", "a", "PENDING") in {(e.kind, e.task_number, e.reason) for e in told.event_summaries}
    await world.cancel(name, cancel_reason="no need")
    await world.ended(name)
    told = await world.executions.SummarizeExecutionEvents(SummarizeExecutionEventsRequest(name=name))
    by_key = {(each.kind, each.reason): each.message for each in told.event_summaries}
    assert by_key["suspension_change", "REJECTED"] == ""
    assert by_key["cancel_requested", ""] == "no need"


def test_a_loop_that_succeeded_has_no_item_left():
    tasks = {"a": TaskConfig("a", "work")}
    fold = StepFold(build_graph(Integration("i", "000001-a", 1, tasks), ""))
    fold.add(ev.TaskStarted("a", {}, sub_job_count=30), 2, 2)
    fold.add(ev.SubJobsProgressed("a", 15, 0), 3, 3)
    (step,) = fold.steps
    assert (step.items, step.finished_items) == (30, 15)
    fold.add(ev.TaskSucceeded("a", 1), 4, 4)
    assert step.finished_items == 30
