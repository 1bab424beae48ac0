"""What runs between the last task and the end: error catchers and teardown tasks (rows 56, 58)."""

import pytest

from perdure import PermanentError
from tests.service.played import playing, state_of

CAUGHT = """
    parameters { key: "told" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    tasks { task_id: "a" task: "work" error_catcher_id: "mend" next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" task_execution_strategy: TASK_EXECUTION_STRATEGY_WHEN_ANY_SUCCEED }
    tasks { task_id: "c" task: "work" }
    tasks { task_id: "note" next_tasks { task_id: "fix" }
            assign { assignments { parameter: "told" expression: "error.code + ' of ' + error.task" } } }
    tasks { task_id: "fix" task: "work" }
    error_catchers { error_catcher_id: "mend" start_error_tasks { task_id: "note" } }
"""
LEAF = """
    tasks { task_id: "a" task: "work" error_catcher_id: "mend" }
    tasks { task_id: "fix" task: "work" }
    error_catchers { error_catcher_id: "mend" start_error_tasks { task_id: "fix" } }
"""
WHOLE = """
    error_catcher_id: "last"
    tasks { task_id: "a" task: "work" rollback { task: "undo" } next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" }
    tasks { task_id: "tell" task: "work" parameters { key: "n" value { expression: "size(error.message)" } } }
    error_catchers { error_catcher_id: "last" start_error_tasks { task_id: "tell" } }
    teardown_tasks { task_id: "sweep" task: "work" }
    teardown_tasks { task_id: "lock" task: "work" }
"""
SWEPT = """
    tasks { task_id: "a" task: "work" }
    teardown_tasks { task_id: "sweep" task: "work" }
    teardown_tasks { task_id: "lock" task: "work" }
"""


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        yield world


def changes(history, kind):
    return [getattr(event, kind) for event in history if event.HasField(kind)]


async def test_a_catcher_that_succeeds_handles_the_failure_and_knows_it(world):
    await world.deploy("caught", CAUGHT)
    world.script.fail("a", PermanentError("no", code="OUT_OF_STOCK"))
    name = await world.start("caught")
    ended = await world.ended(name)
    assert ended.response_parameters["told"].string_value == "OUT_OF_STOCK of a"
    assert world.script.calls.index("fix") > world.script.calls.index("a")
    (entry,) = (entry for entry in ended.errors if entry.task_number == "a")
    assert entry.error.code == "OUT_OF_STOCK"
    told = changes(await world.history(name), "error_catcher_change")
    assert [(each.error_catcher_id, each.task_number, each.State.Name(each.state)) for each in told] == [
        ("mend", "a", "STATE_STARTED"),
        ("mend", "", "STATE_SUCCEEDED"),
    ]
    assert await world.task_states(name, "b") == ["SKIPPED"]
    assert state_of(ended) == "SUCCEEDED"


@pytest.mark.parametrize(("fails", "state"), [((), "SUCCEEDED"), ((PermanentError("neither"),), "FAILED")])
async def test_a_leaf_whose_failure_is_handled_does_not_fail_the_execution(world, fails, state):
    await world.deploy("leaf", LEAF)
    world.script.fail("a", PermanentError("no"))
    world.script.fail("fix", *fails)
    ended = await world.ended(await world.start("leaf"))
    assert state_of(ended) == state
    assert world.script.calls == ["a", "fix"]


async def test_a_failed_execution_is_caught_then_undone_then_torn_down_and_its_outcome_stands(world):
    await world.deploy("whole", WHOLE)
    world.script.fail("b", PermanentError("no", code="FIRST"))
    world.script.fail("tell", PermanentError("no", code="SECOND"))
    world.script.fail("sweep", PermanentError("no", code="THIRD"))
    name = await world.start("whole")
    ended = await world.ended(name)
    assert (state_of(ended), ended.error.code) == ("FAILED", "FIRST")
    assert world.script.calls == ["a", "b", "tell", "undo a", "sweep", "lock"]
    assert world.script.given["tell"] == {"n": 2}
    assert [entry.error.code for entry in ended.errors] == ["FIRST", "SECOND", "THIRD"]
    order = [event.WhichOneof("change") for event in await world.history(name)]
    ends = ["outcome_change", "error_catcher_change", "rollback_change", "teardown_change"]
    assert [order.index(kind) for kind in ends] == sorted(order.index(kind) for kind in ends)


async def test_the_teardown_runs_after_a_success_and_its_failure_changes_nothing(world):
    await world.deploy("swept", SWEPT)
    world.script.fail("sweep", PermanentError("stuck"))
    ended = await world.ended(await world.start("swept"))
    assert state_of(ended) == "SUCCEEDED"
    assert world.script.calls == ["a", "sweep", "lock"]
    assert [entry.task_number for entry in ended.errors] == ["sweep"]


async def test_the_teardown_runs_after_a_cancel_and_after_the_deadline(world):
    await world.deploy("swept", SWEPT)
    world.script.hold("a")
    cancelled = await world.start("swept")
    await world.script.begun("a")
    await world.cancel(cancelled)
    assert state_of(await world.ended(cancelled)) == "CANCELLED"
    assert world.script.calls == ["a", "sweep", "lock"]
    late = await world.ended(await world.start("swept", max_runtime={"nanos": 50_000_000}))
    assert (state_of(late), late.error.code) == ("FAILED", "DEADLINE_EXCEEDED")
    assert world.script.calls[-2:] == ["sweep", "lock"]


async def test_a_forced_cancel_gives_up_the_teardown_task_that_runs(world):
    await world.deploy("swept", SWEPT)
    world.script.hold("sweep")
    name = await world.start("swept")
    await world.script.begun("sweep")
    assert state_of(await world.cancel(name)) == "PROCESSING"
    assert "lock" not in world.script.calls
    await world.cancel(name, force=True)
    ended = await world.ended(name)
    assert state_of(ended) == "SUCCEEDED"
    assert world.script.calls == ["a", "sweep", "lock"]


async def test_a_cancel_stops_a_catcher_and_the_failure_stands(world):
    await world.deploy("whole", WHOLE)
    world.script.fail("b", PermanentError("no", code="FIRST"))
    world.script.hold("tell")
    name = await world.start("whole")
    await world.script.begun("tell")
    await world.cancel(name)
    ended = await world.ended(name)
    assert (state_of(ended), ended.error.code) == ("FAILED", "FIRST")
    assert world.script.calls[-3:] == ["undo a", "sweep", "lock"]


async def test_a_synchronous_caller_is_answered_after_the_teardown(world):
    await world.deploy("swept", SWEPT)
    name = await world.start("swept", execution_method="POST")
    assert world.script.calls == ["a", "sweep", "lock"]
    assert state_of(await world.get(name)) == "SUCCEEDED"
