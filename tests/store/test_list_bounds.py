"""What no index serves is bounded: how many executions a page, a sort and a count look at."""

from dataclasses import replace

import pytest

from perdure.store.errors import OrderTooWide
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import ListQuery, OrderField, Scope
from perdure.store.sqlite import list_reads, suspension_reads
from perdure.store.sqlite.store import SqliteStore
from perdure.store.suspensions import SuspensionQuery
from tests.store.population import whole_list
from tests.store.records import PROJECT, START, Commits, key
from tests.store.suspension_conformance import asking, begun, whole

EXTRA = 500
IN_A_COMMIT = 5_000


def name(number):
    return f"e{number:05d}"


@pytest.fixture
async def store(tmp_path):
    """More executions than a page looks at; only the first has another priority."""
    store = await SqliteStore.open(tmp_path, synchronous="NORMAL")
    commits = Commits()
    numbers = range(1, list_reads.SCANNED_ROWS + EXTRA)
    await store.commit(commits.create(key(name(0)), create_time=START, labels='{"team":"red"}', state={"priority": 7}))
    for first in numbers[::IN_A_COMMIT]:
        commit = commits.empty()
        for number in range(first, min(first + IN_A_COMMIT, numbers.stop)):
            one = commits.create(key(name(number)), create_time=START + number, labels='{"team":"red"}')
            commit.created += one.created
            commit.progressed += one.progressed
            commit.events += one.events
        commit.revision = one.revision
        await store.commit(commit)
    yield store
    await store.close()


async def test_a_page_looks_at_a_bounded_number_of_executions_and_says_where_it_ended(store):
    wanted = ListQuery(Scope(PROJECT), parse_filter("priority = 7"))
    first = await store.list_page(wanted)
    assert (first.rows, first.keys) == ([], [])
    assert first.next == (str(START + EXTRA), name(EXTRA))
    second = await store.list_page(replace(wanted, after=first.next))
    assert [row.created.key.execution for row in second.rows] == [name(0)]
    assert second.next is None
    assert [row.facts.priority for row in (await store.list_page(replace(wanted, descending=False))).rows] == [7]


async def test_short_pages_together_are_the_whole_list(store):
    odd = ListQuery(Scope(PROJECT), parse_filter(f'execution_id = "{name(3)[:-1]}*" OR priority = 7'))
    assert await whole_list(store, odd) == [name(number) for number in range(9, -1, -1)]
    every = await whole_list(store, ListQuery(Scope(PROJECT), parse_filter("priority > 0"), limit=999))
    assert every == [name(number) for number in range(list_reads.SCANNED_ROWS + EXTRA - 1, -1, -1)]


async def test_to_sort_more_than_a_page_looks_at_is_refused(store):
    by_update = ListQuery(Scope(PROJECT), parse_filter("labels.team = red"), OrderField.UPDATE_TIME)
    with pytest.raises(OrderTooWide):
        await store.list_page(by_update)
    instant = f"2023-11-14T22:13:20.{EXTRA:06d}Z"
    narrow = replace(by_update, filter=parse_filter(f'labels.team = red create_time >= "{instant}"'))
    page = await store.list_page(replace(narrow, limit=1))
    assert len(page.rows) == 1


async def test_a_count_looks_at_a_bounded_number_of_the_newest(store, monkeypatch):
    everything = list_reads.SCANNED_ROWS + EXTRA
    for text, limit, expected in (
        ("", everything, everything),
        ("", everything - 1, everything - 1),
        ("labels.team = red", 9_000, 9_000),
        ("priority = 7", everything, 1),
        ("priority = 7", everything - 1, 0),
    ):
        monkeypatch.setattr(list_reads, "COUNTED_ROWS", limit)
        counted = await store.count(Scope(PROJECT), parse_filter(text))
        assert sum(counted.by_state.values()) == expected, text
        assert counted.lower_bound == (limit < everything)


async def test_a_page_of_suspensions_looks_at_a_bounded_number_and_says_where_it_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(suspension_reads, "SCANNED_ROWS", 3)
    store = await SqliteStore.open(tmp_path / "data")
    commits = Commits()
    await store.commit(asking(commits, *(begun("a", number, who_may_resolve=("bob",)) for number in range(1, 9))))
    wanted = SuspensionQuery(PROJECT, resolver="alice")
    first = await store.suspension_page(wanted)
    assert (first.rows, first.next) == ([], (START + 6, "a", 6))
    for query in (wanted, replace(wanted, execution="a")):
        assert await whole(store, query) == []
        assert len(await whole(store, replace(query, resolver="bob"))) == 8
    await store.close()
