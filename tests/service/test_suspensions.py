"""`SuspensionService` over real sockets: decisions of people, their limits and their ends (3.6; rows 59 and 60)."""

import asyncio
from typing import Any, cast

import grpc
import pytest

from perdure.domain.errors import NotAllowed
from perdure.service.call import Call
from perdure.service.suspension_service import resolver_of
from perdure.v1 import execution_pb2, execution_service_pb2, suspension_pb2, suspension_service_pb2
from tests.service.serving import ANY, integration, refused, serving
from tests.service.suspending import World

Suspension = suspension_pb2.Suspension
State = execution_pb2.ExecutionDetails.State
PENDING, LIFTED, REJECTED = (
    Suspension.RESOLUTION_STATE_PENDING,
    Suspension.RESOLUTION_STATE_LIFTED,
    Suspension.RESOLUTION_STATE_REJECTED,
)
APPROVED = """
    parameters { key: "approved" data_type: DATA_TYPE_BOOLEAN_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    parameters { key: "result" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    parameters { key: "resolver" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    parameters { key: "expired" data_type: DATA_TYPE_BOOLEAN_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    tasks { task_id: "ask" suspend { %s }
            outputs { result: "approved" parameter: "approved" } outputs { result: "result" parameter: "result" }
            outputs { result: "resolver" parameter: "resolver" } outputs { result: "expired" parameter: "expired" } }
"""
CHECKED = """
    parameters { key: "approved" data_type: DATA_TYPE_BOOLEAN_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    tasks { task_id: "work" task: "double" parameters { key: "n" value { expression: "21" } }
            success_policy { final_state: FINAL_STATE_SUSPENDED } suspension_config {}
            outputs { result: "approved" parameter: "approved" } }
"""
BRIEFLY = "expire_after { nanos: 1000000 }"

INTEGRATIONS = {
    "approval": APPROVED % 'custom_message: "Ship it?"',
    "for-two": APPROVED % 'who_may_resolve: "alice" who_may_resolve: "bob"',
    "lifts": APPROVED % f"{BRIEFLY} lift_when_expired: true",
    "rejects": APPROVED % BRIEFLY,
    "reminds": APPROVED % "remind_after { nanos: 1000000 } expire_after { seconds: 3600 }",
}


