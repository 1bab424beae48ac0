"""Watches over many executions, lists and counts against a real server, over connections that break."""

import pytest

from perdure.client import Client, Left, Reset, Synced
from perdure.client.errors import InvalidRequest
from perdure.testing.proxy import Proxy
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import WatchResponse
from tests.client.running_server import running

LATEST = WatchResponse.MODE_LATEST_STATE


@pytest.fixture
async def proxy(server, client):
    async with Proxy(int(server.address.rpartition(":")[2])) as proxy:
        yield proxy


@pytest.fixture
async def through(proxy):
    async with Client(f"127.0.0.1:{proxy.port}") as through:
        yield through


async def histories(client, names):
    return {name: [event.sequence async for event in client.events(name)] for name in names}


def by_execution(events):
    seen: dict[str, list[int]] = {}
    for event in events:
        seen.setdefault(event.execution, []).append(event.sequence)
    return seen


async def test_a_watch_that_was_entered_sees_all_that_follows(client):
    async with client.watch_all("total") as watch:
        started = await client.execute("total", {"a": 1})
        await client.execute("failing", {"text": "x"}, do_not_propagate_error=True)
        last = await client.execute("total", {"a": 2})
        seen = []
        async for event in watch:
            seen.append(event)
            if event.execution == last.name and event.HasField("state_change") and event.state_change.output_parameters:
                break
    assert by_execution(seen) == await histories(client, [started.name, last.name])
    revisions = [event.store_revision for event in seen]
    assert revisions == sorted(revisions)


async def test_a_watch_on_a_filter_over_cut_connections_hands_out_each_event_once(client, proxy, through):
    names = []
    for n in range(6):
        shop = "north" if n % 2 else "south"
        names.append((await client.execute("total", {"a": n}, labels={"shop": shop})).name)
    seen = []
    north = 'labels.shop = "north"'
    async with through.watch_all(filter=north, from_beginning=True, until_terminal=True) as watch:
        async for event in watch:
            seen.append(event)
            proxy.cut()
    assert by_execution(seen) == await histories(client, names[1::2])


async def test_each_message_can_be_gone_on_from_in_another_client(client, server):
    for n in range(3):
        await client.execute("total", {"a": n})
    whole, cursors = [], []
    async with client.watch_all(from_beginning=True, until_terminal=True) as watch:
        while (message := await watch.message()) is not None:
            whole += message.updates
            cursors.append((message.cursor, len(whole)))
    assert len({(event.execution, event.sequence) for event in whole}) == len(whole)
    for cursor, told in cursors:
        async with Client(server.address) as other, other.watch_all(cursor=cursor, until_terminal=True) as watch:
            assert [event async for event in watch] == whole[told:]


async def test_an_execution_that_leaves_the_filter_is_told_as_one_event(client, gates):
    async with client.watch_all(filter="state = PROCESSING") as watch:
        started = await client.start("gated", {"n": 1})
        await gates.reached.wait()
        gates.open.set()
        async for event in watch:
            if event.HasField("left_filter"):
                break
    assert event.execution == started.name
    assert event.left_filter.state == ExecutionDetails.SUCCEEDED


async def test_latest_states_show_how_things_stand_over_cut_connections(client, proxy, through, gates):
    before = await client.execute("total", {"a": 1})
    gated = await client.start("gated", {"n": 1})
    await gates.reached.wait()
    shown: dict[str, Execution] = {}
    running = "state = PROCESSING"
    async with through.watch_all(filter=running, mode=LATEST, initial_state=True, until_terminal=True) as watch:
        async for update in watch.updates():
            proxy.cut()
            match update:
                case Execution():
                    shown[update.name] = update
                case Left(execution):
                    del shown[execution]
                case Reset():
                    shown.clear()
                case Synced():
                    assert list(shown) == [gated.name]
                    gates.open.set()
                case ExecutionEvent():
                    pytest.fail("an event among latest states")
    assert shown == {}
    assert before.name not in shown


async def test_a_list_and_a_watch_after_it_miss_nothing(client):
    for n in range(5):
        await client.execute("total", {"a": n})
    listed = client.list("total", page_size=2)
    names = [execution.name async for execution in listed]
    async with client.watch_all("total", after=listed.point) as watch:
        last = await client.execute("total", {"a": 9})
        assert (await anext(watch)).execution == last.name
    assert len(names) == 5


async def test_a_cursor_is_for_its_own_filter(client):
    await client.execute("total", {"a": 1})
    async with client.watch_all(from_beginning=True) as watch:
        await watch.message()
    with pytest.raises(InvalidRequest) as caught:
        await client.watch_all(filter="state = FAILED", cursor=watch.cursor).message()
    assert caught.value.reason == "CURSOR_FILTER_MISMATCH"


async def test_a_restarted_server_goes_on_with_a_watch_on_a_filter(tmp_path, app, gates):
    data = tmp_path / "restarted"
    async with running(data, app) as server:
        address = server.address
        client = Client(address)
        await client.__aenter__()
        await client.deploy(app.integrations["gated"])
        watch = client.watch_all(filter='labels.shop = "north"')
        await watch.__aenter__()
        started = await client.start("gated", {"n": 1}, labels={"shop": "north"})
        await gates.reached.wait()
        seen = [await anext(watch)]
    gates.open.set()
    async with running(data, app, listen=address), client, watch:
        await client.wait(started.name)
        history = [event async for event in client.events(started.name)]
        while len(seen) < len(history):
            seen.append(await anext(watch))
        assert seen == history


async def test_counts_and_filtered_lists_agree(client):
    for n in range(4):
        await client.execute("total", {"a": n}, labels={"shop": "north" if n % 2 else "south"})
    await client.execute("failing", {"text": "x"}, do_not_propagate_error=True)
    count = await client.count()
    assert (count.total, count.lower_bound) == (5, False)
    assert count.by_state == {ExecutionDetails.SUCCEEDED: 4, ExecutionDetails.FAILED: 1}
    north = [execution async for execution in client.list(filter='labels.shop = "north"', order_by="create_time")]
    assert (await client.count("total", filter='labels.shop = "north"')).total == len(north) == 2
    assert north[0].create_time.ToNanoseconds() < north[1].create_time.ToNanoseconds()


async def test_a_read_mask_leaves_out_the_rest(client):
    result = await client.execute("total", {"a": 1})
    execution = await client.get(result.name, read_mask=["name"], min_store_revision=result.store_revision)
    assert execution == Execution(name=result.name)


async def test_a_filter_with_a_fault_is_refused_with_its_position(client):
    with pytest.raises(InvalidRequest) as caught:
        await client.count(filter="state = ")
    assert caught.value.reason == "FILTER_INVALID"
