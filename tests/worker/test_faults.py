"""Whatever a handler does wrong, its own attempt ends with an error that says it, and the others go on."""

import asyncio
import logging
import threading
from contextlib import asynccontextmanager

import pytest

from perdure.client import ExecutionFailed
from perdure.runtime.supervisor import Supervisor
from perdure.testing.server import local_server
from perdure.v1.worker_service_pb2 import Assignment
from perdure.worker.local import LocalTransport
from perdure.worker.performing import settle
from perdure.worker.registry import collect_handlers
from perdure.worker.wire import GrpcTransport
from perdure.worker.worker import Worker, WorkerOptions
from tests.dispatch.harness import Stage
from tests.worker import apps, faulty

PATIENCE = 60


@asynccontextmanager
async def served(handlers=None):
    """A server, and a worker that reaches it over the wire."""
    async with asyncio.timeout(PATIENCE), local_server() as local:
        for integration in faulty.app.integrations.values():
            await local.client.deploy(integration)
        options = WorkerOptions(processes=1, threads=2)
        worker = Worker(handlers or collect_handlers([faulty.app]), GrpcTransport(local.address), options)
        supervisor = Supervisor()
        work = supervisor.spawn(worker.run(), "worker")
        await worker.wait_welcomed()
        try:
            yield local.client
        finally:
            worker.stop()
            await work


async def check_all(client, integration):
    """Do all that is wrong and all that is odd at once, then look at how each has ended."""

    async def end(what):
        execution = await client.wait((await client.start(integration, {"what": what})).name)
        return execution.execution_details

    names = [*faulty.FAULTS, *faulty.ODDITIES]
    ends = dict(zip(names, await asyncio.gather(*map(end, names)), strict=True))
    for what in faulty.ODDITIES:
        assert ends[what].State.Name(ends[what].state) == "SUCCEEDED", what
    for what in faulty.FAULTS:
        assert ends[what].State.Name(ends[what].state) == "FAILED", what
    for what, (_, code, text) in faulty.FAULTS.items():
        with pytest.raises(ExecutionFailed) as failed:
            await client.execute(integration, {"what": what})
        assert failed.value.metadata["error_code"] == code, (what, failed.value.metadata)
        assert text in failed.value.message, (what, failed.value.message)


@pytest.mark.slow
@pytest.mark.parametrize("integration", ["on_loop", "in_thread", "in_process"])
async def test_every_fault_fails_its_own_attempt_only(integration):
    async with served() as client:
        await check_all(client, integration)


@pytest.mark.slow
async def test_every_fault_on_the_loop_of_the_server_fails_its_own_attempt_only():
    async with asyncio.timeout(PATIENCE), local_server(faulty.app) as local:
        await check_all(local.client, "on_loop")


@pytest.mark.slow
async def test_handlers_that_end_their_loop_leave_it_to_the_others():
    async with served() as client:
        with pytest.raises(ExecutionFailed, match="SystemExit"):
            await client.execute("exiting")
        assert (await client.execute("stopping")).outputs == {"result": "stopped"}
        await client.execute("on_loop", {"what": "long message"})


@pytest.mark.slow
async def test_an_attempt_that_cannot_be_begun_on_the_loop_fails():
    async with served() as client:
        await client.execute("refusing")
        with pytest.raises(ExecutionFailed, match="MemoryError: no more tasks"):
            await client.execute("on_loop", {"what": "long message"})
        await client.execute("on_loop", {"what": "long message"})


@pytest.mark.slow
async def test_an_attempt_that_cannot_be_begun_in_a_thread_fails(monkeypatch):
    start = threading.Thread.start

    def refuse(thread):
        if thread.name.startswith("perdure-task"):
            raise RuntimeError("can't start new thread")
        start(thread)

    async with served() as client:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(ExecutionFailed, match="can't start new thread"):
            await client.execute("in_thread", {"what": "long message"})
        monkeypatch.undo()
        await client.execute("in_thread", {"what": "long message"})


@pytest.mark.slow
async def test_a_handler_that_its_process_cannot_import_fails(monkeypatch):
    handlers = collect_handlers([faulty.app])
    with monkeypatch.context() as patch:
        patch.setattr(faulty.do_in_process.handler, "__module__", "tests.worker.nowhere")
        async with served(handlers) as client:
            with pytest.raises(ExecutionFailed, match=r"No module named 'tests\.worker\.nowhere'"):
                await client.execute("in_process", {"what": "long message"})
            patch.undo()
            await client.execute("in_process", {"what": "long message"})


def test_an_end_that_cannot_be_told_at_all_is_none(caplog):
    def fail():
        raise ValueError("no result")

    assert settle(Assignment(lease="l"), fail).failed.error.message == "ValueError: no result"  # type: ignore[union-attr]
    with caplog.at_level(logging.ERROR):
        assert settle(None, fail) is None  # type: ignore[arg-type]
    assert "given back" in caplog.text


async def test_a_worker_that_cannot_speak_any_more_ends():
    """One that only hears would keep its leases alive, and nobody would know."""
    stage = Stage()

    class Muted(LocalTransport):
        def open(self):
            stream = super().open()
            send = stream.send

            async def fail_after_hello(request):
                if not request.HasField("hello"):
                    raise LookupError("a fault of the worker")
                await send(request)

            stream.send = fail_after_hello  # type: ignore[method-assign]
            return stream

    worker = Worker(collect_handlers([apps.app]), Muted(stage.dispatcher.open_session))
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(LookupError):
            await worker.run()
    await stage.supervisor.close()
