"""The watch hands out each event once, whatever the server does to its streams."""

import asyncio

import grpc
import pytest

from perdure.client import CallFailed
from perdure.client.errors import Unavailable
from perdure.v1.execution_pb2 import ExecutionDetails
from perdure.v1.execution_service_pb2 import WatchResponse
from tests.client.scripted_server import NAME, ScriptedService, abort, answer, events, execution, scripted

GOING_AWAY = WatchResponse(cursor="after-2", going_away=WatchResponse.GoingAway())


async def sequences_of(service, **options):
    async with scripted(service, **options) as client, client.watch("e1") as watch:
        return [event.sequence async for event in watch]


@pytest.mark.parametrize(
    "broken",
    [
        abort(grpc.StatusCode.UNAVAILABLE),
        abort(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"),
        abort(grpc.StatusCode.INTERNAL),
        abort(grpc.StatusCode.INTERNAL, "INTERNAL", id="f1"),
        abort(grpc.StatusCode.CANCELLED),
        abort(grpc.StatusCode.DEADLINE_EXCEEDED),
        abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS", retry_after=0.0),
    ],
)
async def test_a_broken_stream_goes_on_from_its_cursor(broken):
    service = ScriptedService()
    service.watches.extend([[events(1, 2), broken], [events(3, final=True)]])
    assert await sequences_of(service) == [1, 2, 3]
    assert service.watch_requests[0].WhichOneof("start") is None
    assert service.watch_requests[1].cursor == "after-2"


async def test_a_stream_that_breaks_before_its_first_message_begins_again_where_it_was_to_begin():
    service = ScriptedService()
    service.watches.extend([[abort(grpc.StatusCode.UNAVAILABLE)], [events(1, final=True)]])
    async with scripted(service) as client, client.watch("e1", cursor="after-0") as watch:
        assert [event.sequence async for event in watch] == [1]
    assert [request.cursor for request in service.watch_requests] == ["after-0", "after-0"]


async def test_going_away_is_no_end():
    service = ScriptedService()
    service.watches.extend([[events(1, 2), GOING_AWAY], [events(3, final=True)]])
    assert await sequences_of(service) == [1, 2, 3]


async def test_a_plain_end_before_the_final_state_is_no_end():
    service = ScriptedService()
    service.watches.extend([[events(1)], [events(2, final=True)]])
    service.gets.append(answer(execution(ExecutionDetails.PROCESSING)))
    assert await sequences_of(service) == [1, 2]


async def test_a_plain_end_just_before_the_final_event_loses_nothing():
    service = ScriptedService()
    service.watches.extend([[events(1)], [events(2, final=True)]])
    service.gets.append(answer(execution(ExecutionDetails.SUCCEEDED)))
    assert await sequences_of(service) == [1, 2]


@pytest.mark.parametrize("nothing", [[], [WatchResponse(cursor="after-9", progress=WatchResponse.Progress())]])
async def test_a_watch_behind_the_final_event_ends(nothing):
    service = ScriptedService()
    service.watches.extend([nothing, nothing])
    service.gets.append(answer(execution(ExecutionDetails.SUCCEEDED)))
    assert await sequences_of(service) == []
    assert len(service.watch_requests) == 2


async def test_a_refusal_ends_the_watch_with_what_the_server_said():
    service = ScriptedService()
    service.watches.append([abort(grpc.StatusCode.FAILED_PRECONDITION, "STORE_RESET")])
    with pytest.raises(CallFailed) as caught:
        await sequences_of(service)
    assert caught.value.reason == "STORE_RESET"


async def test_a_server_that_stays_away_exhausts_the_patience():
    service = ScriptedService()
    service.watches.extend([[abort(grpc.StatusCode.UNAVAILABLE)]] * 20)
    with pytest.raises(Unavailable):
        await sequences_of(service, watch_patience=0.01)


async def test_leaving_the_watch_ends_its_stream():
    service = ScriptedService()
    left = asyncio.Event()

    async def hold(context):
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    service.watches.append([events(1), hold])
    async with scripted(service) as client:
        async with client.watch("e1") as watch:
            assert (await anext(watch)).sequence == 1
        async with asyncio.timeout(5):
            await left.wait()


async def test_a_reader_that_is_cancelled_can_go_on():
    service = ScriptedService()
    reading = asyncio.Event()

    async def hold(context):
        reading.set()
        await asyncio.Event().wait()

    service.watches.extend([[events(1), hold], [events(2, final=True)]])
    async with scripted(service) as client, client.watch("e1") as watch:
        assert (await anext(watch)).sequence == 1
        reader = asyncio.create_task(anext(watch))
        await reading.wait()
        await asyncio.sleep(0)  # the reader is at the stream now
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert [event.sequence async for event in watch] == [2]
    assert service.watch_requests[1].cursor == "after-1"


async def test_the_public_cursor_covers_what_was_handed_out_and_nothing_else():
    service = ScriptedService()
    service.watches.append([events(1), events(2, 3), events(4, final=True)])
    async with scripted(service) as client, client.watch("e1") as watch:
        seen = [(event.sequence, watch.cursor) async for event in watch]
    assert seen == [(1, "after-1"), (2, "after-1"), (3, "after-3"), (4, "after-4")]
    assert watch.cursor == "after-4"


async def test_short_names_are_completed():
    service = ScriptedService()
    service.watches.append([events(1, final=True)])
    await sequences_of(service)
    assert service.watch_requests[0].name == NAME.replace("/order/", "/-/")
