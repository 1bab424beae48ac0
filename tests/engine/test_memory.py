"""Waiting costs rows, not memory (row 71), and state in memory never shows before it is durable."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from perdure.domain.errors import Unavailable
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure
from tests.engine.harness import ONE, TWO, Refusing, running

if TYPE_CHECKING:
    from pathlib import Path

TIMER = [
    {"taskId": "wait", "task": "timer", "timer": {"delay": "3600s"}, "nextTasks": [{"taskId": "a"}]},
    {"taskId": "a", "task": "work"},
]
RETRY = [
    {
        "taskId": "a",
        "task": "work",
        "failurePolicy": {"retryStrategy": "RETRY_STRATEGY_FIXED_INTERVAL", "maxRetries": 3, "interval": "600s"},
    }
]


async def test_an_execution_that_waits_for_a_timer_leaves_memory(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("timer", TIMER)
        key = await bench.start("timer")
        assert bench.engine.active_count() == 0
        assert (await bench.state(key)).state is ExecutionState.SUSPENDED
        for _ in range(125):
            bench.clock.advance(30)
            await bench.settle()
        assert (await bench.workers.next()).task_id == "a"
        assert bench.engine.active_count() == 1


async def test_an_execution_that_waits_for_a_far_retry_leaves_memory(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("retry", RETRY)
        key = await bench.start("retry")
        offer = await bench.workers.next()
        await bench.engine.reports.failed(offer.key, offer.task_id, 1, 1, Failure("HANDLER_ERROR", "no"), "w")
        assert bench.engine.active_count() == 0
        assert (await bench.state(key)).state is ExecutionState.RETRY_ON_HOLD
        for _ in range(30):
            bench.clock.advance(30)
            await bench.settle()
        assert (await bench.workers.next()).attempt == 2


async def test_a_scheduled_execution_can_be_cancelled_out_of_memory(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        tomorrow = bench.clock.now() + 86_400 * SECOND
        key = await bench.start("one", method=ExecutionMethod.SCHEDULE, schedule_time=tomorrow)
        state = await bench.engine.cancel(key, "not needed", "me", lambda execution, _: execution.state)
        assert state is ExecutionState.CANCELLED
        assert bench.engine.active_count() == 0


async def test_what_was_decided_on_a_refused_commit_is_dropped(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("two", TWO)
        key = await bench.start("two")
        offer = await bench.workers.next()
        store = Refusing(bench)
        store.refuse = True
        with pytest.raises(Unavailable):
            await bench.succeed(offer)
        assert bench.workers.offers.empty()
        assert (await bench.state(key)).tasks["a"].attempt == 1
        store.refuse = False
        assert await bench.succeed(offer)
        # What the execution needed when it was read again is offered once more, which the dispatcher knows.
        assert [(await bench.workers.next()).task_id for _ in range(2)] == ["a", "b"]


async def test_an_execution_whose_creation_was_refused_does_not_exist(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        store = Refusing(bench)
        store.refuse = True
        with pytest.raises(Unavailable):
            await bench.execute("one", request_id="r1")
        store.refuse = False
        assert bench.workers.seen == []
        assert not (await bench.execute("one", request_id="r1")).repeated


async def test_an_execution_goes_on_by_itself_after_a_refused_commit(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("retry", RETRY)
        await bench.deploy("one", ONE)
        key = await bench.start("one")
        first = await bench.workers.next()
        store = Refusing(bench)
        store.refuse = True
        with pytest.raises(Unavailable):
            await bench.engine.reports.lost(key, "a", 1, 1)
        store.refuse = False
        await asyncio.sleep(0)  # The refusal is dealt with in the next turn of the loop.
        bench.clock.advance(2)
        again = await bench.workers.next()
        assert (again.key, again.attempt) == (first.key, first.attempt)
