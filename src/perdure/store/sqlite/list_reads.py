"""Pages of lists, and counts, read by the index that leaves the fewest executions to look at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from perdure.store.errors import OrderTooWide
from perdure.store.queries import Counted, ListPage, OrderField
from perdure.store.sqlite.list_plan import make_plan
from perdure.store.sqlite.list_sql import (
    Place,
    Ranked,
    Reach,
    counted_by_state,
    entries_counted,
    place_at,
    rows_by_time,
    rows_ranked,
)
from perdure.store.sqlite.rows import read_execution

if TYPE_CHECKING:
    import sqlite3

    from perdure.store.filter.filter import Filter
    from perdure.store.queries import ListQuery, Scope
    from perdure.store.records import ExecutionRow
    from perdure.store.sqlite.list_plan import Plan, Way
    from perdure.store.sqlite.list_sql import Statement

SCANNED_ROWS: Final = 20_000
"""Executions that a page looks at, or sorts, at most."""
COUNTED_ROWS: Final = 1_000_000
"""Executions that a count looks at, at most."""

_FIRST_LOOK: Final = 1_000
"""Executions of the first attempt at a page: mostly they are enough to fill it."""
_PROBED_ENTRIES: Final = 1_000
"""Entries counted of each index when ways are compared."""

_ROOT_OF: Final = "SELECT root FROM executions WHERE project = ? AND execution = ?"


def list_page(connection: sqlite3.Connection, wanted: ListQuery) -> ListPage:
    """Read one page of a list.

    Raises:
        OrderTooWide: It is to be sorted, and no index narrows it enough.
    """
    plan = _plan(connection, wanted.scope, wanted.filter, by_state=False)
    if plan is None:
        return ListPage([], [], None)
    if wanted.order is OrderField.CREATE_TIME:
        return _page_by_time(connection, wanted, plan)
    return _page_ranked(connection, wanted, plan)


def count(connection: sqlite3.Connection, scope: Scope, chosen: Filter | None) -> Counted:
    """Count executions by state; only the newest if there are too many to look at."""
    by_state: dict[int, int] = {}
    plan = _plan(connection, scope, chosen, by_state=True)
    if plan is None:
        return Counted(by_state, lower_bound=False)
    reach = Reach(plan.times)
    way = _narrowest(connection, plan, reach)
    if _entries(connection, way, reach, COUNTED_ROWS + 1) > COUNTED_ROWS:
        reach = reach._replace(until=_place_at(connection, way, reach, COUNTED_ROWS))
    residual = plan.residual(way)
    for arm in way.arms:
        for state, number in connection.execute(*counted_by_state(arm, reach, residual)):
            by_state[state] = by_state.get(state, 0) + number
    return Counted(by_state, lower_bound=reach.until is not None)


def _plan(connection: sqlite3.Connection, scope: Scope, chosen: Filter | None, *, by_state: bool) -> Plan | None:
    """Make the plan; None if nothing can match."""
    tree_root = ""
    if scope.tree is not None:
        top = connection.execute(_ROOT_OF, (scope.project, scope.tree)).fetchone()
        if top is None:
            return None
        (tree_root,) = top
    plan = make_plan(scope, chosen, tree_root=tree_root, by_state=by_state)
    return plan if all(way.arms for way in plan.ways) else None


def _page_by_time(connection: sqlite3.Connection, wanted: ListQuery, plan: Plan) -> ListPage:
    after = None if wanted.after is None else Place(int(wanted.after[0]), wanted.after[1])
    reach = Reach(plan.times, wanted.descending, after)
    way = _narrowest(connection, plan, reach)
    residual = plan.residual(way)
    if residual is None:
        found = _rows(connection, rows_by_time(way.arms, reach, None, wanted.limit + 1))
        return _page(found, wanted.limit, None)
    found = []
    until = after
    for look in (_FIRST_LOOK, SCANNED_ROWS - _FIRST_LOOK):
        reach = reach._replace(after=until)
        until = _place_at(connection, way, reach, look)
        query = rows_by_time(way.arms, reach._replace(until=until), residual, wanted.limit + 1 - len(found))
        found += _rows(connection, query)
        if until is None or len(found) >= wanted.limit:
            break
    return _page(found, wanted.limit, until)


def _rows(connection: sqlite3.Connection, query: Statement) -> list[list[Any]]:
    (rows,) = connection.execute(*query).fetchone()
    found: list[list[Any]] = json.loads(rows)
    return found


def _page(found: list[list[Any]], limit: int, looked_until: Place | None) -> ListPage:
    """Make a page of at most one row too many, which then tells that there is a next page."""
    rows = [read_execution(columns) for columns in found[:limit]]
    keys = [_time_key(row) for row in rows]
    if len(found) > limit:
        return ListPage(rows, keys, keys[-1])
    if looked_until is None:
        return ListPage(rows, keys, None)
    return ListPage(rows, keys, (str(looked_until.create_time), looked_until.execution))


def _time_key(row: ExecutionRow) -> tuple[str, ...]:
    return (str(row.created.create_time), row.created.key.execution)


def _page_ranked(connection: sqlite3.Connection, wanted: ListQuery, plan: Plan) -> ListPage:
    reach = Reach(plan.times, wanted.descending)
    way = _narrow_enough(connection, plan, reach)
    after = None if wanted.after is None else _read_ranked(wanted.after, wanted.order)
    query = rows_ranked(way.arms, reach, plan.residual(way), wanted.order, after, wanted.limit + 1)
    found = _rows(connection, query)
    rows: list[ExecutionRow] = []
    keys: list[tuple[str, ...]] = []
    for *columns, rank in found[: wanted.limit]:
        row = read_execution(columns)
        rows.append(row)
        keys.append(("" if rank is None else str(rank), *_time_key(row)))
    return ListPage(rows, keys, keys[-1] if len(found) > wanted.limit else None)


def _read_ranked(key: tuple[str, ...], order: OrderField) -> Ranked:
    rank, create_time, execution = key
    of_text = order is OrderField.EXECUTION_ID
    return Ranked(None if not rank else rank if of_text else int(rank), int(create_time), execution)


def _narrow_enough(connection: sqlite3.Connection, plan: Plan, reach: Reach) -> Way:
    """Choose the first way that leaves few enough executions to sort."""
    for way in plan.ways:
        if way.narrow and _entries(connection, way, reach, SCANNED_ROWS + 1) <= SCANNED_ROWS:
            return way
    raise OrderTooWide(f"no index narrows the list to at most {SCANNED_ROWS} executions")


def _narrowest(connection: sqlite3.Connection, plan: Plan, reach: Reach) -> Way:
    """Choose the way with the fewest entries, as far as they are counted; the earlier of equals."""
    if len(plan.ways) == 1:
        return plan.ways[0]
    return min(plan.ways, key=lambda way: _entries(connection, way, reach, _PROBED_ENTRIES))


def _entries(connection: sqlite3.Connection, way: Way, reach: Reach, limit: int) -> int:
    """Count the entries of a way, up to a limit."""
    counted = 0
    for arm in way.arms:
        if counted < limit:
            (entries,) = connection.execute(*entries_counted(arm, reach, limit - counted)).fetchone()
            counted += entries
    return counted


def _place_at(connection: sqlite3.Connection, way: Way, reach: Reach, number: int) -> Place | None:
    """Read the place of an entry of a way; None if there are fewer."""
    found = connection.execute(*place_at(way.arms, reach, number)).fetchone()
    return None if found is None else Place(*found)
