"""What a refused or slow commit in the middle must not do: leave something hanging, undone, or done on void state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from perdure.domain.commands import Start
from perdure.domain.errors import AlreadyExists, NotFound, Unavailable
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure
from perdure.store.errors import StoreRefused
from perdure.store.records import ExecutionKey
from tests.engine.harness import ONE, TWO, Bench, results, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from perdure.engine.ports import Offer
    from perdure.store.records import Commit, IntegrationKey, IntegrationRecord

TURNS = 50
"""Turns of the loop after which everything that needs neither time nor the disk has happened."""


def _none(_: Commit) -> bool:
    return False


def _every(_: Commit) -> bool:
    return True


class Gate:
    """Stands before the real store: refuses the commits that a test picks, or holds them back for a while."""

    def __init__(self, bench: Bench) -> None:
        self._submit = bench.store.submit
        self._held: list[asyncio.Future[None]] = []
        self.refused = 0
        self.holding = asyncio.Event()
        self.refuses: Callable[[Commit], bool] = _none
        self.holds: Callable[[Commit], bool] = _none
        bench.store.submit = self._pass  # type: ignore[method-assign]

    def _pass(self, commit: Commit) -> asyncio.Future[None]:
        holds = self.holds(commit)
        if not holds and not self.refuses(commit):
            return self._submit(commit)
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if holds:
            self._held.append(outcome)
            self.holding.set()
        else:
            self.refused += 1
            outcome.set_exception(StoreRefused("disk full"))
        return outcome

    def refuse_held(self) -> None:
        """Refuse what is held back, and hold no more."""
        self.holds = _none
        for outcome in self._held:
            outcome.set_exception(StoreRefused("disk full"))
        self._held.clear()


async def turn() -> None:
    """Let everything happen that needs neither time nor the disk."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def concerns(key: ExecutionKey) -> Callable[[Commit], bool]:
    """Pick the commits that change an execution."""
    return lambda commit: any(each.key == key for each in commit.progressed)


def each(items: str, **config: object) -> dict[str, object]:
    return {"taskId": "each", "task": "for-each", "forEach": {"items": items, "itemParameter": "x", **config}}


async def item_and_other(bench: Bench, key: ExecutionKey) -> tuple[Offer, Offer]:
    """Wait for the first item of the loop of an execution, and for the task beside the loop."""
    offers = {offer.key == key: offer for offer in (await bench.workers.next(), await bench.workers.next())}
    return offers[False], offers[True]


async def test_a_loop_goes_on_also_if_another_command_reads_its_parent_again_first(tmp_path: Path) -> None:
    tasks = [each("[1]", task="work"), {"taskId": "other", "task": "work"}]
    async with running(tmp_path) as bench:
        await bench.deploy("loop", tasks)
        key = await bench.start("loop")
        item, other = await item_and_other(bench, key)
        gate = Gate(bench)
        gate.refuses = concerns(key)
        await bench.succeed(item, result=1)
        await turn()
        assert gate.refused == 1
        gate.refuses = _none
        await bench.succeed(other)
        bench.clock.advance(2)
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED


async def test_a_refused_cancel_of_an_item_is_tried_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", [each("[1, 2]", task="work")])
        key = await bench.start("loop")
        first, second = await bench.workers.next(), await bench.workers.next()
        gate = Gate(bench)
        gate.refuses = concerns(second.key)
        failure = Failure("BROKEN", "no", retryable=False)
        await bench.engine.reports.failed(first.key, first.task_id, 1, 1, failure, "w")
        await bench.settle()
        assert gate.refused
        assert bench.supervisor._failure is None
        gate.refuses = _none
        bench.clock.advance(2)
        await bench.settle()
        await bench.engine.reports.stopped(second.key, second.task_id, 1, 1)
        assert (await bench.ended(key)).state is ExecutionState.FAILED


