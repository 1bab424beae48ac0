"""The statements of lists and counts, made of the parts of indexes that they go through.

A list of rows comes as one JSON array of arrays. Python lets go of its lock for every row that it takes from
SQLite, and beside a busy server it can wait milliseconds to have it back, so a page is taken in one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.store.queries import OrderField
from perdure.store.sqlite.filter_sql import Predicate, join_predicates
from perdure.store.sqlite.rows import EXECUTION

if TYPE_CHECKING:
    from perdure.store.sqlite.index_ways import Arm, Arms
    from perdure.store.sqlite.list_plan import Times

_ROW: Final = ", ".join(f"e.{column}" for column in EXECUTION)

_RANKS: Final = {
    OrderField.START_TIME: "e.start_time",
    OrderField.UPDATE_TIME: "e.update_time",
    OrderField.END_TIME: "e.end_time",
    OrderField.DURATION: "max(e.end_time - e.start_time, 0)",
    OrderField.PRIORITY: "e.priority",
    OrderField.EXECUTION_ID: "e.execution",
}


class Statement(NamedTuple):
    """SQL, and the values to bind in it."""

    sql: str
    values: tuple[object, ...]


class Place(NamedTuple):
    """The place of an execution in the order of creation."""

    create_time: int
    execution: str


class Reach(NamedTuple):
    """Which part of the order of creation is read.

    Attributes:
        times: Create times, at most.
        descending: Whether the newest comes first.
        after: The place that it begins behind; None for the beginning.
        until: The place that it ends with; None for the end.
    """

    times: Times
    descending: bool = True
    after: Place | None = None
    until: Place | None = None


class Ranked(NamedTuple):
    """The place of an execution in another order; executions without a rank come last."""

    rank: int | str | None
    create_time: int
    execution: str


def entries_counted(arm: Arm, reach: Reach, limit: int) -> Statement:
    """Count the entries of a part of an index, up to a limit."""
    where = _where(arm, reach, None)
    return Statement(
        f"SELECT count(*) FROM (SELECT 1 FROM {arm.keys} WHERE {where.sql} LIMIT ?)", (*where.values, limit)
    )


def place_at(arms: Arms, reach: Reach, number: int) -> Statement:
    """Read the place of the entry with a number, from 1."""
    parts = [_where(arm, reach, None) for arm in arms]
    selects = [
        f"SELECT {arm.alias}.create_time, {arm.alias}.execution FROM {arm.keys} WHERE {where.sql}"
        for arm, where in zip(arms, parts, strict=True)
    ]
    sql = f"{_in_order(arms, selects, reach)} LIMIT 1 OFFSET ?"
    return Statement(sql, (*_values(parts), number - 1))


def rows_by_time(arms: Arms, reach: Reach, residual: Predicate | None, limit: int) -> Statement:
    """Read rows in the order of creation, as one JSON array."""
    parts = [_where(arm, reach, residual) for arm in arms]
    selects = [f"SELECT {_ROW} FROM {arm.rows} WHERE {where.sql}" for arm, where in zip(arms, parts, strict=True)]
    return Statement(_as_one(EXECUTION, f"{_in_order(arms, selects, reach)} LIMIT ?"), (*_values(parts), limit))


def rows_ranked(
    arms: Arms, reach: Reach, residual: Predicate | None, order: OrderField, after: Ranked | None, limit: int
) -> Statement:
    """Read rows in another order than that of creation, the last column being the rank, as one JSON array.

    Args:
        arms: What to sort.
        reach: Create times, and the direction of the ranks.
        residual: Which rows.
        order: What the rank is.
        after: The place to go on behind; None for the beginning.
        limit: At most so many.
    """
    parts = [_where(arm, reach, residual) for arm in arms]
    selects = [
        f"SELECT {_ROW}, {_RANKS[order]} AS rank FROM {arm.rows} WHERE {where.sql}"
        for arm, where in zip(arms, parts, strict=True)
    ]
    behind = _behind(after, descending=reach.descending)
    sql = f"""
        SELECT * FROM ({" UNION ALL ".join(selects)}) WHERE {behind.sql}
        ORDER BY rank IS NULL, rank {_direction(reach)}, create_time DESC, execution DESC LIMIT ?
    """
    return Statement(_as_one((*EXECUTION, "rank"), sql), (*_values(parts), *behind.values, limit))


def counted_by_state(arm: Arm, reach: Reach, residual: Predicate | None) -> Statement:
    """Count rows by the number of their state."""
    where = _where(arm, reach, residual)
    return Statement(f"SELECT e.state, count(*) FROM {arm.rows} WHERE {where.sql} GROUP BY e.state", where.values)


def _as_one(columns: tuple[str, ...], rows: str) -> str:
    return f"SELECT json_group_array(json_array({', '.join(columns)})) FROM ({rows})"


def _where(arm: Arm, reach: Reach, residual: Predicate | None) -> Predicate:
    parts = [arm.where, *_limits(arm.alias, reach)]
    if residual is not None:
        parts.append(residual)
    return join_predicates(" AND ", parts)


def _limits(alias: str, reach: Reach) -> list[Predicate]:
    """Write what a reach asks of a key: one limit for each end, so that an index is entered at the nearer one."""
    first, last = reach.times
    begin, end = reach.after, reach.until
    if not reach.descending:
        begin, end = end, begin
    above, below = (">=", "<") if reach.descending else (">", "<=")
    # Here `begin` is the newer end and `end` the older one.
    parts: list[Predicate] = []
    place = f"({alias}.create_time, {alias}.execution)"
    if begin is not None and (last is None or begin.create_time <= last):
        parts.append(Predicate(f"{place} {below} (?, ?)", begin))
    elif last is not None:
        parts.append(Predicate(f"{alias}.create_time <= ?", (last,)))
    if end is not None and (first is None or end.create_time >= first):
        parts.append(Predicate(f"{place} {above} (?, ?)", end))
    elif first is not None:
        parts.append(Predicate(f"{alias}.create_time >= ?", (first,)))
    return parts


def _in_order(arms: Arms, selects: list[str], reach: Reach) -> str:
    """Join the parts so that the database merges them, each being in order by its index."""
    alias = f"{arms[0].alias}." if len(arms) == 1 else ""
    direction = _direction(reach)
    return f"{' UNION ALL '.join(selects)} ORDER BY {alias}create_time {direction}, {alias}execution {direction}"


def _direction(reach: Reach) -> str:
    return "DESC" if reach.descending else "ASC"


def _behind(after: Ranked | None, *, descending: bool) -> Predicate:
    """Write what holds of the places behind one, without a rank last, ties by creation, newest first."""
    if after is None:
        return Predicate("1")
    rank, *place = after
    if rank is None:
        return Predicate("(rank IS NULL AND (create_time, execution) < (?, ?))", tuple(place))
    sign = "<" if descending else ">"
    return Predicate(
        f"(rank IS NULL OR rank {sign} ? OR (rank = ? AND (create_time, execution) < (?, ?)))", (rank, rank, *place)
    )


def _values(parts: list[Predicate]) -> tuple[object, ...]:
    return tuple(value for part in parts for value in part.values)
