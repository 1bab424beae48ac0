"""Lists and counts over a real server: filters, orders, pages, revisions, and what is refused."""

from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.domain.states import ExecutionState
from perdure.store.queries import OrderField
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    CountExecutionsRequest,
    GetExecutionRequest,
    ListExecutionEventsRequest,
    ListExecutionSnapshotsRequest,
    ListExecutionsRequest,
    WaitExecutionRequest,
)
from perdure.v1.integration_service_pb2 import DeleteIntegrationRequest
from perdure.v1.server_service_pb2 import GetServerInfoRequest
from perdure.v1.value_pb2 import ValueType
from tests.service.serving import ANY, create, integration, ints, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT

SEARCHED = """
    parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT searchable: true }
    tasks { task_id: "a" assign { assignments { parameter: "x" expression: "params.x + 1" } } }
"""
ABOVE = """
    tasks { task_id: "s" parameters { key: "x" value { expression: "1" } }
            sub_integration { integration_id: "searched" wait: false } }
"""


@pytest.fixture
async def found(stubs):
    """A server with one execution of each kind, and a short word for each of their names."""
    await stubs.integrations.CreateIntegration(create("searched", SEARCHED))
    await stubs.integrations.CreateIntegration(create("above", ABOVE))
    run, start = _start(stubs, "POST"), _start(stubs, "POST_TO_QUEUE")
    names = {
        "done": await run("increment", ints(x=1), trigger_id="api/increment", labels={"team": "blue", "n": "1"}),
        "failed": await run("divide", ints(x=1), labels={"team": "red"}, do_not_propagate_error=True, priority=900),
        "searched": await run("searched", ints(x=4)),
        "waiting": await start("wait", trigger_id="api/wait", user_execution_id="waiting-1"),
        "working": await start("idle", priority=7),
        "held": await _start(stubs, "SCHEDULE")("wait", schedule_time=Timestamp(seconds=4_000_000_000)),
        "cancelled": await start("wait"),
        "above": await run("above"),
    }
    await stubs.executions.CancelExecution(CancelExecutionRequest(name=names["cancelled"]))
    for word, name in (("orphan", "searched"), ("outer", "outer"), ("child", "increment")):
        if word == "outer":
            names[word] = await run("outer", ints(x=1))
            continue
        listed = await _list(stubs, integration(name))
        (names[word],) = [each for each in listed if each not in names.values()]
        await stubs.executions.WaitExecution(WaitExecutionRequest(name=names[word]))
    return stubs, names


def _start(stubs, method):
    async def start(name, inputs=None, **fields):
        return (await stubs.execute(name, method, input_parameters=inputs or {}, **fields)).execution

    return start


async def _list(stubs, parent=ANY, **fields):
    page = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=parent, **fields))
    assert not page.next_page_token
    return [each.name for each in page.executions]


def _id(name):
    return name.rpartition("/")[2]


FILTERS = {
    "": "done failed searched waiting working held cancelled above orphan outer child",
    "execution_id = waiting-1": "waiting",
    "executionId = wait*": "waiting",
    "state = SUCCEEDED": "done searched above orphan outer child",
    "state = PENDING OR state = SUSPENDED": "waiting held",
    "state != SUCCEEDED": "failed waiting working held cancelled",
    "create_time >= 2020-01-01 AND createTime < 2020-01-02": "",
    "create_time >= 2020-01-01 AND state = FAILED": "failed",
    "NOT start_time:*": "held",
    "update_time < 2020-01-01T00:00:00Z": "",
    "end_time:* AND -error.code:*": "done searched above orphan outer child",
    "duration >= 0s AND state = FAILED": "failed",
    "duration > 3600s": "",
    "integration_revision_id = 000001-* AND priority = 7": "working",
    "snapshot_number > 1": "",
    "snapshotNumber = 1 state = FAILED": "failed",
    "labels.team = blue": "done",
    "labels:team": "done failed",
    "labels.team = r*": "failed",
    "trigger_id = api/wait": "waiting",
    "triggerId = api/*": "done waiting",
    "execution_method = SCHEDULE": "held",
    "execution_method = POST_TO_QUEUE": "waiting working cancelled",
    "priority >= 7 AND priority < 900": "working",
    "priority > 500": "failed",
    "parent:*": "orphan child",
    "parent = {outer}": "child",
    "parent = {above_id}": "orphan",
    "root = {outer_id}": "outer child",
    "root = {orphan_id}": "orphan",
    "orphan = true": "orphan",
    "started_by = PARENT AND orphan = false": "child",
    "startedBy = STARTED_BY_SCHEDULE": "held",
    "current_task = w": "working",
    "error.code = EXPRESSION_FAILED": "failed",
    "error.code = EXECUTION_*": "cancelled",
    "parameters.x = 5": "searched",
    "parameters.x <= 2": "orphan",
    "parameters:x": "searched orphan",
    "parameters.y = 5": "",
}
"""What each filter finds, by the words of the fixture."""


