"""How to find the executions that a list or a count asks for: which indexes can lead to them, what is left to check.

The conditions that a filter joins by AND are sorted into a range of create times, which every index serves, those
that an index can lead to, and the rest, which is checked row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.domain.states import ExecutionState
from perdure.store.filter.tree import And, Comparison, Condition, Field, Not, Operator, Or
from perdure.store.sqlite import index_ways
from perdure.store.sqlite.filter_sql import Predicate, compile_condition, join_predicates
from perdure.store.sqlite.index_ways import Arms, Within
from perdure.store.sqlite.terms import label_term, parameter_term

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.store.filter.filter import Filter
    from perdure.store.queries import Scope

_STATES: Final = frozenset(state.value for state in ExecutionState)
_OPPOSITES: Final = {
    Operator.LESS: Operator.GREATER_OR_EQUAL,
    Operator.LESS_OR_EQUAL: Operator.GREATER,
    Operator.GREATER: Operator.LESS_OR_EQUAL,
    Operator.GREATER_OR_EQUAL: Operator.LESS,
}
_PREFERENCE: Final = (
    Field.EXECUTION_ID,
    Field.PARENT,
    Field.PARAMETER,
    Field.LABEL,
    Field.ROOT,
    Field.TRIGGER_ID,
)
"""Fields that have an index, those first that mostly leave the fewest; state comes after all of them."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to find all executions that match, and perhaps others.

    Attributes:
        arms: The parts of indexes that it goes through.
        serves: Conditions of the filter that hold of all its rows.
        inside: Whether all its rows are of the scope.
        narrow: Whether the filter narrows it, or a scope smaller than an integration does.
    """

    arms: Arms
    serves: tuple[Condition, ...] = ()
    inside: bool = True
    narrow: bool = True


class Times(NamedTuple):
    """A range of create times, both ends included; None for an open end."""

    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How to find the executions of a scope that match a filter.

    Attributes:
        ways: Ways to find them, at least one; the earlier, the narrower in general.
        times: Their create times.
        rest: The conditions of the filter that are not in `times`.
        scope: What the scope asks of rows that a way finds outside of it; None if nothing.
    """

    ways: tuple[Way, ...]
    times: Times
    rest: tuple[Condition, ...]
    scope: Predicate | None

    def residual(self, way: Way) -> Predicate | None:
        """Write what is left to check of each row that a way finds; None if nothing is."""
        parts = [compile_condition(condition) for condition in self.rest if condition not in way.serves]
        if self.scope is not None and not way.inside:
            parts.append(self.scope)
        return join_predicates(" AND ", parts) if parts else None


def make_plan(scope: Scope, chosen: Filter | None, *, tree_root: str, by_state: bool) -> Plan:
    """Plan a list or a count.

    Args:
        scope: Which executions.
        chosen: Which of these; None for all.
        tree_root: Root of the scope's tree; empty if the scope is none.
        by_state: Whether to go by state where nothing narrows it, as counts do.
    """
    times, rest = _split(chosen)
    asked = _scope_predicate(scope, tree_root)
    small = _small_scope(scope, tree_root)
    if small is not None:
        return Plan((Way(small, inside=asked is None),), times, rest, asked)
    ways = tuple(_filter_ways(scope, rest))
    # Within one integration nothing is wider than all of it; a wider scope has to be compared.
    if not ways or scope.with_sub_executions:
        ways = (*ways, Way(_whole_scope(scope, by_state=by_state), narrow=times != Times()))
    return Plan(ways, times, rest, asked)


def _scope_predicate(scope: Scope, tree_root: str) -> Predicate | None:
    if scope.integration is not None and scope.with_sub_executions:
        return Predicate("(e.integration = ? OR e.root_integration = ?)", (scope.integration,) * 2)
    if scope.integration is not None:
        return Predicate("e.integration = ?", (scope.integration,))
    if scope.tree is not None and scope.tree != tree_root:
        return Predicate("(e.execution = ? OR instr(e.ancestors, ?) > 0)", (scope.tree, f"/{scope.tree}/"))
    return None


def _small_scope(scope: Scope, tree_root: str) -> Arms | None:
    """Find the way of a scope that is smaller than an integration; None for another one."""
    if scope.execution is not None:
        return index_ways.by_id(scope.project, scope.execution)
    if scope.parent is not None:
        return index_ways.by_parent(scope.project, scope.parent)
    if scope.tree is not None:
        return index_ways.by_root(scope.project, tree_root)
    return None


