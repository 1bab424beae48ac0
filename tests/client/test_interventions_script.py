"""What changes an execution is called again only where a second call would change nothing."""

from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from perdure.client import ExecutionPending
from perdure.client.errors import Aborted, FailedPrecondition, InvalidRequest, PermissionDenied, Unavailable
from perdure.v1.breakpoint_pb2 import Breakpoint, Breakpoints
from perdure.v1.execution_pb2 import Execution
from perdure.v1.explanation_pb2 import ExplainExecutionResponse
from perdure.v1.intervention_pb2 import ResolveRollbackRequest, StepExecutionRequest
from perdure.v1.replay_pb2 import ReplayExecutionResponse
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.suspension_service_pb2 import SignalExecutionResponse
from perdure.v1.value_pb2 import ValueType
from tests.client.scripted_server import NAME, ScriptedService, abort, accept_then, answer, hold, scripted

CUT = abort(grpc.StatusCode.UNAVAILABLE)
ANY = "projects/default/locations/local/integrations/-/executions/e1"


async def made(call, *steps):
    """Makes one call of a client, and returns its answer and the requests that came."""
    service = ScriptedService()
    service.steps.extend(steps)
    async with scripted(service) as client:
        answered = await call(client)
    return answered, service.requests


SAFE = [
    lambda client: client.cancel("e1", "late", force=True),
    lambda client: client.pause("e1", "look"),
    lambda client: client.resume("e1"),
    lambda client: client.update("e1", priority=1),
    lambda client: client.delete("e1", allow_missing=True),
    lambda client: client.suspensions.lift("e1", 1, "yes"),
    lambda client: client.suspensions.reject("e1", 1, "no"),
    lambda client: client.explain("e1"),
]
UNSAFE = [
    lambda client: client.resume("e1", {"n": 1}),
    lambda client: client.step("e1"),
    lambda client: client.update("e1", priority=1, etag="x"),
    lambda client: client.resolve_rollback("e1", "charge", ResolveRollbackRequest.ACTION_RETRY),
    lambda client: client.delete("e1"),
    lambda client: client.delete("e1", allow_missing=True, etag="x"),
]


ANSWERS = {
    "CancelExecutionRequest": Execution,
    "PauseExecutionRequest": Execution,
    "ResumeExecutionRequest": Execution,
    "UpdateExecutionRequest": Execution,
    "DeleteExecutionRequest": Empty,
    "LiftSuspensionRequest": Suspension,
    "ResolveSuspensionRequest": Suspension,
    "ExplainExecutionRequest": ExplainExecutionResponse,
}


@pytest.mark.parametrize("call", SAFE)
async def test_what_changes_nothing_twice_is_sent_again_as_it_was(call):
    service = ScriptedService()

    async def empty(context):
        return ANSWERS[type(service.requests[-1]).__name__]()

    service.steps.extend([CUT, empty])
    async with scripted(service) as client:
        await call(client)
    first, second = service.requests
    assert first == second


@pytest.mark.parametrize("call", UNSAFE)
async def test_what_would_count_twice_is_not_sent_again(call):
    with pytest.raises(Unavailable):
        await made(call, CUT)


async def test_a_signal_without_an_id_gets_one_and_is_taken_once():
    answered, requests = await made(
        lambda client: client.signal("e1", "paid", {"amount": 7}),
        CUT,
        answer(SignalExecutionResponse(task_number="wait", duplicate=True, store_revision=9)),
    )
    first, second = requests
    assert first == second
    assert (first.name, first.signal, dict(first.payload)) == (ANY, "paid", {"amount": ValueType(int_value=7)})
    assert answered.signal_id == first.signal_id != ""
    assert (answered.task_number, answered.duplicate, answered.store_revision) == ("wait", True, 9)


async def test_a_signal_keeps_the_id_of_its_sender():
    _, (request,) = await made(
        lambda client: client.signal("e1", "paid", signal_id="bank-7"), answer(SignalExecutionResponse())
    )
    assert request.signal_id == "bank-7"


async def test_a_payload_that_cannot_be_sent_is_named_as_such():
    with pytest.raises(InvalidRequest) as caught:
        await made(lambda client: client.signal("e1", "paid", {"amount": {1}}))
    assert caught.value.field_violations[0].path == 'payload["amount"]'


