"""Watches of an engine on a real store: every event, once, in order, from the ring and from the log."""

import asyncio

import pytest

from perdure.codec.tokens import TokenCodec
from perdure.domain.errors import InvalidRequest, NotFound, OutOfRange, WrongState
from perdure.store.queries import Scope
from perdure.store.records import ExecutionKey
from perdure.v1.execution_pb2 import ExecutionDetails
from perdure.watch import framing
from perdure.watch.order import AfterRevision, AtCursor, Begin, Until
from perdure.watch.ring import Ring
from perdure.watch.start import StartReader
from perdure.watch.subject import Subject
from tests.watch.harness import ALL, watched

State = ExecutionDetails


def bytes_of(events):
    return [event.SerializeToString(deterministic=True) for event in events]


def has_ended(reader):
    return bool(reader.events) and reader.events[-1].state_change.state == State.SUCCEEDED


async def test_a_watch_of_what_has_ended_is_its_history(bench):
    key = await bench.run("two")
    reader = await bench.watch_one(key).to_the_end()
    history = await bench.engine.queries.history(key, 0, 1_000)
    assert [event.sequence for event in reader.events] == [event.sequence for event in history.events]
    assert reader.events[-1].state_change.state == State.SUCCEEDED


async def test_the_ring_and_the_log_give_the_same_bytes(bench):
    live = await bench.watch().opened()
    key = await bench.run("two", labels={"b": "1", "a": "2", "c": "3"})
    await live.until(has_ended)
    logged = await bench.watch_one(key).to_the_end()
    assert bytes_of(live.events) == bytes_of(logged.events)


@pytest.mark.parametrize("live", [True, False], ids=["ring", "log"])
async def test_from_every_message_on_a_watch_is_exactly_the_rest(bench, monkeypatch, live):
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1)
    watching = await bench.watch().opened() if live else None
    await bench.run("two")
    await bench.run("one")
    whole = await bench.everything()
    reader = watching or await bench.watch(start=Begin.BEGINNING, until=Until.ALL_ENDED).to_the_end()
    await reader.sees(len(whole))
    assert len(reader.messages) == len(whole), "one event a message, so that there is a cursor inside of each commit"
    for index in range(len(whole)):
        rest = await bench.watch(start=reader.at(index), until=Until.ALL_ENDED).to_the_end()
        assert rest.events == whole[index + 1 :]
        revisions = [message.store_revision for message in (*reader.messages[: index + 1], *rest.messages)]
        assert revisions == sorted(revisions)


async def test_a_message_is_complete_up_to_its_store_revision(bench, monkeypatch):
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1)
    await bench.run("two")
    reader = await bench.watch(start=Begin.BEGINNING, until=Until.ALL_ENDED).to_the_end()
    for index, message in enumerate(reader.messages):
        later = [event.store_revision for each in reader.messages[index + 1 :] for event in each.events.events]
        assert all(revision > message.store_revision for revision in later)
    assert reader.messages[-1].store_revision == reader.events[-1].store_revision


async def test_watches_of_the_same_share_their_messages(bench):
    readers = [await bench.watch(chosen=text).opened() for text in ("priority >= 0", "priority>=0", "priority >= 0")]
    await bench.run()
    for reader in readers:
        await reader.until(has_ended)
    first, *others = readers
    for other in others:
        assert all(one is another for one, another in zip(first.wires, other.wires, strict=True))


async def test_nothing_is_kept_while_nobody_watches(bench):
    await bench.run()
    assert not bench.hub._pending
    assert not len(bench.hub._ring)
    reader = await bench.watch().opened()
    await bench.run()
    await reader.until(has_ended)
    assert len(bench.hub._ring)
    await reader.close()
    assert not len(bench.hub._ring)
    assert not bench.hub._selections
    assert not bench.hub._found_at


async def test_what_concerns_nobody_is_not_kept(bench):
    reader = await bench.watch(Scope("p", integration="two")).opened()
    await bench.run("one")
    assert not len(bench.hub._ring)
    await bench.run("two")
    await reader.until(has_ended)
    assert {event.integration.rpartition("/")[2] for event in reader.events} == {"two"}


async def test_who_does_not_read_is_sent_everything_later(bench):
    bench.hub._ring = Ring(max_entries=2)
    slow = await bench.watch(reads=False).opened()
    quick = await bench.watch(chosen="priority >= 0").opened()
    for _ in range(5):
        await bench.run("two")
    whole = await bench.everything()
    assert await quick.sees(len(whole)) == whole
    assert not slow.messages
    (selection,) = bench.hub._found_at["project", "p"][:1]
    assert len(selection._matches) <= 2
    slow.read_on()
    assert await slow.sees(len(whole)) == whole


