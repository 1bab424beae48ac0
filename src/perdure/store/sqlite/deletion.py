"""How executions and request ids are deleted, with all that belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.store.errors import StoreRefused
from perdure.store.records import ExecutionKey
from perdure.store.sqlite.statements import write
from perdure.store.sqlite.terms import terms_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from perdure.store.records import Commit
    from perdure.store.sqlite.rows import Row

_ENDED: Final = """
    SELECT integration, revision, create_time, root, labels, new_labels, parameters FROM executions
    WHERE project = ? AND execution = ? AND end_time IS NOT NULL
"""
_RAISE_FLOOR: Final = """
    INSERT INTO retention_floors (project, integration, revision) VALUES (?, ?, ?)
    ON CONFLICT (project, integration) DO UPDATE SET revision = max(revision, excluded.revision)
"""
_RAISE_FLOOR_OF_TREE: Final = """
    INSERT INTO retention_trees (project, root, revision) VALUES (?, ?, ?)
    ON CONFLICT (project, root) DO UPDATE SET revision = max(revision, excluded.revision)
"""
_END_TREE: Final = "DELETE FROM retention_trees WHERE project = ? AND root = ?"
_DELETE_TERM: Final = """
    DELETE FROM execution_terms WHERE project = ? AND term = ? AND create_time = ? AND execution = ?
"""
_OF_AN_EXECUTION: Final = ("events", "base_states", "suspensions", "executions")
"""Tables to delete from, those first that refer to others."""

_WITHOUT_HISTORY: Final = """
    SELECT e.integration, e.revision, e.root, b.sequence = e.sequence FROM executions AS e
    LEFT JOIN base_states AS b ON b.project = e.project AND b.execution = e.execution
    WHERE e.project = ? AND e.execution = ? AND e.end_time IS NOT NULL AND e.history_deleted = 0
"""
_MARK_WITHOUT_HISTORY: Final = "UPDATE executions SET history_deleted = 1 WHERE project = ? AND execution = ?"
_DELETE_EVENTS: Final = "DELETE FROM events WHERE project = ? AND execution = ?"

_FORGET_REQUEST: Final = "DELETE FROM request_ids WHERE project = ? AND method = ? AND request_id = ?"


def write_deletions(connection: sqlite3.Connection, commit: Commit) -> None:
    """Delete what a commit deletes; executions that have not ended are left alone.

    Raises:
        StoreRefused: The history of an execution is all that there is of its state.
        sqlite3.Error: The database cannot be written.
    """
    keys: list[ExecutionKey] = []
    terms: list[Row] = []
    floors: dict[tuple[str, str], int] = {}
    trees: dict[ExecutionKey, int] = {}
    for key in commit.deleted:
        ended = connection.execute(_ENDED, key).fetchone()
        if ended is None:
            continue
        integration, revision, create_time, root, *found_by = ended
        keys.append(key)
        terms += [(key.project, term, create_time, key.execution) for term in sorted(terms_of(*found_by))]
        of = (key.project, integration)
        floors[of] = max(floors.get(of, 0), revision)
        tree = ExecutionKey(key.project, root)
        trees[tree] = max(trees.get(tree, 0), revision)
    write(connection, "retention_floors", _RAISE_FLOOR, [(*of, revision) for of, revision in floors.items()])
    # A tree that goes in several commits has a floor of its own until its root goes, which is last.
    gone = set(keys)
    parted = [(*tree, revision) for tree, revision in trees.items() if tree not in gone]
    write(connection, "retention_trees", _RAISE_FLOOR_OF_TREE, parted)
    write(connection, "retention_trees", _END_TREE, keys)
    write(connection, "execution_terms", _DELETE_TERM, terms)
    for table in _OF_AN_EXECUTION:
        write(connection, table, f"DELETE FROM {table} WHERE project = ? AND execution = ?", keys)
    _delete_histories(connection, commit.history_deleted)
    write(connection, "request_ids", _FORGET_REQUEST, commit.forgotten)


def _delete_histories(connection: sqlite3.Connection, keys: Sequence[ExecutionKey]) -> None:
    """Delete the event records of executions, and nothing else of them."""
    for key in keys:
        found = connection.execute(_WITHOUT_HISTORY, key).fetchone()
        if found is None:
            continue
        integration, revision, root, is_complete = found
        if not is_complete:
            raise StoreRefused(f"execution {key.execution} has no base state as of its end")
        write(connection, "retention_floors", _RAISE_FLOOR, [(key.project, integration, revision)])
        write(connection, "retention_trees", _RAISE_FLOOR_OF_TREE, [(key.project, root, revision)])
        write(connection, "executions", _MARK_WITHOUT_HISTORY, [key])
        write(connection, "events", _DELETE_EVENTS, [key])