async def test_every_field_of_a_filter_finds_and_counts_what_it_says(found):
    stubs, names = found
    ids = {f"{word}_id": _id(name) for word, name in names.items()}
    for text, words in FILTERS.items():
        chosen = text.format(**names, **ids)
        wanted = {names[word] for word in words.split()}
        assert set(await _list(stubs, filter=chosen)) == wanted, text
        counted = await stubs.executions.CountExecutions(CountExecutionsRequest(parent=ANY, filter=chosen))
        assert (counted.count, counted.lower_bound) == (len(wanted), False), text


async def test_a_filter_stays_within_the_parent(found):
    stubs, names = found
    wait = integration("wait")
    assert set(await _list(stubs, wait)) == {names["waiting"], names["held"], names["cancelled"]}
    assert await _list(stubs, wait, filter="state = PENDING") == [names["held"]]
    assert await _list(stubs, wait, filter="state = FAILED") == []
    assert await _list(stubs, wait, filter=f"parent = {_id(names['outer'])}") == []


async def test_a_wrong_filter_is_told_with_its_place_by_lists_and_counts(stubs):
    for call in (
        stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY, filter="state = FAILED AND colour = red")),
        stubs.executions.CountExecutions(CountExecutionsRequest(parent=ANY, filter="state = FAILED AND colour = red")),
    ):
        told = await refused(call)
        assert (told.code, told.reason, told.fields) == (INVALID, "FILTER_INVALID", ["filter"])
        assert told.metadata["position"] == "20"
        assert "create_time" in told.message


async def test_counts_tell_the_states_and_the_revision(found):
    stubs, _ = found
    counted = await stubs.executions.CountExecutions(CountExecutionsRequest(parent=ANY))
    by_state = {ExecutionDetails.State.Name(each.state): each.count for each in counted.state_counts}
    wanted = {"PENDING": 1, "PROCESSING": 1, "SUCCEEDED": 6, "FAILED": 1, "CANCELLED": 1, "SUSPENDED": 1}
    assert list(by_state.items()) == list(wanted.items()), "in the order of the states"
    assert counted.count == 11
    assert counted.store_revision == stubs.server.engine.environment.store.committed_revision()
    none = await stubs.executions.CountExecutions(CountExecutionsRequest(parent=integration("both")))
    assert (none.count, list(none.state_counts)) == (0, [])


async def test_a_parent_that_never_was_is_not_found_whatever_the_filter(stubs):
    for chosen in ("", "state = FAILED"):
        for method, request in (
            (stubs.executions.ListExecutions, ListExecutionsRequest),
            (stubs.executions.CountExecutions, CountExecutionsRequest),
        ):
            told = await refused(method(request(parent=integration("typo"), filter=chosen)))
            assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "INTEGRATION_NOT_FOUND")
            await method(request(parent=integration("wait"), filter=chosen))
    await stubs.integrations.DeleteIntegration(DeleteIntegrationRequest(name=integration("wait")))
    assert await _list(stubs, integration("wait")) == []


async def test_lists_are_ordered_by_every_field_both_ways(found):
    stubs, names = found
    newest_first = await _list(stubs)
    assert newest_first == await _list(stubs, order_by="create_time desc")
    assert newest_first[::-1] == await _list(stubs, order_by="createTime")
    # Narrowed by an index, as every other order has to be.
    chosen = "state = SUCCEEDED OR state = FAILED OR state = PENDING"
    shown = (await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY, filter=chosen))).executions
    place = {each.name: number for number, each in enumerate(shown)}
    by_field = {
        OrderField.CREATE_TIME: lambda each: each.create_time.ToNanoseconds(),
        OrderField.START_TIME: lambda each: each.start_time.ToNanoseconds(),
        OrderField.UPDATE_TIME: lambda each: each.update_time.ToNanoseconds(),
        OrderField.END_TIME: lambda each: each.end_time.ToNanoseconds(),
        OrderField.DURATION: lambda each: each.duration.ToNanoseconds(),
        OrderField.PRIORITY: lambda each: each.priority,
        OrderField.EXECUTION_ID: lambda each: _id(each.name),
    }
    assert set(by_field) == set(OrderField)
    unset = {OrderField.START_TIME, OrderField.END_TIME, OrderField.DURATION}
    for field, value in by_field.items():
        last = [each for each in shown if field in unset and each.name == names["held"]]
        others = [each for each in shown if each not in last]
        others.sort(key=value)
        ascending = sorted(others, key=lambda each: (value(each), place[each.name]))
        falling = sorted(others, key=lambda each: place[each.name])
        falling.sort(key=value, reverse=True)
        for text, wanted in ((f"{field.value} asc", ascending), (f" {field.value}  desc ", falling)):
            listed = await _list(stubs, filter=chosen, order_by=text)
            assert listed == [each.name for each in (*wanted, *last)], text


