"""The options of the gRPC server."""

from pathlib import Path

import pytest
from grpc._cython import cygrpc

from perdure.service.options import CHANNEL_OPTIONS


@pytest.fixture(scope="module")
def binary():
    return Path(cygrpc.__file__).read_bytes()


@pytest.mark.parametrize("name", [name for name, _ in CHANNEL_OPTIONS])
def test_the_installed_grpc_knows_the_option(binary, name):
    assert name.encode() + b"\0" in binary


def test_the_look_into_the_binary_can_fail(binary):
    assert b"grpc.http2.min_recv_ping_interval_without_data_ms\0" not in binary
