"""Replays by another revision than the original's: what is done is taken over, or the replay is refused."""

import grpc
import pytest

from tests.service.replaying import DIVIDE, FIRST, PARAMETERS, SECOND, THIRD, deploy, get, redeploy, replay, run
from tests.service.serving import ints, refused, serving

# What fails is repaired: c does not divide any more.
REPAIRED = DIVIDE.replace("params.n / params.d", "params.n + 5")


@pytest.fixture
async def stubs(tmp_path):
    async with serving(tmp_path / "data") as served:
        await deploy(served, "divide-by", DIVIDE)
        yield served


@pytest.fixture
async def failed(stubs):
    """The name of an execution that has failed at its third task: n is 20, d is 0."""
    return await run(stubs, "divide-by", input_parameters=ints(n=1, d=0))


def tasks(first, second, third='tasks { task_id: "c" assign { assignments { parameter: "n" expression: "7" } } }'):
    """Writes the definition with other edges: of a and b those that are given."""
    return f"{PARAMETERS} {FIRST} {first} }} {SECOND} {second} }} {third}"


def to(task_id, condition=""):
    """Writes an edge."""
    return f'next_tasks {{ task_id: "{task_id}" condition: "{condition}" }}'


async def states(stubs, name):
    """Reads the states of the tasks of an ended execution."""
    newest = (await get(stubs, name)).execution_details.execution_snapshots[0]
    return {task.task_number: task.task_execution_state for task in newest.task_execution_details}


async def test_the_revision_of_the_original_runs_unless_the_latest_is_asked_for(stubs, failed):
    await redeploy(stubs, "divide-by", REPAIRED)
    told = await refused(replay(stubs, failed))
    assert told.reason == "EXECUTION_FAILED"
    same = await get(stubs, told.metadata["execution"])
    assert same.integration_revision_id == (await get(stubs, failed)).integration_revision_id
    for mode in ("FROM_BEGINNING", "POINT_OF_FAILURE"):
        answer = await replay(stubs, failed, mode, use_latest_revision=True)
        assert answer.output_parameters["n"].int_value == 25
        assert (await get(stubs, answer.execution)).snapshot_number == 2


async def test_all_that_does_not_fit_is_named(stubs, failed):
    other = tasks(to("c"), "").replace(
        'task_id: "b" assign { assignments { parameter: "n" expression: "params.n * 10" } }',
        'task_id: "b" task: "worker"',
    )
    await redeploy(stubs, "divide-by", other.replace('task_id: "a"', 'task_id: "z"'))
    told = await refused(replay(stubs, failed, "POINT_OF_FAILURE", use_latest_revision=True))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REPLAY_REVISION_MISMATCH")
    assert "task a is done and not there any more" in told.message
    assert "task b was performed by assign and is by worker now" in told.message
    assert (await refused(replay(stubs, failed, "POINT_OF_FAILURE"))).reason == "EXECUTION_FAILED"


async def test_a_parameter_of_another_type_does_not_fit_unless_it_is_modified(stubs, failed):
    text = REPAIRED.replace('key: "d" data_type: DATA_TYPE_INT_VALUE', 'key: "d" data_type: DATA_TYPE_BOOLEAN_VALUE')
    await redeploy(
        stubs, "divide-by", text.replace("default_value { int_value: 1 }", "default_value { boolean_value: true }")
    )
    told = await refused(replay(stubs, failed, "POINT_OF_FAILURE", use_latest_revision=True))
    assert told.reason == "REPLAY_REVISION_MISMATCH"
    assert "parameter d: " in told.message
    fields = {"modified_parameters": {"d": {"boolean_value": True}}, "update_mask": {"paths": ["d"]}}
    answer = await replay(stubs, failed, "POINT_OF_FAILURE", use_latest_revision=True, **fields)
    assert answer.output_parameters["n"].int_value == 25


async def test_a_new_parameter_has_its_default_or_must_be_given(stubs, failed):
    new = 'parameters { key: "e" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT %s }'
    await redeploy(stubs, "divide-by", REPAIRED + new % "default_value { int_value: 3 }")
    answer = await replay(stubs, failed, "POINT_OF_FAILURE", use_latest_revision=True)
    assert answer.output_parameters["e"].int_value == 3
    await redeploy(stubs, "divide-by", REPAIRED + new % "")
    for mode in ("FROM_BEGINNING", "POINT_OF_FAILURE"):
        told = await refused(replay(stubs, failed, mode, use_latest_revision=True))
        assert (told.reason, told.fields) == ("REQUIRED_FIELD_MISSING", ['modified_parameters["e"]'])


async def test_edges_that_are_the_same_keep_what_they_came_to(stubs):
    # The original takes the way to c, by a condition that would not hold any more.
    await deploy(stubs, "kept", tasks(to("b"), to("c", "params.d == 0"), 'tasks { task_id: "c" task: "x" }'))
    text = tasks(to("b"), to("c", "params.d == 0") + to("e", "params.d == 4"))
    original = (await stubs.execute("kept", input_parameters=ints(n=1, d=0))).execution
    await redeploy(
        stubs, "kept", text + 'tasks { task_id: "e" assign { assignments { parameter: "note" expression: "\'e\'" } } }'
    )
    answer = await replay(
        stubs,
        original,
        "POINT_OF_FAILURE",
        cancel_original=True,
        use_latest_revision=True,
        execution_method="POST",
        modified_parameters=ints(d=4),
        update_mask={"paths": ["d"]},
    )
    # The known edge as it was, the new one as it is now.
    assert answer.output_parameters["n"].int_value == 7
    assert answer.output_parameters["note"].string_value == "e"


async def test_a_condition_that_cannot_be_decided_does_not_fit(stubs, failed):
    text = tasks(to("b"), to("c", "1 / params.d > 0"))
    await redeploy(stubs, "divide-by", text)
    told = await refused(replay(stubs, failed, "POINT_OF_FAILURE", use_latest_revision=True))
    assert told.reason == "REPLAY_REVISION_MISMATCH"
    assert "task b: condition of the edge to c: " in told.message


async def test_the_first_match_is_found_among_old_and_new_edges(stubs, failed):
    first = "next_tasks_execution_policy: NEXT_TASKS_EXECUTION_POLICY_RUN_FIRST_MATCH"
    both = f"{to('d', 'params.n == 20')} {to('c')} {first}"
    extra = 'tasks { task_id: "d" assign { assignments { parameter: "note" expression: "\'first\'" } } }'
    await redeploy(stubs, "divide-by", tasks(to("b"), both) + extra)
    answer = await replay(stubs, failed, "POINT_OF_FAILURE", use_latest_revision=True)
    assert answer.output_parameters["note"].string_value == "first"
    assert answer.output_parameters["n"].int_value == 20


async def test_edges_behind_the_first_match_were_not_decided(stubs):
    first = "next_tasks_execution_policy: NEXT_TASKS_EXECUTION_POLICY_RUN_FIRST_MATCH"
    extra = 'tasks { task_id: "d" assign { assignments { parameter: "note" expression: "\'d\'" } } }'
    await deploy(stubs, "first", tasks(to("b"), to("c") + to("d") + first, THIRD) + extra)
    original = await run(stubs, "first", input_parameters=ints(n=1, d=0))
    await redeploy(stubs, "first", tasks(to("b"), to("c") + to("d"), THIRD) + extra)
    fields = {"modified_parameters": ints(d=2), "update_mask": {"paths": ["d"]}}
    answer = await replay(stubs, original, "POINT_OF_FAILURE", use_latest_revision=True, **fields)
    assert answer.output_parameters["note"].string_value == "d"
