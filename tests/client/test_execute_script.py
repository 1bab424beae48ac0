"""An Execute is not lost with its connection, and never runs twice."""

import asyncio
from typing import Any

import grpc
import pytest

from perdure.client import ExecutionCancelled, ExecutionFailed, ExecutionPending
from perdure.client.errors import InvalidRequest, ServerFault, Unavailable
from perdure.v1.execution_service_pb2 import ExecuteResponse
from perdure.v1.value_pb2 import ValueType
from tests.client.scripted_server import NAME, ScriptedService, abort, accept_then, answer, scripted

DONE = answer(ExecuteResponse(execution=NAME, executions=[NAME], output_parameters={"n": ValueType(int_value=7)}))


async def held(context):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "cut",
    [
        abort(grpc.StatusCode.UNAVAILABLE),
        abort(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", retry_after=0.0),
        abort(grpc.StatusCode.INTERNAL),
        abort(grpc.StatusCode.CANCELLED),
        abort(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS", retry_after=0.0),
    ],
)
async def test_a_cut_off_call_comes_again_with_the_same_request_id(cut):
    service = ScriptedService()
    service.executes.extend([cut, accept_then(cut), DONE])
    async with scripted(service) as client:
        result = await client.execute("order", {"sku": "X"})
    assert result.name == NAME
    assert result.execution_id == "e1"
    assert result.outputs == {"n": 7}
    assert len({request.SerializeToString(deterministic=True) for request in service.execute_requests}) == 1
    assert service.execute_requests[0].request_id == result.request_id != ""


async def test_a_request_id_of_the_caller_is_kept():
    service = ScriptedService()
    service.executes.append(DONE)
    async with scripted(service) as client:
        assert (await client.start("order", request_id="mine")).request_id == "mine"


async def test_a_timeout_names_the_execution_that_goes_on():
    service = ScriptedService()
    service.executes.append(accept_then(held))
    async with scripted(service) as client:
        with pytest.raises(ExecutionPending) as caught:
            await client.execute("order", timeout=0.2, request_id="r1")
    assert caught.value.execution == NAME
    assert caught.value.request_id == "r1"


async def test_a_timeout_before_acceptance_says_that_nothing_is_known():
    service = ScriptedService()
    service.executes.append(held)
    async with scripted(service) as client:
        with pytest.raises(ExecutionPending) as caught:
            await client.execute("order", timeout=0.1)
    assert caught.value.execution is None
    assert caught.value.executions == ()


@pytest.mark.parametrize(
    ("reason", "error"), [("EXECUTION_FAILED", ExecutionFailed), ("EXECUTION_CANCELLED", ExecutionCancelled)]
)
async def test_an_execution_that_did_not_succeed_is_an_error_with_its_name(reason, error):
    service = ScriptedService()
    service.executes.append(abort(grpc.StatusCode.FAILED_PRECONDITION, reason, execution=NAME))
    async with scripted(service) as client:
        with pytest.raises(error) as caught:
            await client.execute("order")
    assert caught.value.execution == NAME
    assert len(service.execute_requests) == 1


async def test_a_fault_of_the_server_is_not_tried_again():
    service = ScriptedService()
    service.executes.append(abort(grpc.StatusCode.INTERNAL, "INTERNAL", id="f1"))
    async with scripted(service) as client:
        with pytest.raises(ServerFault) as caught:
            await client.execute("order")
    assert caught.value.metadata == {"id": "f1"}


async def test_a_server_that_stays_away_exhausts_the_patience():
    service = ScriptedService()
    service.executes.extend([abort(grpc.StatusCode.UNAVAILABLE)] * 20)
    async with scripted(service, patience=0.01) as client:
        with pytest.raises(Unavailable):
            await client.execute("order")


async def test_a_lost_server_after_acceptance_leaves_the_name():
    service = ScriptedService()
    service.executes.extend(
        [accept_then(abort(grpc.StatusCode.UNAVAILABLE))] + [abort(grpc.StatusCode.UNAVAILABLE)] * 20
    )
    async with scripted(service, patience=0.06) as client:
        with pytest.raises(ExecutionPending) as caught:
            await client.execute("order")
    assert caught.value.execution == NAME


async def test_inputs_without_a_form_are_all_named_and_nothing_is_sent():
    service = ScriptedService()
    async with scripted(service) as client:
        with pytest.raises(InvalidRequest) as caught:
            await client.execute("order", {"a": float("nan"), "b": 1, "c": {1, 2}})
    assert [each.path for each in caught.value.field_violations] == ['input_parameters["a"]', 'input_parameters["c"]']
    assert service.execute_requests == []


async def test_options_become_fields_of_the_request():
    service = ScriptedService()
    service.executes.append(DONE)
    async with scripted(service, project="p1") as client:
        await client.start(
            "order", {"n": ValueType(int_value=1)}, priority=0, labels={"a": "b"}, trigger_id="api_trigger/x"
        )
    request = service.execute_requests[0]
    assert request.name == "projects/p1/locations/local/integrations/order"
    assert request.HasField("priority")
    assert dict(request.labels) == {"a": "b"}
    assert request.trigger_id == "api_trigger/x"
    assert not request.HasField("max_runtime")


async def test_a_retention_that_there_is_not_is_refused_with_those_that_there_are():
    service = ScriptedService()
    unknown: Any = "bogus"
    async with scripted(service) as client:
        with pytest.raises(ValueError, match=r"savepoint_retention is 'bogus'; .* SAVEPOINT_RETENTION_LAST"):
            await client.execute("order", savepoint_retention=unknown)
    assert service.execute_requests == []
