"""What is read of suspensions: functions that run on a reading connection, each on one snapshot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from perdure.store.filter.tree import And, Comparison, Operator, SuspensionField
from perdure.store.sqlite.filter_sql import Columns, Predicate, compile_condition, join_predicates
from perdure.store.suspensions import (
    SuspensionKey,
    SuspensionPage,
    SuspensionPlace,
    SuspensionRecord,
    SuspensionRow,
    SuspensionState,
    place_of,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from perdure.store.filter.tree import Condition
    from perdure.store.suspensions import SuspensionQuery

SCANNED_ROWS: Final = 20_000
"""Suspensions that a page looks at, at most."""

_COLUMNS: Final = """
    s.project, s.execution, s.number, s.integration, s.task, s.kind, s.create_time, s.expire_time, s.remind_time,
    s.lift_when_expired, s.who_may_resolve, s.message, s.signal, s.state, s.update_time, s.last_reminder_time,
    s.resolve_time, s.resolver, s.result
"""
_GET: Final = f"SELECT {_COLUMNS} FROM suspensions AS s WHERE project = ? AND execution = ? AND number = ?"
_PLACE: Final = "(s.create_time, s.execution, s.number)"
_MAY_RESOLVE: Final = """
    (s.who_may_resolve = '[]' OR EXISTS (SELECT 1 FROM json_each(s.who_may_resolve) WHERE value = ?))
"""
_FIELDS: Final = Columns(
    {
        SuspensionField.STATE: "s.state",
        SuspensionField.KIND: "s.kind",
        SuspensionField.TASK_NUMBER: "s.task",
        SuspensionField.INTEGRATION: "s.integration",
        SuspensionField.EXECUTION_ID: "s.execution",
        SuspensionField.CREATE_TIME: "s.create_time",
    },
    {SuspensionField.EXPIRE_TIME: "s.expire_time"},
)


def get_suspension(connection: sqlite3.Connection, key: SuspensionKey) -> SuspensionRow | None:
    """Read one suspension."""
    columns = connection.execute(_GET, key).fetchone()
    return _read(columns) if columns else None


def suspension_page(connection: sqlite3.Connection, wanted: SuspensionQuery) -> SuspensionPage:
    """Read one page of a list, newest first."""
    source, behind = _way(wanted)
    order = "s.number DESC" if wanted.execution is not None else "s.create_time DESC, s.execution DESC, s.number DESC"
    parts, until = [behind], None
    residual = _residual(wanted)
    if residual is not None:
        last = f"SELECT s.create_time, s.execution, s.number FROM {source} WHERE {behind.sql} ORDER BY {order}"
        found = connection.execute(f"{last} LIMIT 1 OFFSET ?", (*behind.values, SCANNED_ROWS - 1)).fetchone()
        if found is not None:
            until = SuspensionPlace(*found)
            parts.append(Predicate(f"{_PLACE} >= (?, ?, ?)", until))
        parts.append(residual)
    where = join_predicates(" AND ", parts)
    rows = f"SELECT {_COLUMNS} FROM {source} WHERE {where.sql} ORDER BY {order} LIMIT ?"
    page = [_read(columns) for columns in connection.execute(rows, (*where.values, wanted.limit + 1))]
    if len(page) > wanted.limit:
        return SuspensionPage(page[:-1], place_of(page[-2]))
    return SuspensionPage(page, until)


def _residual(wanted: SuspensionQuery) -> Predicate | None:
    """Write what has to be checked of each row; None if nothing is."""
    parts: list[Predicate] = []
    if wanted.chosen is not None:
        parts.append(compile_condition(wanted.chosen, _FIELDS))
    if wanted.resolver is not None:
        parts.append(Predicate(_MAY_RESOLVE, (wanted.resolver,)))
    return join_predicates(" AND ", parts) if parts else None


def _way(wanted: SuspensionQuery) -> tuple[str, Predicate]:
    """Choose the index that a list goes through, and write which part of it lies behind the page before."""
    index, condition = "sqlite_autoindex_suspensions_1", "s.project = ? AND s.execution = ?"
    values: tuple[object, ...] = (wanted.project, wanted.execution)
    if wanted.execution is None:
        pending = _asks_for_pending(wanted.chosen)
        index = "suspensions_pending" if pending else "suspensions_by_create_time"
        condition, values = "s.project = ?", (wanted.project,)
        if wanted.integration is not None:
            index = "suspensions_pending_by_integration" if pending else "suspensions_by_integration"
            condition, values = f"{condition} AND s.integration = ?", (*values, wanted.integration)
        if pending:
            condition += f" AND s.state = {SuspensionState.PENDING}"
    if wanted.after is not None:
        # Within an execution, numbers rise with time.
        by_number = wanted.execution is not None
        condition += " AND s.number < ?" if by_number else f" AND {_PLACE} < (?, ?, ?)"
        values += (wanted.after.number,) if by_number else wanted.after
    return f"suspensions AS s INDEXED BY {index}", Predicate(f"({condition})", values)


def _asks_for_pending(chosen: Condition | None) -> bool:
    """Whether a filter leaves nothing but what is not decided."""
    parts = chosen.conditions if isinstance(chosen, And) else (chosen,)
    return Comparison(SuspensionField.STATE, Operator.EQUAL, SuspensionState.PENDING.value) in parts


def _read(columns: Sequence[Any]) -> SuspensionRow:
    project, execution, number, integration, task, kind, create_time, expire_time, remind_time = columns[:9]
    lift_when_expired, who_may_resolve, message, signal, state, *rest = columns[9:]
    record = SuspensionRecord(
        SuspensionKey(project, execution, number),
        integration,
        task,
        kind,
        create_time,
        expire_time,
        remind_time,
        bool(lift_when_expired),
        tuple(json.loads(who_may_resolve)),
        message,
        signal,
    )
    return SuspensionRow(record, SuspensionState(state), *rest)
