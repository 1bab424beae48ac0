"""Compiles a condition into a function that tells whether an execution matches it.

Watches ask it of every commit, so all that depends on the condition alone is done once.
"""

from __future__ import annotations

import json
import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, assert_never

from perdure.store.filter.tree import And, AnyField, Comparison, Field, Not, Operator, Or, parameter_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.store.filter.tree import Condition
    from perdure.store.records import Facts, NewExecution

    Matches = Callable[[NewExecution, Facts], bool]
    Reads = Callable[[NewExecution, Facts], Any]
    Test = Callable[[Any], bool]

_TEXTS_REMEMBERED: Final = 4_096
"""Texts of labels and of parameters whose content is kept: most executions have the same few."""

_RELATIONS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


def compile_condition(condition: Condition) -> Matches:
    """Make the function of a condition."""
    match condition:
        case Comparison(field=Field.CURRENT_TASK):
            return _any_task(_test(condition))
        case Comparison():
            return _compile_comparison(_read(condition), _test(condition))
        case Not():
            return _negation(compile_condition(condition.condition))
        case And():
            return _conjunction(tuple(compile_condition(each) for each in condition.conditions))
        case Or():
            return _disjunction(tuple(compile_condition(each) for each in condition.conditions))
        case _:
            assert_never(condition)


def _negation(matches: Matches) -> Matches:
    return lambda created, facts: not matches(created, facts)


def _conjunction(parts: tuple[Matches, ...]) -> Matches:
    def matches(created: NewExecution, facts: Facts) -> bool:
        for part in parts:  # noqa: SIM110  -- a generator would cost more than most comparisons
            if not part(created, facts):
                return False
        return True

    return matches


def _disjunction(parts: tuple[Matches, ...]) -> Matches:
    def matches(created: NewExecution, facts: Facts) -> bool:
        for part in parts:  # noqa: SIM110  -- as above
            if part(created, facts):
                return True
        return False

    return matches


def _compile_comparison(read: Reads, test: Test) -> Matches:
    def matches(created: NewExecution, facts: Facts) -> bool:
        value = read(created, facts)
        return value is not None and test(value)

    return matches


def _any_task(test: Test) -> Matches:
    def matches(_: NewExecution, facts: Facts) -> bool:
        return any(map(test, facts.current_tasks))

    return matches


def _test(comparison: Comparison) -> Test:
    """Make the function that tests a value that is set."""
    operand = comparison.operand
    if comparison.operator is Operator.SET:
        return lambda _: True
    if comparison.operator is Operator.PREFIX:
        return lambda value: bool(value.startswith(operand))
    relation = _RELATIONS[comparison.operator]
    if comparison.field is not Field.PARAMETER or comparison.operator is Operator.EQUAL:
        return lambda value: relation(value, operand)
    if isinstance(operand, str):
        return lambda value: isinstance(value, str) and relation(value, operand)
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and relation(value, operand)


def _read(comparison: Comparison) -> Reads:
    """Make the function that reads what is compared; it returns None if that is not set."""
    key = comparison.key
    if comparison.field is Field.LABEL:
        return lambda created, facts: _labels(facts.labels(created)).get(key)
    if comparison.field is not Field.PARAMETER:
        return _READS[comparison.field]
    if comparison.operator in {Operator.EQUAL, Operator.PREFIX}:
        return lambda _, facts: _parameter_texts(facts.parameters).get(key)
    return lambda _, facts: _parameters(facts.parameters).get(key)


def _duration(_: NewExecution, facts: Facts) -> int | None:
    if facts.start_time is None or facts.end_time is None:
        return None
    return max(facts.end_time - facts.start_time, 0)


_READS: Final[dict[AnyField, Reads]] = {
    Field.EXECUTION_ID: lambda created, _: created.key.execution,
    Field.STATE: lambda _, facts: facts.state,
    Field.CREATE_TIME: lambda created, _: created.create_time,
    Field.START_TIME: lambda _, facts: facts.start_time,
    Field.UPDATE_TIME: lambda _, facts: facts.update_time,
    Field.END_TIME: lambda _, facts: facts.end_time,
    Field.DURATION: _duration,
    Field.REVISION_ID: lambda created, _: created.revision_id,
    Field.SNAPSHOT_NUMBER: lambda created, _: int(created.revision_id.partition("-")[0]),
    Field.TRIGGER_ID: lambda created, _: created.trigger_id or None,
    Field.EXECUTION_METHOD: lambda created, _: created.execution_method,
    Field.PRIORITY: lambda _, facts: facts.priority,
    Field.PARENT: lambda created, _: created.origin and created.origin.parent,
    Field.ROOT: lambda created, _: created.root,
    Field.ORPHAN: lambda created, _: created.orphan,
    Field.STARTED_BY: lambda created, _: created.started_by,
    Field.ERROR_CODE: lambda _, facts: facts.error_code,
}
"""How the fields are read that have one value and no key."""


@lru_cache(_TEXTS_REMEMBERED)
def _labels(text: str) -> dict[str, str]:
    labels: dict[str, str] = json.loads(text)
    return labels


@lru_cache(_TEXTS_REMEMBERED)
def _parameters(text: str) -> dict[str, str | int | float | bool]:
    parameters: dict[str, str | int | float | bool] = json.loads(text)
    return parameters


@lru_cache(_TEXTS_REMEMBERED)
def _parameter_texts(text: str) -> dict[str, str]:
    return {key: parameter_text(value) for key, value in _parameters(text).items()}
