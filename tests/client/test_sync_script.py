"""The client for scripts: blocking calls, many threads, interruption, closing and the end of the program."""

import asyncio
import inspect
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from perdure.client import Client, ClientClosed, CursorExpired, ExecutionFailed, SyncClient, Synced, SyncWatch, Watch
from perdure.client.base import ClientBase
from perdure.client.exporting import Export
from perdure.client.inspections import Inspections
from perdure.client.integrations import Integrations
from perdure.client.interventions import Interventions
from perdure.client.paging import ExecutionPages, Pages
from perdure.client.suspensions import Suspensions
from perdure.client.sync.base import SyncClientBase
from perdure.client.sync.exporting import SyncExport
from perdure.client.sync.inspections import SyncInspections
from perdure.client.sync.integrations import SyncIntegrations
from perdure.client.sync.interventions import SyncInterventions
from perdure.client.sync.loop_thread import Handover
from perdure.client.sync.paging import SyncExecutionPages, SyncPages
from perdure.client.sync.suspensions import SyncSuspensions
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import ExecuteResponse, ListExecutionsResponse, StorePoint, WatchResponse
from tests.client.scripted_server import (
    NAME,
    Held,
    ScriptedService,
    abort,
    answer,
    events,
    hold,
    info,
    served,
    served_elsewhere,
)

GOING_AWAY = WatchResponse(cursor="after-2", going_away=WatchResponse.GoingAway())
DONE = answer(ExecuteResponse(execution=NAME, executions=[NAME]))
POINT = StorePoint(store_revision=1, store_id="s1")


@pytest.fixture
def service():
    return ScriptedService()


@pytest.fixture
def address(service):
    with served_elsewhere(service) as address:
        yield address


@pytest.fixture
def client(address):
    with SyncClient(address) as client:
        yield client


@pytest.fixture
def interrupt():
    """Sends this thread what Ctrl-C sends, as soon as an event is set."""
    threads = []
    main = threading.get_ident()

    def once(event):
        def send():
            event.wait()
            signal.pthread_kill(main, signal.SIGINT)

        threads.append(threading.Thread(target=send))
        threads[-1].start()

    yield once
    for thread in threads:
        thread.join()


def public(kind):
    return {name for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("twin", "original"),
    [
        (SyncClient, Client),
        (SyncWatch, Watch),
        (SyncPages, Pages),
        (SyncIntegrations, Integrations),
        (SyncClientBase, ClientBase),
        (SyncInterventions, Interventions),
        (SyncInspections, Inspections),
        (SyncSuspensions, Suspensions),
        (SyncExport, Export),
    ],
)
def test_the_twin_has_the_same_methods_with_the_same_arguments(twin, original):
    assert public(twin) == public(original) - {"require_only_events"}
    for name in public(twin):
        theirs, ours = getattr(original, name), getattr(twin, name)
        assert isinstance(ours, property) == isinstance(theirs, property)
        if not isinstance(ours, property):
            expected = [(each.name, each.kind, each.default) for each in inspect.signature(theirs).parameters.values()]
            assert [
                (each.name, each.kind, each.default) for each in inspect.signature(ours).parameters.values()
            ] == expected
            assert not inspect.iscoroutinefunction(ours)


def test_the_twin_of_the_pages_of_executions_has_their_point():
    assert public(SyncExecutionPages) == public(ExecutionPages) == {"point"}


