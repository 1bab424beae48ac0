"""Whether what was done is undone as promised, and whether signals are taken once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from perdure.testing.checks.attempts import starts_undo
from perdure.testing.checks.changes import State, TaskState
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.testing.checks.evidence import Evidence
    from perdure.v1.event_pb2 import ExecutionEvent

_Rollback = ExecutionDetails.Rollback


def what_was_done_is_undone(evidence: Evidence) -> Iterator[str]:
    """I29: a rollback undoes once what had succeeded, or what nobody knows of, and lists all that it has not undone."""
    for name, history in evidence.histories.items():
        events = [placed.event for placed in history]
        for fault in (*_wrong_set(events), *_wrong_record(events)):
            yield f"{name}: {fault}"


def _wrong_set(events: Sequence[ExecutionEvent]) -> Iterator[str]:
    """Look at what is undone: after what outcome, which tasks, and that nothing else runs meanwhile."""
    done = set(events[0].created.copied_tasks) if events else set()
    outcome = State.STATE_UNSPECIFIED
    pending: set[str] = set()
    for event in events:
        change, rollback = event.task_change, event.rollback_change
        outcome = event.outcome_change.state or outcome
        if change.state == TaskState.SUCCEED:
            done.add(change.task_number)
        if rollback.outcome == _Rollback.OUTCOME_IN_PROGRESS:
            pending = set(rollback.pending_tasks)
            for task in sorted(pending - done - set(rollback.unknown_outcome_tasks)):
                yield f"task {task} is to be undone and was not done"
            if outcome not in {State.FAILED, State.CANCELLED}:
                yield f"a rollback begins at {event.sequence}, and the outcome is {State.Name(outcome)}"
        if starts_undo(event) and change.task_number not in pending:
            yield f"task {change.task_number} is undone at {event.sequence}, and was not to be"
        if event.state_change.execution_attempt:
            done.clear()


def _wrong_record(events: Sequence[ExecutionEvent]) -> Iterator[str]:
    """Look at what is told of a rollback at its end."""
    pending: set[str] = set()
    undone: Counter[str] = Counter()
    failed: set[str] = set()
    for event in events:
        change, rollback = event.task_change, event.rollback_change
        pending.update(rollback.pending_tasks)
        if change.state == TaskState.ROLLEDBACK:
            undone[change.task_number] += 1
            if change.HasField("error"):
                failed.add(change.task_number)
        if rollback.outcome in {_Rollback.OUTCOME_COMPLETE, _Rollback.OUTCOME_INCOMPLETE}:
            if undone != Counter(pending):
                yield f"the rollback ends at {event.sequence} with {sorted(undone.elements())} of {sorted(pending)}"
            for task in sorted(failed - set(rollback.not_undone_tasks)):
                yield f"task {task} could not be undone, and the end of the rollback does not tell it"


def signals_are_taken_once(evidence: Evidence) -> Iterator[str]:
    """I30: no task takes a signal that has not come, or that another one has taken; an id comes once."""
    for name, history in evidence.histories.items():
        kept: Counter[str] = Counter()
        ids: set[str] = set()
        for event, _ in history:
            change = event.signal_change
            if not change.signal:
                continue
            if change.task_number:
                kept[change.signal] -= 1
                if kept[change.signal] < 0:
                    yield f"{name}: task {change.task_number} takes signal {change.signal}, and none is there"
                continue
            kept[change.signal] += 1
            if change.signal_id in ids:
                yield f"{name}: the signal with the id {change.signal_id} comes twice"
            ids.update({change.signal_id} - {""})
