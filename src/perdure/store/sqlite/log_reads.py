"""The log: event records of many executions, in the order of their commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.store.queries import (
    LogPage,
    LogRecord,
    Scope,
    log_position,
)
from perdure.store.records import ExecutionKey, Facts
from perdure.store.sqlite.database import read_head
from perdure.store.sqlite.rows import CREATED, FACTS, read_created, read_facts

if TYPE_CHECKING:
    import sqlite3

LOOKED_RECORDS: Final = 2_000
"""Records of other executions that a page passes over at most."""

_FACTS: Final = ", ".join(f"r.{column}" for column in FACTS)
_CREATED: Final = ", ".join(f"e.{column}" for column in CREATED)
_RECORD: Final = f"r.position, r.first_sequence, r.count, r.payload, {_FACTS}, {_CREATED}"
_FACTS_AT: Final = 4
_CREATED_AT: Final = _FACTS_AT + len(FACTS)

_LOOK_UNTIL: Final = "SELECT position FROM events WHERE position > ? ORDER BY position LIMIT 1 OFFSET ?"
_RECORDS: Final = f"""
    SELECT {_RECORD} FROM events AS r NOT INDEXED
    CROSS JOIN executions AS e ON e.project = r.project AND e.execution = r.execution
    WHERE r.position > :after AND r.position <= :until AND r.project = :project AND {{}}
    ORDER BY r.position
    LIMIT :limit
"""
_RECORDS_OF_ONE: Final = f"""
    SELECT {_RECORD} FROM executions AS e
    CROSS JOIN events AS r ON r.project = e.project AND r.execution = e.execution
    WHERE e.project = :project AND e.execution = :execution AND r.first_sequence >= :first
    ORDER BY r.first_sequence
    LIMIT :limit
"""
_INSIDE: Final = {
    "integration": "e.integration = :integration",
    "below": "(e.integration = :integration OR e.root_integration = :integration)",
    "tree": "(e.execution = :tree OR instr(e.ancestors, '/' || :tree || '/') > 0)",
    "parent": "e.parent = :parent",
    "project": "1",
}
_NEXT_RECORD: Final = """
    SELECT first_sequence, position FROM events
    WHERE project = ? AND execution = ? AND first_sequence >= ? ORDER BY first_sequence LIMIT 1
"""
_BEFORE: Final = f"""
    SELECT {_FACTS} FROM events AS r
    WHERE project = ? AND execution = ? AND first_sequence < ? ORDER BY first_sequence DESC LIMIT 1
"""
_LAST_SEQUENCE: Final = "SELECT sequence FROM executions WHERE project = ? AND execution = ?"
_FLOOR: Final = "SELECT coalesce(max(revision), 0) FROM retention_floors"
_FLOOR_OF_PROJECT: Final = "SELECT max(revision) FROM retention_floors WHERE project = ?"
_OWN_FLOOR: Final = """
    SELECT revision FROM executions WHERE project = ? AND execution = ? AND history_deleted = 1
"""
_FLOOR_OF_TREE: Final = """
    SELECT revision FROM retention_trees
    WHERE (project, root) IN (SELECT project, root FROM executions WHERE project = ? AND execution = ?)
