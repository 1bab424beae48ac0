"""What the log of every store has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from perdure.store.errors import StoreRefused
from perdure.store.queries import Scope, log_position, revision_of
from perdure.store.records import Origin
from tests.store.records import PROJECT, Commits, events, key

if TYPE_CHECKING:
    from perdure.store.interface import Store
    from perdure.store.queries import LogRecord

ALL = {"max_records": 1_000, "max_bytes": 1 << 20}


async def read_log(store: Store, scope: Scope, after: int = 0, *, max_records: int = 3) -> list[LogRecord]:
    """Reads the log page by page, and checks that each page tells how far it goes."""
    found: list[LogRecord] = []
    while True:
        page = await store.log_page(scope, after, max_records=max_records, max_bytes=1 << 20)
        assert len(page.records) <= max_records
        assert all(after < record.position <= page.through for record in page.records)
        found += page.records
        if page.through == log_position(store.committed_revision()):
            return found
        assert page.through > after
        after = page.through


def brief(records: list[LogRecord]) -> list[tuple[int, str, int]]:
    return [(revision_of(one.position), one.created.key.execution, one.first_sequence) for one in records]


class LogConformance:
    """The part of the suite that is about the log; a subclass gives the fixture `store`."""

    async def test_the_log_is_in_the_order_of_commits_and_within_one_as_given(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("b"), key("a"), count=2))
        await store.commit(commits.move(key("a"), 2))
        await store.commit(commits.create(key("c", "other")))
        await store.commit(commits.move(key("b"), 2, count=3))
        records = await read_log(store, Scope(PROJECT))
        assert brief(records) == [(1, "b", 1), (1, "a", 1), (2, "a", 3), (4, "b", 3)]
        assert [record.position for record in records[:2]] == [log_position(1, 0), log_position(1, 1)]
        assert all(one.payload == events(one.created.key, one.first_sequence, one.count).payload for one in records)
        assert brief(await read_log(store, Scope("other"))) == [(3, "c", 1)]

    async def test_a_record_comes_with_what_never_changes_and_the_facts_before_and_after(self, store: Store):
        commits = Commits()
        creation = commits.create(key("a"), labels='{"team":"x"}', state={"state": 1, "start_time": None})
        changes: dict[str, Any] = {
            "parameters": '{"n":1}',
            "execution_attempt": 1,
            "priority": 7,
            "new_labels": '{"team":"y"}',
        }
        running = commits.move(key("a"), 1, current_tasks=("charge", "pack"), **changes)
        ending = commits.end(key("a"), 2, state=4, error_code="TIMEOUT", parameters='{"n":2}')
        for commit in (creation, running, ending):
            await store.commit(commit)
        facts = [commit.progressed[0].facts for commit in (creation, running, ending)]
        for scope in (Scope(PROJECT), Scope(PROJECT, execution="a"), Scope(PROJECT, tree="a")):
            for max_records in (1, 10):
                records = await read_log(store, scope, max_records=max_records)
                assert [record.created for record in records] == creation.created * 3
                assert [record.before for record in records] == [None, *facts[:2]]
                assert [record.facts for record in records] == facts

    async def test_each_record_has_the_facts_of_its_own_commit_though_one_transaction_stores_many(self, store: Store):
        commits = Commits()
        steps = [
            commits.create(key("a"), state={"state": 1}),
            commits.move(key("a"), 1, state=2),
            commits.end(key("a"), 2, state=3),
        ]
        for future in [store.submit(step) for step in steps]:
            await future
        assert [record.facts.state for record in await read_log(store, Scope(PROJECT))] == [1, 2, 3]

    async def test_events_without_the_state_that_they_lead_to_are_refused(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a"), key("b")))
        commit = commits.move(key("a"), 1)
        commit.events.append(events(key("b"), 2, 1))
        with pytest.raises(StoreRefused):
            await store.commit(commit)

    async def test_the_log_of_a_scope_holds_its_executions_alone(self, store: Store):
        commits = Commits()
        below: dict[str, Any] = {
            "root": "a",
            "ancestors": ("a",),
            "root_integration": "order",
            "origin": Origin("a", "t", 1, 0),
        }
        deeper = {**below, "ancestors": ("a", "b"), "origin": Origin("b", "t", 1, 0)}
        await store.commit(commits.create(key("before"), integration="refund", root_integration="refund"))
        await store.commit(commits.create(key("a"), root_integration="order"))
        await store.commit(commits.create(key("b"), integration="refund", **below))
        await store.commit(commits.create(key("c"), integration="ship", **deeper))
        loose: dict[str, Any] = {"origin": Origin("a", "t", 2, 0), "orphan": True, "root_integration": "refund"}
        await store.commit(commits.create(key("d"), integration="refund", **loose))
        for name in ("a", "b", "c", "d", "before"):
            await store.commit(commits.move(key(name), 1))
        expected = {
            Scope(PROJECT, integration="refund"): "before b d b d before",
            Scope(PROJECT, integration="order"): "a a",
            Scope(PROJECT, integration="order", with_sub_executions=True): "a b c a b c",
            Scope(PROJECT, tree="a"): "a b c a b c",
            Scope(PROJECT, tree="b"): "b c b c",
            Scope(PROJECT, tree="nobody"): "",
            Scope(PROJECT, parent="a"): "b d b d",
            Scope(PROJECT, execution="c"): "c c",
            Scope(PROJECT, execution="nobody"): "",
        }
        for scope, names in expected.items():
            for max_records in (1, 2, 100):
                records = await read_log(store, scope, max_records=max_records)
                assert [record.created.key.execution for record in records] == names.split()
                assert all(scope.holds(record.created) for record in records)

    @pytest.mark.parametrize("scope", [Scope(PROJECT), Scope(PROJECT, execution="a"), Scope(PROJECT, tree="a")])
    async def test_the_log_goes_on_behind_any_position(self, store: Store, scope: Scope):
        commits = Commits()
        await store.commit(commits.create(key("a"), key("x")))
        for sequence in range(1, 40):
            if sequence % 3 == 0:
                await store.commit(commits.move(key("x"), sequence // 3))
            await store.commit(commits.move(key("a"), sequence))
        records = await read_log(store, scope)
        for number, record in enumerate(records):
            assert await read_log(store, scope, record.position) == records[number + 1 :]
            assert await read_log(store, scope, record.position - 1) == records[number:]
        assert await read_log(store, scope, log_position(store.committed_revision())) == []

    async def test_a_page_is_cut_by_size_but_never_empty(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        await store.commit(commits.move(key("a"), 1))
        for scope in (Scope(PROJECT), Scope(PROJECT, execution="a")):
            first = await store.log_page(scope, 0, max_records=10, max_bytes=1)
            assert brief(first.records) == [(1, "a", 1)]
            assert first.through == first.records[0].position
            second = await store.log_page(scope, first.through, max_records=10, max_bytes=1)
            assert brief(second.records) == [(2, "a", 2)]

    async def test_an_empty_page_is_complete_up_to_the_newest_commit(self, store: Store):
        commits = Commits()
        assert (await store.log_page(Scope(PROJECT), 0, **ALL)).through == log_position(0)
        await store.commit(commits.create(key("a")))
        page = await store.log_page(Scope("other"), 0, **ALL)
        assert (page.records, page.through, page.floor) == ([], log_position(1), 0)

    async def test_a_long_log_of_others_is_passed_over_page_by_page(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("first"), integration="refund"))
        for group in range(5):
            await store.commit(commits.create(*(key(f"o{group}-{number}") for number in range(1_000))))
        await store.commit(commits.create(key("last"), integration="refund"))
        records = await read_log(store, Scope(PROJECT, integration="refund"), max_records=10)
        assert [record.created.key.execution for record in records] == ["first", "last"]
