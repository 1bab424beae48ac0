"""Writes what a filter says in one form, whichever way it was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, assert_never

from perdure.domain.instants import instant_text
from perdure.store.filter.constants import INSTANT, LENGTH
from perdure.store.filter.fields import KINDS, NAMES
from perdure.store.filter.tree import And, Comparison, Not, Operator, Or, parameter_text

if TYPE_CHECKING:
    from perdure.store.filter.constants import Operand
    from perdure.store.filter.tree import AnyField, Condition

_ESCAPED: Final = re.compile(r'[\\"*]')


def canonical(condition: Condition) -> str:
    """Write a condition as a filter that says the same; equal texts for equal conditions, and only for them.

    The text may be longer than the filter that the condition was read from, and than filters may be.
    """
    match condition:
        case Comparison():
            return _comparison(condition)
        case Not(condition=Comparison() as comparison):
            return f"NOT {_comparison(comparison)}"
        case Not():
            return f"NOT ({canonical(condition.condition)})"
        case And():
            return " AND ".join(canonical(each) for each in condition.conditions)
        case Or():
            return " OR ".join(
                f"({canonical(each)})" if isinstance(each, And) else canonical(each) for each in condition.conditions
            )
        case _:
            assert_never(condition)


def _comparison(comparison: Comparison) -> str:
    name = f"{comparison.field.value}.{_quoted(comparison.key)}" if comparison.key else comparison.field.value
    if comparison.operand is None:
        return f"{name}:*"
    if comparison.operator is Operator.PREFIX:
        return f"{name}={_quoted(str(comparison.operand), end='*')}"
    return f"{name}{comparison.operator.value}{_constant(comparison.field, comparison.operand)}"


def _constant(field: AnyField, operand: Operand) -> str:
    if isinstance(operand, str):
        return _quoted(operand)
    if field in NAMES:
        return next(name for name, number in NAMES[field].items() if number == operand)
    kind = KINDS.get(field)
    if kind is INSTANT and isinstance(operand, int):
        return instant_text(operand)
    if kind is LENGTH and isinstance(operand, int):
        return f"{operand // 1_000_000}.{operand % 1_000_000:06}s"
    return parameter_text(operand)


def _quoted(text: str, end: str = "") -> str:
    return f'"{_ESCAPED.sub(_escape, text)}{end}"'


def _escape(match: re.Match[str]) -> str:
    return "\\" + match[0]
