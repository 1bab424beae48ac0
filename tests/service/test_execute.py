"""`Execute`: what it answers, and every way in which it refuses."""

import json

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.store.records import ExecutionKey
from perdure.v1 import execution_pb2, execution_service_pb2
from perdure.v1.execution_service_pb2 import ExecuteRequest, GetExecutionRequest
from perdure.v1.value_pb2 import DoubleParameterArray, ValueType
from tests.service.serving import ANY, LOCATION, create, integration, ints, refused

Method = execution_pb2.Execution.ExecutionMethod
State = execution_pb2.ExecutionDetails.State
TRACE_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_synchronous_execution_answers_with_its_outputs(stubs):
    call = stubs.executions.Execute(ExecuteRequest(name=integration("increment"), input_parameters=ints(x=4)))
    answer = await call
    assert answer.output_parameters["x"].int_value == 50
    assert answer.execution == f"{integration('increment')}/executions/{answer.execution_id}"
    assert list(answer.executions) == [answer.execution]
    assert answer.store_revision > 0
    assert dict(await call.initial_metadata())["perdure-execution"] == answer.execution


async def test_a_caller_is_told_the_name_before_the_end(stubs):
    call = stubs.begin(ExecuteRequest(name=integration("wait")))
    name = dict(await call.initial_metadata())["perdure-execution"]
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=name))
    assert shown.execution_details.state == State.SUSPENDED
    call.cancel()


async def test_a_queued_execution_is_answered_when_it_is_durable(stubs):
    answer = await stubs.execute("wait")
    assert not answer.output_parameters
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=answer.execution))
    assert shown.store_revision >= answer.store_revision > 0


async def test_a_scheduled_execution_waits_and_can_be_started_by_its_id(stubs):
    due = Timestamp(seconds=4_000_000_000, nanos=123_456_789)
    held = await stubs.execute("increment", "SCHEDULE", schedule_time=due, input_parameters=ints(x=1))
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=held.execution))
    assert shown.execution_details.state == State.PENDING
    assert shown.schedule_time.nanos == 123_456_000, "finer than a microsecond is cut off"
    assert shown.started_by == execution_pb2.Execution.STARTED_BY_SCHEDULE
    request = ExecuteRequest(name=integration("increment"), execution_id=held.execution_id)
    assert (await stubs.executions.Execute(request)).execution == held.execution
    told = await refused(stubs.executions.Execute(request))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_NOT_ON_HOLD")
    assert "PreconditionFailure" in told.details


async def test_a_failed_execution_is_an_error_that_says_that_it_ran(stubs):
    request = ExecuteRequest(name=integration("divide"), input_parameters=ints(x=1))
    told = await refused(stubs.executions.Execute(request))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_FAILED")
    assert told.metadata["error_code"] == "EXPRESSION_FAILED"
    assert int(told.metadata["store_revision"]) > 0
    assert told.metadata["integration_revision_id"].startswith("000001-")
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=told.metadata["execution"]))
    assert shown.error.message == told.metadata["error_message"]
    assert "RetryInfo" not in told.details


async def test_a_failure_can_be_asked_for_as_an_answer(stubs):
    request = ExecuteRequest(name=integration("divide"), input_parameters=ints(x=1), do_not_propagate_error=True)
    answer = await stubs.executions.Execute(request)
    told = json.loads(answer.output_parameters["ErrorInfo"].json_value)
    assert set(told) == {"message", "code"}
    assert answer.execution


async def test_a_cancelled_execution_has_a_reason_of_its_own(stubs):
    call = stubs.begin(ExecuteRequest(name=integration("wait")))
    name = dict(await call.initial_metadata())["perdure-execution"]
    await stubs.executions.CancelExecution(
        execution_service_pb2.CancelExecutionRequest(name=name, cancel_reason="not needed")
    )
    told = await refused(call.read())
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_CANCELLED")
    assert told.metadata["execution"] == name
    assert told.metadata["error_message"] == "not needed"


