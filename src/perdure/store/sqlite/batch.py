"""From commits to statements: what a batch writes, one statement a kind for all of its commits.

Executions that several commits of a batch move are written once, as the last of them leaves them. The
result is the same as that of the commits one by one, because each of them names the sequence it builds on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.store.errors import DuplicateKey, StoreConflict, StoreRefused
from perdure.store.sqlite.faults import Fault, classify, is_duplicate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from perdure.store.records import Commit, ExecutionKey, NewExecution, Progressed

POSITIONS_PER_COMMIT: Final = 65_536
"""Event records that one commit may hold; their positions share its store revision."""

Row = tuple[object, ...]

_INSERT_EXECUTION: Final = """
    INSERT INTO executions (
        project, execution, integration, revision_id, trigger_id, execution_method, priority, labels, create_time,
        root, parent, task, generation, item, orphan,
        sequence, revision, state, active, wake_time, start_time, update_time, end_time, error_code
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# end_time is set once, so that the index of live executions is touched once.
_MOVE_EXECUTION: Final = """
    UPDATE executions
    SET sequence = ?, revision = ?, state = ?, active = ?, wake_time = ?, start_time = ?, update_time = ?
    WHERE project = ? AND execution = ? AND sequence = ? AND end_time IS NULL
"""
_END_EXECUTION: Final = """
    UPDATE executions
    SET sequence = ?, revision = ?, state = ?, active = ?, wake_time = ?, start_time = ?, update_time = ?,
        end_time = ?, error_code = ?
    WHERE project = ? AND execution = ? AND sequence = ? AND end_time IS NULL
"""
_INSERT_EVENTS: Final = """
    INSERT INTO events (position, project, execution, first_sequence, count, payload) VALUES (?, ?, ?, ?, ?, ?)
"""
_PUT_BASE_STATE: Final = """
    INSERT INTO base_states (project, execution, sequence, payload) VALUES (?, ?, ?, ?)
    ON CONFLICT (project, execution) DO UPDATE SET sequence = excluded.sequence, payload = excluded.payload
"""
_INSERT_REQUEST: Final = """
    INSERT INTO request_ids (project, method, request_id, digest, executions, create_time) VALUES (?, ?, ?, ?, ?, ?)
"""
_INSERT_REVISION: Final = """
    INSERT INTO revisions
        (project, integration, ordinal, revision_id, digest, payload, create_time, principal, store_revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_PUT_INTEGRATION: Final = """
    INSERT INTO integrations
        (project, integration, uid, latest_ordinal, deleted, create_time, update_time, store_revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (project, integration) DO UPDATE SET
        uid = excluded.uid, latest_ordinal = excluded.latest_ordinal, deleted = excluded.deleted,
        create_time = excluded.create_time, update_time = excluded.update_time, store_revision = excluded.store_revision
"""
_DELETE_TRIGGERS: Final = "DELETE FROM integration_triggers WHERE project = ? AND integration = ?"
_INSERT_TRIGGER: Final = """
    INSERT INTO integration_triggers (project, integration, position, trigger_id) VALUES (?, ?, ?, ?)
"""
_PUT_SESSION: Final = """
    INSERT INTO worker_sessions (worker, incarnation, embedded, open_time) VALUES (?, ?, ?, ?)
    ON CONFLICT (worker) DO UPDATE SET
        incarnation = excluded.incarnation, embedded = excluded.embedded, open_time = excluded.open_time
"""
_DELETE_SESSION: Final = "DELETE FROM worker_sessions WHERE worker = ?"
_SET_HEAD: Final = "UPDATE head SET revision = ? WHERE revision < ?"


class _Step(NamedTuple):
    """An execution as a batch leaves it.

    Attributes:
        expected: The sequence that has to be stored before the batch.
        progressed: The last change.
        revision: Store revision of the last change.
    """

    expected: int
    progressed: Progressed
    revision: int


def write_commits(connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
    """Write commits, in order, inside the transaction that is open.

    Raises:
        StoreRefused: At least one of them cannot be stored. Some may have been written: roll back.
        sqlite3.Error: The database cannot be written.
    """
    created, steps = _fold(commits)
    for commit in commits:
        if commit.integrations or commit.revisions or commit.opened_sessions or commit.closed_sessions:
            _write_rare(connection, commit)
    inserted = [_inserted_row(new, steps.pop(key)) for key, new in created.items()]
    _write(connection, "executions", _INSERT_EXECUTION, inserted)
    _move(connection, steps.values())
    _write(connection, "events", _INSERT_EVENTS, _event_rows(commits))
    _write(
        connection,
        "base_states",
        _PUT_BASE_STATE,
        [(*base.key, base.sequence, base.payload) for commit in commits for base in commit.base_states],
    )
    _write(
        connection,
        "request_ids",
        _INSERT_REQUEST,
        [
            (used.project, used.method, used.request_id, used.digest, json.dumps(used.executions), used.create_time)
            for commit in commits
            for used in commit.requests
        ],
    )
    _advance_head(connection, commits)


def _fold(commits: Sequence[Commit]) -> tuple[dict[ExecutionKey, NewExecution], dict[ExecutionKey, _Step]]:
    """Collect the new executions, and for each execution how the commits move it, taken together."""
    created: dict[ExecutionKey, NewExecution] = {}
    steps: dict[ExecutionKey, _Step] = {}
    for commit in commits:
        for new in commit.created:
            if new.key in created or new.key in steps:
                raise DuplicateKey("executions")
            created[new.key] = new
        for progressed in commit.progressed:
            earlier = steps.get(progressed.key)
            if earlier is None:
                steps[progressed.key] = _Step(progressed.expected_sequence, progressed, commit.revision)
            elif earlier.progressed.sequence == progressed.expected_sequence and earlier.progressed.end_time is None:
                steps[progressed.key] = _Step(earlier.expected, progressed, commit.revision)
            else:
                raise _conflict(progressed)
        for new in commit.created:
            step = steps.get(new.key)
            if step is None:
                raise StoreRefused(f"execution {new.key.execution} is created without a state")
            if step.expected != 0:
                raise _conflict(step.progressed)
    return created, steps


def _conflict(progressed: Progressed) -> StoreConflict:
    return StoreConflict(
        f"execution {progressed.key.execution} is not at sequence {progressed.expected_sequence}, or has ended"
    )


def _inserted_row(new: NewExecution, step: _Step) -> Row:
    origin = new.origin
    descent: Row
    if origin is None:
        descent = (None, None, None, None)
    else:
        descent = (origin.parent, origin.task, origin.generation, origin.item)
    progressed = step.progressed
    return (
        *new.key,
        new.integration,
        new.revision_id,
        new.trigger_id,
        new.execution_method,
        new.priority,
        new.labels,
        new.create_time,
        new.root,
        *descent,
        new.orphan,
        progressed.sequence,
        step.revision,
        progressed.state,
        progressed.active,
        progressed.wake_time,
        progressed.start_time,
        progressed.update_time,
        progressed.end_time,
        progressed.error_code,
    )


def _move(connection: sqlite3.Connection, steps: Iterable[_Step]) -> None:
    moved: list[Row] = []
    ended: list[Row] = []
    for expected, to, revision in steps:
        values = (to.sequence, revision, to.state, to.active, to.wake_time, to.start_time, to.update_time)
        where = (*to.key, expected)
        if to.end_time is None:
            moved.append((*values, *where))
        else:
            ended.append((*values, to.end_time, to.error_code, *where))
    for sql, rows in ((_MOVE_EXECUTION, moved), (_END_EXECUTION, ended)):
        if _write(connection, "executions", sql, rows) != len(rows):
            raise StoreConflict("an execution has ended or is at another sequence")


def _event_rows(commits: Sequence[Commit]) -> list[Row]:
    rows: list[Row] = []
    for commit in commits:
        if len(commit.events) > POSITIONS_PER_COMMIT:
            raise StoreRefused(f"a commit holds at most {POSITIONS_PER_COMMIT} event records")
        position = commit.revision * POSITIONS_PER_COMMIT
        for record in commit.events:
            rows.append((position, *record.key, record.first_sequence, record.count, record.payload))
            position += 1
    return rows


def _write_rare(connection: sqlite3.Connection, commit: Commit) -> None:
    """Write what changes seldom and may change again in the next commit of the batch."""
    for record in commit.integrations:
        integration = (
            *record.key,
            record.uid,
            record.latest_ordinal,
            record.deleted,
            record.create_time,
            record.update_time,
            record.store_revision,
        )
        _write(connection, "integrations", _PUT_INTEGRATION, [integration])
        _write(connection, "integration_triggers", _DELETE_TRIGGERS, [record.key])
        triggers = [(*record.key, position, trigger_id) for position, trigger_id in enumerate(record.triggers)]
        _write(connection, "integration_triggers", _INSERT_TRIGGER, triggers)
    for revision in commit.revisions:
        row = (
            *revision.key,
            revision.ordinal,
            revision.revision_id,
            revision.digest,
            revision.payload,
            revision.create_time,
            revision.principal,
            revision.store_revision,
        )
        _write(connection, "revisions", _INSERT_REVISION, [row])
    # A worker that reconnects ends its old session and opens the new one in one commit.
    _write(connection, "worker_sessions", _DELETE_SESSION, [(worker,) for worker in commit.closed_sessions])
    for opened in commit.opened_sessions:
        session = (opened.worker, opened.incarnation, opened.embedded, opened.open_time)
        _write(connection, "worker_sessions", _PUT_SESSION, [session])


def _advance_head(connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
    previous = commits[0].revision - 1
    for commit in commits:
        if commit.revision <= previous:
            raise StoreConflict(f"store revision {commit.revision} does not follow {previous}")
        previous = commit.revision
    first = commits[0].revision
    if connection.execute(_SET_HEAD, (previous, first)).rowcount != 1:
        raise StoreConflict(f"store revision {first} is not ahead of the stored one")


def _write(connection: sqlite3.Connection, table: str, sql: str, rows: Sequence[Row]) -> int:
    """Run one statement for each row; returns how many rows it changed in all.

    Raises:
        DuplicateKey: A key of the table is taken.
        StoreRefused: A row breaks another rule of the table, or cannot be bound.
        sqlite3.Error: The database cannot be written.
    """
    if not rows:
        return 0
    try:
        return connection.executemany(sql, rows).rowcount
    except Exception as error:
        if is_duplicate(error):
            raise DuplicateKey(table) from error
        if classify(error) is Fault.COMMIT:
            raise StoreRefused(f"a row breaks a rule of {table}: {error}") from error
        raise