def _whole_scope(scope: Scope, *, by_state: bool) -> Arms:
    if scope.integration is not None and scope.with_sub_executions:
        return index_ways.of_integration_and_below(scope.project, scope.integration)
    within = Within(scope.project, scope.integration)
    return index_ways.by_states(within, _STATES) if by_state else index_ways.of_all(within)


def _filter_ways(scope: Scope, conditions: Sequence[Condition]) -> Iterator[Way]:
    """Make the ways that conditions of a filter open, in the order of preference."""
    within = Within(scope.project, None if scope.with_sub_executions else scope.integration)
    equal = [
        condition
        for condition in conditions
        if isinstance(condition, Comparison) and condition.operator is Operator.EQUAL
    ]
    for field in _PREFERENCE:
        for comparison in equal:
            if comparison.field is field:
                yield from _equal_way(scope, within, comparison)
    by_state = {condition: states for condition in conditions if (states := _states(condition)) is not None}
    states = _STATES.intersection(*by_state.values())
    if states != _STATES:
        yield Way(index_ways.by_states(within, states), tuple(by_state), inside=not scope.with_sub_executions)


def _equal_way(scope: Scope, within: Within, comparison: Comparison) -> Iterator[Way]:
    operand = str(comparison.operand)
    serves = (comparison,)
    everywhere = scope.integration is None
    as_entered = not scope.with_sub_executions
    match comparison.field:
        case Field.EXECUTION_ID:
            yield Way(index_ways.by_id(scope.project, operand), serves, inside=everywhere)
        case Field.PARENT:
            yield Way(index_ways.by_parent(scope.project, operand), serves, inside=everywhere)
        case Field.ROOT:
            yield Way(index_ways.by_root(scope.project, operand), serves, inside=everywhere)
        case Field.TRIGGER_ID:
            yield Way(index_ways.by_trigger(within, operand), serves, inside=as_entered)
        case Field.LABEL | Field.PARAMETER:
            make_term = label_term if comparison.field is Field.LABEL else parameter_term
            term = make_term(comparison.key, operand)
            if term is not None:
                yield Way(index_ways.by_term(within, term), serves, inside=as_entered)


def _states(condition: Condition) -> frozenset[int] | None:
    """Tell in which states a condition holds, if it is about nothing else."""
    match condition:
        case Comparison(field=Field.STATE, operator=Operator.EQUAL, operand=int(state)):
            return _STATES & {state}
        case Not(inner):
            states = _states(inner)
            return None if states is None else _STATES - states
        case And(conditions) | Or(conditions):
            parts = [states for one in conditions if (states := _states(one)) is not None]
            if len(parts) < len(conditions):
                return None
            return frozenset.union(*parts) if isinstance(condition, Or) else frozenset.intersection(*parts)
        case _:
            return None


def _split(chosen: Filter | None) -> tuple[Times, tuple[Condition, ...]]:
    """Take the range of create times out of what a filter joins by AND."""
    if chosen is None:
        return Times(), ()
    condition = chosen.condition
    times = Times()
    rest: list[Condition] = []
    for one in condition.conditions if isinstance(condition, And) else (condition,):
        limits = _times(one)
        if limits is None:
            rest.append(one)
        else:
            times = _both(times, limits)
    return times, tuple(rest)


def _times(condition: Condition) -> Times | None:
    """Tell in which range of create times a condition holds, if it is about nothing else."""
    match condition:
        case Not(Comparison(field=Field.CREATE_TIME, operator=operator, operand=operand)) if operator in _OPPOSITES:
            return _times(Comparison(Field.CREATE_TIME, _OPPOSITES[operator], operand))
        case Comparison(field=Field.CREATE_TIME, operator=operator, operand=int(instant)):
            match operator:
                case Operator.EQUAL:
                    return Times(instant, instant)
                case Operator.LESS:
                    return Times(last=instant - 1)
                case Operator.LESS_OR_EQUAL:
                    return Times(last=instant)
                case Operator.GREATER:
                    return Times(first=instant + 1)
                case Operator.GREATER_OR_EQUAL:
                    return Times(first=instant)
    return None


def _both(one: Times, other: Times) -> Times:
    firsts = [first for first in (one.first, other.first) if first is not None]
    lasts = [last for last in (one.last, other.last) if last is not None]
    return Times(max(firsts, default=None), min(lasts, default=None))