async def test_a_deadline_ends_the_call_and_not_the_execution(stubs):
    told = await refused(stubs.executions.Execute(ExecuteRequest(name=integration("wait")), timeout=0.5))
    assert (told.code, told.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=told.metadata["execution"]))
    assert shown.execution_details.state == State.SUSPENDED


async def test_a_repeated_request_gets_the_first_answer(stubs):
    request = ExecuteRequest(name=integration("increment"), input_parameters=ints(x=1), request_id="once")
    first = await stubs.executions.Execute(request)
    again = await stubs.executions.Execute(request)
    assert (again.execution, again.output_parameters["x"]) == (first.execution, first.output_parameters["x"])
    request.input_parameters["x"].int_value = 2
    told = await refused(stubs.executions.Execute(request))
    assert (told.code, told.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def test_the_wildcard_starts_all_that_have_the_trigger(stubs):
    request = ExecuteRequest(
        name=ANY, trigger_id="api/shared", input_parameters=ints(x=1), execution_method=Method.POST_TO_QUEUE
    )
    answer = await stubs.executions.Execute(request)
    assert len(answer.executions) == 2
    assert not answer.execution
    assert not answer.execution_id


async def test_the_wildcard_names_those_that_failed(stubs):
    request = ExecuteRequest(name=ANY, trigger_id="api/shared", input_parameters=ints(x=1))
    told = await refused(stubs.executions.Execute(request))
    assert told.reason == "EXECUTION_FAILED"
    assert told.metadata["executions"] == told.metadata["execution"]
    assert "/integrations/divide/" in told.metadata["execution"]


async def test_validation_alone_starts_nothing(stubs):
    request = ExecuteRequest(
        name=integration("increment"), input_parameters=ints(x=1), validate_only=True, user_execution_id="mine"
    )
    answer = await stubs.executions.Execute(request)
    assert not answer.executions
    listed = await stubs.executions.ListExecutions(execution_service_pb2.ListExecutionsRequest(parent=ANY))
    assert not listed.executions
    request.input_parameters["x"].string_value = "no number"
    assert (await refused(stubs.executions.Execute(request))).reason == "PARAMETER_TYPE_MISMATCH"
    await stubs.execute("wait", user_execution_id="mine")
    request.input_parameters["x"].int_value = 1
    assert (await refused(stubs.executions.Execute(request))).reason == "EXECUTION_ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ((("traceparent", TRACE_PARENT), ("tracestate", "a=1")), (TRACE_PARENT, "a=1")),
        ((("traceparent", "00-zz-01"), ("tracestate", "a=1")), ("", "")),
        ((("traceparent", TRACE_PARENT), ("tracestate", "a" * 600)), (TRACE_PARENT, "")),
        ((), ("", "")),
    ],
)
async def test_the_trace_context_is_kept(stubs, metadata, kept):
    request = ExecuteRequest(name=integration("wait"), execution_method=Method.POST_TO_QUEUE)
    answer = await stubs.executions.Execute(request, metadata=metadata)
    created = await stubs.server.engine.view(ExecutionKey("p", answer.execution_id), lambda state, _: state.created)
    assert (created.trace_parent, created.trace_state) == kept
    assert created.principal == "local"


INVALID = grpc.StatusCode.INVALID_ARGUMENT
WAIT = {"name": integration("wait")}
ADD = {"name": integration("increment")}

