"""Watches that tell states: the initial one, and the latest ones."""

import asyncio
import random
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from perdure.domain.errors import OutOfRange
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import ListQuery, Scope
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.watch import framing
from perdure.watch.order import Begin, Until
from perdure.watch.ring import Ring
from tests.watch.harness import ALL

State = ExecutionDetails


def is_synced(reader):
    return "synced" in reader.kinds


def without_time(states):
    """Leaves out what goes on while nothing happens."""
    for state in states.values():
        state.ClearField("duration")
    return states


async def listed(bench, scope=ALL, chosen="", view=Execution.VIEW_BASIC):
    """Lists what matches now, by name."""
    page = await bench.engine.queries.list_page(ListQuery(scope, parse_filter(chosen), limit=1_000))
    projection = bench.watch(scope, chosen, view=view).order.projection
    states = [await projection.show(row) for row in page.rows]
    return without_time({state.name: state for state in states})


@pytest.mark.parametrize("view", [Execution.VIEW_BASIC, Execution.VIEW_FULL])
@pytest.mark.parametrize("chosen", ["", "state = PROCESSING", 'current_task = "b"'])
async def test_the_initial_state_is_what_a_list_shows(bench, chosen, view):
    for _ in range(3):
        await bench.run("two")
        await bench.start("one")
    reader = await bench.watch(ALL, chosen, Begin.INITIAL_STATE, view=view).until(is_synced)
    assert without_time(reader.states) == await listed(bench, chosen=chosen, view=view)
    assert reader.kinds[-1] == "synced"


async def test_an_empty_initial_state_is_complete_at_once(bench):
    reader = await bench.watch(start=Begin.INITIAL_STATE).until(is_synced)
    assert reader.kinds == ["synced"]


async def test_what_happens_after_the_initial_state_follows_it(bench):
    key = await bench.start("two")
    reader = await bench.watch(start=Begin.INITIAL_STATE).until(is_synced)
    (state,) = reader.states.values()
    await bench.finish(key)
    await reader.until(lambda reader: reader.events and reader.events[-1].state_change.state == State.SUCCEEDED)
    whole = await bench.everything()
    assert reader.events == [event for event in whole if event.store_revision > state.store_revision]
    synced = reader.kinds.index("synced")
    rest = await bench.watch(start=reader.at(synced), until=Until.ALL_ENDED).to_the_end()
    assert rest.events == reader.events


async def test_one_execution_begins_with_its_state_and_ends_with_its_end(bench):
    key = await bench.start("one")
    reader = await bench.watch_one(key, Begin.INITIAL_STATE).until(is_synced)
    await bench.finish(key)
    await reader.to_the_end()
    assert reader.kinds == ["executions", "synced", "events"]
    ended = await bench.watch_one(key, Begin.INITIAL_STATE).to_the_end()
    assert ended.kinds == ["executions", "synced"]


@pytest.mark.parametrize("ring", [8_192, 1], ids=["ring", "log"])
@pytest.mark.parametrize("chosen", ["", "state = PROCESSING"])
@pytest.mark.parametrize("latest", [False, True])
async def test_what_changes_meanwhile_is_in_the_initial_state(bench, monkeypatch, ring, chosen, latest):
    bench.hub._ring = Ring(max_entries=ring)
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1)
    keys = [await bench.start("one") for _ in range(6)]
    reader = bench.watch(ALL, chosen, Begin.INITIAL_STATE, latest=latest, reads=False)
    await reader.stuck.wait()
    await bench.finish(keys[0])
    for key in keys[1:4]:
        await bench.finish(key)
    await bench.start("two")
    await bench.run("two")
    reader.read_on()
    await reader.until(is_synced)
    assert without_time(reader.states) == await listed(bench, chosen=chosen)
    revision = reader.messages[-1].store_revision
    assert all(state.store_revision <= revision for state in reader.states.values())
    first = next(iter(reader.messages))
    again = await bench.watch(ALL, chosen, reader.at(0), latest=latest).until(is_synced)
    assert again.kinds[0] == "reset", "a cursor from before synced begins anew"
    assert without_time(again.states) == await listed(bench, chosen=chosen)
    assert first.store_revision <= revision


async def test_a_reader_of_latest_states_knows_how_things_stand(bench):
    reader = await bench.watch(start=Begin.INITIAL_STATE, latest=True).until(is_synced)
    for _ in range(3):
        await bench.run("two")
        await bench.start("one")
    expected = await listed(bench)
    await reader.until(lambda reader: without_time(reader.states) == expected)
    assert set(reader.kinds) == {"synced", "executions"}
    assert not any(message.executions.left for message in reader.messages)


