"""Ways through the indexes: for each, the parts of an index that hold the executions wanted, in order.

Every part is in the order of create time and id. A way consists of several parts, such as one for each of some
states, only if they are disjoint: the database merges them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from perdure.store.sqlite.filter_sql import Predicate

if TYPE_CHECKING:
    from collections.abc import Iterable


class Arm(NamedTuple):
    """Executions that lie together in one index, in the order of create time and id.

    Attributes:
        alias: Of the table whose index it is: `e` for executions, `t` for their terms.
        keys: What stands behind FROM if only columns of the index are read.
        rows: What stands behind FROM if columns of `e` are.
        where: Which part of the index.
    """

    alias: str
    keys: str
    rows: str
    where: Predicate


Arms = tuple[Arm, ...]


class Within(NamedTuple):
    """A project, or one integration of it: what an index is entered by."""

    project: str
    integration: str | None = None


def by_id(project: str, execution: str) -> Arms:
    """Find one execution."""
    return (_part("sqlite_autoindex_executions_1", "e.project = ? AND e.execution = ?", project, execution),)


def by_parent(project: str, parent: str) -> Arms:
    """Find the direct sub-executions of an execution."""
    return (_part("executions_by_parent", "e.project = ? AND e.parent = ?", project, parent),)


def by_root(project: str, root: str) -> Arms:
    """Find a tree: its root, and what is below."""
    top = "e.project = ? AND e.execution = ? AND e.root = e.execution"
    below = "e.project = ? AND e.root = ? AND e.root <> e.execution"
    return (
        _part("sqlite_autoindex_executions_1", top, project, root),
        _part("executions_by_root", below, project, root),
    )


def by_trigger(within: Within, trigger_id: str) -> Arms:
    """Find what one trigger started."""
    if within.integration is None:
        of_project = "e.project = ? AND e.trigger_id = ? AND e.trigger_id <> ''"
        return (_part("executions_by_trigger", of_project, within.project, trigger_id),)
    of_integration = "e.project = ? AND e.integration = ? AND e.trigger_id = ? AND e.trigger_id <> ''"
    return (_part("executions_by_integration_trigger", of_integration, *within, trigger_id),)


def by_states(within: Within, states: Iterable[int]) -> Arms:
    """Find what is in some states."""
    if within.integration is None:
        of_project = "e.project = ? AND e.state = ?"
        return tuple(_part("executions_by_state", of_project, within.project, state) for state in sorted(states))
    of_integration = "e.project = ? AND e.integration = ? AND e.state = ?"
    return tuple(_part("executions_by_integration_state", of_integration, *within, state) for state in sorted(states))


def by_term(within: Within, term: str) -> Arms:
    """Find what has a label or a searchable parameter."""
    if within.integration is None:
        table, where = "execution_terms AS t", Predicate("t.project = ? AND t.term = ?", (within.project, term))
    else:
        table = "execution_terms AS t INDEXED BY execution_terms_by_integration"
        where = Predicate("t.project = ? AND t.integration = ? AND t.term = ?", (*within, term))
    # A cross join keeps the order: terms first.
    rows = f"{table} CROSS JOIN executions AS e ON e.project = t.project AND e.execution = t.execution"
    return (Arm("t", table, rows, where),)


def of_all(within: Within) -> Arms:
    """Find everything in the project or the integration."""
    if within.integration is None:
        return (_part("executions_by_create_time", "e.project = ?", within.project),)
    return (_part("executions_by_integration", "e.project = ? AND e.integration = ?", *within),)


def of_integration_and_below(project: str, integration: str) -> Arms:
    """Find the executions of an integration, and those of others whose root is one of it."""
    below = "e.project = ? AND e.root_integration = ? AND e.root_integration <> e.integration"
    return (
        *of_all(Within(project, integration)),
        _part("executions_by_root_integration", below, project, integration),
    )


def _part(index: str, condition: str, *values: object) -> Arm:
    source = f"executions AS e INDEXED BY {index}"
    return Arm("e", source, source, Predicate(condition, values))