REFUSED = {
    "no name": ({}, INVALID, "REQUIRED_FIELD_MISSING", ["name"]),
    "a name that is none": ({"name": "increment"}, INVALID, "INVALID_NAME", ["name"]),
    "upper case": ({"name": f"{LOCATION}/integrations/Order"}, INVALID, "INVALID_NAME", ["name"]),
    "another location": ({"name": "projects/p/locations/moon/integrations/i"}, INVALID, "INVALID_NAME", ["name"]),
    "an unknown method": ({**WAIT, "execution_method": 77}, INVALID, "INVALID_FIELD", ["execution_method"]),
    "an unknown integration": (
        {"name": integration("nothing")},
        grpc.StatusCode.NOT_FOUND,
        "INTEGRATION_NOT_FOUND",
        [],
    ),
    "an unknown revision": ({**WAIT, "revision_id": "000009-abc"}, grpc.StatusCode.NOT_FOUND, "REVISION_NOT_FOUND", []),
    "an unknown trigger": ({**WAIT, "trigger_id": "api/none"}, grpc.StatusCode.NOT_FOUND, "TRIGGER_NOT_FOUND", []),
    "a trigger nobody has": (
        {"name": ANY, "trigger_id": "api/none"},
        grpc.StatusCode.NOT_FOUND,
        "TRIGGER_NOT_FOUND",
        [],
    ),
    "a bad trigger id": ({**WAIT, "trigger_id": "api trigger"}, INVALID, "INVALID_FIELD", ["trigger_id"]),
    "a wildcard without a trigger": ({"name": ANY}, INVALID, "REQUIRED_FIELD_MISSING", ["trigger_id"]),
    "a wildcard with an id": (
        {"name": ANY, "trigger_id": "api/wait", "user_execution_id": "mine", "revision_id": "000001-abc"},
        INVALID,
        "INVALID_FIELD",
        ["user_execution_id", "revision_id"],
    ),
    "a schedule without a time": (
        {**WAIT, "execution_method": Method.SCHEDULE},
        INVALID,
        "REQUIRED_FIELD_MISSING",
        ["schedule_time"],
    ),
    "a time without a schedule": (
        {**WAIT, "schedule_time": Timestamp(seconds=1)},
        INVALID,
        "INVALID_FIELD",
        ["schedule_time"],
    ),
    "a time that is none": (
        {**WAIT, "execution_method": Method.SCHEDULE, "schedule_time": Timestamp(seconds=1, nanos=-1)},
        INVALID,
        "INVALID_FIELD",
        ["schedule_time"],
    ),
    "a bad id": ({**WAIT, "user_execution_id": "Not This"}, INVALID, "INVALID_NAME", ["user_execution_id"]),
    "labels": (
        {**WAIT, "labels": {"": "x", "k": "v" * 64}},
        INVALID,
        "INVALID_FIELD",
        ['labels[""]', 'labels["k"]'],
    ),
    "too many labels": (
        {**WAIT, "labels": {f"k{n}": "" for n in range(65)}},
        INVALID,
        "INVALID_FIELD",
        ["labels"],
    ),
    "a negative priority": ({**WAIT, "priority": -1}, INVALID, "INVALID_FIELD", ["priority"]),
    "a high priority": ({**WAIT, "priority": 1_000}, INVALID, "INVALID_FIELD", ["priority"]),
    "a negative run": ({**WAIT, "max_runtime": Duration(seconds=-1)}, INVALID, "INVALID_FIELD", ["max_runtime"]),
    "a run at odds with itself": (
        {**WAIT, "max_runtime": Duration(seconds=1, nanos=-1)},
        INVALID,
        "INVALID_FIELD",
        ["max_runtime"],
    ),
    "a run too long": ({**WAIT, "max_runtime": Duration(seconds=10**10)}, INVALID, "INVALID_FIELD", ["max_runtime"]),
    "a long description": ({**WAIT, "description": "d" * 501}, INVALID, "INVALID_FIELD", ["description"]),
    "a long request id": ({**WAIT, "request_id": "r" * 129}, INVALID, "INVALID_FIELD", ["request_id"]),
    "a request id with a newline": ({**WAIT, "request_id": "a\nb"}, INVALID, "INVALID_FIELD", ["request_id"]),
    "an unknown input": (
        {**WAIT, "input_parameters": ints(y=1)},
        INVALID,
        "UNKNOWN_PARAMETER",
        ['input_parameters["y"]'],
    ),
    "a missing input": (ADD, INVALID, "REQUIRED_FIELD_MISSING", ['input_parameters["x"]']),
    "an input of another kind": (
        {**ADD, "input_parameters": {"x": ValueType(string_value="1")}},
        INVALID,
        "PARAMETER_TYPE_MISMATCH",
        ['input_parameters["x"]'],
    ),
    "an input without a kind": (
        {**ADD, "input_parameters": {"x": ValueType()}},
        INVALID,
        "INVALID_FIELD",
        ['input_parameters["x"]'],
    ),
    "a double that is no number": (
        {**ADD, "input_parameters": {"x": ValueType(double_array=DoubleParameterArray(double_values=[float("nan")]))}},
        INVALID,
        "INVALID_FIELD",
        ['input_parameters["x"]'],
    ),
    "broken JSON": (
        {**ADD, "input_parameters": {"x": ValueType(json_value="{")}},
        INVALID,
        "INVALID_JSON",
        ['input_parameters["x"]'],
    ),
    "JSON with a key twice": (
        {**ADD, "input_parameters": {"x": ValueType(json_value='{"a":1,"a":2}')}},
        INVALID,
        "INVALID_JSON",
        ['input_parameters["x"]'],
    ),
    "a value too large": (
        {**ADD, "input_parameters": {"x": ValueType(string_value="v" * (1 << 20))}},
        INVALID,
        "VALUE_TOO_LARGE",
        ['input_parameters["x"]'],
    ),
    "inputs too large together": (
        {**ADD, "input_parameters": {k: ValueType(string_value="v" * 1_000_000) for k in "xyz"}},
        INVALID,
        "VALUE_TOO_LARGE",
        ["input_parameters"],
    ),
    "an execution that is not there": (
        {**WAIT, "execution_id": "nothing"},
        grpc.StatusCode.NOT_FOUND,
        "EXECUTION_NOT_FOUND",
        [],
    ),
    "an id with other fields": (
        {**WAIT, "execution_id": "nothing", "priority": 1, "description": "d", "validate_only": True},
        INVALID,
        "INVALID_FIELD",
        ["priority", "description", "validate_only"],
    ),
}


