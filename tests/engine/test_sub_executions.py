"""Sub-integrations and loops: children exactly once, results in order, cancel that reaches down (rows 28, 41, 62)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from perdure.codec.values import decode_value
from perdure.domain.errors import WrongState
from perdure.domain.states import ExecutionState, Failure
from perdure.store.records import IntegrationKey
from tests.engine.harness import ONE, Bench, results, running

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.engine.ports import Offer
    from perdure.store.records import ExecutionKey

OUT = [{"key": "total", "dataType": "DATA_TYPE_INT_VALUE", "inputOutputType": "INPUT_OUTPUT_TYPE_OUT"}]
CHILD = [{"taskId": "a", "task": "work", "outputs": [{"result": "result", "parameter": "total"}]}]


def parent(**config: object) -> list[dict[str, object]]:
    return [{"taskId": "sub", "task": "sub-integration", "subIntegration": {"integrationId": "child", **config}}]


def loop(items: str, **config: object) -> list[dict[str, object]]:
    return [
        {
            "taskId": "each",
            "task": "for-each",
            "forEach": {"items": items, "itemParameter": "x", "indexParameter": "i", "task": "work", **config},
        }
    ]


async def fail(bench: Bench, offer: Offer) -> bool:
    failure = Failure("BROKEN", "no", retryable=False)
    ids = (offer.key, offer.task_id, offer.execution_attempt, offer.attempt)
    return await bench.engine.reports.failed(*ids, failure, "worker")


async def children(bench: Bench, key: ExecutionKey) -> int:
    return len(await bench.rows(key))


async def test_a_parent_waits_for_its_child_and_gets_its_outputs(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("child", CHILD, parameters=OUT)
        await bench.deploy("parent", parent())
        key = await bench.start("parent")
        await bench.succeed(await bench.workers.next(), result=7)
        ended = await bench.ended(key)
        assert ended.state is ExecutionState.SUCCEEDED
        assert results(ended, "sub") == {"total": 7}


async def test_a_failed_child_fails_its_parent(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("child", CHILD, parameters=OUT)
        await bench.deploy("parent", parent())
        key = await bench.start("parent")
        await fail(bench, await bench.workers.next())
        ended = await bench.ended(key)
        assert ended.failure is not None
        assert ended.failure.code == "BROKEN"


async def test_a_child_that_does_not_exist_fails_the_task(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("parent", parent())
        ended = await bench.ended(await bench.start("parent"))
        assert ended.failure is not None
        assert ended.failure.code == "INTEGRATION_NOT_FOUND"


async def test_an_orphan_lives_on_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("child", CHILD, parameters=OUT)
        await bench.deploy("parent", parent(wait=False))
        key = await bench.start("parent")
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED
        offer = await bench.workers.next()
        await bench.settle()
        assert not (await bench.state(offer.key)).cancel_requested
        await bench.succeed(offer, result=1)
        orphan = await bench.ended(offer.key)
        assert (orphan.state, orphan.created.orphan) == (ExecutionState.SUCCEEDED, True)


async def test_the_cancel_of_a_parent_does_not_reach_its_orphans(tmp_path: Path) -> None:
    then_wait = [
        {**parent(wait=False)[0], "nextTasks": [{"taskId": "after"}]},
        {"taskId": "after", "task": "work"},
    ]
    async with running(tmp_path) as bench:
        await bench.deploy("child", CHILD, parameters=OUT)
        await bench.deploy("parent", then_wait)
        key = await bench.start("parent")
        offers = {offer.task_id: offer for offer in (await bench.workers.next(), await bench.workers.next())}
        await bench.engine.cancel(key, "", "me", lambda execution, _: execution.state)
        await bench.settle()
        assert not (await bench.state(offers["a"].key)).cancel_requested


async def test_a_parent_that_was_away_when_its_child_ended_is_told_after_the_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("child", CHILD, parameters=OUT)
        await bench.deploy("parent", parent())
        key = await bench.start("parent")
        await bench.workers.next()
        await bench.settle()
    async with running(tmp_path) as bench:
        await bench.succeed(await bench.workers.next(), result=3)
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED
        assert await children(bench, key) == 1


async def test_cancel_reaches_the_children(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("child", CHILD, parameters=OUT)
        await bench.deploy("parent", parent())
        key = await bench.start("parent")
        offer = await bench.workers.next()
        await bench.settle()
        await bench.engine.cancel(key, "changed my mind", "me", lambda execution, _: execution.state)
        await bench.settle()
        assert bench.workers.stopped == [("a", 1)]
        await bench.engine.reports.stopped(offer.key, "a", 1, 1)
        child = await bench.ended(offer.key)
        assert (child.state, child.cancel_reason) == (ExecutionState.CANCELLED, "changed my mind")
        assert (await bench.ended(key)).state is ExecutionState.CANCELLED


async def test_a_parent_whose_child_ignores_the_cancel_ends_with_the_grace(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("child", CHILD, parameters=OUT)
        await bench.deploy("parent", parent())
        key = await bench.start("parent")
        offer = await bench.workers.next()
        await bench.settle()
        await bench.engine.cancel(key, "", "me", lambda execution, _: execution.state)
        await bench.settle()
        bench.clock.advance(11)
        assert (await bench.ended(key)).state is ExecutionState.CANCELLED
        assert (await bench.ended(offer.key)).state is ExecutionState.CANCELLED


async def test_results_come_in_the_order_of_the_items(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", loop("[10, 20, 30, 40]"))
        key = await bench.start("loop")
        offers = [await bench.workers.next() for _ in range(4)]
        for offer in reversed(offers):
            await bench.succeed(offer, result=results_of_input(offer))
        assert results(await bench.ended(key), "each") == {"results": [{"result": item} for item in (10, 20, 30, 40)]}


def results_of_input(offer: Offer) -> object:
    return decode_value(offer.inputs["x"])


async def test_parallelism_is_bounded(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", loop("[1, 2, 3, 4, 5]", parallelism=2))
        key = await bench.start("loop")
        under_way = [await bench.workers.next(), await bench.workers.next()]
        for _ in range(3):
            await bench.settle()
            assert bench.workers.offers.empty()
            await bench.succeed(under_way.pop(0), result=0)
            under_way.append(await bench.workers.next())
        for offer in under_way:
            await bench.succeed(offer, result=0)
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED


async def test_an_empty_loop_succeeds_with_no_results(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", loop("[]"))
        assert results(await bench.ended(await bench.start("loop")), "each") == {"results": []}


async def test_a_failed_item_stops_the_loop(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", loop("[1, 2, 3, 4, 5]", parallelism=2))
        key = await bench.start("loop")
        first, second = await bench.workers.next(), await bench.workers.next()
        await fail(bench, first)
        await bench.settle()
        await bench.engine.reports.stopped(second.key, second.task_id, 1, 1)
        ended = await bench.ended(key)
        assert ended.state is ExecutionState.FAILED
        assert ended.failure is not None
        assert ended.failure.message == "item 0: no"
        assert await children(bench, key) == 2


async def test_a_loop_that_continues_on_failure_has_null_for_the_failed_item(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", loop("[1, 2, 3]", continueOnFailure=True))
        key = await bench.start("loop")
        offers = [await bench.workers.next() for _ in range(3)]
        await fail(bench, offers[1])
        await bench.succeed(offers[0], result="a")
        await bench.succeed(offers[2], result="c")
        ended = await bench.ended(key)
        assert results(ended, "each") == {"results": [{"result": "a"}, None, {"result": "c"}]}
        assert ended.tasks["each"].failed_sub_job_count == 1


async def test_a_loop_is_taken_up_where_it_was(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", loop("[1, 2, 3, 4]", parallelism=2))
        key = await bench.start("loop")
        await bench.succeed(await bench.workers.next(), result=1)
        await bench.settle()
    async with running(tmp_path) as bench:
        while True:
            offer = await bench.workers.next()
            await bench.succeed(offer, result=results_of_input(offer))
            await bench.settle()
            if bench.workers.offers.empty():
                break
        assert results(await bench.ended(key), "each") == {"results": [{"result": item} for item in (1, 2, 3, 4)]}
        assert await children(bench, key) == 4


async def test_a_cancelled_loop_starts_no_further_item(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("loop", loop("[1, 2, 3, 4]", parallelism=1))
        key = await bench.start("loop")
        offer = await bench.workers.next()
        await bench.settle()
        await bench.engine.cancel(key, "", "me", lambda execution, _: execution.state)
        await bench.settle()
        await bench.engine.reports.stopped(offer.key, offer.task_id, 1, 1)
        assert (await bench.ended(key)).state is ExecutionState.CANCELLED
        assert await children(bench, key) == 1


async def test_nesting_ends_at_the_deepest_level(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("child", parent())
        ended = await bench.ended(await bench.start("child"))
        assert ended.failure is not None
        assert ended.failure.code == "SUB_EXECUTION_DEPTH"
        assert len(await bench.rows()) == 16


async def test_deleting_an_integration_by_force_cancels_what_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        key = await bench.start("one")
        await bench.workers.next()
        with pytest.raises(WrongState) as refused:
            await bench.engine.integrations.delete(IntegrationKey("p", "one"), "me")
        assert refused.value.reason_name == "INTEGRATION_IN_USE"
        await bench.engine.integrations.delete(IntegrationKey("p", "one"), "me", force=True)
        await bench.settle()
        bench.clock.advance(11)
        assert (await bench.ended(key)).state is ExecutionState.CANCELLED
