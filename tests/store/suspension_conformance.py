"""What every store has to do with suspensions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from perdure.store.errors import DuplicateKey
from perdure.store.filter.fields import SUSPENSIONS
from perdure.store.filter.parse import parse_condition
from perdure.store.suspensions import (
    SuspensionChange,
    SuspensionKey,
    SuspensionQuery,
    SuspensionRecord,
    SuspensionRow,
    SuspensionState,
    place_of,
)
from tests.store.records import PROJECT, START, Commits, key

if TYPE_CHECKING:
    from perdure.store.interface import Store
    from perdure.store.records import Commit

APPROVAL, CALLBACK = 1, 2
LIFTED = SuspensionState.LIFTED


def begun(execution: str, number: int = 1, **changes: Any) -> SuspensionRecord:
    usual = SuspensionRecord(SuspensionKey(PROJECT, execution, number), "order", "ask", APPROVAL, START + number)
    return replace(usual, **changes)


def pending(record: SuspensionRecord) -> SuspensionRow:
    return SuspensionRow(record, SuspensionState.PENDING, record.create_time, None, None, "", "")


def asking(commits: Commits, *records: SuspensionRecord) -> Commit:
    """Creates the execution of some suspensions, and lets it begin them."""
    commit = commits.create(key(records[0].key.execution), integration=records[0].integration)
    commit.suspensions += records
    return commit


def changing(commits: Commits, *changes: SuspensionChange) -> Commit:
    commit = commits.empty()
    commit.suspension_changes += changes
    return commit


async def whole(store: Store, wanted: SuspensionQuery) -> list[SuspensionKey]:
    """Reads a list page by page."""
    found: list[SuspensionKey] = []
    while True:
        page = await store.suspension_page(wanted)
        assert len(page.rows) <= wanted.limit
        found += [row.record.key for row in page.rows]
        if page.next is None:
            return found
        assert wanted.after is None or page.next < wanted.after
        wanted = replace(wanted, after=page.next)


class SuspensionConformance:
    """The part of the suite that is about suspensions; a subclass gives the fixture `store`."""

    async def test_a_suspension_is_read_back_as_it_began(self, store: Store):
        plain = begun("a")
        full = begun(
            "a",
            2,
            kind=CALLBACK,
            expire_time=START + 9,
            remind_time=START + 5,
            lift_when_expired=True,
            who_may_resolve=("alice", 'b"ob'),
            message="Ship it?",
            signal="paid",
        )
        await store.commit(asking(Commits(), plain, full))
        assert await store.get_suspension(plain.key) == pending(plain)
        assert await store.get_suspension(full.key) == pending(full)
        for absent in (SuspensionKey(PROJECT, "a", 3), SuspensionKey(PROJECT, "b", 1), SuspensionKey("other", "a", 1)):
            assert await store.get_suspension(absent) is None

    async def test_a_reminder_and_the_end_change_what_they_are_about(self, store: Store):
        commits = Commits()
        record, other = begun("a", remind_time=START + 5), begun("a", 2, remind_time=START + 5)
        await store.commit(asking(commits, record, other))
        await store.commit(changing(commits, SuspensionChange(record.key, START + 5)))
        reminded = replace(record, remind_time=None)
        row = replace(pending(reminded), update_time=START + 5, last_reminder_time=START + 5)
        assert await store.get_suspension(record.key) == row
        end = SuspensionChange(record.key, START + 7, LIFTED, "alice", "yes")
        await store.commit(changing(commits, end))
        row = SuspensionRow(reminded, LIFTED, START + 7, START + 5, START + 7, "alice", "yes")
        assert await store.get_suspension(record.key) == row
        assert await store.get_suspension(other.key) == pending(other)

    async def test_a_suspension_may_begin_and_end_in_one_commit_or_in_one_batch(self, store: Store):
        commits = Commits()
        at_once, soon = begun("a"), begun("b", remind_time=START + 2)
        commit = asking(commits, at_once)
        commit.suspension_changes.append(SuspensionChange(at_once.key, START + 1, LIFTED, "system"))
        steps = [
            commit,
            asking(commits, soon),
            changing(commits, SuspensionChange(soon.key, START + 2)),
            changing(commits, SuspensionChange(soon.key, START + 3, SuspensionState.REJECTED, "bob")),
        ]
        for future in [store.submit(step) for step in steps]:
            await future
        row = await store.get_suspension(at_once.key)
        assert row is not None
        assert (row.state, row.resolver, row.resolve_time) == (LIFTED, "system", START + 1)
        row = await store.get_suspension(soon.key)
        assert row is not None
        assert (row.state, row.last_reminder_time, row.resolver) == (SuspensionState.REJECTED, START + 2, "bob")

    async def test_a_number_is_taken_once(self, store: Store):
        commits = Commits()
        await store.commit(asking(commits, begun("a")))
        again = commits.move(key("a"), 1)
        again.suspensions.append(begun("a"))
        with pytest.raises(DuplicateKey, match="suspensions"):
            await store.commit(again)

    async def test_suspensions_go_with_their_execution(self, store: Store):
        commits = Commits()
        await store.commit(asking(commits, begun("a"), begun("a", 2)))
        await store.commit(asking(commits, begun("b")))
        await store.commit(commits.end(key("a"), 1))
        await store.commit(commits.delete(key("a"), key("b")))
        assert await whole(store, SuspensionQuery(PROJECT)) == [begun("b").key]

    @pytest.mark.parametrize("limit", [1, 2, 100])
    async def test_a_list_is_of_a_scope_newest_first_and_goes_on_where_a_page_ended(self, store: Store, limit: int):
        commits = Commits()
        records = [
            begun(name, number, integration=integration, create_time=START + time)
            for name, number, integration, time in (
                ("a", 1, "order", 1),
                ("b", 1, "refund", 1),
                ("b", 2, "refund", 2),
                ("c", 1, "order", 3),
                ("a", 2, "order", 4),
            )
        ]
        a1, b1, b2, c1, a2 = keys = [record.key for record in records]
        for name in "abc":
            await store.commit(asking(commits, *(record for record in records if record.key.execution == name)))
        await store.commit(changing(commits, SuspensionChange(a2, START + 9, LIFTED, "alice")))
        all_of = SuspensionQuery(PROJECT, limit=limit)
        is_pending = parse_condition("state = PENDING", SUSPENSIONS)
        for wanted, expected in (
            (all_of, [*reversed(keys)]),
            (replace(all_of, integration="order"), [a2, c1, a1]),
            (replace(all_of, execution="b"), [b2, b1]),
            (replace(all_of, project="other"), []),
            (replace(all_of, chosen=is_pending), [c1, b2, b1, a1]),
            (replace(all_of, chosen=is_pending, integration="order"), [c1, a1]),
            (replace(all_of, chosen=is_pending, execution="a"), [a1]),
        ):
            assert await whole(store, wanted) == expected

    async def test_a_list_for_a_resolver_has_what_is_everybodys_or_theirs(self, store: Store):
        commits = Commits()
        of_all, theirs = begun("a"), begun("b", who_may_resolve=("bob", "alice"))
        await store.commit(asking(commits, of_all))
        await store.commit(asking(commits, theirs))
        for resolver, expected in (("alice", [theirs, of_all]), ("ali", [of_all]), (None, [theirs, of_all])):
            wanted = SuspensionQuery(PROJECT, resolver=resolver)
            assert await whole(store, wanted) == [record.key for record in expected]

    async def test_a_place_tells_where_to_go_on(self, store: Store):
        commits = Commits()
        await store.commit(asking(commits, begun("a"), begun("a", 2)))
        page = await store.suspension_page(SuspensionQuery(PROJECT, limit=1))
        assert page.next == place_of(page.rows[0]) == (START + 2, "a", 2)
        page = await store.suspension_page(SuspensionQuery(PROJECT, limit=1, after=page.next))
        assert page.next is None
