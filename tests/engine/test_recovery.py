"""What a restarted server takes up again (row 70; P8, P20), and that nothing is done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.commands import Cancel
from perdure.domain.events import TaskAttemptLost
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState
from perdure.testing.clock import FakeClock
from tests.engine.harness import ONE, TWO, running

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_attempt_under_way_gets_its_next_number_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("two", TWO)
        key = await bench.start("two")
        await bench.succeed(await bench.workers.next())
        assert (await bench.workers.next()).task_id == "b"
    async with running(tmp_path) as bench:
        offer = await bench.workers.next()
        assert (offer.key, offer.task_id, offer.attempt) == (key, "b", 2)
        await bench.succeed(offer)
        ended = await bench.ended(key)
        assert ended.state is ExecutionState.SUCCEEDED
        assert [entry.failure.code for entry in ended.errors] == []


async def test_a_report_from_before_the_restart_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.start("one")
        old = await bench.workers.next()
    async with running(tmp_path) as bench:
        new = await bench.workers.next()
        assert not await bench.succeed(old)
        assert await bench.succeed(new)
        assert not await bench.succeed(new)


async def test_restarts_are_not_blamed_on_the_task(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        key = await bench.start("one")
    for _ in range(20):
        async with running(tmp_path) as bench:
            await bench.workers.next()
    async with running(tmp_path) as bench:
        await bench.succeed(await bench.workers.next())
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED


async def test_a_worker_that_outlived_the_server_keeps_its_attempt(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.start("one")
        held = await bench.workers.next()
        await bench.engine.reports.session_opened("p/remote", "i1", embedded=False)
    async with running(tmp_path) as bench:
        bench.workers.held.add((held.key, held.task_id, held.execution_attempt, held.attempt))
        await bench.engine.reports.session_opened("p/remote", "i1", embedded=False)
        await bench.settle()
        assert bench.workers.seen == []
        assert await bench.succeed(held)
        assert (await bench.ended(held.key)).state is ExecutionState.SUCCEEDED


async def test_an_attempt_that_nobody_claims_is_offered_again_after_the_lease(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.start("one")
        await bench.engine.reports.session_opened("p/remote", "i1", embedded=False)
    async with running(tmp_path, lease_seconds=0.0) as bench:
        assert (await bench.workers.next()).attempt == 2
        assert [type(event) for change in bench.published.changes for event in change.events] == [TaskAttemptLost]


async def test_an_embedded_worker_is_not_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.start("one")
        await bench.engine.reports.session_opened("p/embedded", "i1", embedded=True)
    async with running(tmp_path, lease_seconds=3600.0) as bench:
        assert (await bench.workers.next()).attempt == 2


async def test_a_schedule_that_fell_due_while_the_server_was_down_starts_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as bench:
        await bench.deploy("one", ONE)
        when = clock.now() + 3600 * SECOND
        key = await bench.start("one", method=ExecutionMethod.SCHEDULE, schedule_time=when)
        assert bench.engine.active_count() == 0
    later = FakeClock(clock.now() + 7200 * SECOND)
    async with running(tmp_path, later) as bench:
        await bench.settle()
        later.advance(0)
        assert (await bench.workers.next()).key == key


async def test_revisions_of_the_store_go_on_rising(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.start("one")
        first = bench.store.committed_revision()
    async with running(tmp_path) as bench:
        await bench.start("one")
        assert bench.store.committed_revision() > first


async def test_a_child_whose_parent_has_ended_is_cancelled_after_a_restart(tmp_path: Path) -> None:
    parent = [{"taskId": "sub", "task": "sub-integration", "subIntegration": {"integrationId": "one"}}]
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.deploy("parent", parent)
        key = await bench.start("parent")
        child = await bench.workers.next()
        await bench.settle()
        # The grace of the parent ends in the very moment in which the server dies: nobody tells the child.
        bench.engine._active._perform = lambda live, effects: None
        await bench.engine._active.command(key, Cancel("", "me"))
        bench.clock.advance(11)
        assert (await bench.ended(key)).state is ExecutionState.CANCELLED
        assert not (await bench.state(child.key)).cancel_requested
    async with running(tmp_path) as bench:
        await bench.settle()
        assert (await bench.state(child.key)).cancel_requested
