"""A watch over many executions tells everything once, wherever and however its streams break."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from perdure.client import ClientClosed, CursorExpired, Left, Reset, Synced
from perdure.client.errors import FailedPrecondition, NotFound
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import StorePoint, WatchExecutionsRequest, WatchResponse
from tests.client.scripted_server import NAME, Held, ScriptedService, abort, info, scripted

OTHER = NAME.replace("/e1", "/e2")
POINT = StorePoint(store_revision=40, store_id="s1")
BREAKS = {
    "unavailable": [abort(grpc.StatusCode.UNAVAILABLE)],
    "shutting down": [abort(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")],
    "internal": [abort(grpc.StatusCode.INTERNAL)],
    "a fault of the server": [abort(grpc.StatusCode.INTERNAL, "INTERNAL", id="f1")],
    "cancelled by the peer": [abort(grpc.StatusCode.CANCELLED)],
    "deadline of the stream": [abort(grpc.StatusCode.DEADLINE_EXCEEDED)],
    "no room": [abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHERS", retry_after=0.0)],
    "plain end": [],
}


def event(execution, sequence, change="snapshot_taken"):
    made = ExecutionEvent(execution=execution, sequence=sequence)
    getattr(made, change).SetInParent()
    return made


def state(execution, kind=ExecutionDetails.PROCESSING):
    return Execution(name=execution, execution_details=ExecutionDetails(state=kind))


def told(number, **kind):
    return WatchResponse(cursor=f"c{number}", store_revision=40 + number, **kind)


def told_events(number, *events):
    return told(number, events=WatchResponse.Events(events=events))


def told_states(number, *executions, left=()):
    return told(number, executions=WatchResponse.States(executions=executions, left=left))


EVENTS = [
    told_events(1, event(NAME, 1), event(NAME, 2)),
    told(2, progress=WatchResponse.Progress()),
    told_events(3, event(OTHER, 1)),
    told_events(4, event(NAME, 3, "left_filter"), event(OTHER, 2)),
    told_events(5, event(NAME, 5)),
]
STATES = [
    told_states(1, state(NAME)),
    told(2, progress=WatchResponse.Progress()),
    told_states(3, state(OTHER), left=[NAME]),
    told_states(4, state(NAME), state(OTHER, ExecutionDetails.SUCCEEDED)),
]


def updates_in(messages):
    updates = []
    for message in messages:
        updates += [*message.events.events, *message.executions.executions, *map(Left, message.executions.left)]
    return updates


async def take(updates, count):
    taken = []
    async for update in updates:
        taken.append(update)
        if len(taken) == count:
            break
    return taken


async def messages(watch, count):
    for _ in range(count):
        message = await watch.message()
        assert message is not None
        yield message


async def wait_for(event):
    assert await asyncio.to_thread(event.wait, 5)


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("place", range(len(EVENTS) + 1))
async def test_events_go_on_wherever_a_stream_breaks(broken, place):
    service, held = ScriptedService(), Held()
    service.watches.extend([[*EVENTS[:place], *broken], broken, [*EVENTS[place:], held]])
    async with scripted(service) as client, client.watch_all("order", filter="state = FAILED", after=POINT) as watch:
        seen = await take(watch, 6)
        reader = asyncio.create_task(watch.message())
        await wait_for(held.begun)
    assert await reader is None
    await wait_for(held.ended)
    assert seen == updates_in(EVENTS)
    first, *others = service.watch_requests
    assert first.after_store_revision == POINT
    assert {request.parent.rpartition("/")[2] for request in service.watch_requests} == {"order"}
    assert {request.filter for request in service.watch_requests} == {"state = FAILED"}
    assert [request.cursor for request in others[:2]] == [f"c{place}" if place else ""] * 2
    assert place or all(request.after_store_revision == POINT for request in others)


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("place", range(len(STATES)))
async def test_latest_states_go_on_wherever_a_stream_breaks(broken, place):
    service = ScriptedService()
    service.watches.extend([[*STATES[:place], *broken], [*STATES[place:], Held()]])
    mode = WatchResponse.MODE_LATEST_STATE
    async with scripted(service) as client, client.watch_all(after=POINT, mode=mode) as watch:
        assert await take(watch.updates(), 5) == updates_in(STATES)
        assert watch.cursor == "c4"
        assert watch.store_revision == 44
    assert {request.mode for request in service.watch_requests} == {mode}


async def test_a_server_that_goes_away_is_no_end():
    service = ScriptedService()
    going = told(4, going_away=WatchResponse.GoingAway())
    service.watches.extend([[*EVENTS[:3], going], [*EVENTS[3:], Held()]])
    async with scripted(service) as client, client.watch_all(after=POINT, until_terminal=True) as watch:
        assert await take(watch, 6) == updates_in(EVENTS)
    assert service.watch_requests[1].cursor == "c4"


async def test_an_initial_state_that_is_cut_off_begins_anew_with_a_reset():
    service = ScriptedService()
    service.watches.extend(
        [
            [told_states(1, state(NAME)), *BREAKS["unavailable"]],
            [
                told(2, reset=WatchResponse.Reset()),
                told_states(3, state(OTHER)),
                told(4, synced=WatchResponse.Synced()),
                told_events(5, event(OTHER, 9)),
            ],
        ]
    )
    async with scripted(service) as client, client.watch_all(initial_state=True) as watch:
        assert await take(watch.updates(), 5) == [state(NAME), Reset(), state(OTHER), Synced(), event(OTHER, 9)]
    first, second = service.watch_requests
    assert first.initial_state
    assert first.WhichOneof("start") is None
    assert not second.initial_state
    assert second.cursor == "c1"


async def test_an_initial_state_that_breaks_before_its_first_message_is_asked_for_again():
    service = ScriptedService()
    service.watches.extend([BREAKS["internal"], [told(1, synced=WatchResponse.Synced())]])
    async with scripted(service) as client, client.watch_all(initial_state=True) as watch:
        assert await take(watch.updates(), 1) == [Synced()]
    assert service.watch_requests[1].initial_state


async def test_a_watch_from_now_begins_where_the_store_was_when_it_was_entered():
    service = ScriptedService()
    service.infos.append(info(40))
    service.watches.extend([BREAKS["unavailable"], [EVENTS[0]]])
    async with scripted(service) as client, client.watch_all() as watch:
        assert await take(watch, 2) == updates_in(EVENTS[:1])
    assert [request.after_store_revision for request in service.watch_requests] == [POINT, POINT]


async def test_a_watch_that_is_not_entered_finds_its_start_with_the_first_read():
    service = ScriptedService()
    service.infos.append(info(40))
    service.watches.append([EVENTS[0]])
    async with scripted(service) as client:
        watch = client.watch_all(from_now=True)
        assert await take(watch, 2) == updates_in(EVENTS[:1])
        watch.close()
    assert service.watch_requests[0].after_store_revision == POINT


NOTHING = {"no message": [], "a cursor alone": [told(5, progress=WatchResponse.Progress())]}
"""What a stream can have that has nothing to tell and ends at once."""


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING)
async def test_a_watch_until_all_have_ended_ends_when_a_second_stream_has_nothing_to_tell(nothing):
    service = ScriptedService()
    service.watches.extend([EVENTS[:3], EVENTS[3:], nothing])
    async with scripted(service) as client, client.watch_all(after=POINT, until_terminal=True) as watch:
        assert [each async for each in watch] == updates_in(EVENTS)
    assert [request.cursor for request in service.watch_requests] == ["", "c3", "c5"]


async def test_a_watch_that_nothing_matches_ends_with_a_cursor():
    service = ScriptedService()
    service.watches.extend([NOTHING["a cursor alone"]] * 2)
    async with scripted(service) as client, client.watch_all(after=POINT, until_terminal=True) as watch:
        assert [each async for each in watch] == []
        assert watch.cursor == "c5"


async def test_an_expired_cursor_is_an_error_with_the_oldest_revision():
    service = ScriptedService()
    service.watches.append([EVENTS[0], abort(grpc.StatusCode.OUT_OF_RANGE, "CURSOR_EXPIRED", oldest_revision="77")])
    async with scripted(service) as client, client.watch_all(after=POINT) as watch:
        with pytest.raises(CursorExpired) as caught:
            [each async for each in watch]
    assert caught.value.oldest_revision == 77
    assert watch.cursor == "c1"


async def test_an_expired_cursor_can_be_told_as_a_reset():
    service = ScriptedService()
    told_anew = [
        told(1, reset=WatchResponse.Reset()),
        told_states(2, state(NAME)),
        told(3, synced=WatchResponse.Synced()),
    ]
    service.watches.append(told_anew)
    reset = WatchResponse.ON_EXPIRED_RESET
    async with scripted(service) as client, client.watch_all(cursor="c0", on_expired=reset) as watch:
        assert await take(watch.updates(), 3) == [Reset(), state(NAME), Synced()]
    assert service.watch_requests[0].on_expired == WatchResponse.ON_EXPIRED_RESET


async def test_another_store_ends_the_watch():
    service = ScriptedService()
    service.watches.append([EVENTS[0], abort(grpc.StatusCode.FAILED_PRECONDITION, "STORE_RESET")])
    async with scripted(service) as client, client.watch_all(after=POINT) as watch:
        with pytest.raises(FailedPrecondition):
            [each async for each in watch]
        assert [each async for each in watch] == []


async def test_a_server_that_goes_away_again_and_again_is_no_end():
    service = ScriptedService()
    going = told(1, going_away=WatchResponse.GoingAway())
    service.watches.extend([[going], [going], [going], [EVENTS[0]], []])
    async with scripted(service) as client, client.watch_all(after=POINT, until_terminal=True) as watch:
        assert [each async for each in watch] == updates_in(EVENTS[:1])


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING)
async def test_a_stream_that_lived_on_after_one_that_ended_is_no_end_either(nothing):
    service = ScriptedService()
    progress = told(2, progress=WatchResponse.Progress())
    service.watches.extend([[EVENTS[0]], [progress, progress], [EVENTS[2]], nothing])
    async with scripted(service) as client, client.watch_all(after=POINT, until_terminal=True) as watch:
        assert [each async for each in watch] == updates_in([EVENTS[0], EVENTS[2]])


@pytest.mark.parametrize(
    "options",
    [
        {"initial_state": True},
        {"mode": WatchResponse.MODE_LATEST_STATE},
        {"on_expired": WatchResponse.ON_EXPIRED_RESET},
    ],
)
async def test_what_tells_more_than_events_does_not_pass_for_a_row_of_events(options):
    async with scripted(ScriptedService()) as client:
        with pytest.raises(TypeError, match="updates"):
            await anext(client.watch_all(**options))


async def test_an_empty_cursor_is_refused_and_none_is_no_start():
    service = ScriptedService()
    service.watches.append([EVENTS[0]])
    async with scripted(service) as client:
        with pytest.raises(ValueError, match="cursor is empty"):
            client.watch_all(cursor="")
        async with client.watch_all(cursor=None, from_beginning=True) as watch:
            await anext(watch)
    assert service.watch_requests[0].from_beginning


async def test_who_names_an_execution_by_its_id_is_told_how_to_watch_it():
    service, unknown = ScriptedService(), abort(grpc.StatusCode.NOT_FOUND, "INTEGRATION_NOT_FOUND")
    service.watches.extend([[unknown], [unknown]])
    async with scripted(service) as client:
        with pytest.raises(NotFound, match="refused; if e1 is an execution, give its full name"):
            await client.watch_all("e1", after=POINT).message()
        with pytest.raises(NotFound, match=r"refused$"):
            await client.watch_all(client.scope.integration("order"), after=POINT).message()


async def test_several_starts_are_refused():
    async with scripted(ScriptedService()) as client:
        with pytest.raises(ValueError, match="cursor and from_now"):
            client.watch_all(cursor="c1", from_now=True)


async def test_messages_hold_what_belongs_together_and_the_rest_of_one_that_was_begun():
    service = ScriptedService()
    service.watches.append([*EVENTS[:4], Held()])
    async with scripted(service) as client, client.watch_all(after=POINT) as watch:
        first = await anext(watch)
        assert watch.cursor == ""
        rest, quiet, other, both = [message async for message in messages(watch, 4)]
        assert [first, *rest.updates, *other.updates, *both.updates] == updates_in(EVENTS[:4])
        assert (rest.cursor, quiet.cursor, other.cursor) == ("c1", "c2", "c3")
        assert quiet.updates == ()
        assert watch.cursor == both.cursor == "c4"
        assert both.store_revision == 44


async def test_options_become_fields_of_the_request():
    service = ScriptedService()
    service.watches.append([told(1, synced=WatchResponse.Synced())])
    async with scripted(service) as client:
        watch = client.watch_all(
            NAME,
            filter="labels.shop = north",
            initial_state=True,
            mode=WatchResponse.MODE_LATEST_STATE,
            read_mask=["name", "execution_details.state"],
            include_sub_executions=True,
            progress_interval=timedelta(seconds=2),
            on_expired=WatchResponse.ON_EXPIRED_RESET,
        )
        await watch.message()
    (request,) = service.watch_requests
    expected = WatchExecutionsRequest(
        parent=NAME,
        filter="labels.shop = north",
        initial_state=True,
        mode=WatchResponse.MODE_LATEST_STATE,
        read_mask=FieldMask(paths=["name", "execution_details.state"]),
        include_sub_executions=True,
        progress_interval=Duration(seconds=2),
        on_expired=WatchResponse.ON_EXPIRED_RESET,
    )
    assert request == expected


async def test_the_cursor_is_the_given_one_until_a_message_is_used_up():
    service = ScriptedService()
    service.watches.append([EVENTS[0], Held()])
    async with scripted(service) as client, client.watch_all(cursor="c0") as watch:
        assert watch.cursor == "c0"
        await anext(watch)
        assert watch.cursor == "c0"
        await anext(watch)
        assert watch.cursor == "c1"


async def test_a_client_that_is_closed_ends_the_watch_with_an_error_and_its_stream():
    service, held = ScriptedService(), Held()
    service.watches.append([EVENTS[0], held])
    async with scripted(service) as client:
        watch = client.watch_all(after=POINT)
        reader = asyncio.create_task(take(watch, 3))
        await wait_for(held.begun)
        await client.close()
        with pytest.raises(ClientClosed):
            await reader
        await wait_for(held.ended)
        with pytest.raises(ClientClosed):
            await anext(client.watch_all(after=POINT))


async def test_a_watch_that_is_closed_while_it_is_read_comes_to_its_end():
    service, held = ScriptedService(), Held()
    service.watches.append([EVENTS[0], held])
    async with scripted(service) as client:
        watch = client.watch_all(after=POINT)
        assert await take(watch, 2) == updates_in(EVENTS[:1])
        reader = asyncio.create_task(take(watch, 1))
        await wait_for(held.begun)
        watch.close()
        assert await reader == []
        await wait_for(held.ended)


async def test_a_sub_execution_that_ends_does_not_end_the_watch_of_the_one_above():
    service = ScriptedService()
    below = event(OTHER, 1, "state_change")
    below.state_change.state = ExecutionDetails.FAILED
    above = event(NAME, 2, "state_change")
    above.state_change.state = ExecutionDetails.SUCCEEDED
    service.watches.append([told_events(1, below), told_events(2, above), Held()])
    async with scripted(service) as client, client.watch("e1", include_sub_executions=True) as watch:
        assert [each async for each in watch] == [below, above]


async def test_a_watch_of_an_execution_that_had_ended_tells_its_state_and_ends():
    service = ScriptedService()
    ended = state(NAME, ExecutionDetails.SUCCEEDED)
    service.watches.append([told_states(1, ended), told(2, synced=WatchResponse.Synced()), Held()])
    async with scripted(service) as client, client.watch("e1", initial_state=True) as watch:
        assert [each async for each in watch.updates()] == [ended, Synced()]
