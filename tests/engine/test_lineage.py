"""Where an execution stands in its tree: columns that are set once, at its creation (rows 24 and 28)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionMethod, StartedBy
from perdure.store.queries import Scope
from tests.engine.harness import ONE, Bench, running

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.store.records import ExecutionKey, ExecutionRow, NewExecution

ITEM = {"key": "x", "dataType": "DATA_TYPE_INT_VALUE", "inputOutputType": "INPUT_OUTPUT_TYPE_IN"}


def runs(integration: str, **config: object) -> list[dict[str, object]]:
    return [{"taskId": "sub", "task": "sub-integration", "subIntegration": {"integrationId": integration, **config}}]


def each_of(items: str, **config: object) -> list[dict[str, object]]:
    return [{"taskId": "each", "task": "for-each", "forEach": {"items": items, "itemParameter": "x", **config}}]


async def only_child(bench: Bench, key: ExecutionKey) -> NewExecution:
    (row,) = await bench.rows(key)
    return row.created


def ids(rows: list[ExecutionRow]) -> set[str]:
    return {row.created.key.execution for row in rows}


async def test_the_ancestors_are_those_above_topmost_first(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("leaf", ONE)
        await bench.deploy("middle", runs("leaf"))
        await bench.deploy("top", runs("middle"))
        top = await bench.start("top")
        leaf = (await bench.workers.next()).key
        middle = await only_child(bench, top)
        created = (await bench.engine.queries.row(leaf)).created
        assert (await bench.engine.queries.row(top)).created.ancestors == ()
        assert middle.ancestors == (top.execution,)
        assert created.ancestors == (top.execution, middle.key.execution)
        assert (created.root, created.root_integration) == (top.execution, "top")
        assert (created.parent_integration, created.started_by) == ("middle", StartedBy.PARENT)
        assert (await bench.state(leaf)).created.ancestors == created.ancestors
        assert Scope("p", tree=top.execution).holds(created)


async def test_the_tree_of_an_orphan_is_its_own(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("leaf", ONE)
        await bench.deploy("middle", runs("leaf"))
        await bench.deploy("top", runs("middle", wait=False))
        top = await bench.start("top")
        leaf = (await bench.workers.next()).key
        orphan = await only_child(bench, top)
        created = (await bench.engine.queries.row(leaf)).created
        assert orphan.ancestors == ()
        assert orphan.orphan
        assert (orphan.root, orphan.root_integration, orphan.parent_integration) == (
            orphan.key.execution,
            "middle",
            "top",
        )
        assert created.ancestors == (orphan.key.execution,)
        assert created.root_integration == "middle"


async def test_the_items_of_a_loop_have_its_execution_above_them(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("leaf", ONE, parameters=[ITEM])
        await bench.deploy("own", each_of("[1, 2]", task="work"))
        await bench.deploy("other", each_of("[1, 2]", subIntegration={"integrationId": "leaf"}))
        for name in ("own", "other"):
            key = await bench.start(name)
            offers = [await bench.workers.next() for _ in range(2)]
            items = await bench.rows(key)
            assert {row.created.ancestors for row in items} == {(key.execution,)}
            assert ids(items) == {offer.key.execution for offer in offers}


async def test_the_columns_say_who_asked_for_what(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        when = bench.clock.now() + 20 * SECOND
        scheduled = await bench.start(
            "one",
            method=ExecutionMethod.SCHEDULE,
            schedule_time=when,
            principal="alice",
            description="the nightly one",
            max_runtime=9 * SECOND,
        )
        row = await bench.engine.queries.row(scheduled)
        created = row.created
        assert (created.principal, row.summary.description) == ("alice", "the nightly one")
        assert (created.schedule_time, created.max_runtime) == (when, 9 * SECOND)
        assert created.started_by == StartedBy.SCHEDULE
        queued = (await bench.engine.queries.row(await bench.start("one"))).created
        assert (queued.schedule_time, queued.started_by) == (None, StartedBy.CALL)