async def test_a_replay_is_never_started_twice():
    done = ReplayExecutionResponse(
        execution=f"{NAME}-2", replayed_execution=NAME, output_parameters={"n": ValueType(int_value=7)}
    )
    result, requests = await made(
        lambda client: client.replay("e1", "fixed", wait=True), CUT, accept_then(CUT), answer(done)
    )
    assert len({request.SerializeToString(deterministic=True) for request in requests}) == 1
    assert requests[0].request_id == result.request_id != ""
    assert requests[0].execution_method == Execution.POST
    assert (result.name, result.original, result.outputs) == (f"{NAME}-2", NAME, {"n": 7})
    assert result.execution_id == "e1-2"


async def test_a_replay_that_is_not_seen_to_end_says_so():
    with pytest.raises(ExecutionPending) as caught:
        await made(lambda client: client.replay("e1", "again", wait=True, timeout=0.2), accept_then(hold))
    assert caught.value.execution == NAME


async def test_modified_parameters_of_a_replay_leave_the_others_as_they_were():
    done = answer(ReplayExecutionResponse())
    _, (request,) = await made(
        lambda client: client.replay("e1", "fixed", snapshot=3, modified_parameters={"a": 1, "b": "x"}), done
    )
    assert request.replay_mode == Execution.REPLAY_MODE_FROM_SNAPSHOT
    assert request.snapshot == f"{ANY}/snapshots/3"
    assert list(request.update_mask.paths) == ["a", "b"]
    assert request.execution_method == Execution.POST_TO_QUEUE
    _, (request,) = await made(
        lambda client: client.replay("e1", "fixed", modified_parameters={"a": 1}, only_modified=True), done
    )
    assert not request.update_mask.paths
    assert dict(request.modified_parameters) == {"a": ValueType(int_value=1)}


async def test_an_update_names_what_it_changes_and_nothing_else():
    stop = Breakpoints(breakpoints=[Breakpoint(task_number="charge")])
    _, (request,) = await made(
        lambda client: client.update("e1", labels={"a": "b"}, breakpoints=stop, etag="x"),
        answer(Execution()),
    )
    assert list(request.update_mask.paths) == ["labels", "breakpoints"]
    assert request.execution == Execution(name=ANY, etag="x", labels={"a": "b"}, breakpoints=stop)


async def test_a_deadline_can_be_set_and_taken_away():
    at = datetime(2030, 1, 1, tzinfo=UTC)
    _, (request,) = await made(lambda client: client.update("e1", deadline=at), answer(Execution()))
    assert request.execution.deadline.ToDatetime(UTC) == at
    _, (request,) = await made(lambda client: client.update("e1", deadline=None), answer(Execution()))
    assert list(request.update_mask.paths) == ["deadline"]
    assert not request.execution.HasField("deadline")
    with pytest.raises(ValueError, match="time zone"):
        await made(lambda client: client.update("e1", deadline=datetime(2030, 1, 1)))  # noqa: DTZ001


async def test_a_step_says_what_to_do():
    _, (request,) = await made(
        lambda client: client.step("e1", task_number="charge", modified_parameters={"n": 2}), answer(Execution())
    )
    assert (request.action, request.task_number) == (StepExecutionRequest.ACTION_STEP, "charge")
    assert dict(request.modified_parameters) == {"n": ValueType(int_value=2)}


async def test_a_rejection_says_no_in_the_name_of_who_decides():
    _, (request,) = await made(
        lambda client: client.suspensions.reject("e1", 2, "too dear", resolver="bob"), answer(Suspension())
    )
    assert request.name == f"{ANY}/suspensions/2"
    assert request.resolution == Suspension.RESOLUTION_STATE_REJECTED
    assert (request.suspension_result, request.resolver) == ("too dear", "bob")


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, "SUSPENSION_RESOLVED", FailedPrecondition),
        (grpc.StatusCode.PERMISSION_DENIED, "NOT_A_RESOLVER", PermissionDenied),
        (grpc.StatusCode.ABORTED, "ETAG_MISMATCH", Aborted),
    ],
)
async def test_refusals_keep_their_reasons(code, reason, kind):
    with pytest.raises(kind) as caught:
        await made(lambda client: client.suspensions.lift("e1", 1), abort(code, reason))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.pause(None),
        lambda client: client.cancel(None),
        lambda client: client.start(None),
    ],
)
async def test_a_name_that_is_no_text_is_refused(call):
    service = ScriptedService()
    async with scripted(service) as client:
        with pytest.raises(TypeError, match="is a text and not NoneType"):
            await call(client)
    assert service.requests == []
