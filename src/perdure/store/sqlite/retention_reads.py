"""What retention may delete: trees that have ended, and request ids whose executions are gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from perdure.store.queries import EndedTree
from perdure.store.records import ExecutionKey, IntegrationKey

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

# Each jumps over all entries of an integration, or of a project.
_NEXT_INTEGRATION: Final = """
    SELECT project, integration FROM executions INDEXED BY executions_ended_roots
    WHERE project = ? AND integration > ? AND end_time IS NOT NULL AND ancestors = ''
    ORDER BY integration LIMIT 1
"""
_NEXT_PROJECT: Final = """
    SELECT project, integration FROM executions INDEXED BY executions_ended_roots
    WHERE project > ? AND end_time IS NOT NULL AND ancestors = ''
    ORDER BY project, integration LIMIT 1
"""
_ROOTS: Final = """
    FROM executions INDEXED BY executions_ended_roots
    WHERE project = :project AND integration = :integration AND end_time IS NOT NULL AND ancestors = ''
"""
_NEWEST_TOO_MANY: Final = f"""
    SELECT end_time, execution {_ROOTS} ORDER BY end_time DESC, execution DESC LIMIT 1 OFFSET :keep
"""
_ENDED_ROOTS: Final = f"""
    SELECT execution {_ROOTS} AND (end_time, execution) <= (:end_time, :execution) ORDER BY end_time, execution
"""
_BELOW: Final = """
    FROM executions INDEXED BY executions_by_root WHERE project = ? AND root = ? AND root <> execution
"""
_HAS_LIVE: Final = f"SELECT 1 {_BELOW} AND end_time IS NULL LIMIT 1"
# The deeper, the more ancestors there are, and slashes between them.
_DEEPEST_FIRST: Final = f"""
    SELECT execution {_BELOW}
    ORDER BY length(ancestors) - length(replace(ancestors, '/', '')) DESC, create_time DESC, execution DESC
    LIMIT ?
"""
_LAST_ID: Final = "\U0010ffff"

_OLDEST_REQUESTS: Final = """
    SELECT number, project, method, request_id, executions FROM request_ids
    WHERE number > ? AND create_time < ? ORDER BY number LIMIT ?
"""
_IS_THERE: Final = "SELECT 1 FROM executions WHERE project = ? AND execution = ?"


def integrations_with_executions(connection: sqlite3.Connection) -> list[IntegrationKey]:
    """Read all integrations that have root executions which have ended."""
    found: list[IntegrationKey] = []
    last = IntegrationKey("", "")
    while True:
        following = connection.execute(_NEXT_INTEGRATION, last).fetchone()
        if following is None:
            following = connection.execute(_NEXT_PROJECT, (last.project,)).fetchone()
        if following is None:
            return found
        last = IntegrationKey(*following)
        found.append(last)


def ended_trees(
    connection: sqlite3.Connection, key: IntegrationKey, ended_before: int, keep: int | None, limit: int
) -> list[EndedTree]:
    """Read trees that may be deleted, first ended first; at most so many executions in all."""
    trees: list[EndedTree] = []
    for root in _old_roots(connection, key, ended_before, keep):
        if limit <= 0:
            break
        if connection.execute(_HAS_LIVE, root).fetchone():
            continue
        below = connection.execute(_DEEPEST_FIRST, (*root, limit)).fetchall()
        executions = [ExecutionKey(key.project, execution) for (execution,) in below]
        if len(executions) < limit:
            executions.append(root)
        limit -= len(executions)
        trees.append(EndedTree(executions))
    return trees


def _old_roots(
    connection: sqlite3.Connection, key: IntegrationKey, ended_before: int, keep: int | None
) -> Iterator[ExecutionKey]:
    """Read the roots that ended long ago, or that are more than may be kept."""
    last: tuple[int, str] = (ended_before, _LAST_ID)
    if keep is not None:
        too_many = connection.execute(_NEWEST_TOO_MANY, {**key._asdict(), "keep": keep}).fetchone()
        last = max(last, too_many or last)
    values = {**key._asdict(), "end_time": last[0], "execution": last[1]}
    for (execution,) in connection.execute(_ENDED_ROOTS, values):
        yield ExecutionKey(key.project, execution)


def forgettable_requests(
    connection: sqlite3.Connection, created_before: int, after: tuple[int, str, str, str] | None, limit: int
) -> tuple[list[tuple[str, str, str]], tuple[int, str, str, str] | None]:
    """Read request ids whose executions are all gone, among the oldest; returns also where the look ended."""
    number = after[0] if after else 0
    looked = connection.execute(_OLDEST_REQUESTS, (number, created_before, limit)).fetchall()
    gone = [
        (project, method, request_id)
        for _, project, method, request_id, executions in looked
        if not any(connection.execute(_IS_THERE, (project, one)).fetchone() for one in json.loads(executions))
    ]
    return gone, looked[-1][:4] if len(looked) == limit else None
