"""From commits to statements: what a batch writes, one statement a kind for all of its commits.

Executions that several commits of a batch move are written once, as the last of them leaves them. The
result is the same as that of the commits one by one, because each of them names the sequence it builds on.
What a commit deletes goes after all that it and the commits before it write, and before what comes after it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from perdure.store.errors import DuplicateKey, StoreConflict, StoreRefused
from perdure.store.queries import POSITIONS_PER_COMMIT, log_position
from perdure.store.sqlite.deletion import write_deletions
from perdure.store.sqlite.execution_writes import Step, insert_executions, move_executions
from perdure.store.sqlite.rows import FACTS, Row, event_facts
from perdure.store.sqlite.statements import write
from perdure.store.sqlite.suspension_writes import write_suspensions

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from perdure.store.records import (
        Commit,
        ExecutionKey,
        NewExecution,
        Progressed,
    )

_INSERT_EVENTS: Final = f"""
    INSERT INTO events (position, project, execution, first_sequence, count, payload, {", ".join(FACTS)})
    VALUES (?, ?, ?, ?, ?, ?, {", ".join("?" for _ in FACTS)})
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


def write_commits(connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
    """Write commits, in order, inside the transaction that is open.

    Raises:
        StoreRefused: At least one of them cannot be stored. Some may have been written: roll back.
        sqlite3.Error: The database cannot be written.
    """
    for together in _cut_after_deletions(commits):
        _write_together(connection, together)
        write_deletions(connection, together[-1])
    _advance_head(connection, commits)


def _cut_after_deletions(commits: Sequence[Commit]) -> Iterator[Sequence[Commit]]:
    """Cut a batch into parts of which only the last commit may delete anything."""
    begin = 0
    for end, commit in enumerate(commits, start=1):
        if commit.deleted or commit.history_deleted or commit.forgotten or end == len(commits):
            yield commits[begin:end]
            begin = end


def _write_together(connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
    created, steps = _fold(commits)
    for commit in commits:
        if commit.integrations or commit.revisions or commit.opened_sessions or commit.closed_sessions:
            _write_rare(connection, commit)
    insert_executions(connection, [(new, steps.pop(key)) for key, new in created.items()])
    move_executions(connection, list(steps.values()))
    write(connection, "events", _INSERT_EVENTS, _event_rows(commits))
    write_suspensions(connection, commits)
    write(
        connection,
        "base_states",
        _PUT_BASE_STATE,
        [(*base.key, base.sequence, base.payload) for commit in commits for base in commit.base_states],
    )
    write(
        connection,
        "request_ids",
        _INSERT_REQUEST,
        [
            (used.project, used.method, used.request_id, used.digest, json.dumps(used.executions), used.create_time)
            for commit in commits
            for used in commit.requests
        ],
    )


def _fold(commits: Sequence[Commit]) -> tuple[dict[ExecutionKey, NewExecution], dict[ExecutionKey, Step]]:
    """Collect the new executions, and for each execution how the commits move it, taken together."""
    created: dict[ExecutionKey, NewExecution] = {}
    steps: dict[ExecutionKey, Step] = {}
    for commit in commits:
        for new in commit.created:
            if new.key in created or new.key in steps:
                raise DuplicateKey("executions")
            created[new.key] = new
        for progressed in commit.progressed:
            earlier = steps.get(progressed.key)
            if earlier is None:
                steps[progressed.key] = Step(progressed.expected_sequence, progressed, commit.revision)
                continue
            before = earlier.progressed
            if before.sequence != progressed.expected_sequence or before.facts.end_time is not None:
                raise _conflict(progressed)
            steps[progressed.key] = Step(earlier.expected, progressed, commit.revision)
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


def _event_rows(commits: Sequence[Commit]) -> list[Row]:
    rows: list[Row] = []
    for commit in commits:
        if len(commit.events) > POSITIONS_PER_COMMIT:
            raise StoreRefused(f"a commit holds at most {POSITIONS_PER_COMMIT} event records")
        facts = {progressed.key: event_facts(progressed.facts) for progressed in commit.progressed}
        for position, record in enumerate(commit.events, start=log_position(commit.revision, 0)):
            if record.key not in facts:
                raise StoreRefused(f"events of execution {record.key.execution} come without its state")
            row = (position, *record.key, record.first_sequence, record.count, record.payload, *facts[record.key])
            rows.append(row)
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
        write(connection, "integrations", _PUT_INTEGRATION, [integration])
        write(connection, "integration_triggers", _DELETE_TRIGGERS, [record.key])
        triggers = [(*record.key, position, trigger_id) for position, trigger_id in enumerate(record.triggers)]
        write(connection, "integration_triggers", _INSERT_TRIGGER, triggers)
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
        write(connection, "revisions", _INSERT_REVISION, [row])
    # A worker that reconnects ends its old session and opens the new one in one commit.
    write(connection, "worker_sessions", _DELETE_SESSION, [(worker,) for worker in commit.closed_sessions])
    for opened in commit.opened_sessions:
        session = (opened.worker, opened.incarnation, opened.embedded, opened.open_time)
        write(connection, "worker_sessions", _PUT_SESSION, [session])


def _advance_head(connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
    previous = commits[0].revision - 1
    for commit in commits:
        if commit.revision <= previous:
            raise StoreConflict(f"store revision {commit.revision} does not follow {previous}")
        previous = commit.revision
    first = commits[0].revision
    if connection.execute(_SET_HEAD, (previous, first)).rowcount != 1:
        raise StoreConflict(f"store revision {first} is not ahead of the stored one")
