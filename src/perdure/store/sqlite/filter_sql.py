"""Filters as SQL: a condition becomes a predicate over a row, by default one of `executions`, called `e`.

A predicate is 1 or 0, never NULL, so that NOT is the negation everywhere (see `perdure.store.filter.tree`).
Whatever a caller wrote is bound; only names and signs of ours are in the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from perdure.store.filter.tree import And, AnyField, Comparison, Condition, Field, Not, Operator, Or
from perdure.store.sqlite.terms import label_term, parameter_term

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXACT_DOUBLES: Final = 2**53
"""Below it, doubles that are whole numbers read as integers; see `parameter_text`."""


class Predicate(NamedTuple):
    """A piece of SQL that is 1 or 0, and the values to bind in it."""

    sql: str
    values: tuple[object, ...] = ()


NEVER: Final = Predicate("0")


class Columns(NamedTuple):
    """Where the fields of a filter are that have one value and no key.

    Attributes:
        always_set: Columns that are never NULL.
        null_if_not_set: The others.
    """

    always_set: Mapping[AnyField, str]
    null_if_not_set: Mapping[AnyField, str]


_ALWAYS_SET: Final[dict[AnyField, str]] = {
    Field.EXECUTION_ID: "e.execution",
    Field.STATE: "e.state",
    Field.CREATE_TIME: "e.create_time",
    Field.UPDATE_TIME: "e.update_time",
    Field.REVISION_ID: "e.revision_id",
    # An id begins with the ordinal, and a cast reads the digits that a text begins with.
    Field.SNAPSHOT_NUMBER: "CAST(e.revision_id AS INTEGER)",
    Field.EXECUTION_METHOD: "e.execution_method",
    Field.PRIORITY: "e.priority",
    Field.ROOT: "e.root",
    Field.ORPHAN: "e.orphan",
    Field.STARTED_BY: "e.started_by",
}
_NULL_IF_NOT_SET: Final[dict[AnyField, str]] = {
    Field.START_TIME: "e.start_time",
    Field.END_TIME: "e.end_time",
    Field.DURATION: "max(e.end_time - e.start_time, 0)",
    Field.TRIGGER_ID: "nullif(e.trigger_id, '')",
    Field.PARENT: "e.parent",
    Field.ERROR_CODE: "e.error_code",
}
_EXECUTIONS: Final = Columns(_ALWAYS_SET, _NULL_IF_NOT_SET)
_SIGNS: Final = {
    Operator.EQUAL: "=",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
}
# A label by its key; json_each copes with every key, unlike a path.
_OF_LABELS: Final = "EXISTS (SELECT 1 FROM json_each(coalesce(e.new_labels, e.labels)) WHERE key = ?{})"
_OF_PARAMETERS: Final = "EXISTS (SELECT 1 FROM json_each(e.parameters) AS one WHERE one.key = ?{})"
_OF_TASKS: Final = "EXISTS (SELECT 1 FROM json_each(e.current_tasks){})"
_HAS_TERM: Final = """EXISTS (
    SELECT 1 FROM execution_terms AS t
    WHERE t.project = e.project AND t.term = ? AND t.create_time = e.create_time AND t.execution = e.execution)"""
# The text of a parameter, as `parameter_text` writes it: for a number the JSON text of it, less the fraction of a
# whole double.
_PARAMETER_TEXT: Final = f"""CASE
    WHEN one.type IN ('text', 'true', 'false') THEN CASE one.type WHEN 'text' THEN one.value ELSE one.type END
    WHEN one.type = 'real' AND abs(one.value) < {EXACT_DOUBLES} AND one.value = CAST(one.value AS INTEGER)
        THEN CAST(CAST(one.value AS INTEGER) AS TEXT)
    ELSE e.parameters -> one.fullkey END"""


def compile_condition(condition: Condition, columns: Columns = _EXECUTIONS) -> Predicate:
    """Write a condition as a predicate."""
    match condition:
        case Comparison():
            return _comparison(condition, columns)
        case Not():
            inner = compile_condition(condition.condition, columns)
            return Predicate(f"NOT {inner.sql}", inner.values)
        case And():
            return _joined(" AND ", condition.conditions, columns)
        case Or():
            return _joined(" OR ", condition.conditions, columns)
        case _:
            assert_never(condition)


def join_predicates(word: str, parts: Sequence[Predicate]) -> Predicate:
    """Join at least one predicate by ` AND ` or ` OR `."""
    sql = word.join(part.sql for part in parts)
    return Predicate(f"({sql})", tuple(value for part in parts for value in part.values))


def _joined(word: str, conditions: tuple[Condition, ...], columns: Columns) -> Predicate:
    parts = [compile_condition(condition, columns) for condition in conditions]
    return join_predicates(word, parts)


def _comparison(comparison: Comparison, columns: Columns) -> Predicate:
    match comparison.field:
        case Field.LABEL:
            return _label(comparison)
        case Field.PARAMETER:
            return _parameter(comparison)
        case Field.CURRENT_TASK:
            inner = _inside(comparison, "value", " WHERE ")
            return Predicate(_OF_TASKS.format(inner.sql), inner.values)
        case field if field in columns.always_set:
            if comparison.operator is Operator.SET:
                return Predicate("1")
            return _compared(columns.always_set[field], comparison)
        case field:
            column = columns.null_if_not_set[field]
            if comparison.operator is Operator.SET:
                return Predicate(f"({column} IS NOT NULL)")
            compared = _compared(column, comparison)
            return Predicate(f"({column} IS NOT NULL AND {compared.sql})", compared.values)


def _compared(column: str, comparison: Comparison) -> Predicate:
    operand = comparison.operand
    if comparison.operator is Operator.PREFIX:
        return Predicate(f"(substr({column}, 1, ?) = ?)", (len(str(operand)), operand))
    if isinstance(operand, float):
        # Read like the numbers in JSON, so that the same digits are the same number.
        return Predicate(f"({column} {_SIGNS[comparison.operator]} CAST(? AS REAL))", (repr(operand),))
    return Predicate(f"({column} {_SIGNS[comparison.operator]} ?)", (operand,))


def _inside(comparison: Comparison, column: str, joint: str) -> Predicate:
    """Write the condition on an element of a JSON text, none if it only has to be there."""
    if comparison.operator is Operator.SET:
        return Predicate("")
    compared = _compared(column, comparison)
    return Predicate(f"{joint}{compared.sql}", compared.values)


def _label(comparison: Comparison) -> Predicate:
    if comparison.operator is Operator.EQUAL:
        term = label_term(comparison.key, str(comparison.operand))
        if term is not None:
            return Predicate(_HAS_TERM, (term,))
    inner = _inside(comparison, "value", " AND ")
    return Predicate(_OF_LABELS.format(inner.sql), (comparison.key, *inner.values))


def _parameter(comparison: Comparison) -> Predicate:
    match comparison.operator:
        case Operator.SET:
            inner = Predicate("")
        case Operator.EQUAL:
            term = parameter_term(comparison.key, str(comparison.operand))
            if term is not None:
                return Predicate(_HAS_TERM, (term,))
            inner = Predicate(" AND one.value = ?", (comparison.operand,))
        case Operator.PREFIX:
            inner = _inside(comparison, f"({_PARAMETER_TEXT})", " AND ")
        case _:
            kinds = "('text')" if isinstance(comparison.operand, str) else "('integer', 'real')"
            inner = _inside(comparison, "one.value", f" AND one.type IN {kinds} AND ")
    return Predicate(_OF_PARAMETERS.format(inner.sql), (comparison.key, *inner.values))
