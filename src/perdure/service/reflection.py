"""Server reflection, v1 and v1alpha.

The library has v1alpha only. The messages of v1 are the same in another package, so v1 is served by the same
code: its requests are read as those of v1alpha, and the answers of v1alpha are answers of v1 byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from grpc_reflection.v1alpha import reflection, reflection_pb2

from perdure.service.pipeline import Method, Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from google.protobuf.descriptor import FileDescriptor
    from google.protobuf.message import Message

    from perdure.service.call import Call

_SERVICE: Final = "ServerReflection"
_METHOD: Final = "ServerReflectionInfo"
_V1ALPHA: Final = "grpc.reflection.v1alpha"
_V1: Final = "grpc.reflection.v1"


def reflection_services(services: Iterable[str]) -> list[Service]:
    """Make both versions of the service.

    Args:
        services: Full names of the other services that the server has.
    """
    descriptors = [reflection_pb2.DESCRIPTOR, _v1_file()]
    names = [*services, *(f"{descriptor.package}.{_SERVICE}" for descriptor in descriptors)]
    servicer = reflection.aio.ReflectionServicer(names)

    async def answer(requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Message]:
        async for response in servicer.ServerReflectionInfo(_as_v1alpha(requests), call):
            yield response

    return [Service(each.services_by_name[_SERVICE], {_METHOD: Method(answer)}) for each in descriptors]


async def _as_v1alpha(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        asked = reflection_pb2.ServerReflectionRequest.FromString(request.SerializeToString())
        if asked.HasField("file_containing_symbol"):
            asked.file_containing_symbol = _findable(asked.file_containing_symbol)
        yield asked


def _findable(symbol: str) -> str:
    """Name the service of a method instead of the method, which the library does not find."""
    service, _, method = symbol.rpartition(".")
    try:
        methods = Default().FindServiceByName(service).methods_by_name
    except KeyError:
        return symbol
    return service if method in methods else symbol


def _v1_file() -> FileDescriptor:
    """Describe v1 in the default pool, where whoever describes everything looks for it."""
    file = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = _V1
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(_V1ALPHA, _V1)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(_V1ALPHA, _V1)
        method.output_type = method.output_type.replace(_V1ALPHA, _V1)
    pool = Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName(file.name)