async def test_pages_of_an_order_hold_each_execution_once(found):
    stubs, _ = found
    request = ListExecutionsRequest(parent=ANY, filter="state = SUCCEEDED", order_by="duration desc", page_size=2)
    whole = ListExecutionsRequest(parent=ANY, filter="state = SUCCEEDED", order_by="duration desc")
    wanted = [each.name for each in (await stubs.executions.ListExecutions(whole)).executions]
    assert [each.name for each in await _all_pages(stubs, request)] == wanted
    assert len(wanted) == 6


async def _all_pages(stubs, request):
    shown = []
    while True:
        page = await stubs.executions.ListExecutions(request)
        shown.extend(page.executions)
        if not page.next_page_token:
            return shown
        request.page_token = page.next_page_token


ORDERS_REFUSED = {
    "colour": "use one of create_time, start_time, update_time, end_time, duration, priority, execution_id",
    "create_time up": "use asc, desc or nothing",
    "create_time desc desc": "use asc, desc or nothing",
    "create_time DESC": "use asc, desc or nothing",
    "priority desc, create_time": "names several fields; use one",
    "desc": "use one of",
}


@pytest.mark.parametrize("text", list(ORDERS_REFUSED))
async def test_a_wrong_order_is_refused_with_what_is_allowed(stubs, text):
    told = await refused(stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY, order_by=text)))
    assert (told.code, told.reason, told.fields) == (INVALID, "ORDER_BY_INVALID", ["order_by"])
    assert ORDERS_REFUSED[text] in told.message


async def test_an_order_that_nothing_narrows_is_refused_with_what_to_do(stubs):
    for chosen in ("", "priority = 5", "NOT labels.team = blue"):
        request = ListExecutionsRequest(parent=ANY, order_by="priority", filter=chosen)
        told = await refused(stubs.executions.ListExecutions(request))
        assert (told.code, told.reason, told.fields) == (INVALID, "ORDER_BY_TOO_WIDE", ["order_by"])
        assert "20000" in told.message
        assert told.message.endswith("or leave order_by out"), "all of the advice fits"
    assert await _list(stubs, order_by="priority", filter="create_time > 2020-01-01") == []


async def test_a_token_is_bound_to_everything_but_the_size(stubs):
    for _ in range(3):
        await stubs.execute("wait")
    store = stubs.server.engine.environment.store
    request = ListExecutionsRequest(parent=ANY, filter="state = SUSPENDED", page_size=1)
    request.page_token = (await stubs.executions.ListExecutions(request)).next_page_token
    request.page_size = 2
    assert len((await stubs.executions.ListExecutions(request)).executions) == 2
    for change in (
        {"parent": integration("wait")},
        {"filter": "state=SUSPENDED"},
        {"order_by": "create_time"},
        {"view": Execution.VIEW_FULL},
        {"snapshot_metadata_without_params": True},
        {"min_store_revision": store.committed_revision()},
    ):
        changed = ListExecutionsRequest()
        changed.CopyFrom(request)
        for field, value in change.items():
            setattr(changed, field, value)
        told = await refused(stubs.executions.ListExecutions(changed))
        assert (told.code, told.reason) == (INVALID, "PAGE_TOKEN_INVALID"), change


async def test_pages_larger_than_the_limit_are_read_as_the_limit(stubs):
    for _ in range(101):
        await stubs.execute("wait")
    for fields, size in (
        ({}, 101),
        ({"read_mask": {"paths": ["name", "labels"]}}, 101),
        ({"read_mask": {"paths": ["errors"]}}, 100),
        ({"view": Execution.VIEW_FULL}, 100),
    ):
        request = ListExecutionsRequest(parent=ANY, page_size=2_000_000_000, **fields)
        page = await stubs.executions.ListExecutions(request)
        assert len(page.executions) == size
        assert bool(page.next_page_token) == (size == 100)
    assert len((await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY))).executions) == 100