def test_calls_block_and_raise_what_the_client_raises(client, service):
    service.executes.extend([DONE, abort(grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_FAILED", execution=NAME)])
    assert client.execute("order", {"sku": "X"}).name == NAME
    with pytest.raises(ExecutionFailed) as caught:
        client.execute("order")
    assert caught.value.execution == NAME


def test_a_list_is_iterated_over_by_pages(client, service):
    for names, token in ((("a", "b"), "t1"), ((), "t2"), (("c", "d"), "")):
        executions = [Execution(name=name) for name in names]
        page = ListExecutionsResponse(executions=executions, next_page_token=token, store_revision=7, store_id="s1")
        service.lists.append(answer(page))
    listed = client.list("order", filter="state = FAILED")
    assert next(listed).name == "a"
    assert [execution.name for execution in listed.page()] == ["b"]
    assert [execution.name for execution in listed] == ["c", "d"]
    assert listed.page() is None
    assert listed.point == StorePoint(store_revision=7, store_id="s1")


def test_a_watch_goes_on_over_broken_streams(client, service):
    broken = abort(grpc.StatusCode.UNAVAILABLE)
    service.watches.extend([[events(1, 2), broken], [GOING_AWAY], [events(3, final=True)]])
    assert [event.sequence for event in client.watch("e1")] == [1, 2, 3]


def test_a_watch_tells_states_and_its_cursor_moves_with_what_was_handed_out(client, service):
    states = WatchResponse(cursor="c1", executions=WatchResponse.States(executions=[Execution(name=NAME)]))
    service.watches.append([states, WatchResponse(cursor="c2", synced=WatchResponse.Synced()), events(1, 2), hold])
    with client.watch_all(initial_state=True) as watch:
        with pytest.raises(TypeError, match="updates"):
            next(watch)
        updates = watch.updates()
        assert next(updates) == Execution(name=NAME)
        assert next(updates) == Synced()
        assert (next(updates).sequence, watch.cursor) == (1, "c2")
        message = watch.message()
        assert message is not None
        assert [event.sequence for event in message.updates] == [2]
        assert (watch.cursor, watch.store_revision) == ("after-2", 2)


def test_a_watch_from_now_begins_where_it_was_entered(client, service):
    service.infos.append(info(1))
    service.watches.append([events(2)])
    with client.watch_all() as watch:
        assert next(watch).sequence == 2
    assert service.watch_requests[0].after_store_revision == POINT


def test_an_expired_cursor_is_the_same_error(client, service):
    service.watches.append([abort(grpc.StatusCode.OUT_OF_RANGE, "CURSOR_EXPIRED", oldest_revision="5")])
    with pytest.raises(CursorExpired) as caught:
        list(client.watch_all(cursor="c1"))
    assert caught.value.oldest_revision == 5


def test_an_interrupt_ends_a_call_at_once_and_cancels_it_on_the_server(client, service, interrupt):
    held = Held()
    service.gets.append(held)
    interrupt(held.begun)
    with pytest.raises(KeyboardInterrupt):
        client.get("e1")
    assert held.ended.wait(5)


def test_an_interrupted_watch_cancels_its_stream_and_can_go_on(client, service, interrupt):
    held = Held()
    service.watches.extend([[events(1), GOING_AWAY], [held], [events(3, final=True)]])
    with client.watch("e1") as watch:
        assert next(watch).sequence == 1
        interrupt(held.begun)
        with pytest.raises(KeyboardInterrupt):
            next(watch)
        assert held.ended.wait(5)
        assert [event.sequence for event in watch] == [3]
    assert service.watch_requests[2].cursor == "after-2"


def test_what_came_together_with_an_interrupt_is_handed_over_next(client):
    numbers, main = iter(range(3)), threading.get_ident()

    async def take_next():
        number = next(numbers)
        if number == 0:
            signal.pthread_kill(main, signal.SIGINT)
        return number

    handover = Handover(client._loop, take_next)
    with pytest.raises(KeyboardInterrupt):
        handover.take()
    assert [handover.take(), handover.take(), handover.take()] == [0, 1, 2]


def test_a_loop_that_is_left_ends_its_stream(client, service):
    held = Held()
    service.watches.append([events(1), held])
    for event in client.watch("e1"):
        assert event.sequence == 1
        break
    assert held.ended.wait(5)


def test_closing_a_watch_from_another_thread_ends_its_iteration(client, service):
    held = Held()
    service.watches.append([events(1), held])
    watch = client.watch("e1")
    assert next(watch).sequence == 1
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, watch)
        assert held.begun.wait(5)
        watch.close()
        assert rest.result(5) == []
    assert held.ended.wait(5)


def test_closing_the_client_from_another_thread_ends_every_call(address, service):
    client, stream, call = SyncClient(address), Held(), Held()
    service.watches.append([events(1), stream])
    service.gets.append(call)
    with ThreadPoolExecutor(2) as pool:
        waiting: list[Future[Any]] = [pool.submit(list, client.watch("e1")), pool.submit(client.get, "e1")]
        assert stream.begun.wait(5)
        assert call.begun.wait(5)
        client.close()
        for each in waiting:
            assert isinstance(each.exception(5), ClientClosed)
    assert stream.ended.wait(5)
    assert call.ended.wait(5)


def test_a_client_that_is_closed_refuses_calls_and_is_closed_again_without_harm(address):
    client = SyncClient(address)
    watch, listed = client.watch("e1"), client.list()
    client.close()
    client.close()
    for use in (lambda: client.get("e1"), client.list, lambda: next(listed), lambda: next(watch), watch.__enter__):
        with pytest.raises(ClientClosed):
            use()
    watch.close()


def test_many_threads_share_a_client(client, service):
    service.executes.extend([DONE] * 200)
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda n: client.start("order", {"n": n}), range(200)))
    assert len({result.request_id for result in results}) == 200
    assert len({request.request_id for request in service.execute_requests}) == 200


