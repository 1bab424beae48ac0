"""`WatchExecution` and `WatchExecutions` over real sockets: ordered, unique, without a gap, resumable (P10, P11)."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from perdure.client import Client
from perdure.service.admission import WATCHERS_PER_PRINCIPAL_MAX
from perdure.v1 import execution_pb2
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    ListExecutionEventsRequest,
    ListExecutionsRequest,
    StorePoint,
    WatchExecutionRequest,
    WatchExecutionsRequest,
    WatchResponse,
)
from perdure.v1.server_service_pb2 import GetServerInfoRequest
from perdure.watch import framing, stream
from perdure.watch.ring import Ring
from tests.service.app import app
from tests.service.serving import ANY, integration, ints, refusal, serving

APP = "tests.service.app:app"
State = execution_pb2.ExecutionDetails.State


def watch(stubs, name, **fields):
    return stubs.executions.WatchExecution(WatchExecutionRequest(name=name, **fields))


def watch_all(stubs, parent=ANY, **fields):
    return stubs.executions.WatchExecutions(WatchExecutionsRequest(parent=parent, **fields))


async def read_to_the_end(call):
    messages = []
    while (message := await call.read()) is not grpc.aio.EOF:
        messages.append(message)
    return messages


def events_of(messages):
    return [event for message in messages for event in message.events.events]


async def history(stubs, name):
    page = await stubs.executions.ListExecutionEvents(ListExecutionEventsRequest(parent=name, page_size=1_000))
    return list(page.events)


@pytest.fixture
async def ended(stubs):
    answer = await stubs.execute("increment", "POST", input_parameters=ints(x=1))
    return answer.execution


@pytest.fixture
async def waiting(stubs):
    return (await stubs.execute("wait")).execution


async def cancel(stubs, name):
    await stubs.executions.CancelExecution(CancelExecutionRequest(name=name))


async def test_a_watch_of_what_has_ended_is_its_history(stubs, ended):
    messages = await read_to_the_end(watch(stubs, ended))
    assert events_of(messages) == await history(stubs, ended)
    assert messages[-1].events.events[-1].state_change.state == State.SUCCEEDED


async def test_a_watch_follows_an_execution_to_its_end(stubs, waiting):
    call = watch(stubs, waiting)
    first = await call.read()
    await cancel(stubs, waiting)
    rest = await read_to_the_end(call)
    seen = events_of([first, *rest])
    assert [each.sequence for each in seen] == list(range(1, len(seen) + 1))
    assert seen == await history(stubs, waiting), "live and stored events are the same"
    revisions = [message.store_revision for message in (first, *rest)]
    assert revisions == sorted(revisions)


async def test_from_every_cursor_a_watch_goes_on_without_gap_or_repetition(stubs, ended, monkeypatch):
    whole = await history(stubs, ended)
    # Every event in a message of its own, so that there is a cursor inside of each commit.
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1)
    messages = await read_to_the_end(watch(stubs, ended))
    assert len(messages) == len(whole)
    for position, message in enumerate(messages, 1):
        rest = await read_to_the_end(watch(stubs, ended, cursor=message.cursor))
        assert events_of(rest) == whole[position:]


async def test_a_cursor_survives_a_restart(tmp_path):
    async with serving(tmp_path / "data", "wait") as stubs:
        name = (await stubs.execute("wait")).execution
        first = await watch(stubs, name).read()
    async with serving(tmp_path / "data") as stubs:
        call = watch(stubs, name, cursor=first.cursor)
        await cancel(stubs, name)
        rest = await read_to_the_end(call)
        assert events_of([first, *rest]) == await history(stubs, name)


async def test_from_now_begins_after_the_latest_event(stubs, waiting):
    before = await history(stubs, waiting)
    call = watch(stubs, waiting, from_now=True, progress_interval=Duration(seconds=1))
    assert (await call.read()).HasField("progress")
    await cancel(stubs, waiting)
    seen = events_of(await read_to_the_end(call))
    assert seen == (await history(stubs, waiting))[len(before) :]


@pytest.mark.parametrize("view", [execution_pb2.Execution.VIEW_BASIC, execution_pb2.Execution.VIEW_FULL])
async def test_the_initial_state_comes_first_and_joins_the_events(stubs, waiting, view):
    call = watch(stubs, waiting, initial_state=True, view=view)
    state, synced = await call.read(), await call.read()
    (shown,) = state.executions.executions
    listed = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY, view=view))
    (got,) = listed.executions
    for each in (shown, got):
        # These run with the clock.
        each.ClearField("duration")
        each.ClearField("resource_usage")
        for task in each.execution_details.task_execution_details:
            task.ClearField("resource_usage")
    assert shown == got
    assert synced.HasField("synced")
    await cancel(stubs, waiting)
    seen = events_of(await read_to_the_end(call))
    assert seen[0].store_revision > state.store_revision
    assert seen[-1].state_change.state == State.CANCELLED
    resumed = events_of(await read_to_the_end(watch(stubs, waiting, cursor=synced.cursor)))
    assert resumed == seen


async def test_the_initial_state_of_what_has_ended_is_all_there_is(stubs, ended):
    messages = await read_to_the_end(watch(stubs, ended, initial_state=True))
    assert [message.WhichOneof("kind") for message in messages] == ["executions", "synced"]


async def test_a_watch_can_outlast_its_execution(stubs, ended):
    call = watch(stubs, ended, until_terminal=False, progress_interval=Duration(seconds=1))
    messages = [await call.read(), await call.read()]
    assert [message.WhichOneof("kind") for message in messages] == ["events", "progress"]
    assert messages[1].cursor
    call.cancel()


async def test_all_watchers_see_the_same(stubs, waiting):
    calls = [watch(stubs, waiting) for _ in range(20)]
    firsts = [await call.read() for call in calls]
    await cancel(stubs, waiting)
    rests = await asyncio.gather(*(read_to_the_end(call) for call in calls))
    whole = await history(stubs, waiting)
    for first, rest in zip(firsts, rests, strict=True):
        assert events_of([first, *rest]) == whole


async def test_what_is_watched_is_kept_no_longer_than_it_is(stubs, ended, waiting):
    hub = stubs.server._hub
    await read_to_the_end(watch(stubs, ended))
    calls = [watch(stubs, waiting) for _ in range(2)]
    for call in calls:
        await call.read()
    assert len(hub._selections) == 1
    await cancel(stubs, waiting)
    await asyncio.gather(*map(read_to_the_end, calls))
    assert not hub._selections
    assert not len(hub._ring)


async def test_who_falls_behind_the_ring_reads_the_store(stubs, waiting):
    stubs.server._hub._ring = Ring(max_entries=1)
    call = watch(stubs, waiting)
    first = await call.read()
    await cancel(stubs, waiting)
    rest = await read_to_the_end(call)
    assert events_of([first, *rest]) == await history(stubs, waiting)


async def test_a_long_history_is_read_in_pages(stubs, ended, monkeypatch):
    monkeypatch.setattr(stream, "PAGE_RECORDS", 1)
    assert events_of(await read_to_the_end(watch(stubs, ended))) == await history(stubs, ended)


async def test_the_attempts_of_a_restarted_execution_are_told_from_every_cursor(tmp_path, monkeypatch):
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1)
    async with serving(tmp_path / "data", apps=(APP,), workers="in-process") as stubs:
        async with Client(stubs.server.address, project="p") as client:
            await client.deploy(app.integrations["stumbling"])
            live = watch_all(stubs)
            await live.initial_metadata()
            name = (await client.execute("stumbling", {"n": 1})).name
        messages = await read_to_the_end(watch(stubs, name))
        whole = events_of(messages)
        shown: list[Any] = []
        while len(shown) < len(whole):
            shown += (await live.read()).events.events
        assert shown == whole, "from the ring as from the log"
        live.cancel()
        assert whole == await history(stubs, name)
        attempts = [each.task_change.execution_attempt for each in whole if each.HasField("task_change")]
        assert attempts == sorted(attempts)
        assert set(attempts) == {1, 2, 3}
        for position, message in enumerate(messages, 1):
            assert events_of(await read_to_the_end(watch(stubs, name, cursor=message.cursor))) == whole[position:]
        request = ListExecutionEventsRequest(parent=name, page_size=3)
        paged = []
        while True:
            page = await stubs.executions.ListExecutionEvents(request)
            paged += page.events
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert paged == whole


async def test_a_server_that_ends_sends_everyone_away_with_a_cursor(tmp_path):
    async with serving(tmp_path / "data", "wait") as stubs:
        name = (await stubs.execute("wait")).execution
        call = watch(stubs, name)
        first = await call.read()
        rest, _ = await asyncio.gather(read_to_the_end(call), stubs.server.drain(5.0))
        assert rest[-1].HasField("going_away")
        assert events_of(rest) == []
    async with serving(tmp_path / "data") as stubs:
        call = watch(stubs, name, cursor=rest[-1].cursor)
        await cancel(stubs, name)
        after = await read_to_the_end(call)
        assert events_of([first, *after]) == await history(stubs, name)


async def test_an_old_stream_is_sent_away(stubs, waiting, monkeypatch):
    monkeypatch.setattr(stubs.server._edge.watches, "max_age_seconds", 0.05)
    messages = await read_to_the_end(watch(stubs, waiting, from_now=True))
    assert [message.WhichOneof("kind") for message in messages] == ["progress", "going_away"]


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read_to_the_end(call)
    return refusal(caught.value)


NOTHING = f"{ANY}/executions/nothing"
REFUSED: dict[str, Any] = {
    "nothing": ({"name": NOTHING}, "EXECUTION_NOT_FOUND", []),
    "a bad name": ({"name": "nothing"}, "INVALID_NAME", ["name"]),
    "another location": ({"name": NOTHING.replace("local", "moon")}, "INVALID_NAME", ["name"]),
}
REFUSED_OF_MANY: dict[str, Any] = {
    "no such execution": ({"parent": NOTHING}, "EXECUTION_NOT_FOUND", []),
    "no such integration": ({"parent": integration("nothing")}, "INTEGRATION_NOT_FOUND", []),
    "a bad parent": ({"parent": "nothing"}, "INVALID_NAME", ["parent"]),
    "a bad execution": ({"parent": "x/executions/y"}, "INVALID_NAME", ["parent"]),
    "a bad filter": ({"parent": ANY, "filter": "colour = red"}, "FILTER_INVALID", ["filter"]),
}
REFUSED_OF_BOTH: dict[str, Any] = {
    "from now, not": ({"from_now": False}, "INVALID_FIELD", ["from_now"]),
    "no beginning": ({"from_beginning": False}, "INVALID_FIELD", ["from_beginning"]),
    "an empty cursor": ({"cursor": ""}, "INVALID_FIELD", ["cursor"]),
    "state and cursor": ({"cursor": "x", "initial_state": True}, "INVALID_FIELD", ["initial_state"]),
    "state and beginning": ({"from_beginning": True, "initial_state": True}, "INVALID_FIELD", ["initial_state"]),
    "a bad interval": ({"progress_interval": Duration(seconds=-1)}, "INVALID_FIELD", ["progress_interval"]),
    "garbage": ({"cursor": "garbage"}, "CURSOR_INVALID", ["cursor"]),
    "a negative revision": (
        {"after_store_revision": StorePoint(store_revision=-1, store_id="s")},
        "INVALID_FIELD",
        ["after_store_revision.store_revision"],
    ),
    "no store": (
        {"after_store_revision": StorePoint(store_revision=1)},
        "REQUIRED_FIELD_MISSING",
        ["after_store_revision.store_id"],
    ),
    "another store": ({"after_store_revision": StorePoint(store_revision=1, store_id="s")}, "STORE_RESET", []),
    "an unknown mode": ({"mode": 7}, "INVALID_FIELD", ["mode"]),
    "an unknown way out": ({"on_expired": 7}, "INVALID_FIELD", ["on_expired"]),
    "an unknown view": ({"view": 7}, "INVALID_FIELD", ["view"]),
    "an unknown path": ({"read_mask": FieldMask(paths=["colour"])}, "INVALID_FIELD", ["read_mask"]),
    "a view and a mask": ({"read_mask": FieldMask(paths=["name"]), "view": 1}, "INVALID_FIELD", ["read_mask"]),
}


@pytest.mark.parametrize("case", [*REFUSED, *REFUSED_OF_BOTH])
async def test_a_refusal_says_why_and_where(stubs, waiting, case):
    fields, reason, paths = {**REFUSED, **REFUSED_OF_BOTH}[case]
    told = await refused(watch(stubs, **{"name": waiting, **fields}))
    assert (told.reason, told.fields) == (reason, paths)


@pytest.mark.parametrize("case", [*REFUSED_OF_MANY, *REFUSED_OF_BOTH])
async def test_a_refusal_of_a_watch_of_many_says_why_and_where(stubs, case):
    fields, reason, paths = {**REFUSED_OF_MANY, **REFUSED_OF_BOTH}[case]
    told = await refused(watch_all(stubs, **fields))
    assert (told.reason, told.fields) == (reason, paths)


async def test_every_fault_of_a_request_is_told_at_once(stubs):
    fields: dict[str, Any] = {
        "from_beginning": False,
        "initial_state": True,
        "mode": 7,
        "on_expired": 7,
        "progress_interval": Duration(seconds=-1),
        "view": 7,
        "read_mask": FieldMask(paths=["colour", "error.shape"]),
    }
    faults = ["from_beginning", "initial_state", "mode", "on_expired", "progress_interval", "view", *["read_mask"] * 3]
    for call, first in (
        (watch(stubs, "nothing", **fields), ["name"]),
        (watch_all(stubs, "nothing", filter="colour = red", **fields), ["parent", "filter"]),
    ):
        told = await refused(call)
        assert (told.code, told.reason, told.metadata) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", {})
        assert told.fields == first + faults
    point = StorePoint(store_revision=-1)
    told = await refused(watch_all(stubs, after_store_revision=point))
    assert told.fields == ["after_store_revision.store_revision", "after_store_revision.store_id"]


async def test_a_cursor_of_one_watch_is_none_of_another(stubs, waiting):
    message = await watch(stubs, waiting).read()
    for call in (watch_all(stubs, cursor=message.cursor), watch_all(stubs, waiting, cursor=message.cursor)):
        told = await refused(call)
        assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CURSOR_FILTER_MISMATCH")


async def test_a_watch_says_when_it_has_begun(stubs):
    call = watch_all(stubs)
    await call.initial_metadata()
    answer = await stubs.execute("increment", "POST", input_parameters=ints(x=1))
    whole = await history(stubs, answer.execution)
    seen: list[Any] = []
    while len(seen) < len(whole):
        seen += (await call.read()).events.events
    assert seen == whole
    call.cancel()


async def test_watches_of_a_project_an_integration_and_a_tree(stubs):
    calls = {
        parent: watch_all(stubs, parent, include_sub_executions=below)
        for parent, below in [(ANY, False), (integration("outer"), True), (integration("increment"), False)]
    }
    for call in calls.values():
        await call.initial_metadata()
    answer = await stubs.execute("outer", "POST", input_parameters=ints(x=1))
    tree = events_of(
        await read_to_the_end(watch_all(stubs, answer.execution, from_beginning=True, until_terminal=True))
    )
    child = next(event.execution for event in tree if event.execution != answer.execution)
    assert sorted({event.execution for event in tree}) == sorted([answer.execution, child])
    one = events_of(await read_to_the_end(watch(stubs, answer.execution, include_sub_executions=True)))
    assert one == tree
    expected = {ANY: tree, integration("outer"): tree, integration("increment"): await history(stubs, child)}
    for parent, call in calls.items():
        seen: list[Any] = []
        while len(seen) < len(expected[parent]):
            seen += (await call.read()).events.events
        assert seen == expected[parent]
        call.cancel()


async def test_a_watch_after_a_list_misses_nothing(stubs, waiting):
    listed = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY))
    await cancel(stubs, waiting)
    point = StorePoint(store_revision=listed.store_revision, store_id=listed.store_id)
    call = watch_all(stubs, after_store_revision=point, until_terminal=True)
    seen = events_of(await read_to_the_end(call))
    assert seen == [each for each in await history(stubs, waiting) if each.store_revision > listed.store_revision]
    assert seen


async def test_latest_states_and_a_mask_over_sockets(stubs, waiting):
    call = watch_all(
        stubs,
        filter="state != CANCELLED",
        initial_state=True,
        mode=WatchResponse.MODE_LATEST_STATE,
        read_mask=FieldMask(paths=["name", "execution_details.state"]),
        until_terminal=True,
    )
    first, synced = await call.read(), await call.read()
    assert [state.name for state in first.executions.executions] == [waiting]
    assert synced.HasField("synced")
    await cancel(stubs, waiting)
    rest = await read_to_the_end(call)
    assert list(rest[-1].executions.left) == [waiting]


async def test_a_principal_can_watch_so_much_and_no_more(stubs, waiting):
    calls = [watch(stubs, waiting) for _ in range(WATCHERS_PER_PRINCIPAL_MAX)]
    for call in calls:
        await call.read()
    told = await refused(watch(stubs, waiting))
    assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS")
    assert "RetryInfo" in told.details
    await cancel(stubs, waiting)
    await asyncio.gather(*map(read_to_the_end, calls))
    assert events_of(await read_to_the_end(watch(stubs, waiting))), "the places are free again"


async def test_how_many_may_watch_is_a_setting(tmp_path):
    async with serving(tmp_path / "data", "wait", max_watchers=3, max_watchers_per_principal=2) as stubs:
        info = await stubs.info.GetServerInfo(GetServerInfoRequest())
        assert (info.limits.max_watcher_count, info.limits.max_watcher_count_per_principal) == (3, 2)
        calls = [watch_all(stubs) for _ in range(2)]
        for call in calls:
            await call.initial_metadata()
        told = await refused(watch_all(stubs))
        assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS")
