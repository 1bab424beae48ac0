"""The options of the gRPC server."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from perdure.service.options import CHANNEL_OPTIONS


@pytest.fixture(scope="module")
def binary():
    found = find_spec("grpc._cython.cygrpc")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_bytes()


@pytest.mark.parametrize("name", [name for name, _ in CHANNEL_OPTIONS])
def test_the_installed_grpc_knows_the_option(binary, name):
    assert name.encode() + b"\0" in binary


def test_the_look_into_the_binary_can_fail(binary):
    assert b"grpc.http2.min_recv_ping_interval_without_data_ms\0" not in binary