async def test_what_the_hub_cannot_take_is_read_from_the_log(bench, monkeypatch):
    reader = await bench.watch().opened()

    def fail(*_):
        raise ValueError("no such event")

    with monkeypatch.context() as broken:
        broken.setattr("perdure.watch.hub.encode_change", fail)
        await bench.run()
        await reader.until(has_ended)
    await bench.run("two")
    whole = await bench.everything()
    assert await reader.sees(len(whole)) == whole


async def test_an_execution_that_matches_no_more_is_told_once(bench):
    live = await bench.watch(chosen="state = PROCESSING").opened()
    key = await bench.start("pausing")
    await bench.succeed(await bench.workers.next())
    await live.until(lambda reader: reader.events[-1].HasField("left_filter"))
    bench.clock.advance(60_000_000)
    await bench.finish(key)
    whole = await bench.everything(chosen="state = PROCESSING")
    assert bytes_of(await live.sees(len(whole))) == bytes_of(whole)
    left = [event for event in whole if event.HasField("left_filter")]
    assert [event.left_filter.state for event in left] == [State.SUSPENDED, State.SUCCEEDED]
    history = {event.sequence: event for event in (await bench.watch_one(key).to_the_end()).events}
    for event in left:
        assert event.event_time == history[event.sequence].event_time
        assert event.store_revision == history[event.sequence].store_revision
        assert event.principal == history[event.sequence].principal
    told = [event for event in whole if not event.HasField("left_filter")]
    assert all(event == history[event.sequence] for event in told)


@pytest.mark.parametrize(
    "chosen", ["state = PROCESSING", 'current_task = "b"', 'NOT current_task = "a"', "state = SUCCEEDED"]
)
async def test_a_filtered_watch_goes_on_from_every_message(bench, monkeypatch, chosen):
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1)
    live = await bench.watch(chosen=chosen).opened()
    await bench.run("two")
    await bench.run("two")
    whole = await bench.everything(chosen=chosen)
    assert whole
    assert await live.sees(len(whole)) == whole
    for index in range(len(whole)):
        rest = await bench.watch(chosen=chosen, start=live.at(index), until=Until.ALL_ENDED).to_the_end()
        assert rest.events == whole[index + 1 :]


@pytest.fixture
async def family(bench):
    """A root with a child of two levels."""
    await bench.deploy("inner", [{"taskId": "i", "subIntegration": {"integrationId": "two"}}])
    await bench.deploy("outer", [{"taskId": "o", "subIntegration": {"integrationId": "inner"}}])
    return bench


async def test_a_tree_is_told_with_all_its_levels(family):
    bench = family
    other = await bench.run("two")
    key = await bench.start("outer")
    live = await bench.watch(Scope("p", tree=key.execution), start=Begin.BEGINNING, until=Until.NAMED_ENDS).opened()
    await bench.finish(key)
    await live.to_the_end()
    assert live.events[-1].state_change.state == State.SUCCEEDED
    assert live.events[-1].execution.endswith(key.execution)
    assert {event.integration.rpartition("/")[2] for event in live.events} == {"outer", "inner", "two"}
    assert other.execution not in {event.execution.rpartition("/")[2] for event in live.events}
    logged = await bench.watch(
        Scope("p", tree=key.execution), start=Begin.BEGINNING, until=Until.ALL_ENDED
    ).to_the_end()
    assert bytes_of(logged.events) == bytes_of(live.events)


async def test_an_orphan_is_the_root_of_a_tree_of_its_own(bench):
    orphan = [{"taskId": "o", "subIntegration": {"integrationId": "two", "wait": False}}]
    await bench.deploy("loose", orphan)
    tree = await bench.watch(Scope("p", integration="loose", with_sub_executions=True)).opened()
    key = await bench.run("loose")
    child = next(row.created.key for row in await bench.rows(key))
    await bench.finish(child)
    alone = await bench.watch(Scope("p", tree=key.execution), start=Begin.BEGINNING, until=Until.ALL_ENDED).to_the_end()
    assert {event.execution.rpartition("/")[2] for event in alone.events} == {key.execution}
    assert await tree.sees(len(alone.events)) == alone.events
    below = await bench.watch(
        Scope("p", tree=child.execution), start=Begin.BEGINNING, until=Until.ALL_ENDED
    ).to_the_end()
    assert {event.execution.rpartition("/")[2] for event in below.events} == {child.execution}


