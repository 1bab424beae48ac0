"""Executions as rows of their table, and back."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from perdure.store.records import (
    ExecutionKey,
    ExecutionRow,
    Facts,
    NewExecution,
    Origin,
    Summary,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.store.records import Progressed

Row = tuple[object, ...]

CREATED: Final = (
    "project",
    "execution",
    "integration",
    "revision_id",
    "trigger_id",
    "execution_method",
    "labels",
    "create_time",
    "root",
    "parent",
    "task",
    "generation",
    "item",
    "orphan",
    "root_integration",
    "parent_integration",
    "ancestors",
    "started_by",
    "principal",
    "schedule_time",
    "max_runtime",
    "replay_of",
)
"""Columns that never change, as `created_values` orders them."""

FACTS: Final = (
    "state",
    "update_time",
    "start_time",
    "end_time",
    "error_code",
    "current_tasks",
    "parameters",
    "execution_attempt",
    "priority",
    "new_labels",
)
"""Columns of `Facts`, in its order."""

PROGRESS: Final = ("sequence", "revision", "active", "wake_time", "history_deleted")

SUMMARY: Final = Summary._fields
"""Columns of `Summary`, in its order."""

EXECUTION: Final = (*CREATED, *PROGRESS, *FACTS, *SUMMARY)
"""All columns of `executions`, as `read_execution` takes them."""

NO_PARAMETERS: Final = "{}"

_TASKS_REMEMBERED: Final = 4_096
"""JSON arrays of tasks that are kept: executions of the same integration have the same few."""

_PROGRESS_AT: Final = len(CREATED)
_FACTS_AT: Final = _PROGRESS_AT + len(PROGRESS)
_SUMMARY_AT: Final = _FACTS_AT + len(FACTS)


def created_values(new: NewExecution) -> Row:
    """Write what never changes of an execution, in the order of `CREATED`."""
    origin = new.origin
    descent: Row = (None, None, None, None)
    if origin is not None:
        descent = (origin.parent, origin.task, origin.generation, origin.item)
    return (
        *new.key,
        new.integration,
        new.revision_id,
        new.trigger_id,
        new.execution_method,
        new.labels,
        new.create_time,
        new.root,
        *descent,
        new.orphan,
        new.root_integration,
        new.parent_integration,
        f"/{'/'.join(new.ancestors)}/" if new.ancestors else "",
        new.started_by,
        new.principal,
        new.schedule_time,
        new.max_runtime,
        new.replay_of or None,
    )


def state_values(progressed: Progressed, revision: int) -> Row:
    """Write what follows the state of an execution, in the order of `PROGRESS`, `FACTS` and `SUMMARY`."""
    facts = progressed.facts
    return (
        progressed.sequence,
        revision,
        progressed.active,
        progressed.wake_time,
        False,
        facts.state,
        facts.update_time,
        facts.start_time,
        facts.end_time,
        facts.error_code,
        write_tasks(facts.current_tasks),
        facts.parameters,
        facts.execution_attempt,
        facts.priority,
        facts.new_labels,
        *progressed.summary,
    )


def event_facts(facts: Facts) -> Row:
    """Write facts as an event record keeps them, in the order of `FACTS`: what is empty as NULL."""
    return (
        facts.state,
        facts.update_time,
        facts.start_time,
        facts.end_time,
        facts.error_code,
        write_tasks(facts.current_tasks) if facts.current_tasks else None,
        None if facts.parameters == NO_PARAMETERS else facts.parameters,
        facts.execution_attempt,
        facts.priority,
        facts.new_labels,
    )


@lru_cache(_TASKS_REMEMBERED)
def write_tasks(tasks: tuple[str, ...]) -> str:
    """Write ids of tasks as a JSON array."""
    return json.dumps(tasks)


@lru_cache(_TASKS_REMEMBERED)
def _read_tasks(tasks: str) -> tuple[str, ...]:
    return tuple(json.loads(tasks))


def read_created(columns: Sequence[Any]) -> NewExecution:
    """Read what never changes of an execution from the columns `CREATED`."""
    project, execution, integration, revision_id, trigger_id, execution_method = columns[:6]
    labels, create_time, root, parent, task, generation, item, orphan = columns[6:14]
    root_integration, parent_integration, ancestors, started_by, principal, schedule_time, max_runtime, replay_of = (
        columns[14:]
    )
    return NewExecution(
        ExecutionKey(project, execution),
        integration,
        revision_id,
        trigger_id,
        execution_method,
        labels,
        create_time,
        root,
        None if parent is None else Origin(parent, task, generation, item),
        bool(orphan),
        root_integration,
        parent_integration,
        tuple(ancestors[1:-1].split("/")) if ancestors else (),
        started_by,
        principal,
        schedule_time,
        max_runtime,
        replay_of or "",
    )


def read_facts(columns: Sequence[Any]) -> Facts:
    """Read facts from the columns `FACTS`, of an execution or of an event record."""
    state, update_time, start_time, end_time, error_code, tasks, parameters, *rest = columns
    return Facts(
        state,
        update_time,
        start_time,
        end_time,
        error_code,
        () if tasks is None else _read_tasks(tasks),
        NO_PARAMETERS if parameters is None else parameters,
        *rest,
    )


def read_execution(columns: Sequence[Any]) -> ExecutionRow:
    """Read an execution from the columns `EXECUTION`."""
    sequence, revision, active, wake_time, history_deleted = columns[_PROGRESS_AT:_FACTS_AT]
    summary = Summary(*columns[_SUMMARY_AT:])
    return ExecutionRow(
        read_created(columns[:_PROGRESS_AT]),
        sequence,
        revision,
        bool(active),
        wake_time,
        read_facts(columns[_FACTS_AT:_SUMMARY_AT]),
        summary._replace(development=bool(summary.development)),
        bool(history_deleted),
    )
