"""Whether attempts are counted, performed and reported as promised."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.testing.checks.changes import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.testing.checks.evidence import Evidence
    from perdure.testing.logs import RunBegan
    from perdure.v1.event_pb2 import ExecutionEvent


_UNDO_KEY: Final = "/rollback"
"""The end of the keys of attempts to undo a task, which are the same for all of them."""


class _Attempt(NamedTuple):
    execution: str
    task: str
    execution_attempt: int
    attempt: int


def attempts_are_counted(evidence: Evidence) -> Iterator[str]:
    """I19: the attempts of a task, to undo it too, are 1, 2, 3 …, and a handler performs only those that have begun."""
    begun: set[_Attempt] = set()
    for name, history in evidence.histories.items():
        last: dict[tuple[str, int], int] = defaultdict(int)
        for event, _ in history:
            if not (event.task_change.state == TaskState.IN_PROCESS or starts_undo(event)):
                continue
            attempt = _attempt_of(name, event)
            counted = (attempt.task, attempt.execution_attempt)
            if starts_undo(event) and attempt in begun:
                # Somebody wants another undo than this one, which failed. That it runs again would break I23.
                continue
            begun.add(attempt)
            if attempt.attempt != last[counted] + 1:
                yield f"{name}: task {attempt.task}: attempt {attempt.attempt} follows {last[counted]}"
            last[counted] = attempt.attempt
    for run in evidence.began.values():
        if run.execution in evidence.histories and _attempt_run(run) not in begun:
            yield f"{run.execution}: task {run.task}: attempt {run.attempt} was performed and never begun"


def results_were_reported(evidence: Evidence) -> Iterator[str]:
    """I21: every recorded result comes from a run that ended so, and an attempt has at most one result."""
    recorded = {run.handler for run in evidence.began.values()}
    succeeded: dict[_Attempt, bool] = defaultdict(bool)
    for run_id, end in evidence.ended.items():
        attempt = _attempt_run(evidence.began[run_id])
        succeeded[attempt] = succeeded[attempt] or end.succeeded
    for name, history in evidence.histories.items():
        results: set[_Attempt] = set()
        for event, _ in history:
            if not event.task_change.worker or event.task_change.task not in recorded:
                continue
            attempt = _attempt_of(name, event)
            if attempt in results:
                yield f"{name}: task {attempt.task}: attempt {attempt.attempt} has two results"
            results.add(attempt)
            if attempt not in succeeded:
                yield f"{name}: task {attempt.task}: attempt {attempt.attempt} has a result that nobody reported"
            elif not (event.task_change.HasField("error") or succeeded[attempt]):
                yield f"{name}: task {attempt.task}: attempt {attempt.attempt} succeeded, and every run of it failed"


def keys_bound_effects(evidence: Evidence) -> Iterator[str]:
    """I23: a key means one task of one execution for ever, and an attempt runs again only because of a fault."""
    tasks: dict[str, tuple[str, str]] = {}
    keys: dict[tuple[str, str], str] = {}
    runs: dict[_Attempt, list[int]] = defaultdict(list)
    for run in evidence.began.values():
        undoes = run.key.endswith(_UNDO_KEY)
        task = (run.execution, f"{run.task}{_UNDO_KEY}" if undoes else run.task)
        if tasks.setdefault(run.key, task) != task:
            yield f"key {run.key} stands for {tasks[run.key]} and for {task}"
        if keys.setdefault(task, run.key) != run.key:
            yield f"{task} has the keys {keys[task]} and {run.key}"
        runs[_attempt_run(run)].append(run.at)
    for attempt, instants in runs.items():
        instants.sort()
        for earlier, later in pairwise(instants):
            if not any(fault.began <= later and fault.ended >= earlier for fault in evidence.faults):
                yield f"{attempt.execution}: task {attempt.task}: attempt {attempt.attempt} ran twice without a fault"


def starts_undo(event: ExecutionEvent) -> bool:
    """Whether an attempt to undo a task is ready with an event, or somebody wants another one of one that failed."""
    change = event.task_change
    undoing = change.state == TaskState.ROLLBACK_IN_PROCESS and change.attempt > 0
    return undoing and not change.HasField("retry_time") and not change.rollback_held


def _attempt_of(name: str, event: ExecutionEvent) -> _Attempt:
    change = event.task_change
    return _Attempt(name, change.task_number, change.execution_attempt, change.attempt)


def _attempt_run(run: RunBegan) -> _Attempt:
    return _Attempt(run.execution, run.task, run.execution_attempt, run.attempt)