async def test_several_changes_become_one_state(bench):
    slow = await bench.watch(latest=True, reads=False).opened()
    await bench.start("one")
    await slow.stuck.wait()
    for _ in range(3):
        await bench.run("two")
    slow.read_on()
    expected = await listed(bench)
    await slow.until(lambda reader: len(reader.states) == len(expected))
    # It did not take its greeting before all of it had happened.
    assert len(slow.messages) == 1
    assert without_time(slow.states) == expected


async def test_what_matches_no_more_is_named_if_the_reader_knows_it(bench):
    watching = await bench.watch(chosen="state = PROCESSING", latest=True).opened()
    key = await bench.start("one")
    await watching.until(lambda reader: reader.states)
    (name,) = watching.states
    await bench.finish(key)
    await watching.until(lambda reader: list(reader.messages[-1].executions.left) == [name])
    assert not watching.states


@pytest.mark.parametrize("ring", [True, False], ids=["ring", "log"])
async def test_what_came_and_went_unseen_is_not_told(bench, ring):
    chosen = "NOT state = SUCCEEDED"
    reader = await bench.watch(chosen=chosen, latest=True, reads=False).opened() if ring else None
    await bench.start("pausing")
    await bench.succeed(await bench.workers.next())
    if reader:
        await reader.stuck.wait()
    await bench.run("two")
    await bench.start("two")
    reader = reader or bench.watch(ALL, chosen, Begin.BEGINNING, latest=True)
    reader.read_on()
    expected = await listed(bench, chosen=chosen)
    assert len(expected) == 2
    await reader.until(lambda reader: without_time(reader.states) == expected)
    assert not any(message.executions.left for message in reader.messages)


@pytest.mark.parametrize("mask", [["name", "execution_details.state"], ["name", "request_parameters", "errors"]])
async def test_states_have_the_fields_that_are_asked_for(bench, mask):
    await bench.run("two")
    reader = await bench.watch(start=Begin.INITIAL_STATE, latest=True, mask=FieldMask(paths=mask)).until(is_synced)
    await bench.run("one")
    await reader.until(lambda reader: len(reader.states) == 2)
    allowed = {path.partition(".")[0] for path in mask}
    for state in reader.states.values():
        assert {field.name for field, _ in state.ListFields()} <= allowed


async def test_full_states_are_read_for_their_reader(bench):
    reader = await bench.watch(latest=True, view=Execution.VIEW_FULL).opened()
    for _ in range(3):
        await bench.run("two")
    expected = await listed(bench, view=Execution.VIEW_FULL)
    await reader.until(lambda reader: without_time(reader.states) == expected)
    assert all(state.execution_details.attempt_stats for state in reader.states.values())


async def test_watches_of_latest_states_share_their_messages(bench):
    readers = [await bench.watch(latest=True).opened() for _ in range(3)]
    await bench.run("two")
    expected = await listed(bench)
    for reader in readers:
        await reader.until(lambda reader: without_time(reader.states) == expected)
    first, *others = readers
    for other in others:
        assert all(one is another for one, another in zip(first.wires, other.wires, strict=True))


async def test_latest_states_end_with_the_execution(bench):
    key = await bench.start("two")
    reader = await bench.watch_one(key, Begin.INITIAL_STATE, latest=True).until(is_synced)
    await bench.finish(key)
    await reader.to_the_end()
    (state,) = reader.states.values()
    assert state.execution_details.state == State.SUCCEEDED


@pytest.mark.parametrize("mode", ["events", "latest"])
@pytest.mark.parametrize("resets", [False, True])
async def test_a_start_before_what_is_kept(bench, mode, resets):
    latest = mode == "latest"
    old = await bench.run("two")
    begun = await bench.watch(start=Begin.BEGINNING, until=Until.ALL_ENDED).to_the_end()
    kept = await bench.run("one")
    await bench.engine.delete([old])
    floor = await bench.engine.queries.log_floor(ALL)
    assert floor == begun.events[-1].store_revision
    whole = await bench.everything()
    assert {event.execution.rpartition("/")[2] for event in whole} == {kept.execution}
    at_floor = bench.watch(start=begun.at(), latest=latest, until=Until.ALL_ENDED)
    assert (await at_floor.to_the_end()).messages
    early = bench.watch(start=bench.cursor(begun.order.subject, revision=floor - 1), latest=latest, resets=resets)
    if resets:
        await early.until(is_synced)
        assert early.kinds[0] == "reset"
        assert without_time(early.states) == await listed(bench)
    else:
        with pytest.raises(OutOfRange) as caught:
            await early.to_the_end()
        assert caught.value.metadata == {"oldest_revision": str(floor)}
        assert caught.value.reason_name == "CURSOR_EXPIRED"


