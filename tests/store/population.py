"""Executions of every kind in trees, and what lists of them have to hold, worked out row by row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState
from perdure.store.queries import OrderField
from perdure.store.records import (
    EventRecord,
    ExecutionKey,
    ExecutionRow,
    Facts,
    NewExecution,
    Origin,
    Progressed,
    Summary,
)
from tests.store.records import PROJECT, START, Commits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from perdure.store.filter.filter import Filter
    from perdure.store.interface import Store
    from perdure.store.queries import ListQuery, Scope
    from perdure.store.records import Commit

INTEGRATIONS: Final = ("order", "refund", "ship")
TRIGGERS: Final = ("", "api_trigger/order", "api_trigger/nightly")
TEAMS: Final = ("red", "blue", 'gr"een', "=", "")
TASKS: Final = ("charge", "pack", "send")
LONG: Final = "x" * 300

FILTERS: Final = (
    "",
    "state = FAILED",
    "state = FAILED OR state = SUCCEEDED",
    "NOT state = SUCCEEDED",
    "state = FAILED state = SUCCEEDED",
    "-(state = FAILED OR state = PENDING) priority > 100",
    'execution_id = "e7"',
    'execution_id = "e7" state = PROCESSING',
    'parent = "e3"',
    'parent = "e3" labels.team = "red"',
    'root = "e3"',
    'root = "e3" AND NOT orphan = true',
    'trigger_id = "api_trigger/order"',
    'trigger_id = "api_trigger/order" state = SUCCEEDED',
    "-trigger_id:*",
    'labels.team = "red"',
    'labels.team = "" OR labels.team = "="',
    'labels.team = "red" labels.zone = "a=b"',
    'NOT labels.team = "red"',
    "labels:team",
    "parameters.amount = 5",
    "parameters.amount > 4.5",
    "parameters.amount = 5 labels.team = red",
    f'parameters.note = "{LONG}"',
    "parameters.paid = true state = SUCCEEDED",
    "-parameters.amount = 5",
    "current_task = charge",
    "NOT current_task = charge",
    "error.code:*",
    "duration > 0.000003s",
    "-duration > 0.000003s",
    "orphan = true",
    "started_by = PARENT",
    "create_time >= {middle}",
    "create_time < {middle}",
    "NOT create_time < {middle} state = SUCCEEDED",
    "create_time >= {middle} create_time < {late} labels.team = red",
    "create_time >= {late} create_time < {middle}",
    "priority = 100 OR labels.team = red",
)
"""In each, `{middle}` and `{late}` stand for instants."""


@dataclass
class Population:
    """Executions as they are stored.

    Attributes:
        rows: By id, in the order of creation.
    """

    rows: dict[str, ExecutionRow] = field(default_factory=dict)

    def expected(self, scope: Scope, chosen: Filter | None, order: OrderField, *, descending: bool) -> list[str]:
        """Works out the ids of a list."""
        found = [
            row
            for row in self.rows.values()
            if scope.holds(row.created) and (chosen is None or chosen.matches(row.created, row.facts))
        ]
        newest_first = sorted(found, key=lambda row: (row.created.create_time, row.created.key), reverse=True)
        if order is OrderField.CREATE_TIME:
            return [row.created.key.execution for row in (newest_first if descending else reversed(newest_first))]
        ranked = [(rank_of(row, order), row.created.key.execution) for row in newest_first]
        with_rank = [(rank, name) for rank, name in ranked if rank is not None]
        with_rank.sort(key=lambda pair: pair[0], reverse=descending)
        return [name for _, name in with_rank] + [name for rank, name in ranked if rank is None]


def rank_of(row: ExecutionRow, order: OrderField) -> int | str | None:
    facts = row.facts
    match order:
        case OrderField.START_TIME:
            return facts.start_time
        case OrderField.UPDATE_TIME:
            return facts.update_time
        case OrderField.END_TIME:
            return facts.end_time
        case OrderField.DURATION:
            if facts.start_time is None or facts.end_time is None:
                return None
            return max(facts.end_time - facts.start_time, 0)
        case OrderField.PRIORITY:
            return row.facts.priority
        case _:
            return row.created.key.execution


async def populate(store: Store, commits: Commits, random: Random, count: int) -> Population:
    """Creates executions and moves each a few times."""
    population = Population()
    for number in range(count):
        created = _created(random, population, number)
        for commit in _life(random, commits, population, created):
            await store.commit(commit)
    return population


def _created(random: Random, population: Population, number: int) -> NewExecution:
    name = f"e{number}"
    integration = random.choice(INTEGRATIONS)
    above = population.rows[random.choice(list(population.rows))].created if number > 4 else None
    if random.random() < 0.4:
        above = None
    orphan = above is not None and random.random() < 0.2
    in_tree = above is not None and not orphan
    labels = {"team": random.choice(TEAMS), "zone": "a=b", 'odd "key"': "ü"}
    return NewExecution(
        key=ExecutionKey(PROJECT, name),
        integration=integration,
        revision_id="000001-a4d",
        trigger_id=random.choice(TRIGGERS),
        execution_method=random.randint(1, 3),
        labels=json.dumps({key: text for key, text in labels.items() if random.random() < 0.6}),
        create_time=START + number // 2,
        root=above.root if above is not None and in_tree else name,
        origin=None if above is None else Origin(above.key.execution, "each", 1, number),
        orphan=orphan,
        root_integration=above.root_integration if above is not None and in_tree else integration,
        parent_integration="" if above is None else above.integration,
        ancestors=(*above.ancestors, above.key.execution) if above is not None and in_tree else (),
        started_by=1 if above is None else 3,
        principal="someone",
        schedule_time=None if number % 2 else START,
        max_runtime=number,
    )


def _life(random: Random, commits: Commits, population: Population, created: NewExecution) -> Iterator[Commit]:
    sequence = 0
    for step in range(random.randint(1, 4)):
        commit = commits.empty()
        if not step:
            commit.created.append(created)
        facts = _facts(random, created, sequence + 1)
        ended = facts.end_time is not None
        summary = Summary(None, START, None, "why", f"message {step}", "error", 3, step)
        active = not ended and random.random() < 0.5
        changed = Progressed(created.key, sequence, sequence + 2, active, None if ended else START, facts, summary)
        commit.progressed.append(changed)
        commit.events.append(EventRecord(created.key, sequence + 1, 2, b"two events"))
        row = ExecutionRow(created, sequence + 2, commit.revision, active, changed.wake_time, facts, summary)
        population.rows[created.key.execution] = row
        sequence += 2
        yield commit
        if ended:
            return


def _facts(random: Random, created: NewExecution, sequence: int) -> Facts:
    state = random.choice(tuple(ExecutionState))
    terminal = state in TERMINAL_EXECUTION_STATES
    start_time = None if random.random() < 0.3 else created.create_time + random.randrange(3)
    parameters = {"amount": random.choice((4, 5, 5.0, 7.25, "5")), "note": random.choice((LONG, "short")), "paid": True}
    return Facts(
        state=state.value,
        update_time=START + sequence + random.randrange(4),
        start_time=start_time,
        end_time=created.create_time + random.randrange(9) if terminal else None,
        error_code="FAILED" if state is ExecutionState.FAILED else None,
        current_tasks=tuple(task for task in TASKS if random.random() < 0.4),
        parameters=json.dumps({key: value for key, value in parameters.items() if random.random() < 0.5}),
        priority=random.choice((1, 100, 500)),
        new_labels=random.choice((None, None, '{"team":"red"}', "{}")),
        execution_attempt=1,
    )


async def whole_list(store: Store, wanted: ListQuery) -> list[str]:
    """Reads a list page by page."""
    found: list[str] = []
    while True:
        page = await store.list_page(wanted)
        assert len(page.rows) == len(page.keys) <= wanted.limit
        found += [row.created.key.execution for row in page.rows]
        if page.next is None:
            return found
        if page.keys:
            # Any row will do to go on behind.
            half = await store.list_page(replace(wanted, after=page.keys[len(page.keys) // 2]))
            after = [row.created.key.execution for row in page.rows[len(page.rows) // 2 + 1 :]]
            assert [row.created.key.execution for row in half.rows][: len(after)] == after
        wanted = replace(wanted, after=page.next)
