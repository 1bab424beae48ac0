"""What every store has to do, whatever the backend: a backend's test class derives from this one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from perdure.store.errors import DuplicateKey, StoreConflict, StoreRefused
from perdure.store.queries import ListQuery, Scope
from perdure.store.records import BaseState, Origin, WorkerSessionRecord
from tests.store.records import (
    PROJECT,
    START,
    Commits,
    events,
    integration_key,
    integration_record,
    key,
    new_execution,
    progressed,
    request,
    revision_record,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.store.interface import Store


OpenStore = Callable[[], Awaitable["Store"]]


class StoreConformance:
    """The suite. A subclass gives the fixture `open_store`, which opens the same store again and again."""

    @pytest.fixture
    async def store(self, open_store: OpenStore) -> AsyncIterator[Store]:
        store = await open_store()
        yield store
        await store.close()

    # Commits

    async def test_an_empty_store_is_at_revision_zero(self, store: Store):
        assert store.committed_revision() == 0
        assert await store.oldest_revision() == 0

    async def test_a_commit_is_read_back_as_it_was_given(self, store: Store):
        commits = Commits()
        origin = Origin("parent", "charge", 65_537, 3)
        created = new_execution(key("a"), labels='{"team":"x"}', origin=origin, orphan=True, root="parent")
        state = progressed(key("a"), 0, 4, active=False, wake_time=START + 9, error_code="TIMEOUT", start_time=None)
        commit = commits.empty()
        commit.created.append(created)
        commit.progressed.append(state)
        commit.events.append(events(key("a"), 1, 4))
        await store.commit(commit)

        row = await store.get_row(key("a"))
        assert row is not None
        assert row.created == created
        assert (row.sequence, row.revision, row.active, row.wake_time) == (4, 1, False, START + 9)
        assert row.facts == state.facts
        assert row.summary == state.summary
        assert store.committed_revision() == 1
        assert await store.oldest_revision() == 0

    async def test_an_ended_execution_keeps_its_end_and_its_error(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        commit = commits.empty()
        commit.progressed.append(
            progressed(key("a"), 1, 2, state=4, active=False, end_time=START + 2, error_code="FAILED")
        )
        commit.events.append(events(key("a"), 2, 1))
        await store.commit(commit)
        row = await store.get_row(key("a"))
        assert row is not None
        assert (row.facts.state, row.facts.end_time, row.facts.error_code) == (4, START + 2, "FAILED")

    async def test_what_is_unknown_reads_as_none(self, store: Store):
        assert await store.get_row(key("a")) is None
        assert await store.load(key("a")) is None
        assert await store.get_request(PROJECT, "Execute", "r") is None
        assert await store.get_integration(integration_key()) is None
        assert await store.get_revision(integration_key(), 1) is None

    async def test_a_reopened_store_has_everything_and_is_the_same_store(self, store: Store, open_store: OpenStore):
        commits = Commits()
        await store.commit(commits.create(key("a"), count=2))
        await store.commit(commits.end(key("a"), 2))
        before = await store.load(key("a"))
        identity = store.identity
        await store.close()

        again = await open_store()
        try:
            assert await again.load(key("a")) == before
            assert again.committed_revision() == 2
            assert again.identity == identity
            assert len(identity.token_keys) == 1
        finally:
            await again.close()

    async def test_commits_given_in_order_may_build_on_each_other_before_any_is_durable(self, store: Store):
        commits = Commits()
        steps = [
            commits.create(key("a")),
            commits.move(key("a"), 1),
            commits.move(key("a"), 2),
            commits.end(key("a"), 3),
        ]
        await asyncio.gather(*(store.commit(step) for step in steps))
        stored = await store.load(key("a"))
        assert stored is not None
        assert (stored.row.sequence, stored.row.revision) == (4, 4)
        assert [(record.revision, record.first_sequence) for record in stored.events] == [
            (1, 1),
            (2, 2),
            (3, 3),
            (4, 4),
        ]

    async def test_one_commit_may_create_and_move_many_executions(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("parent")))
        commit = commits.create(*(key(f"child-{item}") for item in range(50)))
        commit.progressed.append(progressed(key("parent"), 1, 2))
        commit.events.append(events(key("parent"), 2, 1))
        await store.commit(commit)
        assert len((await store.list_page(ListQuery(Scope(PROJECT)))).rows) == 51
        parent = await store.get_row(key("parent"))
        assert parent is not None
        assert (parent.sequence, parent.revision) == (2, 2)

    async def test_an_id_is_free_in_another_project(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        await store.commit(commits.create(key("a", "other")))
        assert await store.get_row(key("a", "other")) is not None

    # Refusals

    async def test_a_commit_on_another_sequence_than_the_stored_one_conflicts(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a"), count=3))
        with pytest.raises(StoreConflict):
            await store.commit(commits.move(key("a"), 2))
        stored = await store.load(key("a"))
        assert stored is not None
        assert stored.row.sequence == 3
        assert len(stored.events) == 1

    async def test_an_execution_that_does_not_exist_cannot_move(self, store: Store):
        commits = Commits()
        for expected_sequence in (0, 1):
            with pytest.raises(StoreConflict):
                await store.commit(commits.move(key("a"), expected_sequence))

    async def test_an_ended_execution_cannot_move(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        await store.commit(commits.end(key("a"), 1))
        with pytest.raises(StoreConflict):
            await store.commit(commits.move(key("a"), 2))

    async def test_an_execution_without_a_state_is_refused(self, store: Store):
        commit = Commits().empty()
        commit.created.append(new_execution(key("a")))
        with pytest.raises(StoreRefused):
            await store.commit(commit)
        assert await store.get_row(key("a")) is None

    async def test_an_id_that_is_taken_is_told_from_other_conflicts(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        with pytest.raises(DuplicateKey) as refusal:
            await store.commit(commits.create(key("a")))
        assert refusal.value.table == "executions"

    async def test_a_child_is_never_created_twice(self, store: Store):
        commits = Commits()
        origin = Origin("parent", "charge", 1, 0)
        await store.commit(commits.create(key("parent")))
        await store.commit(commits.create(key("a"), origin=origin))
        with pytest.raises(DuplicateKey):
            await store.commit(commits.create(key("b"), origin=origin))
        await store.commit(commits.create(key("b"), origin=replace(origin, generation=2)))

    async def test_a_refused_commit_leaves_nothing(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        commit = commits.create(key("b"))
        commit.requests.append(request("r", "b"))
        commit.integrations.append(integration_record(integration_key(), 1))
        commit.progressed.append(progressed(key("a"), 7, 8))
        with pytest.raises(StoreConflict):
            await store.commit(commit)
        assert await store.get_row(key("b")) is None
        assert await store.get_request(PROJECT, "Execute", "r") is None
        assert await store.get_integration(integration_key()) is None
        assert store.committed_revision() == 1

    async def test_a_store_revision_never_goes_back(self, store: Store):
        await store.commit(Commits(after=9).create(key("a")))
        with pytest.raises(StoreConflict):
            await store.commit(Commits(after=8).create(key("b")))
        assert await store.get_row(key("b")) is None

    async def test_a_refused_commit_takes_what_depends_on_it_along_and_nothing_else(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        queued = [
            commits.create(key("before")),
            commits.create(key("a")),
            commits.create(key("b")),
            commits.move(key("a"), 5),
            commits.move(key("a"), 6),
            commits.move(key("a"), 1),
            commits.move(key("a"), 2),
            commits.end(key("b"), 1),
        ]
        outcomes = await asyncio.gather(*(store.commit(commit) for commit in queued), return_exceptions=True)
        kinds = [type(outcome) for outcome in outcomes]
        nothing = type(None)
        assert kinds == [nothing, DuplicateKey, nothing, StoreConflict, StoreConflict, nothing, nothing, nothing]
        row = await store.get_row(key("a"))
        assert row is not None
        assert row.sequence == 3
        assert await store.get_row(key("before")) is not None
        assert store.committed_revision() == queued[-1].revision

    async def test_a_cancelled_caller_does_not_cancel_the_commit(self, store: Store):
        commits = Commits()
        caller = asyncio.create_task(store.commit(commits.create(key("a"))))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await store.commit(commits.create(key("b")))
        assert await store.get_row(key("a")) is not None

    async def test_submitted_commits_are_stored_in_order_whether_or_not_anybody_waits(self, store: Store):
        commits = Commits()
        store.submit(commits.create(key("a"))).cancel()
        store.submit(commits.move(key("a"), 1))
        await store.submit(commits.end(key("a"), 2))
        row = await store.get_row(key("a"))
        assert row is not None
        assert (row.sequence, row.revision) == (3, 3)

    async def test_the_keys_of_a_store_are_not_printed(self, store: Store):
        (secret,) = store.identity.token_keys.values()
        assert repr(secret) not in repr(store.identity)

    async def test_a_closed_store_refuses_commits_and_may_be_closed_again(self, store: Store):
        await store.close()
        with pytest.raises(StoreRefused):
            await store.commit(Commits().create(key("a")))
        await store.close()

    async def test_closing_stores_what_is_queued(self, store: Store, open_store: OpenStore):
        commits = Commits()
        queued = [asyncio.create_task(store.commit(commits.create(key(f"e{number}")))) for number in range(100)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*queued)
        again = await open_store()
        assert again.committed_revision() == 100
        await again.close()

    # Loading

    async def test_an_execution_loads_as_its_base_state_and_the_events_after_it(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a"), count=3))
        await store.commit(commits.move(key("a"), 3, count=2))
        first = commits.move(key("a"), 5, count=1)
        first.base_states.append(BaseState(key("a"), 5, b"at 5"))
        await store.commit(first)
        stored = await store.load(key("a"))
        assert stored is not None
        assert stored.base == BaseState(key("a"), 5, b"at 5")
        assert [(record.first_sequence, record.count) for record in stored.events] == [(6, 1)]

        newer = commits.move(key("a"), 6, count=4)
        newer.base_states.append(BaseState(key("a"), 8, b"at 8"))
        await store.commit(newer)
        stored = await store.load(key("a"))
        assert stored is not None
        assert stored.base == BaseState(key("a"), 8, b"at 8")
        assert [(record.first_sequence, record.count) for record in stored.events] == [(7, 4)]

    async def test_event_pages_join_without_gap_or_repetition(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a"), count=2))
        await store.commit(commits.create(key("b")))
        for sequence in range(2, 12):
            await store.commit(commits.move(key("a"), sequence))
        seen = []
        after = 0
        while page := await store.event_page(key("a"), after, max_records=3, max_bytes=1_000):
            assert len(page) <= 3
            seen += page
            after = page[-1].first_sequence + page[-1].count - 1
        assert [record.first_sequence for record in seen] == [1, *range(3, 13)]
        assert [record.revision for record in seen] == [1, *range(3, 13)]
        assert all(record.payload == events(key("a"), record.first_sequence, record.count).payload for record in seen)

    async def test_an_event_page_begins_inside_a_record(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a"), count=5))
        await store.commit(commits.move(key("a"), 5))
        page = await store.event_page(key("a"), 3, max_records=10, max_bytes=1_000)
        assert [record.first_sequence for record in page] == [1, 6]
        page = await store.event_page(key("a"), 5, max_records=10, max_bytes=1_000)
        assert [record.first_sequence for record in page] == [6]
        assert await store.event_page(key("a"), 6, max_records=10, max_bytes=1_000) == []

    async def test_an_event_page_is_cut_by_size_but_never_empty(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a")))
        await store.commit(commits.move(key("a"), 1))
        page = await store.event_page(key("a"), 0, max_records=10, max_bytes=1)
        assert [record.first_sequence for record in page] == [1]

    async def test_recovery_reads_the_active_executions_oldest_first(self, store: Store):
        commits = Commits()
        for number in range(600):
            state = {"active": number % 2 == 0}
            await store.commit(commits.create(key(f"e{number:03d}"), create_time=START - number, state=state))
        ended = commits.end(key("e000"), 1)
        await store.commit(ended)
        pages = [page async for page in store.load_active()]
        found = [stored.row.created.key.execution for page in pages for stored in page]
        assert found == [f"e{number:03d}" for number in range(598, 0, -2)]
        assert len(pages) > 1
        assert all(len(stored.events) == 1 for page in pages for stored in page)

    # Timers and sub-executions

    async def test_waiting_executions_are_due_soonest_first(self, store: Store):
        commits = Commits()
        for number, wake_time in enumerate((30, 10, None, 20)):
            state = {"active": False, "wake_time": wake_time}
            await store.commit(commits.create(key(f"e{number}"), state=state))
        await store.commit(commits.create(key("running"), state={"active": True, "wake_time": 5}))
        assert await store.due(20, 10) == [(key("e1"), 10), (key("e3"), 20)]
        assert await store.due(100, 1) == [(key("e1"), 10)]
        await store.commit(commits.move(key("e3"), 1, active=True, wake_time=None))
        assert await store.due(20, 10) == [(key("e1"), 10)]

    async def test_children_are_told_apart_by_task_generation_and_item(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("p")))
        for name, origin in {
            "c1": Origin("p", "each", 1, 1),
            "c0": Origin("p", "each", 1, 0),
            "later": Origin("p", "each", 2, 0),
            "elsewhere": Origin("p", "other", 1, 0),
        }.items():
            await store.commit(commits.create(key(name), origin=origin))
        await store.commit(commits.create(key("orphan"), origin=Origin("p", "loose", 1, 0), orphan=True))
        found = await store.children(key("p"), "each", 1)
        assert [(child.key, child.item) for child in found] == [(key("c0"), 0), (key("c1"), 1)]
        await store.commit(commits.end(key("c0"), 1))
        live = {child.key: (child.origin.task, child.parent_ended) for child in await store.live_children()}
        assert live == {key("c1"): ("each", False), key("later"): ("each", False), key("elsewhere"): ("other", False)}
        await store.commit(commits.end(key("p"), 1))
        assert all(child.parent_ended for child in await store.live_children())
        (ended, _) = await store.children(key("p"), "each", 1)
        assert ended.state == 3

    async def test_live_executions_of_an_integration_are_those_that_have_not_ended(self, store: Store):
        commits = Commits()
        for name in ("a", "b", "c"):
            await store.commit(commits.create(key(name)))
        await store.commit(commits.create(key("d"), integration="refund"))
        await store.commit(commits.end(key("a"), 1))
        assert await store.live_executions(integration_key(), 10) == [key("b"), key("c")]
        assert await store.live_executions(integration_key(), 1) == [key("b")]

    # Request ids, integrations, sessions

    async def test_a_request_id_is_kept_with_what_it_created(self, store: Store):
        commits = Commits()
        commit = commits.create(key("a"), key("b"))
        commit.requests.append(request("r", "a", "b"))
        await store.commit(commit)
        assert await store.get_request(PROJECT, "Execute", "r") == request("r", "a", "b")
        assert await store.get_request(PROJECT, "CancelExecution", "r") is None

        again = commits.create(key("c"))
        again.requests.append(request("r", "c"))
        with pytest.raises(DuplicateKey) as refusal:
            await store.commit(again)
        assert refusal.value.table == "request_ids"
        assert await store.get_row(key("c")) is None

    async def test_integrations_keep_every_revision(self, store: Store):
        commits = Commits()
        of = integration_key()
        for ordinal in (1, 2, 3):
            await store.commit(commits.deploy(of, ordinal))
        assert await store.get_integration(of) == integration_record(of, 3)
        assert await store.get_revision(of, 2) == revision_record(of, 2)
        assert [record.ordinal for record in await store.list_revisions(of, None, 2)] == [3, 2]
        assert [record.ordinal for record in await store.list_revisions(of, 2, 10)] == [1]

    async def test_a_revision_is_immutable(self, store: Store):
        commits = Commits()
        await store.commit(commits.deploy(integration_key(), 1))
        with pytest.raises(DuplicateKey) as refusal:
            await store.commit(commits.deploy(integration_key(), 1))
        assert refusal.value.table == "revisions"

    async def test_a_deleted_integration_leaves_a_tombstone_and_no_trigger(self, store: Store):
        commits = Commits()
        for name in ("b", "a", "c"):
            await store.commit(commits.deploy(integration_key(name), 1, triggers=("t1", f"t-{name}")))
        deletion = commits.empty()
        deletion.integrations.append(integration_record(integration_key("c"), 1, deleted=True, triggers=()))
        await store.commit(deletion)

        listed = await store.list_integrations(PROJECT, "", 10)
        assert [record.key.integration for record, _ in listed] == ["a", "b"]
        assert [latest for _, latest in listed] == [revision_record(integration_key(name), 1) for name in ("a", "b")]
        assert [record.key.integration for record, _ in await store.list_integrations(PROJECT, "a", 1)] == ["b"]
        found = await store.integrations_with_trigger(PROJECT, "t1")
        assert [record.key.integration for record in found] == ["a", "b"]
        assert found[0].triggers == ("t1", "t-a")
        assert await store.integrations_with_trigger(PROJECT, "t-c") == []
        assert await store.integrations_with_trigger("other", "t1") == []
        tombstone = await store.get_integration(integration_key("c"))
        assert tombstone is not None
        assert tombstone.deleted

    async def test_triggers_are_those_of_the_latest_revision(self, store: Store):
        commits = Commits()
        of = integration_key()
        await store.commit(commits.deploy(of, 1, triggers=("old", "kept")))
        await store.commit(commits.deploy(of, 2, triggers=("kept", "new")))
        assert await store.integrations_with_trigger(PROJECT, "old") == []
        (found,) = await store.integrations_with_trigger(PROJECT, "kept")
        assert found.triggers == ("kept", "new")

    async def test_sessions_are_open_until_closed(self, store: Store):
        commits = Commits()
        opening = commits.empty()
        first = WorkerSessionRecord("w1", "i1", embedded=False, open_time=START)
        other = WorkerSessionRecord("w2", "i1", embedded=True, open_time=START)
        opening.opened_sessions += [first, other]
        await store.commit(opening)
        assert await store.open_sessions() == [first, other]

        reconnecting = commits.empty()
        second = replace(first, incarnation="i2")
        reconnecting.closed_sessions.append("w1")
        reconnecting.opened_sessions.append(second)
        closing = commits.empty()
        closing.closed_sessions.append("w2")
        await asyncio.gather(store.commit(reconnecting), store.commit(closing))
        assert await store.open_sessions() == [second]
