"""The view FULL shows every task as it is now, whichever snapshots are kept (rows 25, 29 and 57)."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from perdure import PermanentError
from perdure.service.paging import PAGE_MAX_BYTES
from perdure.v1.execution_service_pb2 import WatchExecutionRequest
from perdure.v1.value_pb2 import ValueType
from tests.service.played import TaskState, playing

CHAIN = """
    tasks { task_id: "a" task: "work" rollback { task: "undo" } next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" next_tasks { task_id: "c" }
            rollback { task: "undo" failure_action: FAILURE_ACTION_HOLD } }
    tasks { task_id: "c" task: "work" next_tasks { task_id: "d" } }
    tasks { task_id: "d" task: "work" }
    teardown_tasks { task_id: "t" task: "work" }
"""
LARGE = """
    parameters { key: "text" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
    tasks { task_id: "a" assign { assignments { parameter: "n" expression: "1" } } next_tasks { task_id: "b" } }
    tasks { task_id: "b" assign { assignments { parameter: "n" expression: "2" } } next_tasks { task_id: "c" } }
    tasks { task_id: "c" assign { assignments { parameter: "n" expression: "3" } } }
"""
PATH = "execution_details.task_execution_details"


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("chain", CHAIN)
        yield world


def tasks_of(execution):
    """Gives the tasks of an execution, without what runs with the clock."""
    tasks = list(execution.execution_details.task_execution_details)
    for task in tasks:
        task.ClearField("resource_usage")
    return tasks


def states_of(execution):
    tasks = execution.execution_details.task_execution_details
    return {task.task_number: TaskState.Name(task.task_execution_state) for task in tasks}


async def hold(world, **fields):
    """Starts an execution that comes to stand at an undo that failed; returns it whole."""
    world.script.fail("c", PermanentError("no"))
    world.script.fail("undo b", PermanentError("stuck"))
    name = await world.start("chain", **fields)
    await world.until_event(name, lambda event: event.task_change.rollback_held)
    return await world.get(name, "VIEW_FULL")


async def first_state(world, name, view):
    call = world.executions.WatchExecution(WatchExecutionRequest(name=name, initial_state=True, view=view))
    return (await call.read()).executions.executions[0]


async def test_the_tasks_show_the_rollback_that_no_snapshot_does(world):
    held = await hold(world, savepoint_retention="SAVEPOINT_RETENTION_NONE")
    assert list(states_of(held).items()) == [
        ("a", "PENDING_ROLLBACK"),
        ("b", "ROLLBACK_IN_PROCESS"),
        ("c", "FAILED"),
        ("d", "SKIPPED"),
    ]
    _, b, c, _ = tasks_of(held)
    assert (b.rollback_held, b.rollback_error.message, len(b.rollback_attempt_stats)) == (True, "stuck", 1)
    assert c.error.message == "no"
    await world.ask("ResolveRollback", name=held.name, task_number="b", action="ACTION_SKIP", reason="by hand")
    ended = await world.ended(held.name)
    assert not ended.execution_details.execution_snapshots
    assert list(states_of(ended).items()) == [
        ("a", "ROLLEDBACK"),
        ("b", "ROLLEDBACK"),
        ("c", "FAILED"),
        ("d", "SKIPPED"),
        ("t", "SUCCEED"),
    ]
    a, b, *_ = tasks_of(ended)
    assert (a.HasField("rollback_error"), b.rollback_error.message, b.rollback_held) == (False, "stuck", False)


async def test_every_answer_that_holds_the_view_full_has_them_and_no_other(world):
    held = await hold(world)
    parent = held.name.partition("/executions/")[0]
    tasks = tasks_of(held)
    listed = await world.ask("ListExecutions", parent=parent, view="VIEW_FULL")
    assert tasks_of(listed.executions[0]) == tasks
    masked = await world.ask("GetExecution", name=held.name, read_mask=FieldMask(paths=[PATH]))
    assert tasks_of(masked) == tasks
    assert not masked.execution_details.execution_snapshots
    first = await first_state(world, held.name, "VIEW_FULL")
    assert tasks_of(first) == tasks
    first = await first_state(world, held.name, "VIEW_BASIC")
    assert not tasks_of(first)
    assert not tasks_of(await world.get(held.name))
    assert not tasks_of((await world.ask("ListExecutions", parent=parent)).executions[0])


async def test_they_are_whole_where_the_older_snapshots_lose_their_parameters(world):
    await world.deploy("large", LARGE)
    inputs = {"text": ValueType(string_value="x" * (PAGE_MAX_BYTES // 4))}
    ended = await world.ended(await world.start("large", input_parameters=inputs))
    assert [bool(each.params) for each in ended.execution_details.execution_snapshots] == [True, True, False]
    assert ended.ByteSize() <= PAGE_MAX_BYTES
    assert states_of(ended) == dict.fromkeys("abc", "SUCCEED")
