"""The server as a whole: how it starts, listens, works and ends."""

import asyncio
import os
import signal
import stat
import sys

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from perdure.client import Client
from perdure.config import InvalidSettings, Settings
from perdure.server import EXIT_FAILED, EXIT_STOPPED, CannotListen, Server, read_listen
from perdure.store.errors import StoreBroken, StoreLocked
from perdure.store.sqlite.store import SqliteStore
from perdure.v1.execution_service_pb2 import ExecuteRequest, WatchExecutionRequest
from perdure.v1.worker_service_pb2_grpc import WorkerServiceStub
from tests.service.app import app
from tests.service.serving import integration, refused, serving

APP = "tests.service.app:app"


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "192.168.1.1:1", "example.com:1"])
def test_only_loopback_can_be_listened_on(listen):
    with pytest.raises(InvalidSettings, match="no authentication"):
        read_listen(listen)


@pytest.mark.parametrize("listen", ["", "127.0.0.1", "127.0.0.1:", ":1", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_address_has_a_host_and_a_port(listen):
    with pytest.raises(InvalidSettings, match="HOST:PORT"):
        read_listen(listen)


@pytest.mark.parametrize(
    ("listen", "taken"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:50051", ("::1", 50051)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_an_address_is_taken_apart(listen, taken):
    assert read_listen(listen) == taken


async def test_a_port_that_is_taken_is_refused_and_the_store_let_go(tmp_path):
    async with serving(tmp_path / "one") as stubs:
        for _ in range(2):
            with pytest.raises(CannotListen, match="another program"):
                await Server.start(Settings(data=tmp_path / "two", listen=stubs.server.address))


async def test_a_second_server_on_the_same_data_is_refused(tmp_path):
    async with serving(tmp_path / "data"):
        with pytest.raises(StoreLocked):
            await Server.start(Settings(data=tmp_path / "data", listen="127.0.0.1:0"))


async def test_a_signal_ends_the_server_in_order(tmp_path):
    server = await Server.start(Settings(data=tmp_path / "data", listen="127.0.0.1:0"))
    server.handle_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await server.wait() == EXIT_STOPPED


@pytest.mark.slow
async def test_a_second_signal_ends_the_process_on_the_spot(tmp_path):
    command = (sys.executable, "-m", "perdure", "serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    address = (await process.stdout.readline()).split()[-1].decode()
    async with grpc.aio.insecure_channel(address) as channel:
        # A session that does not end by itself holds up the end of the server.
        session = WorkerServiceStub(channel).Work()
        health = HealthStub(channel).Watch(HealthCheckRequest(service="perdure.v1.WorkerService"))
        assert (await health.read()).status == HealthCheckResponse.SERVING
        process.terminate()
        assert (await health.read()).status == HealthCheckResponse.NOT_SERVING
        process.terminate()
        assert await process.wait() == 128 + signal.SIGTERM
        session.cancel()


async def test_a_loop_that_fails_ends_the_server_with_a_reason(tmp_path, caplog):
    server = await Server.start(Settings(data=tmp_path / "data", listen="127.0.0.1:0"))

    async def fail():
        raise RuntimeError("a loop of the test")

    server.engine.environment.supervisor.spawn(fail(), "failing")
    assert await server.wait() == EXIT_FAILED
    assert "must not go on: a loop of the test" in caplog.text


async def test_a_store_that_cannot_be_trusted_ends_the_server(tmp_path, caplog):
    server = await Server.start(Settings(data=tmp_path / "data", listen="127.0.0.1:0"))
    store = server.engine.environment.store
    assert isinstance(store, SqliteStore)
    store._writer.mark_broken(StoreBroken("a disk of the test"))
    assert await server.wait() == EXIT_FAILED
    assert "must not go on: a disk of the test" in caplog.text


async def test_a_server_that_ends_starts_nothing_more(tmp_path):
    async with serving(tmp_path / "data", "wait") as stubs:
        stubs.server._edge.drain()
        told = await refused(stubs.executions.Execute(ExecuteRequest(name=integration("wait"))))
        assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        assert "RetryInfo" in told.details


async def test_ending_twice_is_ending_once(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        await asyncio.gather(stubs.server.drain(0.0), stubs.server.drain(0.0))


async def test_handlers_are_performed_in_the_process(tmp_path):
    settings = Settings(data=tmp_path / "data", listen="127.0.0.1:0", apps=(APP,), workers="in-process")
    await run_doubled(settings)


@pytest.mark.slow
async def test_handlers_are_performed_by_a_child_process(tmp_path):
    settings = Settings(data=tmp_path / "data", listen="127.0.0.1:0", apps=(APP,))
    await run_doubled(settings)


async def run_doubled(settings):
    server = await Server.start(settings)
    try:
        if server.socket is not None:
            assert stat.S_IMODE(server.socket.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(server.socket.path.parent.stat().st_mode) == 0o700
        async with Client(server.address) as client:
            await client.deploy(app.integrations["doubled"])
            assert (await client.execute("doubled", {"n": 21})).outputs == {"result": 42}
    finally:
        await server.drain(5.0)
    assert server.socket is None or not server.socket.path.parent.exists()


@pytest.mark.parametrize("workers", ["in-process", "process"])
async def test_an_app_that_is_not_there_is_told_at_the_start(tmp_path, workers):
    settings = Settings(data=tmp_path / "data", listen="127.0.0.1:0", apps=("tests.nowhere:app",), workers=workers)
    with pytest.raises(InvalidSettings, match="apps: "):
        await Server.start(settings)
    async with serving(tmp_path / "data"):
        pass  # the store was let go


async def test_a_watcher_does_not_keep_a_server_from_ending(tmp_path):
    async with serving(tmp_path / "data", "wait") as stubs:
        started = await stubs.execute("wait")
        call = stubs.executions.WatchExecution(WatchExecutionRequest(name=started.execution))
        await call.read()
        async with asyncio.timeout(5.0):
            await asyncio.gather(stubs.server.drain(60.0), call.read())
