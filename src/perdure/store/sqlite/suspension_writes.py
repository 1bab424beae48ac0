"""How the suspensions of a batch are written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from perdure.store.sqlite.statements import write
from perdure.store.suspensions import SuspensionState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from perdure.store.records import Commit
    from perdure.store.sqlite.rows import Row
    from perdure.store.suspensions import SuspensionRecord

_INSERT: Final = """
    INSERT INTO suspensions
        (project, execution, number, integration, task, kind, create_time, expire_time, remind_time,
         lift_when_expired, who_may_resolve, message, signal, state, update_time, resolver, result)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '')
"""
_REMIND: Final = """
    UPDATE suspensions SET remind_time = NULL, last_reminder_time = ?1, update_time = ?1
    WHERE project = ?2 AND execution = ?3 AND number = ?4
"""
_RESOLVE: Final = """
    UPDATE suspensions
    SET state = ?1, remind_time = NULL, resolve_time = ?2, update_time = ?2, resolver = ?3, result = ?4
    WHERE project = ?5 AND execution = ?6 AND number = ?7
"""


def write_suspensions(connection: sqlite3.Connection, commits: Sequence[Commit]) -> None:
    """Write what began, then what became of it: nothing is reminded of after its end.

    Raises:
        DuplicateKey: A number is taken.
        StoreRefused: A row breaks another rule of its table.
    """
    begun = [_row(record) for commit in commits for record in commit.suspensions]
    reminded: list[Row] = []
    resolved: list[Row] = []
    for commit in commits:
        for change in commit.suspension_changes:
            if change.state is SuspensionState.PENDING:
                reminded.append((change.time, *change.key))
            else:
                resolved.append((change.state, change.time, change.resolver, change.result, *change.key))
    write(connection, "suspensions", _INSERT, begun)
    write(connection, "suspensions", _REMIND, reminded)
    write(connection, "suspensions", _RESOLVE, resolved)


def _row(record: SuspensionRecord) -> Row:
    return (
        *record.key,
        record.integration,
        record.task,
        record.kind,
        record.create_time,
        record.expire_time,
        record.remind_time,
        record.lift_when_expired,
        json.dumps(record.who_may_resolve),
        record.message,
        record.signal,
        SuspensionState.PENDING,
        record.create_time,
    )
