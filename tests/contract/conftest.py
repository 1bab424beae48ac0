"""What the tests of the contract look at: its files, services and messages as descriptors."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor, MethodDescriptor

from perdure.v1 import (
    breakpoint_pb2,
    comparison_pb2,
    error_pb2,
    error_reason_pb2,
    event_pb2,
    event_summary_pb2,
    execution_pb2,
    execution_service_pb2,
    explanation_pb2,
    integration_pb2,
    integration_service_pb2,
    intervention_pb2,
    render_pb2,
    replay_pb2,
    server_service_pb2,
    step_pb2,
    suspension_pb2,
    suspension_service_pb2,
    task_config_pb2,
    value_pb2,
    worker_service_pb2,
)

MODULES = (
    breakpoint_pb2,
    comparison_pb2,
    error_pb2,
    error_reason_pb2,
    event_pb2,
    event_summary_pb2,
    execution_pb2,
    execution_service_pb2,
    explanation_pb2,
    integration_pb2,
    integration_service_pb2,
    intervention_pb2,
    render_pb2,
    replay_pb2,
    server_service_pb2,
    step_pb2,
    suspension_pb2,
    suspension_service_pb2,
    task_config_pb2,
    value_pb2,
    worker_service_pb2,
)


def _with_nested(message: Descriptor) -> Iterator[Descriptor]:
    yield message
    for nested in message.nested_types:
        if not nested.GetOptions().map_entry:
            yield from _with_nested(nested)


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def files(root: Path) -> list[FileDescriptor]:
    found = [module.DESCRIPTOR for module in MODULES]
    assert sorted(file.name for file in found) == sorted(
        str(path.relative_to(root / "protos")) for path in (root / "protos/perdure/v1").glob("*.proto")
    )
    return found


@pytest.fixture(scope="session")
def messages(files: list[FileDescriptor]) -> list[Descriptor]:
    return [m for file in files for top in file.message_types_by_name.values() for m in _with_nested(top)]


@pytest.fixture(scope="session")
def methods(files: list[FileDescriptor]) -> list[MethodDescriptor]:
    return [m for file in files for service in file.services_by_name.values() for m in service.methods]


@pytest.fixture(scope="session")
def enums(messages: list[Descriptor]) -> list[EnumDescriptor]:
    """The enums inside of messages."""
    return [enum for message in messages for enum in message.enum_types]
