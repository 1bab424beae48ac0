"""One form for what a filter says: the same for equal conditions, and a filter that says just that."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.store.filter.canonical import canonical
from perdure.store.filter.constants import BOOLEAN, INSTANT, LABEL, LENGTH, REFERENCE, TEXT, WHOLE, Kind, plain_number
from perdure.store.filter.fields import KEYED, KINDS, NAMES
from perdure.store.filter.parse import parse_filter
from perdure.store.filter.tree import And, Comparison, Condition, Field, Not, Operator, Or

YEAR_10000 = 253_402_300_800_000_000
YEAR_1 = -62_135_596_800_000_000

ORDERS = (Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SOME_TEXT = TEXTS.filter(bool)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False).map(plain_number)
OPERANDS: dict[Kind, st.SearchStrategy[Any]] = {
    TEXT: SOME_TEXT,
    REFERENCE: st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,9}[a-z0-9])?", fullmatch=True),
    BOOLEAN: st.booleans(),
    LABEL: TEXTS,
    WHOLE: st.integers(-(10**18) + 1, 10**18 - 1),
    INSTANT: st.integers(YEAR_1, YEAR_10000 - 1),
    LENGTH: st.integers(0, 10**18 - 1),
}


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Draw a field, then what it can be compared with."""
    field = draw(st.sampled_from(Field))
    key = draw(SOME_TEXT) if field in KEYED else ""
    kind = LABEL if field is Field.PARAMETER else KINDS[field]
    ways = [Operator.EQUAL, Operator.SET, *(ORDERS if kind.ordered else ()), *([Operator.PREFIX] * kind.prefixes)]
    operator = draw(st.sampled_from(ways))
    if operator is Operator.SET:
        return Comparison(field, operator, None, key)
    if operator is Operator.PREFIX:
        return Comparison(field, operator, draw(SOME_TEXT), key)
    if field is Field.PARAMETER:
        return Comparison(field, operator, draw(TEXTS if operator is Operator.EQUAL else TEXTS | NUMBERS), key)
    operands = st.sampled_from(sorted(NAMES[field].values())) if field in NAMES else OPERANDS[kind]
    return Comparison(field, operator, draw(operands), key)


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> Condition:
    """Draw a condition in the one form that conditions have."""
    way = draw(st.sampled_from(("comparison", "not", "and", "or"))) if depth else "comparison"
    if way == "comparison":
        return draw(comparisons())
    if way == "not":
        condition = draw(conditions(depth - 1))
        return condition.condition if isinstance(condition, Not) else Not(condition)
    kind = And if way == "and" else Or
    parts = draw(st.lists(conditions(depth - 1), min_size=2, max_size=3))
    return kind(tuple(each for part in parts for each in (part.conditions if isinstance(part, kind) else (part,))))


@given(conditions())
def test_what_is_written_reads_as_the_same_condition(condition):
    again = parse_filter(canonical(condition))
    assert again is not None
    assert again.condition == condition
    assert canonical(again.condition) == canonical(condition)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("state=FAILED AND orphan=true", "  state : 'FAILED'\n(orphan = true)"),
        ("state!=FAILED", "-(state=FAILED)"),
        ("createTime>2025-01-01", 'create_time > "2025-01-01T01:00:00.0000001+01:00"'),
        ("duration<2.50s", "duration < 2.5s"),
        ("labels.team=blue", "labels.\"team\":'blue'"),
        ("labels:team", "labels.team:*"),
        ("parameters.n>5", "parameters.n > 50e-1"),
        ("started_by=CALL", "startedBy = STARTED_BY_CALL"),
        ("parent=run-1", "parent=projects/p/locations/l/integrations/-/executions/run-1"),
        ("(state=FAILED OR orphan=true) priority>5", "state=FAILED OR orphan=true AND priority>5"),
    ],
)
def test_filters_that_differ_in_writing_only_are_equal(one, other):
    first, second = parse_filter(one), parse_filter(other)
    assert first is not None
    assert second is not None
    assert first == second
    assert canonical(first.condition) == canonical(second.condition)
