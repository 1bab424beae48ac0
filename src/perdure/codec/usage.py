"""Where the time of executions and tasks went (row 37)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from perdure.codec.message_parts import put_length
from perdure.domain.execution import Usage
from perdure.domain.states import TaskState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.domain.execution import Execution
    from perdure.domain.task import Attempt, TaskRun
    from perdure.v1 import execution_pb2


def execution_usage(execution: Execution, now: int) -> Usage:
    """Tell how an execution spent its time, the time since its last event included."""
    usage = replace(execution.usage)
    if not execution.is_terminal:
        execution.spend(max(now - execution.update_time, 0), usage)
    return usage


def task_usage(run: TaskRun, now: int) -> Usage:
    """Tell how a task spent its time: its attempts, the gaps between them, and what it was suspended.

    Nothing records when a worker took an attempt up, so an attempt counts as active from the moment when it
    was ready.
    """
    suspended = run.suspended
    if run.state is TaskState.SUSPENDED:
        suspended += max(now - run.since, 0)
    usage = Usage(waiting=suspended)
    _add_attempts(run.attempts, now, usage)
    if run.undo is not None:
        _add_attempts(run.undo.attempts, now, usage)
    # A task is suspended within an attempt.
    usage.active = max(usage.active - suspended, 0)
    return usage


def _add_attempts(attempts: Sequence[Attempt], now: int, usage: Usage) -> None:
    before: int | None = None
    for attempt in attempts:
        start = min(attempt.start_time, now)
        if before is not None:
            usage.retrying += max(start - before, 0)
        before = attempt.end_time
        usage.active += max((now if before is None else before) - start, 0)


def put_usage(usage: Usage, target: execution_pb2.ResourceUsage) -> None:
    """Write where the time went."""
    put_length(usage.active, target.active_duration)
    put_length(usage.waiting, target.waiting_duration)
    put_length(usage.retrying, target.retry_duration)
    total = usage.active + usage.waiting + usage.retrying
    target.active_share = 100 * usage.active // total if total else 0
