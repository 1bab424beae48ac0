"""What every store has to do so that old executions can be deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from perdure.store.errors import StoreRefused
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import ListQuery, Scope
from perdure.store.records import BaseState, Origin
from tests.store.records import PROJECT, START, Commits, ended, events, integration_key, key, new_execution, request

if TYPE_CHECKING:
    from perdure.store.interface import Store
    from perdure.store.records import Commit, ExecutionKey


def finish(commits: Commits, name: str, end_time: int, **columns) -> Commit:
    """Creates an execution that has ended."""
    commit = commits.empty()
    usual = {"root_integration": columns.get("integration", "order")}
    commit.created.append(new_execution(key(name), **{**usual, **columns}))
    commit.progressed.append(ended(key(name), 0, 1, end_time=end_time))
    commit.events.append(events(key(name), 1, 1))
    return commit


def below(root: str, *ancestors: str, item: int = 0) -> dict[str, Any]:
    """Columns of a sub-execution of the last of the ancestors."""
    above = (root, *ancestors)
    return {"root": root, "ancestors": above, "origin": Origin(above[-1], "each", 1, item)}


async def found(store: Store, scope: Scope, text: str = "") -> list[str]:
    page = await store.list_page(ListQuery(scope, parse_filter(text), limit=1_000))
    return [row.created.key.execution for row in page.rows]


async def deletable(store: Store, ended_before: int, keep: int | None = None, limit: int = 100) -> list[list[str]]:
    trees = await store.ended_trees(integration_key(), ended_before=ended_before, keep=keep, limit=limit)
    return [[execution for _, execution in tree.executions] for tree in trees]


def keys(*names: str) -> list[ExecutionKey]:
    return [key(name) for name in names]


async def event_count(store: Store, name: str) -> int:
    return len(await store.event_page(key(name), 0, max_records=9, max_bytes=999))


class RetentionConformance:
    """The part of the suite that is about deletion; a subclass gives the fixture `store`."""

    async def test_a_deleted_execution_leaves_nothing(self, store: Store):
        commits = Commits()
        creation = commits.create(key("a"), labels='{"team":"x"}', state={"parameters": '{"n":1}'}, count=2)
        creation.base_states.append(BaseState(key("a"), 2, b"state"))
        await store.commit(creation)
        await store.commit(commits.end(key("a"), 2, parameters='{"n":1}'))
        await store.commit(commits.create(key("b"), labels='{"team":"x"}'))
        await store.commit(commits.delete(key("a")))
        assert await store.get_row(key("a")) is None
        assert await store.load(key("a")) is None
        assert await store.event_page(key("a"), 0, max_records=9, max_bytes=999) == []
        for text in ("", "labels.team = x", "state = SUCCEEDED OR state = PROCESSING"):
            assert await found(store, Scope(PROJECT), text) == ["b"]
        assert await found(store, Scope(PROJECT), "parameters.n = 1") == []
        page = await store.log_page(Scope(PROJECT), 0, max_records=9, max_bytes=999)
        assert [record.created.key.execution for record in page.records] == ["b"]
        assert (await store.count(Scope(PROJECT), None)).by_state == {2: 1}
        assert await store.oldest_revision() == 2
        # The id is free, and what has it now is another one.
        await store.commit(commits.create(key("a")))
        stored = await store.load(key("a"))
        assert stored is not None
        assert (stored.base, len(stored.events)) == (None, 1)

    async def test_a_live_execution_is_never_deleted(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("live"), labels='{"team":"x"}'))
        await store.commit(commits.create(key("waiting"), state={"active": False, "wake_time": START}))
        await store.commit(finish(commits, "ended", START))
        before = [await store.load(key(name)) for name in ("live", "waiting")]
        await store.commit(commits.delete(*keys("live", "ended", "waiting", "nobody")))
        assert [await store.load(key(name)) for name in ("live", "waiting")] == before
        assert await found(store, Scope(PROJECT), "labels.team = x") == ["live"]
        assert await store.get_row(key("ended")) is None
        assert await store.log_floor(Scope(PROJECT)) == 3

    async def test_a_deletion_happens_in_the_order_of_commits(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        await store.commit(finish(commits, "b", START))
        futures = [
            store.submit(commits.delete(*keys("a", "b"))),
            store.submit(commits.end(key("a"), 1)),
            store.submit(commits.create(key("b"))),
        ]
        for future in futures:
            await future
        rows = [await store.get_row(key(name)) for name in ("a", "b")]
        assert [row and row.facts.end_time is not None for row in rows] == [True, False]
        futures = [store.submit(commits.end(key("b"), 1)), store.submit(commits.delete(*keys("a", "b")))]
        for future in futures:
            await future
        assert await found(store, Scope(PROJECT)) == []

    async def test_the_floor_is_the_last_revision_of_what_was_deleted(self, store: Store):
        commits = Commits()
        project, order = Scope(PROJECT), Scope(PROJECT, integration="order")
        refund = Scope(PROJECT, integration="refund")
        with_below = replace(refund, with_sub_executions=True)
        for name, integration in (("a", "order"), ("b", "refund"), ("c", "order"), ("d", "order")):
            await store.commit(finish(commits, name, START, integration=integration))
        for scope in (project, order, refund, with_below):
            assert await store.log_floor(scope) == 0
        await store.commit(commits.delete(*keys("c")))
        floors = [await store.log_floor(scope) for scope in (project, order, refund, with_below)]
        assert floors == [3, 3, 0, 3]
        # An older one does not lower it.
        await store.commit(commits.delete(*keys("a", "b")))
        floors = [await store.log_floor(scope) for scope in (project, order, refund, with_below)]
        assert floors == [3, 3, 2, 3]
        assert (await store.log_page(order, 0, max_records=9, max_bytes=999)).floor == 3
        for scope in (Scope("other"), replace(project, execution="d"), replace(project, tree="d")):
            assert await store.log_floor(scope) == 0

    async def test_trees_are_deletable_by_the_end_of_their_roots_first_ended_first(self, store: Store):
        commits = Commits()
        for name, end_time in (("late", 30), ("early", 10), ("middle", 20)):
            await store.commit(finish(commits, name, START + end_time))
        await store.commit(finish(commits, "other", START, integration="refund"))
        await store.commit(commits.create(key("live")))
        assert await deletable(store, START + 9) == []
        assert await deletable(store, START + 20) == [["early"], ["middle"]]
        assert await deletable(store, START + 99) == [["early"], ["middle"], ["late"]]
        assert await deletable(store, START + 99, limit=2) == [["early"], ["middle"]]

    async def test_what_is_more_than_may_be_kept_is_deletable_whatever_its_age(self, store: Store):
        commits = Commits()
        for number in range(6):
            await store.commit(finish(commits, f"e{number}", START + number))
        assert await deletable(store, 0, keep=4) == [["e0"], ["e1"]]
        assert await deletable(store, START + 2, keep=4) == [["e0"], ["e1"], ["e2"]]
        assert await deletable(store, 0, keep=6) == []
        assert await deletable(store, 0, keep=0) == [[f"e{number}"] for number in range(6)]

    async def test_a_tree_is_deletable_from_its_leaves_when_all_of_it_has_ended(self, store: Store):
        commits = Commits()
        await store.commit(finish(commits, "root", START))
        await store.commit(finish(commits, "child", START + 50, integration="refund", **below("root")))
        await store.commit(finish(commits, "other", START + 50, **below("root", item=1)))
        leaf = commits.create(key("leaf"), integration="refund", **below("root", "child"))
        await store.commit(leaf)
        assert await deletable(store, START + 99) == []
        await store.commit(commits.end(key("leaf"), 1))
        ((first, *between, last),) = await deletable(store, START)
        assert (first, sorted(between), last) == ("leaf", ["child", "other"], "root")
        for limit in (1, 2, 3):
            assert await deletable(store, START, limit=limit) == [[first, *between][:limit]]
        await store.commit(commits.delete(*keys("leaf", "child", "other")))
        assert await deletable(store, START) == [["root"]]

    async def test_an_orphan_is_the_root_of_a_tree_of_its_own(self, store: Store):
        commits = Commits()
        await store.commit(finish(commits, "root", START))
        loose: dict[str, Any] = {"origin": Origin("root", "t", 1, 0), "orphan": True}
        await store.commit(commits.create(key("orphan"), **loose))
        assert await deletable(store, START) == [["root"]]
        await store.commit(commits.end(key("orphan"), 1))
        await store.commit(finish(commits, "below", START, **below("orphan")))
        assert await deletable(store, START + 9) == [["root"], ["below", "orphan"]]

    async def test_integrations_with_ended_roots_are_told_in_all_projects(self, store: Store):
        commits = Commits()
        assert await store.integrations_with_executions() == []
        for number, integration in enumerate(("ship", "order", "order", "refund")):
            await store.commit(finish(commits, f"e{number}", START + number, integration=integration))
        await store.commit(commits.create(key("live"), integration="live"))
        await store.commit(finish(commits, "sub", START, integration="below", **below("e0")))
        elsewhere = commits.create(key("a", "other"))
        await store.commit(elsewhere)
        await store.commit(commits.end(key("a", "other"), 1))
        names = [integration_key(name) for name in ("order", "refund", "ship")]
        assert await store.integrations_with_executions() == [*names, integration_key("order", "other")]

    async def test_request_ids_may_be_forgotten_when_their_executions_are_gone(self, store: Store):
        commits = Commits()
        for number in range(6):
            creation = finish(commits, f"e{number}", START)
            used = request(f"r{number}", f"e{number}", *(["e5"] if number == 4 else []))
            creation.requests.append(replace(used, create_time=START + number))
            await store.commit(creation)
        await store.commit(commits.delete(*keys("e1", "e3", "e4")))
        gone, after = await store.forgettable_requests(START + 5, None, 10)
        assert gone == [(PROJECT, "Execute", "r1"), (PROJECT, "Execute", "r3")]
        assert after is None
        assert await store.forgettable_requests(START + 3, None, 10) == ([(PROJECT, "Execute", "r1")], None)

        seen = []
        after = None
        for _ in range(3):
            some, after = await store.forgettable_requests(START + 9, after, 2)
            seen += some
        assert seen == gone
        forgetting = commits.empty()
        forgetting.forgotten += gone
        await store.commit(forgetting)
        assert await store.get_request(PROJECT, "Execute", "r1") is None
        assert await store.get_request(PROJECT, "Execute", "r2") is not None
        assert await store.forgettable_requests(START + 9, None, 10) == ([], None)

    @pytest.mark.parametrize("deleting", [True, False])
    async def test_a_forgotten_request_id_can_be_used_again(self, store: Store, deleting: bool):
        commits = Commits()
        creation = finish(commits, "a", START)
        creation.requests.append(request("r", "a"))
        await store.commit(creation)
        forgetting = commits.delete(key("a")) if deleting else commits.empty()
        forgetting.forgotten.append((PROJECT, "Execute", "r"))
        again = commits.create(key("b"))
        again.requests.append(request("r", "b"))
        for future in [store.submit(forgetting), store.submit(again)]:
            await future
        assert await store.get_request(PROJECT, "Execute", "r") == request("r", "b")

    async def test_a_history_is_deleted_and_the_state_stays(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a"), labels='{"team":"x"}', count=2))
        await store.commit(commits.create(key("b")))
        await store.commit(commits.end(key("a"), 2))
        before = await store.get_row(key("a"))
        assert before is not None
        assert not before.history_deleted
        await store.commit(commits.forget_history(key("a"), 3))
        stored = await store.load(key("a"))
        assert stored is not None
        assert stored.row == replace(before, history_deleted=True)
        assert (stored.base, stored.events) == (BaseState(key("a"), 3, b"state"), ())
        assert await store.event_page(key("a"), 0, max_records=9, max_bytes=999) == []
        page = await store.log_page(Scope(PROJECT), 0, max_records=9, max_bytes=999)
        assert [record.created.key.execution for record in page.records] == ["b"]
        assert await found(store, Scope(PROJECT), "labels.team = x") == ["a"]
        # And then the rest of it.
        await store.commit(commits.delete(key("a")))
        assert await found(store, Scope(PROJECT)) == ["b"]

    async def test_a_deleted_history_raises_the_floors_of_all_that_would_have_told_of_it(self, store: Store):
        commits = Commits()
        await store.commit(finish(commits, "a", START))
        await store.commit(finish(commits, "child", START, **below("a")))
        await store.commit(finish(commits, "b", START))
        await store.commit(commits.forget_history(key("child"), 1))
        floors = {
            Scope(PROJECT): 2,
            Scope(PROJECT, integration="order"): 2,
            Scope(PROJECT, tree="a"): 2,
            Scope(PROJECT, execution="child"): 2,
            Scope(PROJECT, execution="a"): 0,
            Scope(PROJECT, tree="b"): 0,
        }
        assert {scope: await store.log_floor(scope) for scope in floors} == floors

    async def test_a_history_is_kept_as_long_as_it_is_needed(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("live")))
        await store.commit(finish(commits, "ended", START))
        await store.commit(commits.forget_history(key("live"), 1))
        for name in ("live", "ended"):
            stored = await store.load(key(name))
            assert stored is not None
            assert (stored.row.history_deleted, await event_count(store, name)) == (False, 1)
        old = commits.forget_history(key("ended"), 1)
        old.base_states.clear()
        with pytest.raises(StoreRefused, match="no base state"):
            await store.commit(old)
        assert await event_count(store, "ended") == 1