@pytest.fixture
async def world(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        world = World(stubs)
        await world.deploy(INTEGRATIONS)
        yield world


async def test_a_pending_suspension_shows_all_that_is_known_of_it(world):
    execution = await world.asking("reminds")
    shown = await world.get(execution)
    assert (shown.name, shown.execution) == (f"{execution}/suspensions/1", execution)
    assert (shown.integration, shown.task_number) == (integration("reminds"), "ask")
    assert (shown.kind, shown.state) == (Suspension.KIND_APPROVAL, PENDING)
    assert shown.expire_time.ToMicroseconds() - shown.create_time.ToMicroseconds() == 3_600_000_000
    assert not shown.HasField("audit")
    assert (await world.get(await world.asking("approval"))).custom_message == "Ship it?"


async def test_a_lifted_suspension_lets_the_execution_succeed_with_what_was_decided(world):
    execution = await world.asking("approval")
    shown = await world.lift(execution, suspension_result="ship it")
    assert (shown.state, shown.suspension_result) == (LIFTED, "ship it")
    assert (shown.audit.resolver, shown.audit.resolve_time) == ("local", shown.update_time)
    assert await world.ended(execution) == (
        State.SUCCEEDED,
        {"approved": True, "result": "ship it", "resolver": "local", "expired": False},
    )
    assert await world.get(execution) == shown


async def test_a_rejected_suspension_does_not_fail_the_task(world):
    execution = await world.asking("for-two")
    shown = await world.resolve(execution, REJECTED, resolver="alice", suspension_result="too dear")
    assert (shown.state, shown.audit.resolver) == (REJECTED, "alice")
    assert await world.ended(execution) == (
        State.SUCCEEDED,
        {"approved": False, "result": "too dear", "resolver": "alice", "expired": False},
    )


@pytest.mark.parametrize(("name", "state"), [("lifts", LIFTED), ("rejects", REJECTED)])
async def test_an_expired_suspension_is_decided_as_the_definition_says(world, name, state):
    execution = await world.start(name)
    outputs = {"approved": state == LIFTED, "result": "", "resolver": "system", "expired": True}
    assert await world.ended(execution) == (State.SUCCEEDED, outputs)
    shown = await world.get(execution)
    assert (shown.state, shown.audit.resolver) == (state, "system")
    assert shown.lift_when_expired == (state == LIFTED)


async def test_a_reminder_is_told_to_those_who_watch_and_shown_with_the_suspension(world):
    execution = await world.start("reminds")
    change = await world.told(execution, lambda change: change.reminder)
    assert (change.suspension, change.state) == (f"{execution}/suspensions/1", PENDING)
    shown = await world.get(execution)
    assert shown.state == PENDING
    assert shown.update_time == shown.last_reminder_time
    assert shown.last_reminder_time.ToMicroseconds() > shown.create_time.ToMicroseconds()
    assert not shown.HasField("remind_time")


async def test_the_same_decision_again_changes_nothing_and_another_is_refused(world):
    execution = await world.asking("for-two")
    first = await world.lift(execution, resolver="alice", suspension_result="yes")
    await world.ended(execution)
    assert await world.lift(execution, resolver="alice", suspension_result="yes, really") == first
    for again in (
        world.lift(execution, resolver="bob"),
        world.resolve(execution, REJECTED, resolver="alice"),
        world.lift(execution),
    ):
        told = await refused(again)
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SUSPENSION_RESOLVED")
        assert told.message == "suspension 1 is LIFTED already, by alice"


async def test_only_those_who_are_named_may_decide_and_local_may_always(world):
    execution = await world.asking("for-two")
    told = await refused(world.lift(execution, resolver="mallory"))
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_A_RESOLVER")
    assert (await world.get(execution)).state == PENDING
    assert (await world.lift(execution)).audit.resolver == "local"


async def test_a_cancel_rejects_what_is_open(world):
    execution = await world.asking("approval")
    await world.executions.CancelExecution(execution_service_pb2.CancelExecutionRequest(name=execution))
    assert (await world.ended(execution))[0] == State.CANCELLED
    shown = await world.get(execution)
    assert (shown.state, shown.audit.resolver) == (REJECTED, "system")
    assert (await refused(world.lift(execution))).reason == "SUSPENSION_RESOLVED"


async def test_what_a_handler_did_waits_for_its_approval(tmp_path):
    async with serving(tmp_path / "data", apps=("tests.service.app:app",), workers="in-process") as stubs:
        world = World(stubs)
        await world.deploy({"checked": CHECKED})
        execution = await world.asking("checked")
        assert (await world.lift(execution)).task_number == "work"
        assert await world.ended(execution) == (State.SUCCEEDED, {"approved": True})


async def test_a_restarted_server_still_knows_what_is_open_and_what_was_decided(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        world = World(stubs)
        await world.deploy(INTEGRATIONS)
        decided, open_one = await world.asking("approval"), await world.asking("for-two")
        first = await world.lift(decided)
    async with serving(tmp_path / "data") as stubs:
        world = World(stubs)
        assert await world.lift(decided) == first
        assert await world.list() == [open_one, decided]
        await world.lift(open_one, resolver="bob")
        assert (await world.ended(open_one))[1]["resolver"] == "bob"


async def test_of_many_who_decide_at_once_one_is_heard(world):
    execution = await world.asking("approval")
    people = [f"p{number}" for number in range(20)]
    answers = await asyncio.gather(
        *(world.resolve(execution, LIFTED, resolver=each) for each in people), return_exceptions=True
    )
    heard = [each.audit.resolver for each in answers if isinstance(each, Suspension)]
    assert len(heard) == 1
    assert (await world.ended(execution))[1]["resolver"] == heard[0]


# Lists


async def test_a_list_is_of_one_execution_of_an_integration_or_of_all_newest_first(world):
    first, other, second = [await world.asking(name) for name in ("approval", "for-two", "approval")]
    assert await world.list() == [second, other, first]
    assert await world.list(f"{integration('approval')}/executions/-") == [second, first]
    assert await world.list(other) == [other]
    assert await world.list(f"{ANY}/executions/{other.rpartition('/')[2]}") == [other]
    assert await world.list(f"{integration('rejects')}/executions/-") == []


async def test_a_list_for_somebody_has_only_what_they_may_decide(world):
    for_all, for_two = await world.asking("approval"), await world.asking("for-two")
    assert await world.list() == [for_two, for_all]
    assert await world.list(resolver="local") == [for_two, for_all]
    assert await world.list(resolver="alice") == [for_two, for_all]
    assert await world.list(resolver="mallory") == [for_all]


FILTERS = {
    "state = PENDING": "21",
    "state = LIFTED": "0",
    "-state = LIFTED": "21",
    "kind = APPROVAL": "210",
    "kind = CALLBACK": "",
    "task_number = ask": "210",
    'task_number = "as*"': "210",
    "integration = for-two": "1",
    "taskNumber = other OR integration = for-two": "1",
    "expire_time:*": "2",
    "expire_time > 2020-01-01": "2",
    "NOT expire_time:* state = PENDING": "1",
    "create_time > 2020-01-01": "210",
    "create_time < 2020-01-01": "",
}


async def test_a_list_is_narrowed_by_a_filter(world):
    executions = [await world.asking(name) for name in ("approval", "for-two", "reminds")]
    await world.lift(executions[0])
    for text, expected in FILTERS.items():
        assert await world.list(filter=text) == [executions[int(each)] for each in expected], text
        of_one = [executions[1]] if "1" in expected else []
        assert await world.list(executions[1], filter=text) == of_one, text
    own = executions[2].rpartition("/")[2]
    assert await world.list(filter=f"execution_id = {own}") == [executions[2]]


async def test_pages_together_are_the_list_and_a_token_is_good_for_one_list(world):
    executions = [await world.asking("approval") for _ in range(5)]
    request = suspension_service_pb2.ListSuspensionsRequest(parent=f"{ANY}/executions/-", page_size=2)
    found, revisions = [], set()
    while True:
        page = await world.suspensions.ListSuspensions(request)
        found += [each.execution for each in page.suspensions]
        revisions.add(page.store_revision)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert (found, len(revisions)) == (executions[::-1], 1)
    request.filter = "state = PENDING"
    assert (await refused(world.suspensions.ListSuspensions(request))).reason == "PAGE_TOKEN_INVALID"


async def test_a_page_is_cut_where_it_would_be_too_large_and_goes_on_there(world):
    long_names = " ".join(f'who_may_resolve: "{number:0>240}"' for number in range(100))
    await world.deploy({"large": f'tasks {{ task_id: "ask" suspend {{ {long_names} }} }}'})
    executions = [await world.asking("large") for _ in range(140)]
    request = suspension_service_pb2.ListSuspensionsRequest(parent=f"{ANY}/executions/-", page_size=1_000)
    first = await world.suspensions.ListSuspensions(request)
    assert len(first.suspensions) < len(executions)
    assert (3 << 20) - (40 << 10) < first.ByteSize() < (3 << 20) + (1 << 10)
    request.page_token = first.next_page_token
    rest = await world.suspensions.ListSuspensions(request)
    assert not rest.next_page_token
    assert [each.execution for each in (*first.suspensions, *rest.suspensions)] == executions[::-1]


# Refusals


async def test_what_is_not_there_is_said_to_be_missing(world):
    execution = await world.asking("approval")
    unknown = f"{ANY}/executions/nobody"
    calls = {
        "EXECUTION_NOT_FOUND": (
            world.get(unknown),
            world.lift(unknown),
            world.list(unknown),
            world.list(f"{integration('rejects')}/executions/{execution.rpartition('/')[2]}"),
        ),
        "INTEGRATION_NOT_FOUND": (world.list(f"{integration('nothing')}/executions/-"),),
        "SUSPENSION_NOT_FOUND": (world.get(execution, 2), world.lift(execution, 2)),
    }
    for reason, refusals in calls.items():
        for call in refusals:
            told = await refused(call)
            assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, reason)


async def test_all_faults_of_a_request_are_told_at_once(world):
    request = suspension_service_pb2.ResolveSuspensionRequest(
        name="nonsense", resolution=PENDING, suspension_result="x" * 501, resolver="y" * 501
    )
    told = await refused(world.suspensions.ResolveSuspension(request))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert told.fields == ["name", "resolution", "resolver", "suspension_result"]
    listing = suspension_service_pb2.ListSuspensionsRequest(parent="nonsense", page_size=-1, filter="labels.x = y")
    told = await refused(world.suspensions.ListSuspensions(listing))
    assert told.fields == ["parent", "page_size", "filter"]


async def test_a_filter_that_asks_for_no_field_of_suspensions_is_refused(world):
    told = await refused(world.list(filter="current_task = ask"))
    assert told.reason == "FILTER_INVALID"
    assert told.message.endswith(
        "the fields are state, kind, task_number, integration, execution_id, create_time, expire_time"
    )
    assert "such as state = PENDING" in (await refused(world.list(filter="PENDING"))).message


def test_only_local_may_speak_for_others():
    no_context = cast("Any", None)
    alice, local = Call("1", "alice", no_context), Call("2", "local", no_context)
    assert [resolver_of("", alice), resolver_of("alice", alice)] == ["alice", "alice"]
    assert [resolver_of("", local), resolver_of("alice", local)] == ["local", "alice"]
    with pytest.raises(NotAllowed, match="alice may not speak for bob"):
        resolver_of("bob", alice)