async def test_items_that_the_store_refuses_are_tried_again_after_a_pause(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", [each("[1, 2]", task="work", parallelism=1)])
        key = await bench.start("loop")
        first = await bench.workers.next()
        gate = Gate(bench)
        gate.refuses = lambda commit: bool(commit.created)
        await bench.succeed(first, result=1)
        await bench.settle()
        assert gate.refused == 1
        gate.refuses = _none
        bench.clock.advance(2)
        await bench.succeed(await bench.workers.next(), result=2)
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED


async def test_no_item_starts_before_it_is_sure_that_the_loop_goes_on(tmp_path: Path) -> None:
    fatal = {"taskId": "other", "task": "work", "failurePolicy": {"retryStrategy": "RETRY_STRATEGY_FATAL"}}
    async with running(tmp_path) as bench:
        await bench.deploy("loop", [each("[1, 2]", task="work", parallelism=1), fatal])
        key = await bench.start("loop")
        item, other = await item_and_other(bench, key)
        gate = Gate(bench)
        gate.holds = concerns(key)
        gate.refuses = lambda commit: bool(commit.created)
        failure = Failure("BROKEN", "no", retryable=False)
        fails = asyncio.create_task(bench.engine.reports.failed(key, other.task_id, 1, 1, failure, "w"))
        await turn()
        await bench.succeed(item, result=1)
        await turn()
        assert gate.refused == 0
        gate.refuses = _none
        gate.refuse_held()
        with pytest.raises(Unavailable):
            await fails
        bench.clock.advance(2)
        item, other = await item_and_other(bench, key)
        await bench.succeed(item, result=2)
        await bench.succeed(other)
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED


async def test_an_item_whose_inputs_do_not_fit_is_one_that_failed(tmp_path: Path) -> None:
    parameters = [{"key": "x", "dataType": "DATA_TYPE_INT_VALUE", "inputOutputType": "INPUT_OUTPUT_TYPE_IN"}]
    target = {"subIntegration": {"integrationId": "child"}, "continueOnFailure": True, "parallelism": 2}
    async with running(tmp_path) as bench:
        await bench.deploy("child", ONE, parameters=parameters)
        await bench.deploy("loop", [each('[1, "two", 3]', **target)])
        key = await bench.start("loop")
        for _ in range(2):
            await bench.succeed(await bench.workers.next())
        ended = await bench.ended(key)
        assert ended.failure is None, ended.failure
        assert results(ended, "each") == {"results": [{}, None, {}]}


async def test_an_id_that_is_taken_out_of_memory_is_refused_without_a_try(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        tomorrow = bench.clock.now() + 86_400 * SECOND
        await bench.start("one", method=ExecutionMethod.SCHEDULE, schedule_time=tomorrow, user_execution_id="mine")
        assert bench.engine.active_count() == 0
        gate = Gate(bench)
        gate.refuses = lambda commit: bool(commit.created)
        # A try would put its void state where a cancel or a due time finds it.
        with pytest.raises(AlreadyExists):
            await bench.execute("one", user_execution_id="mine")


async def test_a_refusal_waits_until_what_it_rests_on_is_durable(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        tomorrow = bench.clock.now() + 86_400 * SECOND
        key = await bench.start("one", method=ExecutionMethod.SCHEDULE, schedule_time=tomorrow)
        await bench.engine._active.load(key)
        gate = Gate(bench)
        gate.holds = _every
        starts = [asyncio.create_task(bench.engine._active.command(key, Start())) for _ in range(2)]
        await turn()
        assert not any(start.done() for start in starts)
        gate.refuse_held()
        for start in starts:
            with pytest.raises(Unavailable):
                await start


async def test_an_id_is_taken_only_when_its_execution_is_durable(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        gate = Gate(bench)
        gate.holds = _every
        first = asyncio.create_task(bench.execute("one", user_execution_id="mine"))
        await gate.holding.wait()
        second = asyncio.create_task(bench.execute("one", user_execution_id="mine"))
        await turn()
        assert not second.done()
        gate.refuse_held()
        for start in (first, second):
            with pytest.raises(Unavailable):
                await start


async def test_who_waits_for_an_execution_that_was_never_stored_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        gate = Gate(bench)
        gate.holds = _every
        start = asyncio.create_task(bench.execute("one", user_execution_id="mine"))
        await gate.holding.wait()
        waits = asyncio.create_task(bench.ended(ExecutionKey("p", "mine")))
        await turn()
        gate.refuse_held()
        with pytest.raises(Unavailable):
            await start
        with pytest.raises(NotFound):
            await waits


async def test_a_request_that_is_refused_leaves_its_id_to_another(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        gate = Gate(bench)
        gate.holds = _every
        first = asyncio.create_task(bench.execute("one", request_id="r1"))
        await gate.holding.wait()
        second = asyncio.create_task(bench.execute("one", request_id="r1", priority=7))
        await turn()
        gate.refuse_held()
        with pytest.raises(Unavailable):
            await first
        assert not (await second).repeated


async def test_a_definition_read_before_a_change_does_not_hide_the_change(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
    async with running(tmp_path) as bench:
        read, reading, go_on = bench.store.get_integration, asyncio.Event(), asyncio.Event()

        async def read_slowly(key: IntegrationKey) -> IntegrationRecord | None:
            found = await read(key)
            reading.set()
            await go_on.wait()
            return found

        bench.store.get_integration = read_slowly  # type: ignore[method-assign]
        early = asyncio.create_task(bench.execute("one"))
        await reading.wait()
        bench.store.get_integration = read  # type: ignore[method-assign]
        await bench.deploy("one", TWO)
        go_on.set()
        await early
        late = await bench.start("one")
        assert (await bench.state(late)).created.ordinal == 2


async def test_a_child_of_a_parent_that_waits_out_of_memory_is_cancelled_after_a_restart(tmp_path: Path) -> None:
    retry = {"retryStrategy": "RETRY_STRATEGY_FIXED_INTERVAL", "maxRetries": 3, "interval": "3600s"}
    sub = {"taskId": "sub", "task": "sub-integration", "subIntegration": {"integrationId": "one"}}
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.deploy("parent", [{**sub, "timeout": "20s", "failurePolicy": retry}])
        key = await bench.start("parent")
        child = await bench.workers.next()
        await bench.settle()
        bench.engine._active._perform = lambda live, effects: None
        bench.clock.advance(21)
        live = bench.engine._active.get(key)
        assert live is not None
        await bench.engine._active.durable(live)
        assert (await bench.state(key)).state is ExecutionState.RETRY_ON_HOLD
    async with running(tmp_path, bench.clock) as bench:
        await bench.settle()
        assert (await bench.state(child.key)).cancel_requested


async def test_times_that_were_taken_back_do_not_pile_up(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        timers = bench.engine._active.timers
        for number in range(10_000):
            key = ExecutionKey("p", str(number))
            timers.arm(key, bench.clock.now() + 3600 * SECOND)
            timers.arm(key, None)
        assert len(timers._heap) < 1_000
