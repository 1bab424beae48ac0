"""Whether a watch that ends by itself has come to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState
from perdure.store.filter.filter import Filter
from perdure.store.filter.match import compile_condition
from perdure.store.filter.tree import And, Comparison, Field, Operator, Or
from perdure.store.queries import ListQuery

if TYPE_CHECKING:
    from perdure.engine.queries import Queries
    from perdure.watch.subject import Subject

_LIVE: Final = Or(
    tuple(
        Comparison(Field.STATE, Operator.EQUAL, int(state))
        for state in ExecutionState
        if state not in TERMINAL_EXECUTION_STATES
    )
)


async def has_named_ended(queries: Queries, subject: Subject) -> bool:
    """Whether the execution that a scope names has ended.

    Raises:
        NotFound: It is not there any more.
    """
    key = subject.named_key
    assert key is not None, "only a watch of one execution ends with it"
    row = await queries.row(key)
    return row.facts.state in TERMINAL_EXECUTION_STATES


async def have_all_ended(queries: Queries, subject: Subject) -> bool:
    """Whether no execution matches that has not ended."""
    query = ListQuery(subject.scope, _live(subject.chosen), limit=1)
    while True:
        page = await queries.list_page(query)
        if page.rows or page.next is None:
            return not page.rows
        query = replace(query, after=page.next)


def _live(chosen: Filter | None) -> Filter:
    """Narrow a filter to executions that have not ended."""
    if chosen is None:
        return Filter(_LIVE, compile_condition(_LIVE))
    conditions = chosen.condition.conditions if isinstance(chosen.condition, And) else (chosen.condition,)
    narrowed = And((*conditions, _LIVE))
    return Filter(narrowed, compile_condition(narrowed))
