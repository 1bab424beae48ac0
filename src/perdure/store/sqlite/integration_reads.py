"""What is read of integrations, request ids and worker sessions, each on one snapshot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from perdure.store.records import (
    IntegrationKey,
    IntegrationRecord,
    RequestRecord,
    RevisionRecord,
    WorkerSessionRecord,
)

if TYPE_CHECKING:
    import sqlite3

_INTEGRATION_COLUMNS: Final = (
    "project, integration, uid, latest_ordinal, deleted, create_time, update_time, store_revision"
)
_REVISION_COLUMNS: Final = (
    "project, integration, ordinal, revision_id, digest, payload, create_time, principal, store_revision"
)

_GET_INTEGRATION: Final = f"SELECT {_INTEGRATION_COLUMNS} FROM integrations WHERE project = ? AND integration = ?"
_TRIGGERS: Final = """
    SELECT trigger_id FROM integration_triggers WHERE project = ? AND integration = ? ORDER BY position
"""
_LIST_INTEGRATIONS: Final = f"""
    SELECT {_INTEGRATION_COLUMNS} FROM integrations
    WHERE project = ? AND integration > ? AND deleted = 0
    ORDER BY integration
    LIMIT ?
"""
_WITH_TRIGGER: Final = f"""
    SELECT {_INTEGRATION_COLUMNS} FROM integrations
    WHERE project = :project AND deleted = 0 AND integration IN
        (SELECT integration FROM integration_triggers WHERE project = :project AND trigger_id = :trigger_id)
    ORDER BY integration
"""
_GET_REVISION: Final = f"""
    SELECT {_REVISION_COLUMNS} FROM revisions WHERE project = ? AND integration = ? AND ordinal = ?
"""
_LIST_REVISIONS: Final = f"""
    SELECT {_REVISION_COLUMNS} FROM revisions
    WHERE project = :project AND integration = :integration AND (:before IS NULL OR ordinal < :before)
    ORDER BY ordinal DESC
    LIMIT :limit
"""
_GET_REQUEST: Final = """
    SELECT digest, executions, create_time FROM request_ids
    WHERE project = ? AND method = ? AND request_id = ?
"""
_OPEN_SESSIONS: Final = "SELECT worker, incarnation, embedded, open_time FROM worker_sessions ORDER BY worker"


def get_integration(connection: sqlite3.Connection, key: IntegrationKey) -> IntegrationRecord | None:
    """Read an integration, its tombstone included."""
    columns = connection.execute(_GET_INTEGRATION, key).fetchone()
    return _integration(connection, columns) if columns else None


def list_integrations(
    connection: sqlite3.Connection, project: str, after: str, limit: int
) -> list[tuple[IntegrationRecord, RevisionRecord]]:
    """Read integrations that are not deleted, by id, with their latest revisions."""
    page = []
    for columns in connection.execute(_LIST_INTEGRATIONS, (project, after, limit)).fetchall():
        record = _integration(connection, columns)
        latest = get_revision(connection, record.key, record.latest_ordinal)
        if latest is not None:
            page.append((record, latest))
    return page


def integrations_with_trigger(connection: sqlite3.Connection, project: str, trigger_id: str) -> list[IntegrationRecord]:
    """Read the integrations that have a trigger, by id."""
    found = connection.execute(_WITH_TRIGGER, {"project": project, "trigger_id": trigger_id}).fetchall()
    return [_integration(connection, columns) for columns in found]


def get_revision(connection: sqlite3.Connection, key: IntegrationKey, ordinal: int) -> RevisionRecord | None:
    """Read one revision."""
    columns = connection.execute(_GET_REVISION, (*key, ordinal)).fetchone()
    return _revision(columns) if columns else None


def list_revisions(
    connection: sqlite3.Connection, key: IntegrationKey, before: int | None, limit: int
) -> list[RevisionRecord]:
    """Read revisions below an ordinal, newest first."""
    values = {"project": key.project, "integration": key.integration, "before": before, "limit": limit}
    return [_revision(columns) for columns in connection.execute(_LIST_REVISIONS, values)]


def get_request(connection: sqlite3.Connection, project: str, method: str, request_id: str) -> RequestRecord | None:
    """Read what a request id was used for."""
    columns = connection.execute(_GET_REQUEST, (project, method, request_id)).fetchone()
    if columns is None:
        return None
    digest, executions, create_time = columns
    return RequestRecord(project, method, request_id, digest, tuple(json.loads(executions)), create_time)


def open_sessions(connection: sqlite3.Connection) -> list[WorkerSessionRecord]:
    """Read the worker sessions that are open, by worker."""
    found = connection.execute(_OPEN_SESSIONS)
    return [
        WorkerSessionRecord(worker, incarnation, bool(embedded), open_time)
        for worker, incarnation, embedded, open_time in found
    ]


def _integration(connection: sqlite3.Connection, columns: tuple[Any, ...]) -> IntegrationRecord:
    project, integration, uid, latest_ordinal, deleted, *when = columns
    key = IntegrationKey(project, integration)
    triggers = tuple(trigger_id for (trigger_id,) in connection.execute(_TRIGGERS, key))
    return IntegrationRecord(key, uid, latest_ordinal, bool(deleted), triggers, *when)


def _revision(columns: tuple[Any, ...]) -> RevisionRecord:
    project, integration, *rest = columns
    return RevisionRecord(IntegrationKey(project, integration), *rest)
