"""Get, Wait, Cancel, and the lists."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from perdure.v1 import execution_pb2
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    ExecuteRequest,
    GetExecutionRequest,
    GetExecutionSnapshotRequest,
    ListExecutionEventsRequest,
    ListExecutionSnapshotsRequest,
    ListExecutionsRequest,
    WaitExecutionRequest,
)
from perdure.v1.value_pb2 import ValueType
from tests.service.serving import ANY, create, integration, ints, refused, serving

State = execution_pb2.ExecutionDetails.State
BASIC = execution_pb2.Execution.VIEW_BASIC
FULL = execution_pb2.Execution.VIEW_FULL


@pytest.fixture
async def ended(stubs):
    """The name of an execution that has succeeded."""
    answer = await stubs.execute("increment", "POST", input_parameters=ints(x=1), labels={"team": "blue"})
    return answer.execution


async def test_the_full_view_shows_everything(stubs, ended):
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=ended))
    assert shown.request_parameters["x"].int_value == 1
    assert shown.response_parameters["x"].int_value == 20
    snapshots = shown.execution_details.execution_snapshots
    assert [each.checkpoint_task_number for each in snapshots] == ["b", "a"]
    assert [each.params["x"].int_value for each in snapshots] == [20, 2]
    assert snapshots[1].execution_snapshot_metadata.task_label == "Add one"


async def test_the_basic_view_leaves_parameters_out(stubs, ended):
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=ended, view=BASIC))
    assert not shown.request_parameters
    assert not shown.execution_details.execution_snapshots
    assert shown.labels == {"team": "blue"}
    full = await stubs.executions.GetExecution(GetExecutionRequest(name=ended))
    size = full.execution_details.event_execution_snapshots_size
    assert shown.execution_details.event_execution_snapshots_size == size > 0


async def test_the_wildcard_resolves_an_execution(stubs, ended):
    by_wildcard = f"{ANY}/executions/{ended.rpartition('/')[2]}"
    assert (await stubs.executions.GetExecution(GetExecutionRequest(name=by_wildcard))).name == ended


async def test_children_are_shown_with_their_parent(stubs):
    outer = await stubs.execute("outer", "POST", input_parameters=ints(x=1))
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=outer.execution))
    (child,) = shown.direct_sub_executions
    assert child.execution_details.state == State.SUCCEEDED
    assert not child.request_parameters
    inner = await stubs.executions.GetExecution(GetExecutionRequest(name=child.name))
    assert (inner.parent, inner.root) == (outer.execution, outer.execution)
    assert (child.parent, child.root) == (inner.parent, inner.root)
    (_, first) = inner.execution_details.execution_snapshots
    assert list(first.execution_snapshot_metadata.ancestor_task_numbers) == ["s"]
    assert list(first.execution_snapshot_metadata.ancestor_iteration_numbers) == [""]


async def test_items_of_a_loop_know_their_place(stubs):
    looped = await stubs.execute("both", "POST")
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=looped.execution))
    places = {}
    for child in shown.direct_sub_executions:
        inner = await stubs.executions.GetExecution(GetExecutionRequest(name=child.name))
        metadata = inner.execution_details.execution_snapshots[0].execution_snapshot_metadata
        assert list(metadata.ancestor_task_numbers) == ["f"]
        (place,) = metadata.ancestor_iteration_numbers
        places[place] = inner.request_parameters["x"].int_value
    assert places == {"0": 1, "1": 2}


async def test_waiting_answers_at_the_end_or_after_the_time(stubs, ended):
    assert (await stubs.executions.WaitExecution(WaitExecutionRequest(name=ended))).HasField("end_time")
    waiting = await stubs.execute("wait")
    now = WaitExecutionRequest(name=waiting.execution, timeout=Duration(), view=FULL)
    assert (await stubs.executions.WaitExecution(now)).execution_details.state == State.SUSPENDED
    until_deadline = WaitExecutionRequest(name=waiting.execution)
    shown = await stubs.executions.WaitExecution(until_deadline, timeout=0.5)
    assert shown.execution_details.state == State.SUSPENDED


async def test_cancelling_is_idempotent_and_leaves_what_has_ended(stubs, ended):
    waiting = await stubs.execute("wait")
    request = CancelExecutionRequest(name=waiting.execution, cancel_reason="first")
    shown = await stubs.executions.CancelExecution(request)
    assert shown.execution_details.state == State.CANCELLED
    request.cancel_reason = "second"
    assert (await stubs.executions.CancelExecution(request)).cancel_reason == "first"
    untouched = await stubs.executions.CancelExecution(CancelExecutionRequest(name=ended))
    assert untouched.execution_details.state == State.SUCCEEDED


async def all_pages(method, request, field):
    found, pages = [], 0
    while True:
        page = await method(request)
        found.extend(getattr(page, field))
        pages += 1
        if not page.next_page_token:
            return found, pages, page
        request.page_token = page.next_page_token


async def test_executions_are_listed_newest_first_page_by_page(stubs):
    started = [await stubs.execute("wait") for _ in range(5)]
    await stubs.execute("increment", "POST", input_parameters=ints(x=1))
    request = ListExecutionsRequest(parent=integration("wait"), page_size=2)
    before = stubs.server.engine.environment.store.committed_revision()
    found, pages, last = await all_pages(stubs.executions.ListExecutions, request, "executions")
    assert [each.name for each in found] == [each.execution for each in reversed(started)]
    assert pages == 3
    assert last.store_revision == before, "every page carries the revision of the first"
    everything = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY, page_size=5_000))
    assert len(everything.executions) == 6


async def test_an_integration_without_executions_is_told_from_one_that_never_was(stubs):
    known = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=integration("wait")))
    assert list(known.executions) == []
    told = await refused(stubs.executions.ListExecutions(ListExecutionsRequest(parent=integration("typo"))))
    assert (told.code, told.reason) == (NOT_FOUND, "INTEGRATION_NOT_FOUND")


async def test_a_full_list_shows_everything_of_each(stubs, ended):
    page = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY, view=FULL))
    assert list(page.executions) == [await stubs.executions.GetExecution(GetExecutionRequest(name=ended))]


async def test_a_page_is_cut_by_its_size(tmp_path):
    large = """
        parameters { key: "text" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
        tasks { task_id: "t" assign { assignments { parameter: "y" expression: "1" } } checkpoint: false }
    """
    async with serving(tmp_path / "data") as stubs:
        await stubs.integrations.CreateIntegration(create("large", large))
        for _ in range(5):
            text = ValueType(string_value="t" * 900_000)
            await stubs.execute("large", "POST", input_parameters={"text": text})
        request = ListExecutionsRequest(parent=ANY, view=FULL)
        found, pages, _ = await all_pages(stubs.executions.ListExecutions, request, "executions")
        assert (len(found), pages) == (5, 2)
        assert len({each.name for each in found}) == 5


async def test_events_are_listed_oldest_first_page_by_page(stubs, ended):
    request = ListExecutionEventsRequest(parent=ended, page_size=3)
    found, pages, _ = await all_pages(stubs.executions.ListExecutionEvents, request, "events")
    assert [each.sequence for each in found] == list(range(1, len(found) + 1))
    assert pages == -(-len(found) // 3)
    assert found[-1].state_change.state == State.SUCCEEDED


async def test_snapshots_are_listed_newest_first_page_by_page(stubs, ended):
    request = ListExecutionSnapshotsRequest(parent=ended, page_size=1)
    found, pages, _ = await all_pages(stubs.executions.ListExecutionSnapshots, request, "execution_snapshots")
    assert [each.name for each in found] == [f"{ended}/snapshots/2", f"{ended}/snapshots/1"]
    assert pages == 2
    for each in found:
        assert await stubs.executions.GetExecutionSnapshot(GetExecutionSnapshotRequest(name=each.name)) == each
    bare = ListExecutionSnapshotsRequest(parent=ended, snapshot_metadata_without_params=True)
    assert not any(each.params for each in (await stubs.executions.ListExecutionSnapshots(bare)).execution_snapshots)


async def test_an_execution_without_snapshots_has_an_empty_list(stubs):
    waiting = await stubs.execute("wait")
    page = await stubs.executions.ListExecutionSnapshots(ListExecutionSnapshotsRequest(parent=waiting.execution))
    assert not page.execution_snapshots
    assert not page.next_page_token


NOTHING = f"{integration('wait')}/executions/nothing"
NOT_FOUND = grpc.StatusCode.NOT_FOUND
INVALID = grpc.StatusCode.INVALID_ARGUMENT

REFUSED = {
    "get nothing": ("GetExecution", GetExecutionRequest(name=NOTHING), NOT_FOUND, "EXECUTION_NOT_FOUND", []),
    "get by a bad name": ("GetExecution", GetExecutionRequest(name="nothing"), INVALID, "INVALID_NAME", ["name"]),
    "get with a view that is none": (
        "GetExecution",
        GetExecutionRequest(name=NOTHING, view=execution_pb2.Execution.View.ValueType(9)),
        INVALID,
        "INVALID_FIELD",
        ["view"],
    ),
    "wait for nothing": ("WaitExecution", WaitExecutionRequest(name=NOTHING), NOT_FOUND, "EXECUTION_NOT_FOUND", []),
    "wait for less than nothing": (
        "WaitExecution",
        WaitExecutionRequest(name=NOTHING, timeout=Duration(seconds=-1)),
        INVALID,
        "INVALID_FIELD",
        ["timeout"],
    ),
    "cancel nothing": (
        "CancelExecution",
        CancelExecutionRequest(name=NOTHING),
        NOT_FOUND,
        "EXECUTION_NOT_FOUND",
        [],
    ),
    "cancel for a long reason": (
        "CancelExecution",
        CancelExecutionRequest(name=NOTHING, cancel_reason="r" * 501),
        INVALID,
        "INVALID_FIELD",
        ["cancel_reason"],
    ),
    "list with a negative size": (
        "ListExecutions",
        ListExecutionsRequest(parent=ANY, page_size=-1),
        INVALID,
        "INVALID_FIELD",
        ["page_size"],
    ),
    "list with a bad token": (
        "ListExecutions",
        ListExecutionsRequest(parent=ANY, page_token="nonsense"),
        INVALID,
        "PAGE_TOKEN_INVALID",
        ["page_token"],
    ),
    "events of nothing": (
        "ListExecutionEvents",
        ListExecutionEventsRequest(parent=NOTHING),
        NOT_FOUND,
        "EXECUTION_NOT_FOUND",
        [],
    ),
    "events with a bad token": (
        "ListExecutionEvents",
        ListExecutionEventsRequest(parent=NOTHING, page_token="é"),
        INVALID,
        "PAGE_TOKEN_INVALID",
        ["page_token"],
    ),
    "snapshots of nothing": (
        "ListExecutionSnapshots",
        ListExecutionSnapshotsRequest(parent=NOTHING),
        NOT_FOUND,
        "EXECUTION_NOT_FOUND",
        [],
    ),
    "a snapshot of nothing": (
        "GetExecutionSnapshot",
        GetExecutionSnapshotRequest(name=f"{NOTHING}/snapshots/1"),
        NOT_FOUND,
        "EXECUTION_NOT_FOUND",
        [],
    ),
    "a snapshot by a bad name": (
        "GetExecutionSnapshot",
        GetExecutionSnapshotRequest(name=f"{NOTHING}/snapshots/0"),
        INVALID,
        "INVALID_NAME",
        ["name"],
    ),
}


@pytest.mark.parametrize("case", list(REFUSED), ids=list(REFUSED))
async def test_a_refusal_says_why_and_where(stubs, case):
    method, request, code, reason, paths = REFUSED[case]
    told = await refused(getattr(stubs.executions, method)(request))
    assert (told.code, told.reason, told.fields) == (code, reason, paths)
    assert ("ResourceInfo" in told.details) == (code is NOT_FOUND)


async def test_a_name_under_another_integration_is_not_found_and_not_touched(stubs):
    waiting = await stubs.execute("wait")
    wrong = waiting.execution.replace("/wait/", "/idle/")
    for call in (
        stubs.executions.GetExecution(GetExecutionRequest(name=wrong)),
        stubs.executions.WaitExecution(WaitExecutionRequest(name=wrong)),
        stubs.executions.CancelExecution(CancelExecutionRequest(name=wrong)),
        stubs.executions.ListExecutionEvents(ListExecutionEventsRequest(parent=wrong)),
    ):
        assert (await refused(call)).reason == "EXECUTION_NOT_FOUND"
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=waiting.execution))
    assert shown.execution_details.state == State.SUSPENDED


async def test_a_snapshot_that_was_not_taken_is_not_found(stubs, ended):
    told = await refused(
        stubs.executions.GetExecutionSnapshot(GetExecutionSnapshotRequest(name=f"{ended}/snapshots/3"))
    )
    assert (told.code, told.reason) == (NOT_FOUND, "SNAPSHOT_NOT_FOUND")


async def test_a_token_is_good_for_its_own_request_only(stubs):
    for _ in range(3):
        await stubs.execute("wait")
    request = ListExecutionsRequest(parent=ANY, page_size=1)
    token = (await stubs.executions.ListExecutions(request)).next_page_token
    request.page_token = token
    request.page_size = 2
    assert len((await stubs.executions.ListExecutions(request)).executions) == 2, "the size may change"
    request.parent = integration("wait")
    assert (await refused(stubs.executions.ListExecutions(request))).reason == "PAGE_TOKEN_INVALID"
    changed = ListExecutionsRequest(parent=ANY, page_token=f"{token[:-2]}AA")
    assert (await refused(stubs.executions.ListExecutions(changed))).reason == "PAGE_TOKEN_INVALID"


async def test_a_caller_who_goes_away_leaves_the_execution(stubs):
    call = stubs.begin(ExecuteRequest(name=integration("wait")))
    name = dict(await call.initial_metadata())["perdure-execution"]
    call.cancel()
    shown = await stubs.executions.WaitExecution(WaitExecutionRequest(name=name, timeout=Duration()))
    assert shown.execution_details.state == State.SUSPENDED