@pytest.mark.parametrize("live", [True, False], ids=["ring", "log"])
async def test_several_executions_of_one_commit_are_told_from_every_message(bench, monkeypatch, live):
    monkeypatch.setattr(framing, "MESSAGE_MAX_BYTES", 1)
    for name in ("x", "y", "z"):
        await bench.deploy(name, [{"taskId": "a", "task": "work"}], triggers=[{"triggerId": "api/all"}])
    reader = await bench.watch().opened() if live else None
    accepted = await bench.execute("-", trigger_id="api/all")
    for key, *_ in accepted.executions:
        await bench.finish(key)
    whole = await bench.everything()
    first = whole[0].store_revision
    assert len({event.execution for event in whole if event.store_revision == first}) == 3
    reader = reader or await bench.watch(start=Begin.BEGINNING, until=Until.ALL_ENDED).to_the_end()
    assert await reader.sees(len(whole)) == whole
    for index in range(len(whole)):
        rest = await bench.watch(start=reader.at(index), until=Until.ALL_ENDED).to_the_end()
        assert rest.events == whole[index + 1 :]


@pytest.mark.parametrize("live", [True, False], ids=["ring", "log"])
async def test_messages_stay_small_and_a_large_event_travels_alone(bench, live):
    limit = framing.MESSAGE_MAX_BYTES
    reader = await bench.watch().opened() if live else None
    for size in (limit // 3, limit // 3, limit // 3, 3 * limit, 10):
        key = await bench.start("one")
        await bench.succeed(await bench.workers.next(), text="x" * size)
        await bench.ended(key)
    whole = await bench.everything()
    reader = reader or await bench.watch(start=Begin.BEGINNING, until=Until.ALL_ENDED).to_the_end()
    assert await reader.sees(len(whole)) == whole
    sizes = [
        (len(wire), len(message.events.events)) for wire, message in zip(reader.wires, reader.messages, strict=True)
    ]
    assert all(size <= limit + 2_000 or count == 1 for size, count in sizes)
    assert any(size > limit and count == 1 for size, count in sizes)


async def test_an_integration_is_told_with_what_it_started_if_that_is_wanted(family):
    bench = family
    await bench.run("two")
    narrow = await bench.watch(Scope("p", integration="outer")).opened()
    wide = await bench.watch(Scope("p", integration="outer", with_sub_executions=True)).opened()
    await bench.run("outer")
    await narrow.until(has_ended)
    await wide.until(lambda reader: reader.events[-1:] == narrow.events[-1:])
    assert {event.integration.rpartition("/")[2] for event in narrow.events} == {"outer"}
    assert {event.integration.rpartition("/")[2] for event in wide.events} == {"outer", "inner", "two"}
    scope = Scope("p", integration="outer", with_sub_executions=True)
    assert await bench.everything(scope) == wide.events


async def test_a_watch_of_many_ends_when_all_have_ended(bench):
    first = await bench.start("one")
    second = await bench.start("one")
    reader = await bench.watch(until=Until.ALL_ENDED).opened()
    await bench.finish(first)
    await reader.until(has_ended)
    assert not reader.task.done()
    await bench.finish(second)
    await reader.to_the_end()
    assert reader.events[-1].execution.endswith(second.execution)


async def test_a_watch_ends_when_what_matched_has_left(bench):
    await bench.start("pausing")
    reader = await bench.watch(chosen="state = PROCESSING", until=Until.ALL_ENDED).opened()
    await bench.succeed(await bench.workers.next())
    await reader.to_the_end()
    assert reader.events[-1].HasField("left_filter")


async def test_a_watch_from_now_of_what_has_ended_ends_at_once(bench):
    key = await bench.run()
    assert not (await bench.watch_one(key, Begin.NOW).to_the_end()).messages


async def test_who_watches_a_deleted_execution_is_told(family):
    bench = family
    key = await bench.run("one")
    scope = Scope("p", execution=key.execution)
    one = await bench.watch(scope).opened()
    tree = await bench.watch(Scope("p", tree=key.execution)).opened()
    every = await bench.watch(start=Begin.BEGINNING).opened()
    await every.until(has_ended)
    await bench.engine.delete([key])
    for reader in (one, tree):
        with pytest.raises(NotFound):
            await reader.to_the_end()
    assert not every.task.done()
    assert not one.messages
    with pytest.raises(NotFound):
        await bench.watch_one(key, Begin.NOW).to_the_end()


async def test_what_is_left_of_a_tree_does_not_pass_for_all_of_it(family):
    bench = family
    root = await bench.start("outer")
    await bench.finish(root)
    tree = Scope("p", tree=root.execution)
    whole = await bench.watch(tree, start=Begin.BEGINNING, until=Until.NAMED_ENDS).to_the_end()
    leaf = next(event.execution for event in whole.events if "/two/" in event.execution).rpartition("/")[2]
    await bench.engine.delete([ExecutionKey("p", leaf)])
    for start in (Begin.BEGINNING, AtCursor(bench.cursor(Subject(tree, None, latest=False)).token)):
        with pytest.raises(OutOfRange):
            await bench.watch(tree, start=start, until=Until.NAMED_ENDS).to_the_end()
    assert await bench.store.log_floor(tree) > 0
    await bench.engine.delete([root])
    assert await bench.store.log_floor(tree) == 0


async def test_a_watch_of_what_was_deleted_just_before_does_not_wait_for_ever(bench):
    key = await bench.run("one")
    await bench.engine.delete([key])
    for scope in (Scope("p", execution=key.execution), Scope("p", tree=key.execution)):
        with pytest.raises(NotFound):
            await bench.watch(scope).to_the_end()


async def test_an_execution_of_a_deleted_ones_id_is_another_one(bench):
    key = await bench.run(user_execution_id="again")
    stuck = await bench.watch_one(key, until=Until.NEVER, reads=False).opened()
    await bench.engine.delete([key])
    assert await bench.run(user_execution_id="again") == key
    anew = await bench.watch_one(key).to_the_end()
    assert anew.events[0].HasField("created")
    stuck.read_on()
    with pytest.raises(NotFound):
        await stuck.to_the_end()


async def test_the_server_and_old_age_send_streams_away_with_a_cursor(bench):
    bench.watches.max_age_seconds = 0.01
    old = await bench.watch().to_the_end()
    bench.watches.max_age_seconds = 1_000.0
    key = await bench.run()
    reader = await bench.watch(start=old.at()).opened()
    await reader.until(has_ended)
    bench.hub.drain()
    await reader.to_the_end()
    assert old.kinds == ["going_away"]
    assert reader.kinds[-1] == "going_away"
    bench.hub.draining = False
    assert not (await bench.watch(start=reader.at(), until=Until.ALL_ENDED).to_the_end()).messages
    assert reader.events == (await bench.watch_one(key).to_the_end()).events


async def test_whoever_begins_with_nothing_to_tell_has_a_cursor_at_once(bench):
    key = await bench.start("one")
    reader = bench.watch(start=Begin.NOW)
    await reader.until(lambda reader: reader.greeting)
    await reader.close()
    await bench.finish(key)
    rest = bench.watch(start=AtCursor(reader.greeting.cursor), until=Until.ALL_ENDED)
    assert (await rest.to_the_end()).events == (await bench.everything())[-len(rest.events) :]
    assert rest.events
    assert rest.greeting is None
    nothing = await bench.watch(start=Begin.NOW, until=Until.ALL_ENDED).to_the_end()
    assert nothing.greeting is not None
    assert not nothing.messages


async def test_old_age_is_not_forgotten_by_a_stream_whose_reader_is_slow(bench):
    for _ in range(3):
        await bench.run()
    bench.watches.max_age_seconds = 0.05
    slow = bench.watch(start=Begin.BEGINNING, reads=False)
    await slow.stuck.wait()
    # Opened later, it becomes old later.
    await bench.watch(until=Until.NEVER).to_the_end()
    slow.read_on()
    assert (await slow.to_the_end()).kinds[-1] == "going_away"


async def test_progress_says_how_far_everything_was_sent(bench):
    await bench.run("one")
    reader = bench.watch(Scope("p", integration="two"), progress_seconds=0.01)
    await reader.until(lambda reader: "progress" in reader.kinds)
    await bench.run("one")
    head = bench.store.committed_revision()
    await reader.until(lambda reader: reader.messages[-1].store_revision == head)
    assert set(reader.kinds) == {"progress"}
    start = reader.at()
    await bench.run("two")
    rest = await bench.watch(Scope("p", integration="two"), start=start, until=Until.ALL_ENDED).to_the_end()
    assert rest.events == await bench.everything(Scope("p", integration="two"))


async def test_a_cursor_survives_a_restart(tmp_path):
    async with watched(tmp_path / "data") as bench:
        await bench.deploy("one", [{"taskId": "a", "task": "work"}])
        key = await bench.start("one")
        reader = bench.watch_one(key)
        before = list(await reader.sees(3))
    async with watched(tmp_path / "data") as bench:
        rest = bench.watch_one(key, reader.at())
        await bench.finish(key)
        await rest.to_the_end()
        assert [event.sequence for event in (*before, *rest.events)] == list(
            range(1, len(before) + len(rest.events) + 1)
        )


MAX_INT64 = 2**63 - 1
TURNS = 1_000
"""Turns of the loop in which an execution is given to the store, by far."""


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"selection": b"another"}, InvalidRequest, "CURSOR_FILTER_MISMATCH"),
        ({"project": "another"}, InvalidRequest, "CURSOR_FILTER_MISMATCH"),
        ({"store_id": "another"}, WrongState, "STORE_RESET"),
        ({"position": MAX_INT64}, WrongState, "STORE_RESET"),
        ({"position": -1}, InvalidRequest, "CURSOR_INVALID"),
        ({"events": -1}, InvalidRequest, "CURSOR_INVALID"),
    ],
)
async def test_a_cursor_is_good_for_its_own_watch_and_store_only(bench, changes, error, reason):
    subject = bench.watch().order.subject
    with pytest.raises(error) as caught:
        await bench.watch(start=bench.cursor(subject, **changes)).to_the_end()
    assert caught.value.reason_name == reason


