"""Undos, stops and pauses across crashes, losses and refused commits (rows 43, 57, 67, 70; P13)."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from perdure.domain.breakpoints import Breakpoint, Breakpoints, Position, StepAction
from perdure.domain.commands import Pause, ResolveUndo, Resume, Step, Update
from perdure.domain.errors import Unavailable, WrongState
from perdure.domain.events import UndoAction
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, Failure, Phase, TaskState
from perdure.engine.ports import Stopped
from perdure.testing.clock import FakeClock
from tests.engine.harness import ONE, Refusing, running

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.engine.ports import Offer
    from perdure.store.records import ExecutionKey
    from tests.engine.harness import Bench

DAY = 24 * 3600 * SECOND
UNDO: dict[str, Any] = {"task": "undo"}


def chain(last: str = "c", **rollback: Any) -> list[dict[str, Any]]:
    """Make tasks a, b, … one after the other, all but the last with a rollback."""
    ids = [chr(each) for each in range(ord("a"), ord(last) + 1)]
    tasks: list[dict[str, Any]] = [
        {"taskId": task, "task": "work", "rollback": {**UNDO, **rollback}, "nextTasks": [{"taskId": following}]}
        for task, following in itertools.pairwise(ids)
    ]
    return [*tasks, {"taskId": last, "task": "work"}]


async def fail(bench: Bench, offer: Offer, code: str = "NO") -> bool:
    failure = Failure(code, "told to", retryable=False)
    ids = (offer.key, offer.task_id, offer.execution_attempt, offer.attempt)
    return await bench.engine.reports.failed(*ids, failure, "worker")


async def lose(bench: Bench, offer: Offer) -> bool:
    return await bench.engine.reports.lost(offer.key, offer.task_id, offer.execution_attempt, offer.attempt)


async def to_the_rollback(bench: Bench, tasks: list[dict[str, Any]], **definition: Any) -> ExecutionKey:
    """Run a chain until its last task fails."""
    await bench.deploy("chain", tasks, **definition)
    key = await bench.start("chain", development=True)
    for _ in tasks[:-1]:
        await bench.succeed(await bench.workers.next(), result=7)
    await fail(bench, await bench.workers.next())
    return key


def show(execution: Any, _: int) -> Any:
    return execution


def called(offer: Offer) -> str:
    return f"undo {offer.task_id}" if offer.rollback else offer.task_id


async def test_a_server_that_is_killed_at_each_undo_undoes_each_task_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await to_the_rollback(bench, chain("e"))
        assert called(await bench.workers.next()) == "undo d"
    undone = []
    for task in "dcba":
        # Killed once while a worker undoes it, and once after that was told.
        async with running(tmp_path) as bench:
            lost = await bench.workers.next()
        async with running(tmp_path) as bench:
            offer = await bench.workers.next()
            assert (offer.task_id, offer.attempt) == (task, lost.attempt + 1)
            assert (offer.handler, offer.idempotency_key) == ("undo", lost.idempotency_key)
            assert offer.idempotency_key.endswith(f"/{task}/rollback")
            assert not await bench.succeed(lost)
            assert await bench.succeed(offer)
            undone.append(offer.task_id)
            await bench.settle()
    async with running(tmp_path) as bench:
        ended = await bench.ended(key)
        assert bench.workers.seen == []
        assert ended.state is ExecutionState.FAILED
        assert [entry.failure.code for entry in ended.errors] == ["NO"]
        assert ended.rollback is not None
        assert ended.rollback.not_undone == ()
    assert undone == ["d", "c", "b", "a"]


async def test_an_undo_whose_worker_vanishes_goes_to_another_one_and_costs_no_retry(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await to_the_rollback(bench, chain())
        for expected in range(2, 7):
            offer = await bench.workers.next()
            assert (called(offer), offer.attempt) == ("undo b", expected)
            assert await bench.engine.reports.is_current(key, "b", 1, expected)
            assert await lose(bench, offer)
            assert not await bench.engine.reports.is_current(key, "b", 1, expected)
        await bench.succeed(await bench.workers.next())
        await bench.succeed(await bench.workers.next())
        assert (await bench.ended(key)).errors[-1].failure.code == "NO"


async def test_a_worker_that_outlived_the_server_keeps_its_undo(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await to_the_rollback(bench, chain())
        held = await bench.workers.next()
        await bench.engine.reports.session_opened("p/remote", "i1", embedded=False)
    async with running(tmp_path) as bench:
        bench.workers.held.add((held.key, held.task_id, held.execution_attempt, held.attempt))
        await bench.engine.reports.session_opened("p/remote", "i1", embedded=False)
        await bench.settle()
        assert bench.workers.seen == []
        assert await bench.succeed(held)
        await bench.succeed(await bench.workers.next())
        assert (await bench.ended(key)).state is ExecutionState.FAILED


async def test_an_undo_that_the_store_refused_to_record_is_offered_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await to_the_rollback(bench, chain())
        offer = await bench.workers.next()
        refusing = Refusing(bench)
        refusing.refuse = True
        with pytest.raises(Unavailable):
            await bench.succeed(offer)
        refusing.refuse = False
        assert (await bench.state(key)).tasks["b"].state is TaskState.ROLLBACK_IN_PROCESS
        bench.clock.advance(1.0)
        again = await bench.workers.next()
        assert (called(again), again.attempt) == ("undo b", offer.attempt)
        await bench.succeed(again)
        await bench.succeed(await bench.workers.next())
        assert (await bench.ended(key)).state is ExecutionState.FAILED


async def test_what_waits_for_an_operator_costs_no_memory_and_outlives_the_server(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key = await to_the_rollback(bench, chain(failureAction="FAILURE_ACTION_HOLD"))
        await fail(bench, await bench.workers.next(), "STUCK")
        await bench.settle()
        assert bench.engine.active_count() == 0
    async with running(tmp_path) as bench:
        assert (await bench.state(key)).state is ExecutionState.SUSPENDED
        await bench.engine.controls.intervene(key, ResolveUndo("b", UndoAction.RETRY, "alice"), show)
        offer = await bench.workers.next()
        assert (called(offer), offer.attempt) == ("undo b", 3)
        await bench.succeed(offer)
        await bench.succeed(await bench.workers.next())
        assert (await bench.ended(key)).rollback.not_undone == ()  # type: ignore[union-attr]


async def test_each_stage_of_the_end_is_taken_up_where_it_was(tmp_path: Path) -> None:
    tasks = [
        *chain("b"),
        {"taskId": "fix", "task": "work"},
    ]
    definition = {
        "errorCatchers": [{"errorCatcherId": "last", "startErrorTasks": [{"taskId": "fix"}]}],
        "errorCatcherId": "last",
        "teardownTasks": [{"taskId": "sweep", "task": "work"}, {"taskId": "lock", "task": "work"}],
    }
    async with running(tmp_path) as bench:
        await bench.deploy("whole", tasks, **definition)
        key = await bench.start("whole")
        await bench.succeed(await bench.workers.next())
        await fail(bench, await bench.workers.next())
    stages = []
    for _ in range(4):
        async with running(tmp_path) as bench:
            offer = await bench.workers.next()
            stages.append((called(offer), (await bench.state(key)).phase))
            await bench.succeed(offer)
            await bench.settle()
    assert stages == [
        ("fix", Phase.CATCH),
        ("undo a", Phase.ROLLBACK),
        ("sweep", Phase.TEARDOWN),
        ("lock", Phase.TEARDOWN),
    ]
    async with running(tmp_path) as bench:
        assert (await bench.ended(key)).failure.code == "NO"  # type: ignore[union-attr]


async def test_an_attempt_that_was_withdrawn_before_a_worker_had_it_is_known_not_to_have_begun(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", [{**ONE[0], "rollback": UNDO}])
        for answer, unknown in ((Stopped.WITHDRAWN, False), (Stopped.UNKNOWN, True)):
            bench.workers.answer_to_stop = answer
            key = await bench.start("one")
            await bench.workers.next()
            await bench.engine.cancel(key, "", "", show)
            assert (await bench.ended(key)).tasks["a"].unknown is unknown


async def test_a_stop_that_nobody_touches_goes_on_without_breakpoints(tmp_path: Path) -> None:
    clock = FakeClock()
    breakpoints = Breakpoints((Breakpoint("b", Position.BEFORE), Breakpoint("c", Position.BEFORE)), expire_after=DAY)
    async with running(tmp_path, clock) as bench:
        await bench.deploy("chain", chain())
        key = await bench.start("chain", breakpoints=breakpoints)
        await bench.succeed(await bench.workers.next())
        await bench.settle()
        stopped = await bench.state(key)
        assert stopped.stop is not None
        assert (stopped.stop.task_id, stopped.stop.due) == ("b", clock.now() + DAY)
        assert bench.engine.active_count() == 0
    clock.advance(DAY / SECOND)
    async with running(tmp_path, clock) as bench:
        for task in "bc":
            offer = await bench.workers.next()
            assert offer.task_id == task
            await bench.succeed(offer)
        ended = await bench.ended(key)
        assert (ended.state, ended.breakpoints) == (ExecutionState.SUCCEEDED, None)


async def test_a_paused_execution_costs_no_memory_and_its_lost_attempt_waits(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        key = await bench.start("one")
        offer = await bench.workers.next()
        await bench.engine.controls.intervene(key, Pause("look", "alice"), show)
        await lose(bench, offer)
        await bench.settle()
        assert bench.engine.active_count() == 0
    async with running(tmp_path) as bench:
        await bench.settle()
        assert bench.workers.seen == []
        await bench.engine.controls.intervene(key, Resume("alice"), show)
        again = await bench.workers.next()
        assert again.attempt == 2
        await bench.succeed(again)
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED


async def test_a_refusal_is_told_only_when_what_it_rests_on_is_durable(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        key = await bench.start("one")
        offer = await bench.workers.next()
        refusing = Refusing(bench)
        controls = bench.engine.controls
        with pytest.raises(WrongState):
            await controls.intervene(key, Step(StepAction.CONTINUE, "alice"), show)
        refusing.refuse = True
        answers = await asyncio.gather(
            controls.intervene(key, Pause("look", "alice"), show),
            controls.intervene(key, Step(StepAction.CONTINUE, "alice"), show),
            controls.update(key, Update("alice", priority=1), "no etag of it", show),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Unavailable, Unavailable, Unavailable]
        refusing.refuse = False
        bench.clock.advance(1.0)
        assert (await bench.state(key)).pause is None
        assert await bench.succeed(offer)
        assert (await bench.ended(key)).tasks["a"].state is TaskState.SUCCEED


async def test_children_begin_with_the_priority_and_the_mode_that_their_parent_has_now(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        sub = {"taskId": "s", "subIntegration": {"integrationId": "one"}}
        await bench.deploy("outer", [{**ONE[0], "nextTasks": [{"taskId": "s"}]}, sub])
        key = await bench.start("outer", development=True, priority=3)
        first = await bench.workers.next()
        assert (first.priority, first.development) == (3, True)
        await bench.engine.controls.update(key, Update("alice", priority=8, development=False), "", show)
        again = await bench.workers.next()
        assert (again.attempt, again.priority, again.development) == (first.attempt, 8, False)
        await bench.succeed(first)
        child = await bench.workers.next()
        assert (child.key != key, child.priority, child.development) == (True, 8, False)
        await bench.succeed(child)
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED
