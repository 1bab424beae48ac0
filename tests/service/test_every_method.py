"""What holds for every method of every service, found in the descriptors."""

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from perdure.service.required import required_fields
from perdure.v1 import (
    execution_service_pb2,
    integration_service_pb2,
    server_service_pb2,
    suspension_service_pb2,
    worker_service_pb2,
)
from tests.service.serving import refusal, serving

FILES = (
    execution_service_pb2,
    integration_service_pb2,
    server_service_pb2,
    suspension_service_pb2,
    worker_service_pb2,
    health_pb2,
    reflection_pb2,
)
METHODS = [
    method for file in FILES for service in file.DESCRIPTOR.services_by_name.values() for method in service.methods
]
NAMES = [method.full_name for method in METHODS]
WITH_REQUIRED = [method for method in METHODS if required_fields(method.input_type)]

MALFORMED = {
    "a field that is cut off": b"\x0a\xff",
    "an unknown wire type": b"\x0f",
    "text that is no UTF-8": b"\x0a\x02\xc3\x28",
    "noise": b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
}


@pytest.fixture
async def channel(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        yield stubs.channel


async def answer_to(channel, method, request):
    """Sends bytes and returns the error that comes back, or None."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.client_streaming:
            call = channel.stream_stream(path)(iter([request]))
        elif method.server_streaming:
            call = channel.unary_stream(path)(request)
        else:
            await channel.unary_unary(path)(request)
            return None
        await call.read()
    except grpc.aio.AioRpcError as error:
        return error
    if method.client_streaming:
        call.cancel()
    return None


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
async def test_bytes_that_are_no_request_get_a_clean_refusal(channel, method):
    first = next(iter(method.input_type.fields), None)
    for kind, request in MALFORMED.items():
        if first is None and kind == "text that is no UTF-8":
            continue  # a message without fields has no text
        if first is not None and kind == "text that is no UTF-8" and first.type != first.TYPE_STRING:
            continue
        error = await answer_to(channel, method, request)
        assert error is not None, kind
        told = refusal(error)
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST"), kind
        assert told.message == f"the request is no {method.input_type.full_name}"


@pytest.mark.parametrize("method", WITH_REQUIRED, ids=[method.full_name for method in WITH_REQUIRED])
async def test_an_empty_request_is_told_all_that_is_missing(channel, method):
    error = await answer_to(channel, method, GetMessageClass(method.input_type)().SerializeToString())
    assert error is not None
    told = refusal(error)
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUIRED_FIELD_MISSING")
    assert told.fields == list(required_fields(method.input_type))


@pytest.mark.parametrize("path", ["/perdure.v1.ExecutionService/Nothing", "/nobody.Here/Nothing"])
async def test_an_unknown_method_has_a_reason_too(channel, path):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(path)(b"")
    told = refusal(caught.value)
    assert (told.code, told.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED_METHOD")


async def test_a_request_beyond_the_limit_is_refused(channel):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/perdure.v1.ExecutionService/Execute")(b"\0" * (5 << 20))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