async def test_a_cursor_that_another_store_gave_out_says_so(bench, tmp_path):
    async with watched(tmp_path / "other") as other:
        reader = await other.watch(start=Begin.NOW).until(lambda reader: reader.greeting)
    assert reader.greeting is not None
    with pytest.raises(WrongState) as refused:
        await bench.watch(start=AtCursor(reader.greeting.cursor)).to_the_end()
    assert refused.value.reason_name == "STORE_RESET"


async def test_a_cursor_at_the_head_is_good_and_one_behind_it_is_not(bench):
    await bench.run()
    head = bench.store.committed_revision()
    subject = bench.watch().order.subject
    reader = bench.watch(start=bench.cursor(subject, revision=head), until=Until.ALL_ENDED)
    assert not (await reader.to_the_end()).messages
    with pytest.raises(WrongState):
        await bench.watch(start=bench.cursor(subject, revision=head + 1)).to_the_end()


async def test_a_cursor_may_be_ahead_of_what_the_server_was_told_to_be_durable(bench):
    """Whoever reads the log sees a commit before the server is told of it, and may come again at once."""
    subject = bench.watch().order.subject
    starts = StartReader(bench.store, TokenCodec(bench.store.identity.token_keys))
    starting = asyncio.create_task(bench.start("one"))
    for _ in range(TURNS):
        if bench.store.submitted_revision() > bench.store.committed_revision():
            break
        await asyncio.sleep(0)
    newest = bench.store.submitted_revision()
    assert starts.read(bench.cursor(subject, revision=newest), subject).revision == newest
    with pytest.raises(WrongState):
        starts.read(bench.cursor(subject, revision=newest + 1), subject)
    await starting


