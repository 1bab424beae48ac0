"""What is read of executions: functions that run on a reading connection, each on one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState
from perdure.store.queries import POSITIONS_PER_COMMIT
from perdure.store.records import (
    BaseState,
    ChildRow,
    ExecutionKey,
    ExecutionRow,
    IntegrationKey,
    LiveChild,
    Origin,
    StoredEvents,
    StoredExecution,
)
from perdure.store.sqlite.rows import EXECUTION, read_execution

if TYPE_CHECKING:
    import sqlite3

_COLUMNS: Final = ", ".join(EXECUTION)
_GET_ROW: Final = f"SELECT {_COLUMNS} FROM executions WHERE project = ? AND execution = ?"
_ACTIVE_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM executions
    WHERE active = 1 AND (create_time, project, execution) > (?, ?, ?)
    ORDER BY create_time, project, execution
    LIMIT ?
"""
_BASE_STATE: Final = "SELECT sequence, payload FROM base_states WHERE project = ? AND execution = ?"
# The wanted sequence may lie inside a record, so the search starts at the last record that begins by it.
_EVENTS_AFTER: Final = f"""
    SELECT position / {POSITIONS_PER_COMMIT}, first_sequence, count, payload FROM events
    WHERE project = :project AND execution = :execution
      AND first_sequence >= coalesce(
            (SELECT max(first_sequence) FROM events
             WHERE project = :project AND execution = :execution AND first_sequence <= :after + 1),
            0)
      AND first_sequence + count > :after + 1
    ORDER BY first_sequence
    LIMIT :limit
"""
_ALL: Final = -1

_DUE: Final = """
    SELECT project, execution, wake_time FROM executions
    WHERE active = 0 AND wake_time IS NOT NULL AND wake_time <= ?
    ORDER BY wake_time, project, execution
    LIMIT ?
"""
_CHILDREN: Final = """
    SELECT execution, item, state FROM executions
    WHERE project = ? AND parent = ? AND task = ? AND generation = ?
    ORDER BY item
"""
REPLAYS_MAX: Final = 1_000
_REPLAYS: Final = f"""
    SELECT execution FROM executions WHERE project = ? AND replay_of = ?
    ORDER BY create_time DESC, execution DESC LIMIT {REPLAYS_MAX}
"""
_LIVE_CHILDREN: Final = """
    SELECT child.project, child.execution, child.parent, child.task, child.generation, child.item,
           parent.execution IS NULL OR parent.end_time IS NOT NULL
    FROM executions AS child INDEXED BY executions_live_children
    LEFT JOIN executions AS parent ON parent.project = child.project AND parent.execution = child.parent
    WHERE child.end_time IS NULL AND child.parent IS NOT NULL AND child.orphan = 0
"""
_IN_A_STATE: Final = """
    SELECT execution, create_time FROM executions INDEXED BY executions_by_integration_state
    WHERE project = :project AND integration = :integration AND state = {}
"""
_LIVE_STATES: Final = [state.value for state in ExecutionState if state not in TERMINAL_EXECUTION_STATES]
# The rows of one state are in order in its index; the database merges them.
_LIVE_EXECUTIONS: Final = (
    " UNION ALL ".join(_IN_A_STATE.format(state) for state in _LIVE_STATES)
    + " ORDER BY create_time, execution LIMIT :limit"
)


def get_row(connection: sqlite3.Connection, key: ExecutionKey) -> ExecutionRow | None:
    """Read the columns of one execution."""
    columns = connection.execute(_GET_ROW, key).fetchone()
    return read_execution(columns) if columns else None


def load(connection: sqlite3.Connection, key: ExecutionKey) -> StoredExecution | None:
    """Read one execution with its newest base state and the events after it."""
    columns = connection.execute(_GET_ROW, key).fetchone()
    return _with_history(connection, read_execution(columns)) if columns else None


def active_page(
    connection: sqlite3.Connection, after: tuple[int, ExecutionKey] | None, limit: int
) -> list[StoredExecution]:
    """Read active executions in order of creation, after (create time, key)."""
    create_time, key = after or (-1, ExecutionKey("", ""))
    rows = connection.execute(_ACTIVE_PAGE, (create_time, *key, limit)).fetchall()
    return [_with_history(connection, read_execution(columns)) for columns in rows]


def event_page(
    connection: sqlite3.Connection, key: ExecutionKey, after_sequence: int, max_records: int, max_bytes: int
) -> list[StoredEvents]:
    """Read event records after a sequence, at least one if any is left."""
    page: list[StoredEvents] = []
    size = 0
    cursor = connection.execute(_EVENTS_AFTER, _after(key, after_sequence, max_records))
    for columns in cursor:
        record = StoredEvents(*columns)
        size += len(record.payload)
        if page and size > max_bytes:
            break
        page.append(record)
    cursor.close()
    return page


def due(connection: sqlite3.Connection, until: int, limit: int) -> list[tuple[ExecutionKey, int]]:
    """Read inactive executions whose wake time has come by then, soonest first."""
    found = connection.execute(_DUE, (until, limit))
    return [(ExecutionKey(project, execution), wake_time) for project, execution, wake_time in found]


def children(connection: sqlite3.Connection, parent: ExecutionKey, task: str, generation: int) -> list[ChildRow]:
    """Read the sub-executions of one attempt of a task, by item."""
    found = connection.execute(_CHILDREN, (*parent, task, generation))
    return [ChildRow(ExecutionKey(parent.project, execution), item, state) for execution, item, state in found]


def replays(connection: sqlite3.Connection, key: ExecutionKey) -> list[str]:
    """Read the ids of the newest executions that replay an execution, newest first."""
    return [execution for (execution,) in connection.execute(_REPLAYS, key)]


def live_children(connection: sqlite3.Connection) -> list[LiveChild]:
    """Read all sub-executions that have not ended and are no orphans."""
    return [
        LiveChild(ExecutionKey(project, execution), Origin(*origin), bool(parent_ended))
        for project, execution, *origin, parent_ended in connection.execute(_LIVE_CHILDREN)
    ]


def live_executions(connection: sqlite3.Connection, key: IntegrationKey, limit: int) -> list[ExecutionKey]:
    """Read executions of an integration that have not ended, oldest first."""
    found = connection.execute(_LIVE_EXECUTIONS, {**key._asdict(), "limit": limit})
    return [ExecutionKey(key.project, execution) for execution, _ in found]


def _after(key: ExecutionKey, sequence: int, limit: int) -> dict[str, object]:
    return {"project": key.project, "execution": key.execution, "after": sequence, "limit": limit}


def _with_history(connection: sqlite3.Connection, row: ExecutionRow) -> StoredExecution:
    key = row.created.key
    stored = connection.execute(_BASE_STATE, key).fetchone()
    base = BaseState(key, *stored) if stored else None
    after = _after(key, base.sequence if base else 0, _ALL)
    events = tuple(StoredEvents(*columns) for columns in connection.execute(_EVENTS_AFTER, after))
    return StoredExecution(row, base, events)
