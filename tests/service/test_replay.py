"""Replays: where they begin, with which parameters, and how original and replay name each other (rows 44 to 48)."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from perdure.v1.breakpoint_pb2 import Breakpoint, Breakpoints
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    ExecuteRequest,
    ListExecutionSnapshotsRequest,
    ListExecutionsRequest,
    WaitExecutionRequest,
)
from perdure.v1.integration_service_pb2 import DeleteIntegrationRequest
from perdure.v1.replay_pb2 import ReplayExecutionRequest
from perdure.v1.value_pb2 import ValueType
from tests.service.replaying import DIVIDE, WAIT, Execution, deploy, get, replay, run, state_of
from tests.service.serving import ANY, integration, ints, refused, serving

BASIC = Execution.VIEW_BASIC


@pytest.fixture
async def stubs(tmp_path):
    async with serving(tmp_path / "data", "both") as served:
        await deploy(served, "divide-by", DIVIDE)
        await deploy(served, "wait-and-divide", WAIT)
        yield served


@pytest.fixture
async def failed(stubs):
    """The name of an execution that has failed at its third task: n is 20, d is 0."""
    return await run(stubs, "divide-by", input_parameters=ints(n=1, d=0), labels={"team": "blue"})


def started(shown):
    """Names the tasks that an execution has performed itself."""
    newest = shown.execution_details.execution_snapshots[0]
    return {task.task_number for task in newest.task_execution_details if task.task_attempt_stats}


async def test_a_replay_from_the_beginning_takes_the_inputs(stubs):
    original = await run(stubs, "divide-by", input_parameters=ints(n=1, d=2), labels={"team": "blue"}, priority=7)
    answer = await replay(stubs, original)
    assert answer.replayed_execution == original
    assert answer.replayed_execution_id == original.rpartition("/")[2]
    assert answer.execution == original.replace(answer.replayed_execution_id, answer.execution_id) != original
    assert answer.output_parameters["n"].int_value == 10
    shown = await get(stubs, answer.execution)
    assert shown.request_parameters == (await get(stubs, original)).request_parameters
    assert (shown.labels, shown.priority) == ({"team": "blue"}, 7)
    assert shown.started_by == Execution.STARTED_BY_REPLAY
    assert started(shown) == {"a", "b", "c"}


async def test_a_replay_from_the_point_of_failure_begins_at_the_failed_task(stubs, failed):
    answer = await replay(
        stubs, failed, "POINT_OF_FAILURE", modified_parameters=ints(d=2), update_mask={"paths": ["d"]}
    )
    assert answer.output_parameters["n"].int_value == 10
    shown = await get(stubs, answer.execution)
    assert started(shown) == {"c"}
    assert shown.progress.finished_task_count == 3


async def test_a_replay_fails_again_where_nothing_was_changed(stubs, failed):
    told = await refused(replay(stubs, failed, "POINT_OF_FAILURE"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_FAILED")
    shown = await get(stubs, told.metadata["execution"])
    assert shown.replay_info.original_execution == failed
    quiet = await replay(stubs, failed, "POINT_OF_FAILURE", do_not_propagate_error=True)
    assert "ErrorInfo" in quiet.output_parameters


@pytest.mark.parametrize(("number", "performed"), [(1, {"b", "c"}), (2, {"c"})])
async def test_a_replay_from_a_snapshot_begins_behind_its_checkpoint(stubs, failed, number, performed):
    answer = await replay(
        stubs,
        failed,
        "FROM_SNAPSHOT",
        snapshot=f"{failed}/snapshots/{number}",
        modified_parameters=ints(d=4),
        update_mask={"paths": ["d"]},
    )
    shown = await get(stubs, answer.execution)
    assert shown.response_parameters["n"].int_value == 5
    assert started(shown) == performed
    assert shown.replay_info.snapshot_number == number


async def test_both_sides_name_each_other_also_after_a_restart(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        await deploy(stubs, "divide-by", DIVIDE)
        original = await run(stubs, "divide-by", input_parameters=ints(n=1, d=0))
        first = await replay(stubs, original, execution_method="POST_TO_QUEUE", replay_reason="first")
    async with serving(tmp_path / "data") as stubs:
        fields = {"modified_parameters": ints(d=2), "update_mask": {"paths": ["d"]}}
        second = await replay(stubs, original, "POINT_OF_FAILURE", replay_reason="second", **fields)
        ids = [second.execution_id, first.execution_id]
        for view in (BASIC, Execution.VIEW_FULL):
            above = (await get(stubs, original, view)).replay_info
            assert list(above.replayed_execution_info_ids) == ids
            assert list(above.replayed_executions) == [second.execution, first.execution]
            assert not above.original_execution
            below = (await get(stubs, second.execution, view)).replay_info
            assert below.original_execution_info_id == original.rpartition("/")[2]
            assert below.original_execution == original
            assert (below.replay_reason, below.replay_mode) == ("second", Execution.REPLAY_MODE_POINT_OF_FAILURE)


@pytest.mark.parametrize(
    ("mode", "given", "mask", "n", "note"),
    [
        ("FROM_BEGINNING", {}, None, 20, "none"),
        ("FROM_BEGINNING", {"n": 2}, ["n"], 15, "none"),
        ("FROM_BEGINNING", {"n": 2}, None, 30, "none"),
        ("POINT_OF_FAILURE", {"d": 2}, ["d"], 10, "none"),
        ("POINT_OF_FAILURE", {"n": 7}, None, 7, "none"),
        ("POINT_OF_FAILURE", {"n": 8, "d": 4}, ["d", "n"], 2, "none"),
        ("FROM_SNAPSHOT", {"n": 3, "d": 5}, ["n", "d"], 6, "none"),
        ("FROM_SNAPSHOT", {"n": 3}, None, 30, "none"),
    ],
)
async def test_the_mask_says_what_is_replaced(stubs, mode, given, mask, n, note):
    original = await run(stubs, "divide-by", input_parameters=ints(n=1, d=0 if mode != "FROM_BEGINNING" else 2))
    fields = {"snapshot": f"{original}/snapshots/1"} if mode == "FROM_SNAPSHOT" else {}
    if not given:
        original = await run(stubs, "divide-by", input_parameters=ints(n=1))
    answer = await replay(
        stubs, original, mode, modified_parameters=ints(**given), update_mask={"paths": mask or []}, **fields
    )
    assert answer.output_parameters["n"].int_value == n
    assert answer.output_parameters["note"].string_value == note


async def test_a_mask_and_its_values_have_to_agree(stubs, failed):
    told = await refused(
        replay(stubs, failed, modified_parameters=ints(n=1, d=1), update_mask={"paths": ["n", "gone", "note"]})
    )
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert told.fields == ["update_mask", "update_mask", 'modified_parameters["d"]']


@pytest.mark.parametrize("mode", ["FROM_BEGINNING", "POINT_OF_FAILURE"])
async def test_unknown_and_unfit_parameters_are_all_told(stubs, failed, mode):
    fields = {"modified_parameters": {**ints(gone=1), "n": {"string_value": "many"}}}
    told = await refused(replay(stubs, failed, mode, update_mask={"paths": ["gone", "n"]}, **fields))
    assert told.reason in {"UNKNOWN_PARAMETER", "PARAMETER_TYPE_MISMATCH"}
    assert sorted(told.fields) == ['modified_parameters["gone"]', 'modified_parameters["n"]']


async def test_without_a_mask_an_input_that_is_missing_is_told(stubs, failed):
    for mode in ("FROM_BEGINNING", "POINT_OF_FAILURE"):
        told = await refused(replay(stubs, failed, mode, modified_parameters=ints(d=1)))
        assert (told.reason, told.fields) == ("REQUIRED_FIELD_MISSING", ['modified_parameters["n"]'])


async def test_the_same_request_id_replays_once_also_after_a_restart(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        await deploy(stubs, "divide-by", DIVIDE)
        original = await run(stubs, "divide-by", input_parameters=ints(n=1, d=2), request_id="one")
        # Ids of Execute are others.
        first = await replay(stubs, original, request_id="one")
        assert (await replay(stubs, original, request_id="one")).execution == first.execution
        told = await refused(replay(stubs, original, request_id="one", replay_reason="another"))
        assert (told.code, told.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    async with serving(tmp_path / "data") as stubs:
        again = await replay(stubs, original, request_id="one")
        assert (again.execution, again.output_parameters) == (first.execution, first.output_parameters)
        assert len((await get(stubs, original, BASIC)).replay_info.replayed_executions) == 1


async def test_the_new_execution_can_be_given_an_id_that_is_free(stubs, failed):
    fields = {"execution_method": "POST_TO_QUEUE", "user_execution_id": "mine"}
    assert (await replay(stubs, failed, **fields)).execution_id == "mine"
    told = await refused(replay(stubs, failed, **fields))
    assert (told.code, told.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EXECUTION_ALREADY_EXISTS")
    told = await refused(replay(stubs, failed, validate_only=True, **fields))
    assert told.reason == "EXECUTION_ALREADY_EXISTS"


async def test_validating_starts_nothing(stubs, failed):
    answer = await replay(stubs, failed, "POINT_OF_FAILURE", validate_only=True)
    assert (answer.execution, answer.execution_id) == ("", "")
    assert answer.replayed_execution == failed
    assert not (await get(stubs, failed, BASIC)).HasField("replay_info")


async def test_a_replay_is_answered_as_the_original_was_asked_for(stubs):
    queued = (await stubs.execute("divide-by", "POST_TO_QUEUE", input_parameters=ints(n=1, d=2))).execution
    await stubs.executions.WaitExecution(WaitExecutionRequest(name=queued))
    answer = await replay(stubs, queued)
    assert not answer.output_parameters
    shown = await stubs.executions.WaitExecution(WaitExecutionRequest(name=answer.execution, view=Execution.VIEW_FULL))
    assert shown.execution_method == Execution.POST_TO_QUEUE
    assert shown.response_parameters["n"].int_value == 10
    told = await refused(replay(stubs, queued, execution_method="SCHEDULE"))
    assert told.fields == ["execution_method"]
    assert (await replay(stubs, queued, execution_method="POST")).output_parameters["n"].int_value == 10


async def waiting(stubs):
    """Starts an execution that waits behind its first task: n is 2, d is 0."""
    return (await stubs.execute("wait-and-divide", input_parameters=ints(n=1, d=0))).execution


async def test_a_live_original_is_replayed_from_the_beginning_or_a_snapshot_and_goes_on(stubs):
    original = await waiting(stubs)
    other = await replay(stubs, original)
    behind = await replay(stubs, original, "FROM_SNAPSHOT", snapshot=f"{original}/snapshots/1")
    for name in (original, other.execution, behind.execution):
        assert state_of(await get(stubs, name)) == "SUSPENDED"
    told = await refused(replay(stubs, original, "POINT_OF_FAILURE"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_NOT_ENDED")


async def test_a_live_original_can_be_cancelled_for_its_replay(stubs):
    original = await waiting(stubs)
    answer = await replay(stubs, original, "POINT_OF_FAILURE", cancel_original=True, replay_reason="stuck")
    ended = await get(stubs, original)
    assert (state_of(ended), ended.cancel_reason) == ("CANCELLED", "stuck")
    assert state_of(await get(stubs, answer.execution)) == "SUSPENDED"
    assert ended.replay_info.replayed_executions == [answer.execution]


async def test_a_replay_that_is_refused_anyway_cancels_nothing(stubs):
    original = await waiting(stubs)
    for fields in (
        {"modified_parameters": ints(gone=1)},
        {"user_execution_id": original.rpartition("/")[2]},
        {"validate_only": True},
    ):
        call = replay(stubs, original, "POINT_OF_FAILURE", cancel_original=True, **fields)
        if "validate_only" in fields:
            await call
        else:
            await refused(call)
        assert state_of(await get(stubs, original)) == "SUSPENDED"


@pytest.mark.parametrize(
    ("mode", "fields", "code", "reason", "path"),
    [
        ("FROM_BEGINNING", {"replay_reason": ""}, "INVALID_ARGUMENT", "REQUIRED_FIELD_MISSING", "replay_reason"),
        ("FROM_BEGINNING", {"replay_reason": "x" * 501}, "INVALID_ARGUMENT", "INVALID_FIELD", "replay_reason"),
        ("FROM_SNAPSHOT", {}, "INVALID_ARGUMENT", "REQUIRED_FIELD_MISSING", "snapshot"),
        ("FROM_SNAPSHOT", {"snapshot": "{name}/snapshots/9"}, "NOT_FOUND", "SNAPSHOT_NOT_FOUND", None),
        ("FROM_SNAPSHOT", {"snapshot": "{name}x/snapshots/1"}, "INVALID_ARGUMENT", "INVALID_FIELD", "snapshot"),
        ("FROM_SNAPSHOT", {"snapshot": "nothing"}, "INVALID_ARGUMENT", "INVALID_NAME", "snapshot"),
        ("POINT_OF_FAILURE", {"snapshot": "{name}/snapshots/1"}, "INVALID_ARGUMENT", "INVALID_FIELD", "snapshot"),
        ("FROM_BEGINNING", {"user_execution_id": "NO"}, "INVALID_ARGUMENT", "INVALID_NAME", "user_execution_id"),
    ],
)
async def test_what_cannot_be_is_refused(stubs, failed, mode, fields, code, reason, path):
    fields = {key: each.format(name=failed) for key, each in fields.items()}
    told = await refused(replay(stubs, failed, mode, **fields))
    assert (told.code.name, told.reason) == (code, reason)
    assert told.fields == ([path] if path else [])


async def test_success_has_no_point_of_failure(stubs):
    original = await run(stubs, "divide-by", input_parameters=ints(n=1, d=2))
    told = await refused(replay(stubs, original, "POINT_OF_FAILURE"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_NOT_FAILED")


async def test_names_are_read_like_everywhere(stubs, failed):
    by_wildcard = f"{ANY}/executions/{failed.rpartition('/')[2]}"
    answer = await replay(
        stubs, by_wildcard, "FROM_SNAPSHOT", snapshot=f"{by_wildcard}/snapshots/1", validate_only=True
    )
    assert answer.replayed_execution == failed
    elsewhere = failed.replace("divide-by", "both")
    told = await refused(replay(stubs, failed, "FROM_SNAPSHOT", snapshot=f"{elsewhere}/snapshots/1"))
    assert (told.reason, told.fields) == ("INVALID_FIELD", ["snapshot"])
    for fields in ({}, {"mode": "FROM_SNAPSHOT", "snapshot": f"{elsewhere}/snapshots/1"}):
        told = await refused(replay(stubs, by_wildcard if fields else elsewhere, **fields))
        assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


async def test_a_replay_can_be_replayed(stubs, failed):
    again = await replay(stubs, failed, "POINT_OF_FAILURE", do_not_propagate_error=True)
    fields = {"modified_parameters": ints(d=2), "update_mask": {"paths": ["d"]}}
    last = await replay(stubs, again.execution, "POINT_OF_FAILURE", **fields)
    assert last.output_parameters["n"].int_value == 10
    assert started(await get(stubs, last.execution)) == {"c"}
    assert (await get(stubs, last.execution)).request_parameters == ints(n=1, d=2)


async def test_a_replay_from_the_middle_shows_the_inputs_with_the_modified_ones_in_their_place(stubs, failed):
    points = ({"mode": "POINT_OF_FAILURE"}, {"mode": "FROM_SNAPSHOT", "snapshot": f"{failed}/snapshots/1"})
    given = {**ints(d=2), "note": ValueType(string_value="note is no input")}
    for fields, inputs in (
        ({"modified_parameters": given, "update_mask": {"paths": ["d", "note"]}}, ints(n=1, d=2)),
        ({"modified_parameters": ints(n=6)}, ints(n=6)),
        ({}, ints(n=1, d=0)),
    ):
        for point in points:
            answer = await replay(stubs, failed, **fields, **point, do_not_propagate_error=True)
            assert (await get(stubs, answer.execution)).request_parameters == inputs


async def test_lists_of_snapshots_and_the_full_view_show_the_copied_tasks(stubs, failed):
    answer = await replay(
        stubs, failed, "POINT_OF_FAILURE", modified_parameters=ints(d=2), update_mask={"paths": ["d"]}
    )
    listed = await stubs.executions.ListExecutionSnapshots(ListExecutionSnapshotsRequest(parent=answer.execution))
    (snapshot,) = listed.execution_snapshots
    assert [task.task_number for task in snapshot.task_execution_details] == ["a", "b", "c"]
    assert snapshot.params["n"].int_value == 10


async def test_an_id_that_execute_has_used_is_free_for_a_replay_and_the_other_way_round(stubs, failed):
    first = await replay(stubs, failed, execution_method="POST_TO_QUEUE", request_id="both")
    request = ExecuteRequest(
        name=integration("divide-by"), input_parameters=ints(n=1), request_id="both", do_not_propagate_error=True
    )
    assert (await stubs.executions.Execute(request)).execution != first.execution


async def test_a_deadline_ends_the_wait_for_the_original_and_not_the_replay(stubs):
    # The undo waits for a worker that never comes.
    await deploy(stubs, "inner", 'tasks { task_id: "i" assign { assignments { parameter: "x" expression: "1" } } }')
    text = """
        tasks { task_id: "s" sub_integration { integration_id: "inner" } rollback { task: "nobody" }
                next_tasks { task_id: "w" } }
        tasks { task_id: "w" timer { delay { seconds: 3600 } } }
    """
    await deploy(stubs, "undone", text)
    original = (await stubs.execute("undone")).execution
    while state_of(await get(stubs, original, BASIC)) != "SUSPENDED":
        await stubs.executions.WaitExecution(WaitExecutionRequest(name=original, timeout=Duration(nanos=1_000_000)))
    request = ReplayExecutionRequest(
        name=original,
        replay_reason="stuck",
        cancel_original=True,
        request_id="once",
        execution_method=Execution.POST_TO_QUEUE,
    )
    told = await refused(stubs.executions.ReplayExecution(request, timeout=0.5))
    assert (told.code, told.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert not (await get(stubs, original, BASIC)).HasField("replay_info")
    # The same request waits on, until somebody gives up what is not undone.
    await stubs.executions.CancelExecution(CancelExecutionRequest(name=original, force=True))
    answer = await stubs.executions.ReplayExecution(request)
    assert list((await get(stubs, original, BASIC)).replay_info.replayed_executions) == [answer.execution]


async def test_a_replay_stops_where_it_is_told_to(stubs, failed):
    places = Breakpoints(breakpoints=[Breakpoint(task_number="c")])
    answer = await replay(
        stubs,
        failed,
        "POINT_OF_FAILURE",
        breakpoints=places,
        development=True,
        execution_method=Execution.POST_TO_QUEUE,
    )
    shown = await get(stubs, answer.execution)
    assert shown.stopped_at_breakpoint.task_number == "c"
    assert shown.development
    # Its own replay has neither.
    again = await get(stubs, (await replay(stubs, answer.execution)).execution)
    assert (again.HasField("stopped_at_breakpoint"), again.development) == (False, False)
    places.breakpoints[0].task_number = "gone"
    told = await refused(replay(stubs, failed, breakpoints=places))
    assert told.fields == ["breakpoints.breakpoints[0].task_number"]


async def test_a_deleted_integration_is_not_replayed(stubs, failed):
    await stubs.integrations.DeleteIntegration(DeleteIntegrationRequest(name=integration("divide-by")))
    told = await refused(replay(stubs, failed))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "INTEGRATION_NOT_FOUND")


async def test_lists_tell_nothing_of_replays(stubs, failed):
    await replay(stubs, failed, execution_method="POST_TO_QUEUE")
    listed = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=integration("divide-by")))
    assert len(listed.executions) == 2
    assert not any(each.HasField("replay_info") for each in listed.executions)