"""
_FLOOR_OF_INTEGRATION: Final = "SELECT revision FROM retention_floors WHERE project = ? AND integration = ?"


def log_page(connection: sqlite3.Connection, scope: Scope, after: int, max_records: int, max_bytes: int) -> LogPage:
    """Read records of a scope behind a position; at least one if any is among those looked at."""
    if scope.execution is not None:
        found, until = _records_of_one(connection, ExecutionKey(scope.project, scope.execution), after, max_records)
    else:
        found, until = _records(connection, scope, after, max_records)
    records: list[LogRecord] = []
    last: dict[ExecutionKey, Facts] = {}
    size = 0
    for columns in found:
        size += len(columns[3])
        if records and size > max_bytes:
            until = records[-1].position
            break
        records.append(_record(connection, columns, last))
    if until is None:
        until = log_position(read_head(connection))
    return LogPage(records, until, log_floor(connection, scope))


def log_floor(connection: sqlite3.Connection, scope: Scope) -> int:
    """Read the store revision up to which records of a scope may have been deleted.

    Whoever asks for one execution learns from its absence that it was deleted. What is below it goes before it.
    """
    above = scope.tree or scope.parent
    if scope.execution is not None:
        own = connection.execute(_OWN_FLOOR, (scope.project, scope.execution)).fetchone()
        return 0 if own is None else int(own[0])
    if above is not None:
        floor = connection.execute(_FLOOR_OF_TREE, (scope.project, above)).fetchone()
    elif scope.integration is None or scope.with_sub_executions:
        floor = connection.execute(_FLOOR_OF_PROJECT, (scope.project,)).fetchone()
    else:
        floor = connection.execute(_FLOOR_OF_INTEGRATION, (scope.project, scope.integration)).fetchone()
    return 0 if floor is None or floor[0] is None else int(floor[0])


def oldest_revision(connection: sqlite3.Connection) -> int:
    """Read the store revision up to which records of any project may have been deleted."""
    (floor,) = connection.execute(_FLOOR).fetchone()
    return int(floor)


def _records(
    connection: sqlite3.Connection, scope: Scope, after: int, limit: int
) -> tuple[list[tuple[Any, ...]], int | None]:
    """Read records from the log; returns also how far that is complete, None for its end."""
    above = scope.tree or scope.parent
    if above is not None:
        # Nothing below an execution happens before its own first record.
        first = connection.execute(_NEXT_RECORD, (scope.project, above, 1)).fetchone()
        after = after if first is None else max(after, first[1] - 1)
    looked = connection.execute(_LOOK_UNTIL, (after, LOOKED_RECORDS - 1)).fetchone()
    until = None if looked is None else looked[0]
    values = {
        "after": after,
        "until": log_position(read_head(connection)) if until is None else until,
        "project": scope.project,
        "limit": limit,
        "integration": scope.integration,
        "tree": scope.tree,
        "parent": scope.parent,
    }
    found = connection.execute(_RECORDS.format(_INSIDE[_kind(scope)]), values).fetchall()
    return found, found[-1][0] if len(found) == limit else until


def _kind(scope: Scope) -> str:
    if scope.integration is not None:
        return "below" if scope.with_sub_executions else "integration"
    if scope.tree is not None:
        return "tree"
    return "project" if scope.parent is None else "parent"


def _records_of_one(
    connection: sqlite3.Connection, key: ExecutionKey, after: int, limit: int
) -> tuple[list[tuple[Any, ...]], int | None]:
    """Read records of one execution; returns also how far that is complete, None for the end of the log."""
    values = {**key._asdict(), "first": _first_behind(connection, key, after), "limit": limit}
    found = connection.execute(_RECORDS_OF_ONE, values).fetchall()
    return found, found[-1][0] if len(found) == limit else None


def _first_behind(connection: sqlite3.Connection, key: ExecutionKey, after: int) -> int:
    """Find the sequence from which the records of an execution lie behind a position: both rise together."""
    stored = connection.execute(_LAST_SEQUENCE, key).fetchone()
    low, high = 1, 0 if stored is None else int(stored[0])
    while low <= high:
        middle = (low + high) // 2
        following = connection.execute(_NEXT_RECORD, (*key, middle)).fetchone()
        if following is None or following[1] > after:
            high = middle - 1
        else:
            low = following[0] + 1
    return low


def _record(connection: sqlite3.Connection, columns: tuple[Any, ...], last: dict[ExecutionKey, Facts]) -> LogRecord:
    position, first_sequence, count, payload = columns[:_FACTS_AT]
    created = read_created(columns[_CREATED_AT:])
    facts = read_facts(columns[_FACTS_AT:_CREATED_AT])
    before = last.get(created.key)
    if before is None and first_sequence > 1:
        earlier = connection.execute(_BEFORE, (*created.key, first_sequence)).fetchone()
        before = None if earlier is None else read_facts(earlier)
    last[created.key] = facts
    return LogRecord(position, created, first_sequence, count, payload, before, facts)
