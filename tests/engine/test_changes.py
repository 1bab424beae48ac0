"""What watchers are told of each commit: the facts before and after it, its place in the log, its deletions."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from perdure.domain.apply import apply, first_state
from perdure.domain.errors import AlreadyExists, NotFound, Unavailable
from perdure.domain.events import ExecutionCreated
from perdure.domain.states import ExecutionState, Failure
from perdure.engine.facts import facts_of, summary_of
from perdure.store.queries import Scope, revision_of
from tests.engine.harness import ONE, TWO, Bench, Refusing, assert_chain, running

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.engine.ports import Change
    from perdure.store.queries import LogRecord
    from perdure.store.records import ExecutionKey, Facts, Summary

RETRY = {"retryStrategy": "RETRY_STRATEGY_FIXED_INTERVAL", "maxRetries": 3, "interval": "600s"}
LONG = [
    {"taskId": "a", "task": "work", "nextTasks": [{"taskId": "wait"}, {"taskId": "b"}]},
    {"taskId": "b", "task": "work", "failurePolicy": RETRY, "outputs": [{"result": "sku", "parameter": "sku"}]},
    {"taskId": "wait", "task": "timer", "timer": {"delay": "3600s"}},
]
INPUT = "INPUT_OUTPUT_TYPE_IN"
SKU = {
    "key": "sku",
    "dataType": "DATA_TYPE_STRING_VALUE",
    "inputOutputType": "INPUT_OUTPUT_TYPE_IN_OUT",
    "searchable": True,
}


def assert_whole(changes: list[Change]) -> None:
    """Hold that the changes are all that happened to an execution, each beginning where the one before has ended."""
    assert changes[0].before is None
    assert changes[0].first_sequence == 1
    assert_chain(changes)


async def folded(bench: Bench, key: ExecutionKey) -> dict[int, tuple[Facts, Summary]]:
    """Fold the stored history, and collect the facts after each event."""
    history = await bench.engine.queries.history(key, 0, 1_000)
    first, *rest = history.events
    assert isinstance(first.event, ExecutionCreated)
    state = first_state(first.event, history.graph, key.execution, key.project, first.time)
    found = {1: (facts_of(state), summary_of(state))}
    for each in rest:
        apply(state, each.event, each.time)
        found[each.sequence] = (facts_of(state), summary_of(state))
    return found


async def log(bench: Bench, scope: Scope) -> list[LogRecord]:
    page = await bench.engine.queries.log_page(scope, 0, max_records=1_000, max_bytes=1 << 20)
    return page.records


async def live_through_everything(bench: Bench) -> ExecutionKey:
    """Run an execution through work at the same time, a retry, a timer; it leaves memory in between."""
    await bench.deploy("long", LONG, parameters=[SKU])
    key = await bench.start("long", {"sku": "first"})
    await bench.succeed(await bench.workers.next())
    offer = await bench.workers.next()
    ids = (offer.key, offer.task_id, 1, offer.attempt)
    # The second is decided while the first is on its way to the disk.
    await asyncio.gather(
        bench.engine.reports.progressed(*ids, "at work", 50),
        bench.engine.reports.failed(*ids, Failure("BUSY", "try again"), "worker"),
    )
    return key


async def finish(bench: Bench, key: ExecutionKey) -> None:
    for _ in range(130):
        bench.clock.advance(30)
        await bench.settle()
    await bench.succeed(await bench.workers.next(), sku="second")
    assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED


async def test_each_change_begins_where_the_one_before_ended_also_after_a_reload(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await live_through_everything(bench)
        assert bench.engine.active_count() == 0
        await finish(bench, key)
        changes = bench.published.of(key)
        assert_whole(changes)
        assert len(changes) > 5


async def test_each_change_begins_where_the_one_before_ended_also_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await live_through_everything(bench)
        changes = bench.published.of(key)
        clock = bench.clock
    async with running(tmp_path, clock) as bench:
        await finish(bench, key)
        assert_whole(changes + bench.published.of(key))


async def test_the_facts_of_a_change_are_those_as_of_its_commit(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await live_through_everything(bench)
        await finish(bench, key)
        after = await folded(bench, key)
        for change in bench.published.of(key):
            assert (change.facts, change.summary) == after[change.sequence]
        row = await bench.engine.queries.row(key)
        assert (row.facts, row.summary) == after[row.sequence]


async def test_the_log_tells_what_watchers_were_told(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.start("one")
        key = await live_through_everything(bench)
        records = await log(bench, Scope("p"))
        assert [
            (each.position, each.created, each.first_sequence, each.count, each.before, each.facts, len(each.payload))
            for each in records
        ] == [
            (
                each.position,
                each.created,
                each.first_sequence,
                len(each.events),
                each.before,
                each.facts,
                each.size,
            )
            for each in bench.published.changes
        ]
        assert {each.created.key for each in await log(bench, Scope("p", execution=key.execution))} == {key}


async def test_what_starts_in_one_commit_has_places_in_it(tmp_path: Path) -> None:
    trigger = [{"triggerId": "api_trigger/go"}]
    async with running(tmp_path) as bench:
        for name in ("red", "green", "blue"):
            await bench.deploy(name, ONE, triggers=trigger)
        await bench.execute("-", trigger_id="api_trigger/go")
        places = [change.position for change in bench.published.changes if change.before is None]
        assert len({revision_of(place) for place in places}) == 1
        assert places == [places[0], places[0] + 1, places[0] + 2]


async def test_nothing_is_told_of_a_refused_commit(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("two", TWO)
        key = await bench.start("two")
        offer = await bench.workers.next()
        store = Refusing(bench)
        store.refuse = True
        with pytest.raises(Unavailable):
            await bench.succeed(offer)
        store.refuse = False
        assert [change.sequence for change in bench.published.of(key)] == [(await bench.state(key)).sequence]
        await bench.succeed(offer)
        assert_whole(bench.published.of(key))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"text": "x"}, {"text": "x"}),
        ({"text": "é" * 256, "number": -(1 << 63)}, {"number": -(1 << 63), "text": "é" * 256}),
        ({"text": "x" * 257, "number": 2}, {"number": 2}),
        ({"truth": False, "double": 2.0}, {"double": 2.0, "truth": False}),
        ({}, {}),
    ],
)
async def test_searchable_parameters_are_facts_unless_they_are_too_long(
    tmp_path: Path, given: dict[str, Any], found: dict[str, Any]
) -> None:
    kinds = {"text": "STRING", "number": "INT", "double": "DOUBLE", "truth": "BOOLEAN"}
    declared = [
        {"key": key, "dataType": f"DATA_TYPE_{kind}_VALUE", "searchable": True, "inputOutputType": INPUT}
        for key, kind in kinds.items()
        if key in given
    ]
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE, parameters=[*declared, {**SKU, "searchable": False}])
        key = await bench.start("one", {**given, "sku": "not to be found"})
        parameters = (await bench.engine.queries.row(key)).facts.parameters
        assert json.loads(parameters) == found
        assert parameters == json.dumps(found, ensure_ascii=False, separators=(",", ":"))


async def deletable(bench: Bench) -> ExecutionKey:
    """Run an execution with an id and a request id of its own to its end."""
    await bench.deploy("one", ONE)
    key = await bench.start("one", user_execution_id="mine", request_id="r1")
    await bench.succeed(await bench.workers.next())
    await bench.ended(key)
    return key


async def test_a_deletion_is_told_behind_what_came_before_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await deletable(bench)
        assert (await bench.engine.queries.created_event(key))[0].integration == "one"
        revision = await bench.engine.delete([key])
        assert bench.published.deletions == [([key], revision)]
        assert revision > revision_of(bench.published.changes[-1].position)
        for reading in (bench.engine.queries.row, bench.engine.queries.created_event, bench.state):
            with pytest.raises(NotFound):
                await reading(key)


async def test_an_id_is_free_again_after_the_deletion(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await deletable(bench)
        before, _ = await bench.engine.queries.created_event(key)
        await bench.engine.delete([key])
        again = await bench.start("one", user_execution_id="mine", priority=7)
        after, _ = await bench.engine.queries.created_event(again)
        assert (before.priority, after.priority) == (0, 7)


async def test_a_request_id_outlives_its_execution_until_it_is_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await deletable(bench)
        await bench.engine.delete([key])
    async with running(tmp_path) as bench:
        with pytest.raises(NotFound):
            await bench.execute("one", user_execution_id="mine", request_id="r1")
        with pytest.raises(AlreadyExists):
            await bench.execute("one", request_id="r1")
        await bench.engine.delete([], [("p", "Execute", "r1")])
        assert not (await bench.execute("one", request_id="r1")).repeated
        assert bench.published.deletions == []


async def test_a_refused_deletion_deletes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await deletable(bench)
        store = Refusing(bench)
        store.refuse = True
        with pytest.raises(Unavailable):
            await bench.engine.delete([key], [("p", "Execute", "r1")])
        store.refuse = False
        assert bench.published.deletions == []
        assert (await bench.execute("one", user_execution_id="mine", request_id="r1")).repeated