async def test_a_list_tells_where_to_watch_from(stubs):
    await stubs.execute("wait")
    page = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY))
    info = await stubs.info.GetServerInfo(GetServerInfoRequest())
    assert (page.store_id, page.store_revision) == (info.store_id, info.newest_store_revision)


async def test_a_revision_that_the_store_has_had_is_shown_and_any_other_is_refused(stubs):
    started = await stubs.execute("wait")
    newest = stubs.server.engine.environment.store.committed_revision()
    assert started.store_revision <= newest
    for method, request in (
        (stubs.executions.GetExecution, GetExecutionRequest(name=started.execution)),
        (stubs.executions.ListExecutions, ListExecutionsRequest(parent=ANY)),
        (stubs.executions.CountExecutions, CountExecutionsRequest(parent=ANY)),
    ):
        request.min_store_revision = started.store_revision
        assert (await method(request)).store_revision >= started.store_revision
        request.min_store_revision = newest + 1
        told = await refused(method(request))
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STORE_RESET")
        assert told.metadata == {"store_revision": str(newest)}
        request.min_store_revision = -1
        told = await refused(method(request))
        assert (told.code, told.reason, told.fields) == (INVALID, "INVALID_FIELD", ["min_store_revision"])


UNKNOWN_VIEW: Any = 9
WRONG_MASK = FieldMask(paths=["colour", "error.code", "error.shape", "size"])
MANY_FAULTS = {
    "everything of a list": (
        ListExecutionsRequest(
            parent="nowhere",
            page_size=-1,
            filter="state",
            order_by="colour",
            view=Execution.VIEW_FULL,
            read_mask=WRONG_MASK,
            min_store_revision=-1,
            page_token="none",
        ),
        "parent page_size min_store_revision filter order_by read_mask read_mask read_mask read_mask",
    ),
    "an unknown view besides": (
        ListExecutionsRequest(parent=ANY, view=UNKNOWN_VIEW, read_mask=FieldMask(paths=["colour"])),
        "view read_mask read_mask",
    ),
    "several of one kind": (
        ListExecutionsRequest(parent=ANY, page_size=-1, read_mask=FieldMask(paths=["colour"])),
        "page_size read_mask",
    ),
    "everything of a count": (
        CountExecutionsRequest(parent="nowhere", filter="state", min_store_revision=-1),
        "parent filter min_store_revision",
    ),
    "everything of a get": (
        GetExecutionRequest(name="nothing", min_store_revision=-1, view=Execution.VIEW_FULL, read_mask=WRONG_MASK),
        "name min_store_revision read_mask read_mask read_mask read_mask",
    ),
    "everything of a wait": (
        WaitExecutionRequest(name="nothing", view=UNKNOWN_VIEW, timeout=Duration(seconds=-1)),
        "name view timeout",
    ),
    "everything of a cancel": (CancelExecutionRequest(name="nothing", cancel_reason="x" * 501), "name cancel_reason"),
    "everything of a list of events": (ListExecutionEventsRequest(parent="nothing", page_size=-1), "parent page_size"),
    "everything of a list of snapshots": (
        ListExecutionSnapshotsRequest(parent="nothing", page_size=-1),
        "parent page_size",
    ),
}


@pytest.mark.parametrize("case", list(MANY_FAULTS))
async def test_every_fault_of_a_request_is_told_at_once(stubs, case):
    request, fields = MANY_FAULTS[case]
    method = getattr(stubs.executions, request.DESCRIPTOR.name.removesuffix("Request"))
    told = await refused(method(request))
    assert (told.code, told.reason, told.fields) == (INVALID, "INVALID_FIELD", fields.split())
    assert told.metadata == {}
    assert told.message.startswith(f"the request has {len(told.fields)} faults: {told.fields[0]}: ")


async def test_faults_that_share_a_reason_are_told_with_it(stubs):
    inputs = {key: ValueType(json_value="{") for key in "ab"}
    told = await refused(stubs.execute("wait", input_parameters=inputs))
    assert told.reason == "INVALID_JSON"
    assert sorted(told.fields) == ['input_parameters["a"]', 'input_parameters["b"]']


def test_every_state_can_be_told_in_a_count():
    assert {state.name for state in ExecutionState} == set(ExecutionDetails.State.keys()) - {"STATE_UNSPECIFIED"}
