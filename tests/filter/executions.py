"""Executions of many kinds to filter: every field set and not set, texts that need quotes, numbers of every size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState
from perdure.store.records import (
    ExecutionKey,
    Facts,
    NewExecution,
    Origin,
)

if TYPE_CHECKING:
    from random import Random

PROJECT: Final = "default"
START: Final = 1_735_689_600_000_000
"""The beginning of 2025, in microseconds."""

HOUR: Final = 3_600_000_000

TEXTS: Final = (
    "blue",
    "",
    "blue*",
    "deep blue",
    'say "blue"',
    "it's",
    "back\\slash",
    "Blåbær 😀",
    "AND",
    "5",
    "true",
    "line\nbreak",
)
"""Values of labels and of textual parameters."""

LABEL_KEYS: Final = ("team", "app.io/name", 'odd "key"', "back\\slash", "clé", "a-b_c")
PARAMETER_KEYS: Final = ("n", "text", "mixed", "flag")
NUMBERS: Final = (0, 5, -3, 5.0, 2.5, -0.0, 0.1, 1e16, 1e300, -7.25, 2**53 + 1, 2**63 - 1, -(2**63))
TASKS: Final = ("fetch", "fetch-all", "pay", "wait_1")
TRIGGERS: Final = ("", "api_trigger/order", "api_trigger/Order*", "cron")
ERROR_CODES: Final = ("OUT_OF_STOCK", "OUT_OF_TIME", "DECLINED")
REVISIONS: Final = ("000001-a4d", "000002-0ff", "000012-a4d", "1000000-123")


class Sample(NamedTuple):
    """An execution, as filters see it."""

    created: NewExecution
    facts: Facts


def execution_id(number: int) -> str:
    return f"run-{number}"


def samples(random: Random, count: int) -> list[Sample]:
    """Make executions, in the order of their creation; parents come before their sub-executions."""
    return [_sample(random, number) for number in range(count)]


def _sample(random: Random, number: int) -> Sample:
    create_time = START + number * HOUR // 2 + random.choice((0, 0, 1, 250_000))
    parent = execution_id(random.randrange(number)) if number > 4 and random.random() < 0.4 else None
    created = NewExecution(
        key=ExecutionKey(PROJECT, execution_id(number)),
        integration=random.choice(("order", "invoice")),
        revision_id=random.choice(REVISIONS),
        trigger_id=random.choice(TRIGGERS),
        execution_method=random.randint(1, 3),
        labels=_labels(random),
        create_time=create_time,
        root=execution_id(0) if parent else execution_id(number),
        origin=Origin(parent, "pay", number, 0) if parent else None,
        orphan=parent is not None and random.random() < 0.3,
        root_integration="order",
        started_by=random.randint(1, 3),
    )
    return Sample(created, _facts(random, create_time))


def _facts(random: Random, create_time: int) -> Facts:
    state = random.choice(list(ExecutionState))
    start_time = None if state is ExecutionState.PENDING else create_time + random.choice((0, 1_000, 2_500_000))
    if state is ExecutionState.CANCELLED and random.random() < 0.5:
        start_time = None
    end_time = None
    if state in TERMINAL_EXECUTION_STATES:
        end_time = (start_time or create_time) + random.choice((0, 999_999, 2_500_000, 90 * HOUR))
    return Facts(
        state=int(state),
        update_time=(end_time or start_time or create_time) + random.choice((0, 1)),
        start_time=start_time,
        end_time=end_time,
        error_code=random.choice(ERROR_CODES) if state is ExecutionState.FAILED else None,
        current_tasks=tuple(sorted(task for task in TASKS if random.random() < 0.4)),
        parameters=_json({key: _value(random, key) for key in PARAMETER_KEYS if random.random() < 0.7}),
        execution_attempt=1 if start_time else 0,
        priority=random.choice((0, 5, 100, 999)),
        new_labels=_labels(random) if random.random() < 0.3 else None,
    )


def _labels(random: Random) -> str:
    return _json({key: random.choice(TEXTS) for key in LABEL_KEYS if random.random() < 0.5})


def _value(random: Random, key: str) -> object:
    kinds: dict[str, tuple[object, ...]] = {"n": NUMBERS, "text": TEXTS, "flag": (True, False)}
    return random.choice(kinds.get(key, (*NUMBERS, *TEXTS, True, False)))


def _json(content: dict[str, object] | dict[str, str]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