async def test_a_slow_reader_is_told_what_was_deleted_before_it_came_there(bench, monkeypatch):
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1)
    bench.hub._ring = Ring(max_entries=1)
    reader = await bench.watch(reads=False, resets=True).opened()
    first = await bench.run("one")
    await reader.stuck.wait()
    second = await bench.run("one")
    await bench.engine.delete([first, second])
    await bench.start("one")
    reader.read_on()
    await reader.until(is_synced)
    assert "reset" in reader.kinds
    assert without_time(reader.states) == await listed(bench)


async def test_deletions_do_not_disturb_who_keeps_up(bench):
    reader = await bench.watch().opened()
    key = await bench.run("one")
    await reader.until(lambda reader: reader.events and reader.events[-1].state_change.state == State.SUCCEEDED)
    await bench.engine.delete([key])
    await bench.run("two")
    await reader.until(
        lambda reader: reader.events[-1].state_change.state == State.SUCCEEDED and len(reader.events) > 9
    )
    assert set(reader.kinds) == {"events"}


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_a_reader_of_states_knows_how_things_stand(bench, seed):
    """Random lives and random stalls, with a ring that forgets quickly."""
    draw = random.Random(seed)
    bench.hub._ring = Ring(max_entries=draw.choice([1, 3, 20]))
    filters = ["", "state = PROCESSING", 'current_task = "b"', "NOT state = SUCCEEDED"]
    readers = [
        bench.watch(ALL, chosen, Begin.INITIAL_STATE, latest=True, reads=draw.random() < 0.5) for chosen in filters * 2
    ]
    live = []
    for _ in range(60):
        match draw.randrange(4):
            case 0:
                live.append(await bench.start(draw.choice(["one", "two"])))
            case 1 if live:
                await bench.finish(live.pop(draw.randrange(len(live))))
            case 2:
                draw.choice(readers).read_on()
            case 3:
                draw.choice(readers).stop_reading()
        await asyncio.sleep(0)
    for reader, chosen in zip(readers, filters * 2, strict=True):
        reader.read_on()
        expected = await listed(bench, chosen=chosen)
        await reader.until(lambda reader, expected=expected: without_time(reader.states) == expected)
        assert is_synced(reader)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_a_reader_of_events_gets_them_all(bench, monkeypatch, seed):
    """Random lives, stalls and reconnections, with a ring that forgets quickly and small messages."""
    draw = random.Random(seed)
    bench.hub._ring = Ring(max_entries=draw.choice([1, 3, 20]))
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", draw.choice([1, 500, 5_000]))
    filters = ["", "state = PROCESSING", 'current_task = "b"', "NOT state = SUCCEEDED"]
    readers = [bench.watch(ALL, chosen, Begin.BEGINNING, reads=draw.random() < 0.5) for chosen in filters * 2]
    seen: list[list[Any]] = [[] for _ in readers]
    live = []
    for _ in range(80):
        place = draw.randrange(len(readers))
        match draw.randrange(5):
            case 0:
                live.append(await bench.start(draw.choice(["one", "two", "pausing"])))
            case 1 if live:
                await bench.succeed(await bench.workers.next()) if bench.workers.offers.qsize() else None
            case 2:
                readers[place].read_on()
            case 3:
                readers[place].stop_reading()
            case 4 if readers[place].messages:
                old = readers[place]
                await old.close()
                seen[place] += old.events
                readers[place] = bench.watch(ALL, filters[place % 4], old.at(), reads=draw.random() < 0.5)
        await asyncio.sleep(0)
    scopes = [await bench.so_far(chosen) for chosen in filters]
    for place, reader in enumerate(readers):
        reader.read_on()
        whole = scopes[place % 4]
        rest = len(whole) - len(seen[place])
        assert seen[place] + await reader.sees(rest) == whole


async def test_the_scope_of_one_execution_has_its_own_state_only(bench):
    await bench.run("one")
    key = await bench.run("two")
    scope = Scope("p", execution=key.execution)
    reader = await bench.watch(scope, start=Begin.INITIAL_STATE).until(is_synced)
    assert [name.rpartition("/")[2] for name in reader.states] == [key.execution]


@pytest.mark.parametrize("view", [Execution.VIEW_BASIC, Execution.VIEW_FULL])
async def test_every_state_that_is_told_matches_the_filter(bench, view):
    """States in the view FULL are read when their turn comes, and by then an execution may have gone on."""
    reader = await bench.watch(ALL, "state = PROCESSING", Begin.INITIAL_STATE, latest=True, view=view).opened()
    for _ in range(5):
        await asyncio.gather(*(bench.run("two") for _ in range(8)))
    keys = [await bench.start("two") for _ in range(3)]
    await reader.until(lambda reader: len(reader.states) == len(keys))
    states = [state for message in reader.messages for state in message.executions.executions]
    assert {state.execution_details.state for state in states} == {ExecutionDetails.PROCESSING}