def test_threads_that_share_a_watch_get_each_event_once(client, service):
    service.watches.append([*(events(n, n + 1) for n in range(1, 199, 2)), events(199, final=True)])
    watch = client.watch("e1")
    with ThreadPoolExecutor(8) as pool:
        shares = list(pool.map(lambda _: [event.sequence for event in watch], range(8)))
    assert sorted(sequence for share in shares for sequence in share) == list(range(1, 200))


async def test_a_loop_in_the_same_thread_is_not_blocked(service):
    async with served(service) as address:
        with pytest.raises(RuntimeError, match="use Client"):
            SyncClient(address)
        service.gets.append(answer(Execution(name=NAME)))
        client = await asyncio.to_thread(SyncClient, address)
        with pytest.raises(RuntimeError, match="use Client"):
            client.get("e1")
        assert (await asyncio.to_thread(client.get, "e1")).name == NAME
        await asyncio.to_thread(client.close)


async def test_a_loop_with_a_client_of_its_own_in_another_thread_is_not_disturbed(service):
    service.gets.extend([answer(Execution(name=NAME))] * 400)
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

    def call(address):
        with SyncClient(address) as client:
            for _ in range(200):
                client.get("e1")

    async with served(service) as address, Client(address) as client:
        calls = asyncio.create_task(asyncio.to_thread(call, address))
        for _ in range(200):
            await client.get("e1")
        await calls
    assert faults == []


def test_a_forgotten_client_ends_its_thread(address):
    before = set(threading.enumerate())
    client = SyncClient(address)
    (thread,) = set(threading.enumerate()) - before
    del client
    assert not thread.is_alive()


OPEN_AT_THE_END = """
import sys
from perdure.client import SyncClient

client = SyncClient(sys.argv[1])
watch = client.watch("e1")
print(next(watch).sequence, flush=True)
"""
FOLLOWING = """
import sys
from perdure.client import SyncClient

with SyncClient(sys.argv[1]) as client:
    for event in client.watch("e1"):
        print(event.sequence, flush=True)
"""


def test_a_program_that_forgets_to_close_ends(address, service):
    held = Held()
    service.watches.append([events(1), held])
    done = subprocess.run(
        [sys.executable, "-c", OPEN_AT_THE_END, address], check=False, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert held.ended.wait(5)


def test_ctrl_c_ends_a_program_that_follows(address, service):
    held = Held()
    service.watches.append([events(1), held])
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOWING, address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "1\n"
        program.send_signal(signal.SIGINT)
        _, complaint = program.communicate(timeout=20)
    assert complaint.rstrip().endswith("KeyboardInterrupt")
    assert held.ended.wait(5)
