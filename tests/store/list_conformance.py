"""What lists and counts of every store have to do."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from perdure.store.errors import OrderTooWide
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import (
    Counted,
    ListQuery,
    OrderField,
    Scope,
)
from perdure.store.records import Origin
from tests.store.population import FILTERS, Population, populate, rank_of, whole_list
from tests.store.records import PROJECT, START, Commits, key

if TYPE_CHECKING:
    from perdure.store.interface import Store
    from perdure.store.queries import ListPage

COUNT = 60
MIDDLE = f"2023-11-14T22:13:20.{COUNT // 4:06d}Z"
LATE = f"2023-11-14T22:13:20.{COUNT // 3:06d}Z"
SCOPES = (
    Scope(PROJECT),
    Scope(PROJECT, integration="order"),
    Scope(PROJECT, integration="order", with_sub_executions=True),
    Scope(PROJECT, execution="e7"),
    Scope(PROJECT, parent="e3"),
    Scope(PROJECT, tree="e3"),
    Scope(PROJECT, tree="e0"),
    Scope(PROJECT, tree="nobody"),
    Scope("other"),
)


def ids(page: ListPage) -> list[str]:
    return [row.created.key.execution for row in page.rows]


def texts() -> list[str]:
    return [text.replace("{middle}", MIDDLE).replace("{late}", LATE) for text in FILTERS]


class ListConformance:
    """The part of the suite that is about lists and counts; a subclass gives the fixture `store`."""

    async def test_lists_are_newest_first_and_go_on_where_a_page_ended(self, store: Store):
        commits = Commits()
        for number in range(10):
            await store.commit(commits.create(key(f"e{number}"), create_time=START + number // 2))
        wanted = ListQuery(Scope(PROJECT), limit=4)
        first = await store.list_page(wanted)
        assert ids(first) == ["e9", "e8", "e7", "e6"]
        assert first.next == first.keys[-1]
        second = await store.list_page(replace(wanted, after=first.next))
        assert ids(second) == ["e5", "e4", "e3", "e2"]
        last = await store.list_page(replace(wanted, after=second.next))
        assert ids(last) == ["e1", "e0"]
        assert last.next is None
        assert ids(await store.list_page(replace(wanted, descending=False))) == ["e0", "e1", "e2", "e3"]

    async def test_a_page_that_ends_with_the_list_has_none_behind_it(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(*(key(f"e{number}") for number in range(4))))
        for text in ("", "priority = 100", "labels.team = red OR priority = 100"):
            page = await store.list_page(ListQuery(Scope(PROJECT), parse_filter(text), limit=4))
            assert (len(page.rows), page.next) == (4, None)
        assert (await store.list_page(ListQuery(Scope("other")))).next is None

    async def test_lists_keep_to_a_project_an_integration_and_a_parent(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a"), root_integration="order"))
        await store.commit(commits.create(key("b"), integration="refund", root_integration="refund"))
        await store.commit(commits.create(key("c", "other"), root_integration="order"))
        below: dict[str, Any] = {
            "root": "a",
            "ancestors": ("a",),
            "root_integration": "order",
            "parent_integration": "order",
        }
        await store.commit(commits.create(key("d"), integration="refund", origin=Origin("a", "t", 1, 0), **below))
        loose: dict[str, Any] = {"origin": Origin("a", "t", 2, 0), "orphan": True, "root_integration": "refund"}
        await store.commit(commits.create(key("e"), integration="refund", **loose))

        async def found(scope: Scope) -> list[str]:
            return ids(await store.list_page(ListQuery(scope)))

        assert await found(Scope(PROJECT)) == ["e", "d", "b", "a"]
        assert await found(Scope("other")) == ["c"]
        assert await found(Scope(PROJECT, integration="refund")) == ["e", "d", "b"]
        assert await found(Scope(PROJECT, integration="order", with_sub_executions=True)) == ["d", "a"]
        assert await found(Scope(PROJECT, parent="a")) == ["e", "d"]
        assert await found(Scope(PROJECT, tree="a")) == ["d", "a"]
        assert await found(Scope(PROJECT, tree="d")) == ["d"]
        assert await found(Scope(PROJECT, tree="e")) == ["e"]
        assert await found(Scope(PROJECT, execution="d")) == ["d"]

    @pytest.mark.parametrize("seed", range(3))
    async def test_every_filter_in_every_scope_finds_what_matches_it(self, store: Store, seed: int):
        population = await populate(store, Commits(), random.Random(seed), COUNT)
        found = 0
        for scope in SCOPES:
            for text in texts():
                chosen = parse_filter(text)
                for descending in (True, False):
                    wanted = ListQuery(scope, chosen, descending=descending, limit=7)
                    expected = population.expected(scope, chosen, OrderField.CREATE_TIME, descending=descending)
                    assert await whole_list(store, wanted) == expected, (scope, text)
                await self._check_count(store, population, scope, text)
                found += len(expected)
        assert found > COUNT * 10

    async def _check_count(self, store: Store, population: Population, scope: Scope, text: str) -> None:
        chosen = parse_filter(text)
        by_state: dict[int, int] = {}
        for name in population.expected(scope, chosen, OrderField.CREATE_TIME, descending=True):
            state = population.rows[name].facts.state
            by_state[state] = by_state.get(state, 0) + 1
        assert await store.count(scope, chosen) == Counted(by_state, lower_bound=False), (scope, text)

    async def test_what_was_written_is_what_a_list_shows(self, store: Store):
        population = await populate(store, Commits(), random.Random(5), COUNT)
        page = await store.list_page(ListQuery(Scope(PROJECT), limit=COUNT))
        assert {row.created.key.execution: row for row in page.rows} == population.rows

    @pytest.mark.parametrize("order", [order for order in OrderField if order is not OrderField.CREATE_TIME])
    async def test_a_list_is_sorted_by_any_field_those_without_it_last(self, store: Store, order: OrderField):
        population = await populate(store, Commits(), random.Random(8), COUNT)
        without = [row for row in population.rows.values() if rank_of(row, order) is None]
        assert bool(without) == (order in {OrderField.START_TIME, OrderField.END_TIME, OrderField.DURATION})
        cases = [
            (Scope(PROJECT), "create_time > 2000-01-01"),
            (Scope(PROJECT, integration="order"), "NOT state = SUCCEEDED"),
            (Scope(PROJECT, integration="order", with_sub_executions=True), 'trigger_id = "api_trigger/order"'),
            (Scope(PROJECT), "labels.zone = a=b priority < 500".replace("a=b", '"a=b"')),
            (Scope(PROJECT, parent="e3"), ""),
            (Scope(PROJECT, tree="e0"), "orphan = false"),
        ]
        for scope, text in cases:
            chosen = parse_filter(text)
            for descending in (True, False):
                wanted = ListQuery(scope, chosen, order, descending=descending, limit=5)
                expected = population.expected(scope, chosen, order, descending=descending)
                assert await whole_list(store, wanted) == expected, (scope, text, descending)

    @pytest.mark.parametrize("text", ["", "priority > 1", "NOT labels.team = red", "current_task = charge"])
    async def test_to_sort_what_no_index_narrows_is_refused(self, store: Store, text: str):
        for scope in (Scope(PROJECT), Scope(PROJECT, integration="order")):
            with pytest.raises(OrderTooWide):
                await store.list_page(ListQuery(scope, parse_filter(text), OrderField.PRIORITY))

    async def test_what_lives_throughout_a_scan_appears_once(self, store: Store):
        choose = random.Random(3)
        commits = Commits()
        staying = {f"s{number:03d}" for number in range(200)}
        for number, name in enumerate(sorted(staying)):
            await store.commit(commits.create(key(name), create_time=START + number))
        for text in ("", "state = PROCESSING", 'trigger_id = "api_trigger/order"', "priority = 100"):
            coming = 0
            seen: list[str] = []
            wanted = ListQuery(Scope(PROJECT), parse_filter(text))
            while True:
                page = await store.list_page(replace(wanted, limit=choose.randint(1, 30)))
                seen += ids(page)
                if page.next is None:
                    break
                wanted = replace(wanted, after=page.next)
                other = key(f"{text[:1]}c{coming}")
                coming += 1
                await store.commit(commits.create(other, create_time=START + choose.randrange(200)))
                await store.commit(commits.end(other, 1))
                if choose.random() < 0.5:
                    await store.commit(commits.delete(other))
            assert sorted(name for name in seen if name in staying) == sorted(staying)

    async def test_searchable_parameters_are_found_by_their_latest_values_alone(self, store: Store):
        commits = Commits()

        async def found(text: str) -> list[str]:
            return ids(await store.list_page(ListQuery(Scope(PROJECT), parse_filter(text))))

        await store.commit(commits.create(key("a"), state={"parameters": '{"n":1,"t":"x"}'}))
        await store.commit(commits.create(key("b"), state={"parameters": '{"n":1}'}))
        assert await found("parameters.n = 1") == ["b", "a"]
        await store.commit(commits.move(key("a"), 1, parameters='{"n":2,"t":"x"}'))
        assert (await found("parameters.n = 1"), await found("parameters.n = 2")) == (["b"], ["a"])
        assert await found("parameters.t = x parameters.n = 2") == ["a"]
        await store.commit(commits.move(key("a"), 2, parameters="{}"))
        assert (await found("parameters.n = 2"), await found("parameters.t = x")) == ([], [])
        await store.commit(commits.end(key("b"), 1, parameters='{"n":3}'))
        assert (await found("parameters.n = 1"), await found("parameters.n = 3")) == ([], ["b"])

    async def test_labels_and_priority_that_change_are_found_as_they_are_now(self, store: Store):
        commits = Commits()
        await store.commit(commits.create(key("a"), labels='{"team":"red","tier":"one"}', state={"priority": 1}))
        changes: tuple[tuple[dict[str, Any], set[str]], ...] = (
            ({"new_labels": '{"team":"blue"}', "priority": 7}, {"labels.team = blue", "priority = 7"}),
            ({"new_labels": "{}", "parameters": '{"n":5}'}, {"NOT labels:team", "parameters.n = 5"}),
            ({"new_labels": '{"team":"blue"}'}, {"labels.team = blue"}),
            ({}, {"labels.team = red", "labels.tier = one"}),
        )
        filters = set().union(*(matching for _, matching in changes))
        for sequence, (state, matching) in enumerate(changes, start=1):
            await store.commit(commits.move(key("a"), sequence, **state))
            for text in filters:
                for scope in (Scope(PROJECT), Scope(PROJECT, integration="order")):
                    found = ids(await store.list_page(ListQuery(scope, parse_filter(text))))
                    assert found == (["a"] if text in matching else []), (state, text)
        row = await store.get_row(key("a"))
        assert row is not None
        assert row.labels == '{"team":"red","tier":"one"}'

    async def test_replays_are_found_newest_first(self, store: Store):
        commits = Commits()
        for name, original in (("r1", "a"), ("r2", "b"), ("r3", "a")):
            await store.commit(commits.create(key(name), replay_of=original, create_time=START + int(name[1])))
        await store.commit(commits.create(key("a", "other"), replay_of="a"))
        assert await store.replays(key("a")) == ["r3", "r1"]
        assert await store.replays(key("r1")) == []
        row = await store.get_row(key("r1"))
        assert row is not None
        assert row.created.replay_of == "a"
