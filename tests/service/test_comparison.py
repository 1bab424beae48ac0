"""CompareExecutionSnapshots: what was added, removed and changed, in one execution and between two."""

import grpc
import pytest

from perdure.service.paging import PAGE_MAX_BYTES
from perdure.v1.comparison_pb2 import CompareExecutionSnapshotsRequest, CompareExecutionSnapshotsResponse
from perdure.v1.execution_service_pb2 import GetExecutionSnapshotRequest
from perdure.v1.value_pb2 import ValueType
from tests.service.played import playing
from tests.service.replaying import DIVIDE, Execution, deploy, redeploy, replay, run
from tests.service.serving import create, ints, refused, serving

ADDED = CompareExecutionSnapshotsResponse.KIND_ADDED
REMOVED = CompareExecutionSnapshotsResponse.KIND_REMOVED
CHANGED = CompareExecutionSnapshotsResponse.KIND_CHANGED
BESIDE = """
    tasks { task_id: "slow" task: "work" }
    tasks { task_id: "a" task: "work" next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" }
"""


@pytest.fixture
async def stubs(tmp_path):
    async with serving(tmp_path / "data") as served:
        await deploy(served, "divide-by", DIVIDE)
        yield served


@pytest.fixture
async def ended(stubs):
    """The name of an execution with three snapshots, at which n is 2, 20 and 10."""
    return await run(stubs, "divide-by", input_parameters=ints(n=1, d=2))


async def compare(stubs, name, other=""):
    return await stubs.executions.CompareExecutionSnapshots(CompareExecutionSnapshotsRequest(name=name, other=other))


def parameters(response):
    return {each.key: each.kind for each in response.parameter_differences}


def tasks(response):
    return {each.task_number: each.kind for each in response.task_differences}


async def test_a_snapshot_is_compared_with_the_one_before_it(stubs, ended):
    response = await compare(stubs, f"{ended}/snapshots/2")
    assert (response.snapshot, response.other_snapshot) == (f"{ended}/snapshots/2", f"{ended}/snapshots/1")
    (n,) = response.parameter_differences
    assert (n.key, n.kind, n.before.int_value, n.after.int_value) == ("n", CHANGED, 2, 20)
    (b,) = response.task_differences
    assert (b.task_number, b.kind) == ("b", CHANGED)
    assert not b.before.task_attempt_stats
    assert len(b.after.task_attempt_stats) == 1
    assert response.store_revision > 0


async def test_both_sides_are_what_the_snapshots_show(stubs, ended):
    response = await compare(stubs, f"{ended}/snapshots/3", f"{ended}/snapshots/1")
    assert list(tasks(response)) == ["b", "c"]
    for number, side in ((1, "before"), (3, "after")):
        request = GetExecutionSnapshotRequest(name=f"{ended}/snapshots/{number}")
        snapshot = await stubs.executions.GetExecutionSnapshot(request)
        shown = {task.task_number: task for task in snapshot.task_execution_details}
        for each in response.task_differences:
            assert getattr(each, side) == shown[each.task_number]
        for each in response.parameter_differences:
            assert getattr(each, side) == snapshot.params[each.key]


async def test_the_first_snapshot_added_everything(stubs, ended):
    response = await compare(stubs, f"{ended}/snapshots/1")
    assert response.other_snapshot == ""
    assert parameters(response) == {"d": ADDED, "n": ADDED, "note": ADDED}
    assert tasks(response) == {"a": ADDED, "b": ADDED, "c": ADDED}
    assert not any(each.HasField("before") for each in response.parameter_differences)


async def test_a_snapshot_differs_in_nothing_from_itself(stubs, ended):
    response = await compare(stubs, f"{ended}/snapshots/2", f"{ended}/snapshots/2")
    assert (parameters(response), tasks(response)) == ({}, {})


async def test_a_task_that_only_went_on_is_no_difference(tmp_path):
    async with playing(tmp_path / "played") as world:
        world.script.hold("slow")
        await world.deploy("beside", BESIDE)
        name = await world.start("beside")
        await world.until_task(name, "b", "SUCCEED")
        request = GetExecutionSnapshotRequest(name=f"{name}/snapshots/2")
        snapshot = await world.executions.GetExecutionSnapshot(request)
        usage = {task.task_number: task.resource_usage for task in snapshot.task_execution_details}
        assert usage["slow"].active_duration.ToMicroseconds() > 0, "it went on between the snapshots"
        compared = CompareExecutionSnapshotsRequest(name=f"{name}/snapshots/2")
        response = await world.executions.CompareExecutionSnapshots(compared)
        assert tasks(response) == {"b": CHANGED}
        world.script.release("slow")
        await world.ended(name)


