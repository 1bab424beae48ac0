"""How executions and request ids are deleted, with all that belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.store.records import ExecutionKey
from perdure.store.sqlite.statements import write
from perdure.store.sqlite.terms import label_terms, parameter_terms

if TYPE_CHECKING:
    import sqlite3

    from perdure.store.records import Commit
    from perdure.store.sqlite.rows import Row

_ENDED: Final = """
    SELECT integration, revision, create_time, labels, parameters, root FROM executions
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
_OF_AN_EXECUTION: Final = ("events", "base_states", "executions")
"""Tables to delete from, those first that refer to others."""

_FORGET_REQUEST: Final = "DELETE FROM request_ids WHERE project = ? AND method = ? AND request_id = ?"


def write_deletions(connection: sqlite3.Connection, commit: Commit) -> None:
    """Delete what a commit deletes; executions that have not ended are left alone.

    Raises:
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
        integration, revision, create_time, labels, parameters, root = ended
        keys.append(key)
        found_by = label_terms(labels) | parameter_terms(parameters)
        terms += [(key.project, term, create_time, key.execution) for term in sorted(found_by)]
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
    write(connection, "request_ids", _FORGET_REQUEST, commit.forgotten)