@pytest.mark.parametrize("token", ["garbage", "", "A" * 5_000, "ö"])
async def test_garbage_is_no_cursor(bench, token):
    with pytest.raises(InvalidRequest) as caught:
        await bench.watch(start=AtCursor(token)).to_the_end()
    assert caught.value.reason_name == "CURSOR_INVALID"


async def test_a_cursor_of_another_filter_or_scope_is_refused(bench):
    await bench.run()
    reader = await bench.watch(chosen="state = SUCCEEDED", start=Begin.BEGINNING, until=Until.ALL_ENDED).to_the_end()
    for scope, chosen in [
        (ALL, ""),
        (ALL, "state = FAILED"),
        (Scope("p", integration="one"), "state = SUCCEEDED"),
        (Scope("q"), "state = SUCCEEDED"),
    ]:
        with pytest.raises(InvalidRequest) as caught:
            await bench.watch(scope, chosen, reader.at()).to_the_end()
        assert caught.value.reason_name == "CURSOR_FILTER_MISMATCH"
    again = bench.watch(chosen="state=SUCCEEDED", start=reader.at(), latest=True, until=Until.ALL_ENDED)
    assert not (await again.to_the_end()).messages, "how a filter is written, and the mode, do not matter"


async def test_a_watch_can_begin_after_a_store_revision(bench):
    await bench.run()
    whole = await bench.everything()
    store_id = bench.store.identity.store_id
    for revision in (0, *{event.store_revision for event in whole}):
        reader = bench.watch(start=AfterRevision(revision, store_id), until=Until.ALL_ENDED)
        expected = [event for event in whole if event.store_revision > revision]
        assert (await reader.to_the_end()).events == expected
    for start in (AfterRevision(bench.store.committed_revision() + 1, store_id), AfterRevision(1, "another")):
        with pytest.raises(WrongState) as caught:
            await bench.watch(start=start).to_the_end()
        assert caught.value.reason_name == "STORE_RESET"
    with pytest.raises(WrongState):
        await bench.watch(start=AfterRevision(MAX_INT64, store_id)).to_the_end()
