"""Sub-executions and items that leave something behind, as their parents are told of it (rows 57, 60, 62)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.domain.states import Failure
from tests.engine.harness import Bench, running

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.engine.ports import Offer

INNER: list[dict[str, Any]] = [
    {"taskId": "made", "task": "work", "rollback": {"task": "undo"}, "nextTasks": [{"taskId": "last"}]},
    {"taskId": "last", "task": "work"},
]


async def fail(bench: Bench, offer: Offer) -> None:
    ids = (offer.key, offer.task_id, offer.execution_attempt, offer.attempt)
    await bench.engine.reports.failed(*ids, Failure("BROKEN", "it is broken", retryable=False), "worker")


async def fail_with_its_undo(bench: Bench) -> None:
    """Lets the inner execution fail, and the undo of what it has done."""
    await bench.succeed(await bench.workers.next())
    await fail(bench, await bench.workers.next())
    undo = await bench.workers.next()
    assert undo.rollback
    await fail(bench, undo)


async def test_what_a_sub_execution_could_not_undo_makes_its_parent_incomplete(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("inner", INNER)
        await bench.deploy("outer", [{"taskId": "s", "subIntegration": {"integrationId": "inner"}}])
        key = await bench.start("outer")
        await fail_with_its_undo(bench)
        ended = await bench.ended(key)
        assert ended.rollback is not None
        assert (ended.rollback.unknown, ended.rollback.not_undone) == (("s",), ("s",))


async def test_what_an_item_could_not_undo_makes_the_parent_of_the_loop_incomplete(tmp_path: Path) -> None:
    loop = {"items": "[1]", "itemParameter": "x", "subIntegration": {"integrationId": "inner"}}
    parameters = [{"key": "x", "dataType": "DATA_TYPE_INT_VALUE", "inputOutputType": "INPUT_OUTPUT_TYPE_IN"}]
    async with running(tmp_path) as bench:
        await bench.deploy("inner", INNER, parameters=parameters)
        await bench.deploy("outer", [{"taskId": "f", "forEach": loop}])
        key = await bench.start("outer")
        await fail_with_its_undo(bench)
        ended = await bench.ended(key)
        assert ended.rollback is not None
        assert (ended.rollback.unknown, ended.rollback.not_undone) == (("f",), ("f",))