async def test_the_one_before_has_to_be_kept(stubs):
    last = Execution.SAVEPOINT_RETENTION_LAST
    name = await run(stubs, "divide-by", input_parameters=ints(n=1, d=2), savepoint_retention=last)
    response = await compare(stubs, f"{name}/snapshots/3")
    assert (response.other_snapshot, parameters(response)["n"]) == ("", ADDED)
    for pair in ((f"{name}/snapshots/2", ""), (f"{name}/snapshots/3", f"{name}/snapshots/1")):
        told = await refused(compare(stubs, *pair))
        assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "SNAPSHOT_NOT_FOUND")


async def test_between_two_executions_it_does_not_matter_when_and_by_whom(stubs, ended):
    again = (await replay(stubs, ended)).execution
    response = await compare(stubs, f"{again}/snapshots/3", f"{ended}/snapshots/3")
    assert (parameters(response), tasks(response)) == ({}, {})
    response = await compare(stubs, f"{again}/snapshots/3", f"{ended}/snapshots/1")
    assert (parameters(response), tasks(response)) == ({"n": CHANGED}, {"b": CHANGED, "c": CHANGED})


async def test_a_replay_is_compared_with_its_original(stubs, ended):
    fields = {"modified_parameters": ints(n=7), "update_mask": {"paths": ["n"]}}
    replayed = await replay(stubs, ended, "FROM_SNAPSHOT", snapshot=f"{ended}/snapshots/1", **fields)
    response = await compare(stubs, f"{replayed.execution}/snapshots/1", f"{ended}/snapshots/2")
    (n,) = response.parameter_differences
    assert (n.key, n.before.int_value, n.after.int_value) == ("n", 20, 70)
    assert tasks(response) == {}


async def test_other_tasks_and_parameters_are_added_and_removed(stubs, ended):
    text = DIVIDE.replace('task_id: "c"', 'task_id: "z"').replace('key: "note"', 'key: "remark"')
    await redeploy(stubs, "divide-by", text)
    other = await run(stubs, "divide-by", input_parameters=ints(n=1, d=2))
    response = await compare(stubs, f"{other}/snapshots/3", f"{ended}/snapshots/3")
    assert parameters(response) == {"note": REMOVED, "remark": ADDED}
    # The edges of b lead to another task.
    assert tasks(response) == {"b": CHANGED, "c": REMOVED, "z": ADDED}


@pytest.mark.parametrize(
    ("name", "other", "code", "reason", "fields"),
    [
        ("", "", "INVALID_ARGUMENT", "REQUIRED_FIELD_MISSING", ["name"]),
        ("{0}", "nothing", "INVALID_ARGUMENT", "INVALID_NAME", ["name", "other"]),
        ("{0}/snapshots/9", "", "NOT_FOUND", "SNAPSHOT_NOT_FOUND", []),
        ("{0}/snapshots/1", "{0}/snapshots/9", "NOT_FOUND", "SNAPSHOT_NOT_FOUND", []),
        ("{0}x/snapshots/1", "", "NOT_FOUND", "EXECUTION_NOT_FOUND", []),
        ("{0}/snapshots/1", "{1}/snapshots/1", "INVALID_ARGUMENT", "INVALID_FIELD", ["other"]),
    ],
)
async def test_what_there_is_not_is_refused(stubs, ended, name, other, code, reason, fields):
    elsewhere = ended.replace("projects/p/", "projects/q/")
    told = await refused(compare(stubs, name.format(ended), other.format(ended, elsewhere)))
    assert (told.code.name, told.reason, told.fields) == (code, reason, fields)


LARGE = """
    parameters { key: "s" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
    parameters { key: "t" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
    parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
    tasks { task_id: "a" assign { assignments { parameter: "n" expression: "params.n + 1" } } }
"""


async def test_beyond_the_limit_the_largest_values_are_left_out_and_still_told_of(stubs):
    await stubs.integrations.CreateIntegration(create("large", LARGE))

    async def large(letter, n):
        values = {"s": ValueType(string_value=letter * 1_000_000), "t": ValueType(string_value=letter * 900_000)}
        return await run(stubs, "large", input_parameters={**values, **ints(n=n)})

    first, second = await large("x", 1), await large("y", 2)
    response = await compare(stubs, f"{second}/snapshots/1", f"{first}/snapshots/1")
    assert response.ByteSize() <= PAGE_MAX_BYTES
    s, t = (each for each in response.parameter_differences if each.key in {"s", "t"})
    assert (s.kind, s.HasField("before"), s.HasField("after")) == (CHANGED, False, False)
    assert (len(t.before.string_value), len(t.after.string_value)) == (900_000, 900_000)
    assert parameters(response) == {"n": CHANGED, "s": CHANGED, "t": CHANGED}
