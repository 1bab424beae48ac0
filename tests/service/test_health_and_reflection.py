"""Health service by service, and reflection in both versions."""

import asyncio

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from perdure.service import reflection
from perdure.service.health import Health
from tests.service.serving import refused, serving

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
EXECUTIONS = "perdure.v1.ExecutionService"
VERSIONS = ["grpc.reflection.v1", "grpc.reflection.v1alpha"]


async def test_every_service_is_healthy(stubs):
    health = HealthStub(stubs.channel)
    told = await health.List(health_pb2.HealthListRequest())
    assert {name: each.status for name, each in told.statuses.items()} == dict.fromkeys(
        (
            "",
            EXECUTIONS,
            "perdure.v1.IntegrationService",
            "perdure.v1.ServerService",
            "perdure.v1.SuspensionService",
            "perdure.v1.WorkerService",
        ),
        SERVING,
    )
    assert (await health.Check(health_pb2.HealthCheckRequest(service=EXECUTIONS))).status == SERVING


async def test_an_unknown_service_is_not_found(stubs):
    told = await refused(HealthStub(stubs.channel).Check(health_pb2.HealthCheckRequest(service="nobody")))
    assert told.code is grpc.StatusCode.NOT_FOUND


async def test_who_watches_health_hears_of_the_end_before_it_comes(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        call = HealthStub(stubs.channel).Watch(health_pb2.HealthCheckRequest(service=EXECUTIONS))
        assert (await call.read()).status == SERVING
        _, told = await asyncio.gather(stubs.server.drain(5.0), call.read())
        assert told.status == NOT_SERVING
        assert await call.read() is grpc.aio.EOF


async def ask(channel, version, *requests):
    call = channel.stream_stream(
        f"/{version}.ServerReflection/ServerReflectionInfo",
        ServerReflectionRequest.SerializeToString,
        ServerReflectionResponse.FromString,
    )
    return [response async for response in call(iter(requests))]


@pytest.mark.parametrize("version", VERSIONS)
async def test_reflection_lists_and_describes_everything(stubs, version):
    (listed,) = await ask(stubs.channel, version, ServerReflectionRequest(list_services="*"))
    names = [each.name for each in listed.list_services_response.service]
    assert EXECUTIONS in names
    assert {f"{each}.ServerReflection" for each in VERSIONS} < set(names)
    answers = await ask(
        stubs.channel, version, *(ServerReflectionRequest(file_containing_symbol=name) for name in names)
    )
    for name, answer in zip(names, answers, strict=True):
        files = map(FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
        assert any(f"{file.package}.{each.name}" == name for file in files for each in file.service)


@pytest.mark.parametrize("version", VERSIONS)
async def test_reflection_finds_a_method_by_its_name(stubs, version):
    asked = ServerReflectionRequest(file_containing_symbol=f"{EXECUTIONS}.Execute")
    (answer,) = await ask(stubs.channel, version, asked)
    files = map(FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
    assert any(method.name == "Execute" for file in files for each in file.service for method in each.method)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["nobody.Here", f"{EXECUTIONS}.Nothing"])
async def test_reflection_does_not_know_everything(stubs, version, name):
    (answer,) = await ask(stubs.channel, version, ServerReflectionRequest(file_containing_symbol=name))
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_two_servers_in_one_process_share_the_description():
    assert len(reflection.reflection_services([])) == len(reflection.reflection_services([])) == 2


async def test_who_is_slow_to_read_still_hears_of_the_end():
    health = Health()
    health.set_serving(["s"], serving=True)
    watch = health.watch(health_pb2.HealthCheckRequest(service="s"), None)  # type: ignore[arg-type]
    assert (await anext(watch)).status == SERVING
    # Both happen while the first answer is still being written.
    health.set_serving(["s"], serving=False)
    health.close()
    assert (await anext(watch)).status == NOT_SERVING
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
