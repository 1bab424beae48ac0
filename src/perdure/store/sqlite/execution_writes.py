"""How the executions of a batch are written: rows, and the terms by which they are found.

SQLite rewrites an index entry whenever a column of it is set, changed or not. So the columns that are in indexes
and seldom change are set by statements of their own, which leave alone the rows that have them already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.store.errors import StoreConflict
from perdure.store.sqlite.rows import EXECUTION, NO_PARAMETERS, Row, created_values, state_values, write_tasks
from perdure.store.sqlite.statements import write
from perdure.store.sqlite.terms import terms_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from perdure.store.records import NewExecution, Progressed

_INSERT: Final = f"INSERT INTO executions ({', '.join(EXECUTION)}) VALUES ({', '.join('?' for _ in EXECUTION)})"

_VALUES: Final = """
    sequence = ?, revision = ?, update_time = ?, start_time = ?, error_code = ?, current_tasks = ?,
    execution_attempt = ?, priority = ?, deadline = ?, next_execution_time = ?, cancel_time = ?, cancel_reason = ?,
    message = ?, error_message = ?, task_count = ?, finished_task_count = ?, description = ?, pause_time = ?,
    pause_reason = ?, development = ?
"""
# What executions are found by is set before, so that only a row that lost all of it is missed.
_WHERE: Final = """
    project = ? AND execution = ? AND sequence = ? AND end_time IS NULL AND parameters = ? AND new_labels IS ?
"""
_MOVE: Final = f"UPDATE executions SET {_VALUES} WHERE {_WHERE}"
_END: Final = f"UPDATE executions SET {_VALUES}, state = ?, active = ?, wake_time = ?, end_time = ? WHERE {_WHERE}"
_TURN: Final = """
    UPDATE executions SET state = ?1, active = ?2, wake_time = ?3
    WHERE project = ?4 AND execution = ?5 AND end_time IS NULL
      AND (state <> ?1 OR active <> ?2 OR wake_time IS NOT ?3)
"""
_FOUND_BY_OTHERS: Final = """
    SELECT integration, create_time, labels, new_labels, parameters FROM executions
    WHERE project = ? AND execution = ? AND (parameters <> ? OR new_labels IS NOT ?)
"""
_SET_FOUND_BY: Final = "UPDATE executions SET parameters = ?, new_labels = ? WHERE project = ? AND execution = ?"

_INSERT_TERM: Final = """
    INSERT INTO execution_terms (project, term, create_time, execution, integration) VALUES (?, ?, ?, ?, ?)
"""
_DELETE_TERM: Final = """
    DELETE FROM execution_terms WHERE project = ? AND term = ? AND create_time = ? AND execution = ?
"""


class Step(NamedTuple):
    """An execution as a batch leaves it.

    Attributes:
        expected: The sequence that has to be stored before the batch.
        progressed: The last change.
        revision: Store revision of the last change.
    """

    expected: int
    progressed: Progressed
    revision: int


def insert_executions(connection: sqlite3.Connection, created: Iterable[tuple[NewExecution, Step]]) -> None:
    """Write new executions.

    Raises:
        DuplicateKey: An id or an origin is taken.
        StoreRefused: A row breaks another rule of its table.
    """
    rows: list[Row] = []
    terms: list[Row] = []
    for new, step in created:
        rows.append((*created_values(new), *state_values(step.progressed, step.revision)))
        facts = step.progressed.facts
        # Most have neither, and then nothing has to be parsed.
        if new.labels != "{}" or not _is_plain(step):
            of = (new.create_time, new.key.execution, new.integration)
            found_by = terms_of(new.labels, facts.new_labels, facts.parameters)
            terms += [(new.key.project, term, *of) for term in sorted(found_by)]
    write(connection, "executions", _INSERT, rows)
    write(connection, "execution_terms", _INSERT_TERM, terms)


def move_executions(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Write what became of executions that were there before.

    Raises:
        StoreConflict: One of them has ended, or is not at the sequence that its step builds on.
        StoreRefused: A row breaks another rule of its table.
    """
    _change_terms(connection, [step for step in steps if not _is_plain(step)])
    moved = _move(connection, steps)
    if moved != len(steps):
        plain = [step for step in steps if _is_plain(step)]
        moved += _move(connection, _change_terms(connection, plain))
    if moved != len(steps):
        raise StoreConflict("an execution has ended or is at another sequence")


def _is_plain(step: Step) -> bool:
    """Whether an execution has no searchable parameters, and the labels that it was created with."""
    facts = step.progressed.facts
    return facts.parameters == NO_PARAMETERS and facts.new_labels is None


def _move(connection: sqlite3.Connection, steps: Iterable[Step]) -> int:
    """Write steps whose parameters and labels are stored already; returns how many rows there were for them."""
    moved: list[Row] = []
    ended: list[Row] = []
    turned: list[Row] = []
    for expected, to, revision in steps:
        facts = to.facts
        values = (
            to.sequence,
            revision,
            facts.update_time,
            facts.start_time,
            facts.error_code,
            write_tasks(facts.current_tasks),
            facts.execution_attempt,
            facts.priority,
            *to.summary,
        )
        where = (*to.key, expected, facts.parameters, facts.new_labels)
        turn = (facts.state, to.active, to.wake_time)
        if facts.end_time is None:
            moved.append((*values, *where))
            turned.append((*turn, *to.key))
        else:
            ended.append((*values, *turn, facts.end_time, *where))
    written = write(connection, "executions", _MOVE, moved)
    write(connection, "executions", _TURN, turned)
    return written + write(connection, "executions", _END, ended)


def _change_terms(connection: sqlite3.Connection, steps: Sequence[Step]) -> list[Step]:
    """Write searchable parameters and labels of steps, and the difference in terms; returns the steps that had one."""
    changed: list[Step] = []
    rows: list[Row] = []
    added: list[Row] = []
    removed: list[Row] = []
    for step in steps:
        key, facts = step.progressed.key, step.progressed.facts
        found_by = (facts.parameters, facts.new_labels)
        stored = connection.execute(_FOUND_BY_OTHERS, (*key, *found_by)).fetchone()
        if stored is None:
            continue
        integration, create_time, labels, new_labels, parameters = stored
        old = terms_of(labels, new_labels, parameters)
        new = terms_of(labels, facts.new_labels, facts.parameters)
        added += [(key.project, term, create_time, key.execution, integration) for term in sorted(new - old)]
        removed += [(key.project, term, create_time, key.execution) for term in sorted(old - new)]
        rows.append((*found_by, *key))
        changed.append(step)
    write(connection, "executions", _SET_FOUND_BY, rows)
    write(connection, "execution_terms", _DELETE_TERM, removed)
    write(connection, "execution_terms", _INSERT_TERM, added)
    return changed
