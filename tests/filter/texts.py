"""Random filters: well formed ones that ask for what the executions of `executions` have, damaged ones, and noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.filter.executions import (
    ERROR_CODES,
    LABEL_KEYS,
    NUMBERS,
    PARAMETER_KEYS,
    REVISIONS,
    TASKS,
    TEXTS,
    TRIGGERS,
    execution_id,
)

if TYPE_CHECKING:
    from random import Random

_STATES: Final = ("PENDING", "PROCESSING", "SUCCEEDED", "FAILED", "CANCELLED", "RETRY_ON_HOLD", "SUSPENDED")
_INSTANTS: Final = (
    "2025-01-01",
    "2025-01-02T00:00:00Z",
    "2025-01-01T05:30:00+05:30",
    "2025-01-03t12:30:00.25z",
    "2024-12-31T23:59:59.999999999-12:00",
    "2025-01-01T01:30:00.000001Z",
    "9999-12-31",
)
_LENGTHS: Final = ("0s", "1s", "0.999999s", "2.5s", "2.500000999s", "324000s", "100000000000s")
_REFERENCES: Final = (
    *(execution_id(number) for number in range(8)),
    "projects/default/locations/local/integrations/-/executions/run-1",
    "projects/default/locations/local/integrations/order/executions/run-0",
)
_NAMED: Final[dict[str, tuple[str, ...]]] = {
    "state": _STATES,
    "execution_method": ("POST", "SCHEDULE", "POST_TO_QUEUE"),
    "executionMethod": ("POST", "SCHEDULE"),
    "started_by": ("CALL", "SCHEDULE", "PARENT", "STARTED_BY_CALL", "STARTED_BY_PARENT"),
    "orphan": ("true", "false"),
    "parent": _REFERENCES,
    "root": _REFERENCES,
}
_ORDERED: Final[dict[str, tuple[str, ...]]] = {
    "create_time": _INSTANTS,
    "createTime": _INSTANTS,
    "start_time": _INSTANTS,
    "update_time": _INSTANTS,
    "endTime": _INSTANTS,
    "duration": _LENGTHS,
    "priority": ("0", "5", "100", "999", "-1"),
    "snapshot_number": ("1", "2", "12", "1000000"),
    "snapshotNumber": ("1", "3"),
}
_TEXTUAL: Final[dict[str, tuple[str, ...]]] = {
    "execution_id": tuple(execution_id(number) for number in (*range(12), 99)),
    "executionId": ("run-1", "run-2"),
    "integration_revision_id": REVISIONS,
    "trigger_id": TRIGGERS[1:],
    "triggerId": TRIGGERS[1:],
    "current_task": TASKS,
    "currentTask": TASKS,
    "error.code": ERROR_CODES,
}
_BLANKS: Final = ("", "", "", " ", "  ", "\n", "\t")
_NOISE: Final = (
    *("(", ")", "AND", "OR", "NOT", "-", "and", ",", "*", "\\", '"', "'", ".", "=", "==", "!=", "<", ">=", ":", "!"),
    *("state", "labels", "labels.", "parameters.n", "error", "error.code", "create_time", "FAILED", "foo(", "true"),
    *(" ", " ", "\n", "\x00", "\xa0", "é", "😀", "5", "-5", "1e9", "1e999", "2025-01-01", "2025-02-30", "2.5s", "_"),
)


def random_filter(random: Random, depth: int = 0) -> str:
    """Write a filter that is well formed."""
    count = random.choice((1, 1, 2, 2, 3)) if depth < 4 else 1
    parts = [_term(random, depth) for _ in range(count)]
    text = parts[0]
    for part in parts[1:]:
        text += random.choice((" AND ", " AND ", " OR ", " OR ", " ", "\n")) + part
    return f"{random.choice(_BLANKS)}{text}{random.choice(_BLANKS)}"


def damaged(random: Random, text: str) -> str:
    """Take something out of a text, put something in, or both."""
    for _ in range(random.choice((1, 1, 2))):
        place = random.randrange(len(text) + 1)
        cut = random.choice((0, 0, 1, 1, 2, 8))
        text = text[:place] + random.choice(("", *_NOISE)) + text[place + cut :]
    return text


def noise(random: Random) -> str:
    """Write anything."""
    return random.choice(("", " ")).join(random.choice(_NOISE) for _ in range(random.randrange(12)))


def quoted(text: str, quote: str = '"', end: str = "") -> str:
    """Write a text in quotes, with `end` behind it as it is."""
    for special in ("\\", quote, "*"):
        text = text.replace(special, f"\\{special}")
    return f"{quote}{text}{end}{quote}"


def _term(random: Random, depth: int) -> str:
    negation = random.choice(("", "", "", "NOT ", "-"))
    if random.random() < 0.25:
        return f"{negation}({random_filter(random, depth + 1)})"
    return negation + _comparison(random)


def _comparison(random: Random) -> str:
    way = random.randrange(6)
    if way == 0:
        return _label(random)
    if way == 1:
        return _parameter(random)
    fields = (_NAMED, _ORDERED, _TEXTUAL)[way % 3]
    field = random.choice(tuple(fields))
    constant = random.choice(fields[field])
    comparators = ("=", "!=", ":") if fields is not _ORDERED else ("=", "!=", ":", "<", "<=", ">", ">=")
    if random.random() < 0.1:
        return f"{field}{_sign(random, ('=', '!=', ':'))}*"
    if fields is _TEXTUAL and random.random() < 0.3:
        beginning = constant[: random.randint(1, len(constant))]
        return f"{field}{_sign(random, comparators)}{quoted(beginning, end='*')}"
    return f"{field}{_sign(random, comparators)}{_written(random, constant)}"


def _label(random: Random) -> str:
    key, text = random.choice(LABEL_KEYS), random.choice(TEXTS)
    if random.random() < 0.2:
        return f"labels{_sign(random, (':',))}{quoted(key)}"
    return f"labels.{quoted(key)}{_text_comparison(random, text)}"


def _parameter(random: Random) -> str:
    key = random.choice(PARAMETER_KEYS)
    if random.random() < 0.1:
        return f"parameters:{key}"
    if random.random() < 0.3:
        return f"parameters.{key}{_text_comparison(random, random.choice(TEXTS))}"
    if random.random() < 0.2:
        return f"parameters.{key}{_sign(random, ('=', '!='))}{random.choice(('true', 'false', 'blue', '1*', '-3*'))}"
    number = random.choice((*map(repr, NUMBERS), "5.00", "25e-1", "99999999999999999999", "007", "9007199254740993"))
    return f"parameters.{key}{_sign(random, ('=', '!=', ':', '<', '<=', '>', '>='))}{number}"


def _text_comparison(random: Random, text: str) -> str:
    """Write a comparator and a text."""
    quote = random.choice("\"'")
    if random.random() < 0.3:
        return f"{_sign(random, ('=', '!=', ':'))}{quoted(text[: random.randrange(len(text) + 1)], quote, end='*')}"
    return f"{_sign(random, ('=', '!=', ':', '<', '<=', '>', '>='))}{quoted(text, quote)}"


def _sign(random: Random, comparators: tuple[str, ...]) -> str:
    return random.choice(_BLANKS) + random.choice(comparators) + random.choice(_BLANKS)


def _written(random: Random, constant: str) -> str:
    """Write a constant with or without quotes."""
    return constant if "*" not in constant and random.random() < 0.6 else quoted(constant, random.choice("\"'"))
