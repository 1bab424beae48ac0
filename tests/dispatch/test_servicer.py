"""Sessions over gRPC: a real server on a port of its own, real workers, broken connections."""

import asyncio

import grpc
import pytest

from perdure.codec.values import decode_value
from perdure.v1 import worker_service_pb2 as pb
from perdure.v1.worker_service_pb2_grpc import WorkerServiceStub
from perdure.worker.errors import WorkerRefused
from perdure.worker.registry import collect_handlers
from perdure.worker.wire import GrpcTransport
from perdure.worker.worker import Worker, WorkerOptions
from tests.dispatch.harness import Ledger, hello
from tests.dispatch.served import Served, reported
from tests.worker import apps


@pytest.fixture
async def serve():
    """Start servers; they are stopped at the end."""
    running = []

    async def start(ledger=None, **options):
        served = Served(ledger, **options)
        running.append(served)
        await served.server.start()
        return served

    yield start
    for served in running:
        await served.stop()


@pytest.fixture
async def work(serve):
    """Start workers; they are stopped at the end."""
    running = []

    async def start(target, **options):
        worker = Worker(collect_handlers([apps.app]), GrpcTransport(target), WorkerOptions(**options))
        task = asyncio.get_running_loop().create_task(worker.run())
        running.append((worker, task))
        return worker, task

    yield start
    for worker, task in running:
        worker.stop()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def gates(monkeypatch):
    fresh = apps.Gates()
    monkeypatch.setattr(apps, "gates", fresh)
    return fresh


async def test_tasks_are_performed_over_the_wire(serve, work):
    served = await serve()
    await work(served.target)
    for number in range(200):
        served.stage.offer(f"t{number}", "add", a=number)
    found = await reported(served.stage.ledger, "succeeded", 200)
    results = {task: decode_value(outputs["result"]) for _, task, _, (outputs, _) in found}
    assert results == {f"t{number}": number + 1 for number in range(200)}


async def test_a_worker_that_drains_ends_properly(serve, work):
    served = await serve()
    worker, task = await work(served.target)
    await worker.wait_welcomed()
    worker.drain()
    await task
    assert served.stage.ledger.sessions[0][0] == "opened"


async def test_a_worker_outlives_its_server_and_brings_the_result_to_the_next_one(serve, work, gates):
    first = await serve()
    worker, _ = await work(first.target)
    first.stage.offer("t", "wait_for_gate")
    await asyncio.to_thread(gates.started.acquire)
    await first.stop()
    second = await serve(first.stage.ledger, address=first.target, first_grant=1_700_000_100_000_000)
    gates.go_on.open()
    ((_, task, attempt, (outputs, worker_id)),) = await reported(second.stage.ledger, "succeeded")
    assert (task, attempt, decode_value(outputs["result"])) == ("t", 1, "t")
    assert worker_id == worker.worker_id
    assert gates.calls == 1


async def test_a_worker_waits_for_a_server_that_is_not_there_yet(serve, work):
    first = await serve()
    await first.stop()
    await work(first.target)
    second = await serve(address=first.target)
    second.stage.offer("t", "add", a=1)
    await reported(second.stage.ledger, "succeeded")


async def test_a_worker_comes_back_after_the_server_sent_it_away(serve, work):
    served = await serve(reconnect_spread=0.0)
    worker, _ = await work(served.target)
    await worker.wait_welcomed()
    served.stage.dispatcher.drain()
    await served.stop()
    second = await serve(address=served.target)
    second.stage.offer("t", "add", a=1)
    await reported(second.stage.ledger, "succeeded")


async def test_a_result_the_store_refused_is_sent_again_until_it_is_taken(serve, work, gates):
    served = await serve()
    ledger = served.stage.ledger
    worker, _ = await work(served.target)
    await worker.wait_welcomed()
    refusals: list[tuple[object, ...]] = []

    async def refuse_once(*args, **kwargs):
        if not refusals:
            refusals.append(args)
            ledger.refusing = True
            try:
                return await Ledger.succeeded(ledger, *args, **kwargs)
            finally:
                ledger.refusing = False
        return await Ledger.succeeded(ledger, *args, **kwargs)

    ledger.succeeded = refuse_once
    served.stage.offer("t", "add", a=1)
    await reported(ledger, "succeeded")
    assert len(refusals) == 1


async def test_a_worker_that_is_refused_gives_up_with_the_reason(serve, work):
    served = await serve()
    worker, task = await work(served.target, worker_id="Not An Id")
    with pytest.raises(WorkerRefused, match="worker_id"):
        await task
    with pytest.raises(WorkerRefused):
        await worker.wait_welcomed()


async def test_a_stream_that_breaks_off_leaves_no_session_behind(serve):
    served = await serve()
    async with grpc.aio.insecure_channel(served.target) as channel:
        call = WorkerServiceStub(channel).Work()
        await call.write(pb.WorkRequest(hello=hello("w1", "work")))
        welcome = await call.read()
        assert isinstance(welcome, pb.WorkResponse)
        assert welcome.HasField("welcome")
        served.stage.ledger.changed.clear()
        call.cancel()
        await served.stage.ledger.changed.wait()
    assert served.stage.ledger.sessions[-1] == ("closed", "default/w1")
    served.stage.offer("t")
    assert not served.stage.holds("t")


async def test_a_protocol_error_ends_the_stream_with_its_code(serve):
    served = await serve()
    async with grpc.aio.insecure_channel(served.target) as channel:
        call = WorkerServiceStub(channel).Work()
        await call.write(pb.WorkRequest(hello=hello("w1", "work", parent="nonsense")))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call.read()
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_server_that_does_not_answer_does_not_keep_a_worker_from_stopping(monkeypatch, work):
    monkeypatch.setattr("perdure.worker.worker.FAREWELL_SECONDS", 0.0)
    greeted = asyncio.Event()

    async def say_nothing(requests, _context):
        async for _ in requests:
            greeted.set()
        await asyncio.Event().wait()
        yield pb.WorkResponse()

    mute = grpc.stream_stream_rpc_method_handler(
        say_nothing, pb.WorkRequest.FromString, pb.WorkResponse.SerializeToString
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("perdure.v1.WorkerService", {"Work": mute})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    worker, task = await work(f"127.0.0.1:{port}")
    await greeted.wait()
    worker.stop()
    await task
    await server.stop(None)
