"""Random filters, 100,000 in all: each is refused with a position in it, or means the same to everyone.

Those who are asked: the functions that watches use, the reference, the predicates of the database for all
executions at once, and for some of the filters the pages and counts of the store.
"""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from perdure.domain.errors import InvalidRequest
from perdure.store.filter.filter import Filter
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import ListQuery, Scope
from perdure.store.records import (
    Commit,
    EventRecord,
    Progressed,
    Summary,
)
from perdure.store.sqlite.filter_sql import compile_condition
from perdure.store.sqlite.store import SqliteStore
from tests.filter.executions import PROJECT, Sample, samples
from tests.filter.reference import see, understand
from tests.filter.texts import damaged, noise, random_filter

ROUNDS = 4
TEXTS = 25_000
"""Of a round."""

EXECUTIONS = 64
ASKED_OF_REFERENCE = 16
ASKED_OF_STORE = 100
PREDICATES = 40
"""In one query; the database takes 32,766 values."""

Read = list[tuple[str, Filter]]


def texts(random: Random) -> Iterator[str]:
    for _ in range(TEXTS):
        way = random.random()
        if way < 0.6:
            yield random_filter(random)
        elif way < 0.9:
            yield damaged(random, random_filter(random))
        else:
            yield noise(random)


def read(text: str) -> Filter | InvalidRequest | None:
    try:
        return parse_filter(text)
    except InvalidRequest as refused:
        return refused


def read_all(random: Random) -> Read:
    """Read all texts; those that are blank or refused are looked at here."""
    found: Read = []
    for text in texts(random):
        answer = read(text)
        if isinstance(answer, Filter):
            found.append((text, answer))
        elif answer is None:
            assert not text.strip()
        else:
            assert answer.reason_name == "FILTER_INVALID", text
            assert 1 <= int(answer.metadata["position"]) <= len(text) + 1, text
    return found


def compare_with_reference(random: Random, executions: list[Sample], found: Read) -> None:
    seen = [(sample, see(sample)) for sample in executions]
    for text, chosen in found:
        expected = understand(text)
        for sample, values in random.sample(seen, ASKED_OF_REFERENCE):
            assert chosen.matches(*sample) == expected(values), (text, sample)


def compare_with_predicates(file: Path, executions: list[Sample], found: Read) -> None:
    ordered = sorted(executions, key=lambda sample: sample.created.key)
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        rest = iter(found)
        while some := list(islice(rest, PREDICATES)):
            predicates = [compile_condition(chosen.condition) for _, chosen in some]
            columns = ", ".join(predicate.sql for predicate in predicates)
            values = [value for predicate in predicates for value in predicate.values]
            rows = connection.execute(f"SELECT {columns} FROM executions AS e ORDER BY execution", values)
            for sample, row in zip(ordered, rows, strict=True):
                for (text, chosen), answer in zip(some, row, strict=True):
                    assert answer in {0, 1}, text
                    assert chosen.matches(*sample) == answer, (text, sample)
    finally:
        connection.close()


async def compare_with_store(store: SqliteStore, executions: list[Sample], found: Read) -> None:
    scope = Scope(PROJECT)
    newest_first = sorted(executions, key=lambda sample: (sample.created.create_time, sample.created.key), reverse=True)
    for text, chosen in found:
        expected = [sample for sample in newest_first if chosen.matches(*sample)]
        page = await store.list_page(ListQuery(scope, chosen, limit=EXECUTIONS + 1))
        assert [(row.created, row.facts) for row in page.rows] == expected, text
        counted = await store.count(scope, chosen)
        assert sum(counted.by_state.values()) == len(expected), text


async def filled(directory: Path, executions: list[Sample]) -> SqliteStore:
    store = await SqliteStore.open(directory)
    commit = Commit(1)
    for created, facts in executions:
        commit.created.append(created)
        commit.progressed.append(Progressed(created.key, 0, 1, facts.end_time is None, None, facts, Summary()))
        commit.events.append(EventRecord(created.key, 1, 1, b"created"))
    await store.commit(commit)
    return store


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_a_filter_is_refused_or_means_the_same_to_everyone(seed, tmp_path):
    random = Random(seed)
    executions = samples(random, EXECUTIONS)
    found = read_all(random)
    assert TEXTS // 2 < len(found) < TEXTS * 9 // 10
    compare_with_reference(random, executions, found)
    store = await filled(tmp_path / "data", executions)
    try:
        await compare_with_store(store, executions, random.sample(found, ASKED_OF_STORE))
    finally:
        await store.close()
    compare_with_predicates(tmp_path / "data" / "perdure.db", executions, found)