@pytest.mark.parametrize("case", list(REFUSED), ids=list(REFUSED))
async def test_a_refusal_says_why_and_where_and_writes_nothing(stubs, case):
    fields, code, reason, paths = REFUSED[case]
    before = stubs.server.engine.environment.store.committed_revision()
    told = await refused(stubs.executions.Execute(ExecuteRequest(**fields)))
    assert (told.code, told.reason) == (code, reason)
    assert sorted(told.fields) == sorted(paths)
    assert told.size < 4096
    assert "v" * 100 not in told.message
    assert stubs.server.engine.environment.store.committed_revision() == before


async def test_an_id_that_is_taken_is_refused(stubs):
    await stubs.execute("wait", user_execution_id="mine")
    request = ExecuteRequest(name=integration("wait"), user_execution_id="mine")
    told = await refused(stubs.executions.Execute(request))
    assert (told.code, told.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EXECUTION_ALREADY_EXISTS")


MANY = """
    triggers { trigger_id: "api/many" }
    tasks { task_id: "t" assign { assignments { parameter: "y" expression: "1" } } }
"""


async def test_the_names_of_very_many_executions_are_sent_ahead_as_far_as_they_fit(stubs):
    for number in range(60):
        await stubs.integrations.CreateIntegration(create(f"many-{number}-{'x' * 40}", MANY))
    call = stubs.executions.Execute(ExecuteRequest(name=ANY, trigger_id="api/many"))
    answer = await call
    assert len(answer.executions) == 60
    ahead = [value for key, value in await call.initial_metadata() if key == "perdure-execution"]
    assert 10 < len(ahead) < 60
    assert ahead == list(answer.executions)[: len(ahead)]
