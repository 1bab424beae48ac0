"""Retention: what has ended is deleted by age and by count, each tree as a whole, and nothing that lives (row 81)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from perdure.domain.errors import AlreadyExists, NotFound, Unavailable
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure
from perdure.engine import retention as passes
from perdure.engine.retention import COMMIT_EXECUTIONS, PERIOD, Retention
from perdure.store.errors import StoreRefused
from perdure.store.queries import EndedTree
from perdure.store.records import IntegrationKey
from perdure.testing.chance import ScriptedChance
from perdure.testing.clock import FakeClock
from tests.engine.harness import ONE, Bench, Refusing, running

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.store.records import Commit, ExecutionKey

HOUR = 3600
DAY = 24 * HOUR
MINUTE = PERIOD // SECOND

AT_ONCE = [{"taskId": "a", "assign": {"assignments": [{"parameter": "x", "expression": "1"}]}}]
TEN_DAYS = [{"taskId": "a", "timer": {"delay": f"{10 * DAY}s"}}]
BESIDE_AN_ORPHAN = [{"taskId": "a", "subIntegration": {"integrationId": "one", "wait": False}}]
ABOVE = [{"taskId": "a", "subIntegration": {"integrationId": "one"}}]


ITEM = [{"key": "x", "dataType": "DATA_TYPE_INT_VALUE", "inputOutputType": "INPUT_OUTPUT_TYPE_IN"}]


async def deploy_tree(bench: Bench, items: int, **definition: Any) -> None:
    """Deploy `tree`, with so many sub-executions, each of which ends at once."""
    each = {
        "items": str([1] * items),
        "itemParameter": "x",
        "subIntegration": {"integrationId": "item"},
        "parallelism": 100,
    }
    await bench.deploy("item", AT_ONCE, parameters=ITEM)
    await bench.deploy("tree", [{"taskId": "each", "forEach": each}], **definition)


def retention(bench: Bench, default_age: float | None = None) -> Retention:
    """Retention over the store of a bench; the default age is in seconds."""
    default = None if default_age is None else round(default_age * SECOND)
    return Retention(bench.environment, bench.engine.delete, default)


async def quick(bench: Bench, name: str = "quick", **fields: Any) -> ExecutionKey:
    """Start an execution that ends at once."""
    key = await bench.start(name, method=ExecutionMethod.POST, **fields)
    await bench.ended(key)
    return key


async def there(bench: Bench, key: ExecutionKey) -> bool:
    try:
        await bench.state(key)
    except NotFound:
        return False
    return True


def deleted(bench: Bench) -> list[ExecutionKey]:
    """List what watchers were told to be deleted, in order."""
    return [key for keys, _ in bench.published.deletions for key in keys]


class Deletions:
    """Notes which commits given to the store delete, in order, and refuses those beyond a number of them."""

    def __init__(self, bench: Bench, allowed: int = 1_000) -> None:
        self.sizes: list[int] = []
        self.order: list[str] = []
        self._allowed = allowed
        self._submit = bench.store.submit
        bench.store.submit = self._note  # type: ignore[method-assign]

    def _note(self, commit: Commit) -> asyncio.Future[None]:
        self.order.append("delete" if commit.deleted else "other")
        if commit.deleted:
            self.sizes.append(len(commit.deleted))
            if len(self.sizes) > self._allowed:
                refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                refused.set_exception(StoreRefused("disk full"))
                return refused
        return self._submit(commit)


async def test_an_execution_is_deleted_when_its_age_has_come(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{HOUR}s"})
        key = await quick(bench)
        sweep = retention(bench)
        bench.clock.advance(HOUR - 1)
        assert not await sweep.run_pass()
        assert await there(bench, key)
        bench.clock.advance(2)
        assert not await sweep.run_pass()
        assert not await there(bench, key)
        with pytest.raises(NotFound):
            await bench.engine.queries.history(key, 0, 10)
        with pytest.raises(NotFound):
            await bench.engine.queries.created_event(key)
        assert deleted(bench) == [key]


async def test_age_counts_from_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("slow", TEN_DAYS, retention={"maxAge": f"{7 * DAY}s"})
        key = await bench.start("slow")
        sweep = retention(bench)
        for _ in range(10):
            bench.clock.advance(DAY)
            await bench.settle()
            await sweep.run_pass()
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED
        await sweep.run_pass()
        assert await there(bench, key)
        bench.clock.advance(7 * DAY + 1)
        await sweep.run_pass()
        assert not await there(bench, key)


async def test_the_newest_ended_ones_are_kept_by_count(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxCount": 2})
        keys = []
        for _ in range(5):
            keys.append(await quick(bench))
            bench.clock.advance(1)
        await retention(bench).run_pass()
        assert [await there(bench, key) for key in keys] == [False, False, False, True, True]


async def test_live_executions_are_not_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE, retention={"maxCount": 1})
        first = await bench.start("one")
        await bench.succeed(await bench.workers.next())
        live = [await bench.start("one") for _ in range(3)]
        await retention(bench).run_pass()
        assert [await there(bench, key) for key in (first, *live)] == [True] * 4


async def test_each_integration_has_its_own_retention(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("short", AT_ONCE, retention={"maxAge": f"{HOUR}s"})
        await bench.deploy("counted", AT_ONCE, retention={"maxCount": 1})
        await bench.deploy("plain", AT_ONCE)
        keys = {name: await quick(bench, name) for name in ("short", "counted", "plain")}
        older = keys["counted"]
        bench.clock.advance(1)
        keys["counted"] = await quick(bench, "counted")
        sweep = retention(bench, 2 * DAY)
        for passed, kept in [
            (HOUR, {"counted", "plain"}),
            # Who sets a count only is kept as long as the server says besides.
            (2 * DAY, set()),
        ]:
            bench.clock.advance(passed)
            await sweep.run_pass()
            assert {name for name, key in keys.items() if await there(bench, key)} == kept
            assert not await there(bench, older)


async def test_without_an_age_executions_are_kept_for_ever(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE)
        await bench.deploy("counted", AT_ONCE, retention={"maxCount": 1})
        keys = [await quick(bench), await quick(bench, "counted")]
        bench.clock.advance(3_000 * DAY)
        await retention(bench, None).run_pass()
        assert [await there(bench, key) for key in keys] == [True, True]


async def test_the_latest_revision_counts_for_earlier_executions_too(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{DAY}s"})
        key = await quick(bench)
        sweep = retention(bench)
        bench.clock.advance(2 * HOUR)
        await sweep.run_pass()
        assert await there(bench, key)
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{HOUR}s"})
        await sweep.run_pass()
        assert not await there(bench, key)


async def test_executions_of_a_deleted_integration_are_kept_as_long_as_the_server_says(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{HOUR}s"})
        key = await quick(bench)
        await bench.engine.integrations.delete(IntegrationKey("p", "quick"), "tester")
        sweep = retention(bench, DAY)
        bench.clock.advance(2 * HOUR)
        await sweep.run_pass()
        assert await there(bench, key)
        bench.clock.advance(DAY)
        await sweep.run_pass()
        assert not await there(bench, key)


async def test_a_tree_is_kept_while_its_root_is_alive(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": "60s"})
        above = [
            {"taskId": "a", "subIntegration": {"integrationId": "quick"}, "nextTasks": [{"taskId": "b"}]},
            {"taskId": "b", "task": "work"},
        ]
        await bench.deploy("above", above, retention={"maxAge": "60s"})
        key = await bench.start("above")
        offer = await bench.workers.next()
        (child,) = await bench.rows(key)
        bench.clock.advance(DAY)
        sweep = retention(bench)
        await sweep.run_pass()
        assert await there(bench, child.created.key)
        await bench.succeed(offer)
        await bench.ended(key)
        bench.clock.advance(61)
        await sweep.run_pass()
        assert [await there(bench, each) for each in (key, child.created.key)] == [False, False]


async def test_what_the_root_says_counts_for_the_tree(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE, retention={"maxAge": f"{3000 * DAY}s", "maxCount": 1})
        await bench.deploy("above", ABOVE, retention={"maxAge": f"{HOUR}s"})
        roots = [await bench.start("above") for _ in range(2)]
        for _ in roots:
            await bench.succeed(await bench.workers.next())
        for root in roots:
            await bench.ended(root)
        children = [(await bench.rows(root))[0].created.key for root in roots]
        sweep = retention(bench)
        await sweep.run_pass()
        assert [await there(bench, key) for key in children] == [True, True]
        bench.clock.advance(HOUR + 1)
        await sweep.run_pass()
        assert [await there(bench, key) for key in (*roots, *children)] == [False] * 4


async def test_a_live_orphan_is_kept_and_goes_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE, retention={"maxAge": f"{HOUR}s"})
        await bench.deploy("above", BESIDE_AN_ORPHAN, retention={"maxAge": f"{HOUR}s"})
        root = await bench.start("above")
        await bench.ended(root)
        offer = await bench.workers.next()
        sweep = retention(bench)
        bench.clock.advance(HOUR + 1)
        await sweep.run_pass()
        assert [await there(bench, key) for key in (root, offer.key)] == [False, True]
        await bench.succeed(offer)
        orphan = await bench.ended(offer.key)
        assert orphan.created.parent == root.execution
        await sweep.run_pass()
        assert await there(bench, offer.key)
        bench.clock.advance(HOUR + 1)
        await sweep.run_pass()
        assert not await there(bench, offer.key)


async def test_a_tree_is_kept_while_a_sub_execution_is_alive(tmp_path: Path) -> None:
    fatal = {"taskId": "b", "task": "work", "failurePolicy": {"retryStrategy": "RETRY_STRATEGY_FATAL"}}
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE)
        await bench.deploy("above", [*ABOVE, fatal], retention={"maxCount": 1})
        trees = []
        for _ in range(2):
            root = await bench.start("above")
            offers = {offer.task_id: offer for offer in [await bench.workers.next() for _ in range(2)]}
            await bench.engine.reports.failed(root, "b", 1, 1, Failure("BROKEN", "no"), "worker")
            assert (await bench.ended(root)).state is ExecutionState.FAILED
            await bench.settle()
            trees.append((root, offers["a"]))
            bench.clock.advance(1)
        (root, offer), (other, _) = trees
        # Its worker has been told to stop and has not done so yet.
        assert not (await bench.state(offer.key)).is_terminal
        sweep = retention(bench)
        await sweep.run_pass()
        assert [await there(bench, key) for key in (root, offer.key, other)] == [True, True, True]
        await bench.succeed(offer)
        await bench.ended(offer.key)
        await sweep.run_pass()
        assert [await there(bench, key) for key in (root, offer.key, other)] == [False, False, True]


async def test_many_trees_go_in_small_commits_that_let_others_in(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": "60s"})
        await deploy_tree(bench, 6, retention={"maxAge": "60s"})
        keys = [await quick(bench) for _ in range(150)]
        keys += [await quick(bench, "tree") for _ in range(30)]
        bench.clock.advance(61)
        deletions = Deletions(bench)
        deleting = asyncio.ensure_future(retention(bench).run_pass())
        while not deleting.done():
            await quick(bench)
        assert sum(deletions.sizes) == 150 + 30 * 7
        assert max(deletions.sizes) <= COMMIT_EXECUTIONS
        first, last = deletions.order.index("delete"), len(deletions.order) - 1 - deletions.order[::-1].index("delete")
        assert "other" in deletions.order[first:last]
        assert [key for key in keys if await there(bench, key)] == []


async def test_the_root_of_a_large_tree_goes_last(tmp_path: Path) -> None:
    items = 2 * COMMIT_EXECUTIONS + 50
    async with running(tmp_path) as bench:
        await deploy_tree(bench, items, retention={"maxAge": "60s"})
        root = await quick(bench, "tree")
        bench.clock.advance(61)
        deletions = Deletions(bench)
        await retention(bench).run_pass()
        assert sum(deletions.sizes) == items + 1
        assert max(deletions.sizes) <= COMMIT_EXECUTIONS
        assert deleted(bench)[-1] == root
        assert deleted(bench).count(root) == 1


async def test_a_half_deleted_tree_is_finished_after_a_restart(tmp_path: Path) -> None:
    clock, items = FakeClock(), 2 * COMMIT_EXECUTIONS
    async with running(tmp_path, clock) as bench:
        await deploy_tree(bench, items, retention={"maxAge": "60s"})
        root = await quick(bench, "tree")
        clock.advance(61)
        Deletions(bench, allowed=1)
        with pytest.raises(Unavailable):
            await retention(bench).run_pass()
        assert len(deleted(bench)) == COMMIT_EXECUTIONS
        assert await there(bench, root)
    async with running(tmp_path, clock) as bench:
        await retention(bench).run_pass()
        assert not await there(bench, root)
        assert len(deleted(bench)) == items + 1 - COMMIT_EXECUTIONS
        assert await bench.store.integrations_with_executions() == []


async def test_a_request_id_outlives_its_execution_for_a_day(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{HOUR}s"})
        first = await quick(bench, request_id="r")
        sweep = retention(bench)
        bench.clock.advance(2 * HOUR)
        await sweep.run_pass()
        assert not await there(bench, first)
        assert (await bench.store.get_request("p", "Execute", "r")) is not None
        bench.clock.advance(21 * HOUR)
        await sweep.run_pass()
        with pytest.raises(AlreadyExists):
            await bench.execute("quick", request_id="r", description="another", method=ExecutionMethod.POST)
        bench.clock.advance(2 * HOUR)
        await sweep.run_pass()
        again = await quick(bench, request_id="r")
        assert again != first
        assert await there(bench, again)


async def test_a_repeated_request_whose_execution_is_gone_starts_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{HOUR}s"})
        await quick(bench, request_id="r")
        clock.advance(2 * HOUR)
        await retention(bench).run_pass()
    async with running(tmp_path, clock) as bench:
        with pytest.raises(NotFound):
            await bench.execute("quick", request_id="r", method=ExecutionMethod.POST)
        assert await bench.store.integrations_with_executions() == []


async def test_a_request_id_is_kept_as_long_as_its_execution(tmp_path: Path) -> None:
    clock = FakeClock()
    async with running(tmp_path, clock) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{30 * DAY}s"})
        first = await quick(bench, request_id="r")
        for _ in range(29):
            clock.advance(DAY)
            await retention(bench).run_pass()
    async with running(tmp_path, clock) as bench:
        repeated = await bench.execute("quick", request_id="r", method=ExecutionMethod.POST)
        assert (repeated.executions[0][0], repeated.repeated) == (first, True)


async def test_request_ids_are_looked_at_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "LOOK_REQUEST_IDS", 2)
    monkeypatch.setattr(passes, "PASS_LOOKS", 2)
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{2 * DAY}s"})
        await bench.deploy("brief", AT_ONCE, retention={"maxAge": "60s"})
        for number in range(6):
            await quick(bench, request_id=f"kept{number}")
        await quick(bench, "brief", request_id="gone")
        bench.clock.advance(DAY + 1)
        sweep = retention(bench)
        await sweep.run_pass()
        assert await bench.store.get_request("p", "Execute", "gone") is not None
        await sweep.run_pass()
        assert await bench.store.get_request("p", "Execute", "gone") is None
        assert await bench.store.get_request("p", "Execute", "kept0") is not None
        # The next look begins with the oldest again.
        bench.clock.advance(DAY)
        await sweep.run_pass()
        assert await bench.store.get_request("p", "Execute", "kept0") is None


async def test_the_id_of_a_deleted_execution_is_free_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": f"{HOUR}s"})
        key = await quick(bench, user_execution_id="mine", labels={"turn": "1"})
        created, _ = await bench.engine.queries.created_event(key)
        assert created.labels == {"turn": "1"}
        with pytest.raises(AlreadyExists):
            await bench.execute("quick", user_execution_id="mine", method=ExecutionMethod.POST)
        bench.clock.advance(2 * HOUR)
        await retention(bench).run_pass()
        again = await quick(bench, user_execution_id="mine", labels={"turn": "2"})
        assert again == key
        created, _ = await bench.engine.queries.created_event(key)
        assert created.labels == {"turn": "2"}
        history = await bench.engine.queries.history(key, 0, 100)
        assert [event.sequence for event in history.events] == list(range(1, history.row.sequence + 1))


async def test_the_space_of_deleted_executions_is_used_again(tmp_path: Path) -> None:
    sizes = []
    clock, chance = FakeClock(), ScriptedChance()
    for _ in range(6):
        async with running(tmp_path, clock, chance=chance) as bench:
            await bench.deploy("quick", AT_ONCE, retention={"maxAge": "60s"})
            for _ in range(100):
                await quick(bench, description="x" * 500)
            clock.advance(61)
            await retention(bench).run_pass()
        sizes.append((tmp_path / "perdure.db").stat().st_size)
    assert sizes[-1] <= sizes[1] * 1.1


async def test_a_live_execution_that_is_taken_for_ended_is_not_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("one", ONE, retention={"maxAge": "60s"})
        ended = await bench.start("one")
        await bench.succeed(await bench.workers.next())
        live = await bench.start("one")

        async def wrong(*_: object, **__: object) -> list[EndedTree]:
            return [EndedTree([ended, live])]

        bench.store.ended_trees = wrong  # type: ignore[method-assign]
        with caplog.at_level(logging.ERROR):
            assert not await retention(bench).run_pass()
        assert "cannot be deleted" in caplog.text
        assert not await there(bench, ended)
        await bench.succeed(await bench.workers.next())
        assert (await bench.ended(live)).state is ExecutionState.SUCCEEDED
        assert len((await bench.engine.queries.history(live, 0, 100)).events) > 1


async def test_passes_come_every_minute_or_somewhat_later(tmp_path: Path) -> None:
    async with running(tmp_path, chance=ScriptedChance([0.0, 0.5])) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": "70s"})
        sweep = retention(bench)
        sweep.start()
        first = await quick(bench)
        bench.clock.advance(MINUTE)
        await bench.settle()
        bench.clock.advance(MINUTE + 2)
        await bench.settle()
        assert await there(bench, first), "the second pause is half a tenth longer"
        bench.clock.advance(1)
        await bench.settle()
        assert not await there(bench, first)
        second = await quick(bench)
        sweep.close()
        bench.clock.advance(HOUR)
        await bench.settle()
        assert await there(bench, second)


async def test_a_pass_that_the_store_refused_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": "60s"})
        sweep = retention(bench)
        key = await quick(bench)
        store = Refusing(bench)
        store.refuse = True
        bench.clock.advance(61)
        sweep.start()
        bench.clock.advance(MINUTE)
        with caplog.at_level(logging.WARNING):
            await bench.settle()
        assert "the store refused" in caplog.text
        assert await there(bench, key)
        store.refuse = False
        bench.clock.advance(MINUTE)
        await bench.settle()
        assert not await there(bench, key)


async def test_one_integration_does_not_hold_up_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "PASS_EXECUTIONS", COMMIT_EXECUTIONS)
    async with running(tmp_path) as bench:
        await bench.deploy("busy", AT_ONCE, retention={"maxAge": "60s"})
        await bench.deploy("quick", AT_ONCE, retention={"maxAge": "60s"})
        many = [await quick(bench, "busy") for _ in range(COMMIT_EXECUTIONS + 10)]
        few = await quick(bench)
        sweep = retention(bench)
        sweep.start()
        bench.clock.advance(MINUTE + 1)
        await bench.settle()
        assert not await there(bench, few)
        assert len([key for key in many if await there(bench, key)]) == 10
        # The next pass comes at once, not in a minute.
        bench.clock.advance(2)
        await bench.settle()
        assert [key for key in many if await there(bench, key)] == []
