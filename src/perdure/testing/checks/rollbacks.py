"""Whether what was done is undone as promised, and whether an execution is torn down before it ends."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from perdure.testing.checks.attempts import starts_undo
from perdure.testing.checks.changes import State, TaskState, opens_suspension
from perdure.testing.checks.states import is_terminal_event
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.testing.checks.definitions import Definition
    from perdure.testing.checks.evidence import Evidence
    from perdure.v1.event_pb2 import ExecutionEvent

_Rollback = ExecutionDetails.Rollback

_UNSUCCESSFUL = frozenset((State.FAILED, State.CANCELLED))
_TASK_ENDS = frozenset((TaskState.SUCCEED, TaskState.FAILED, TaskState.FATAL, TaskState.SKIPPED, TaskState.CANCELLED))


def what_was_done_is_undone(evidence: Evidence) -> Iterator[str]:
    """I29: a rollback undoes once what had succeeded, dependents first, and lists all that it has not undone."""
    for name, history in evidence.histories.items():
        events = [placed.event for placed in history]
        definition = evidence.definition_of(history)
        for fault in (*_wrong_set(events), *_wrong_record(events)):
            yield f"{name}: {fault}"
        if definition is not None:
            for fault in (*_left_out(events, definition), *_wrong_order(events, definition)):
                yield f"{name}: {fault}"


def _wrong_set(events: Sequence[ExecutionEvent]) -> Iterator[str]:
    """Look at what is undone: after what outcome, which tasks, and that nothing else runs meanwhile."""
    done: set[str] = set()
    outcome = State.STATE_UNSPECIFIED
    pending: set[str] = set()
    for event in events:
        change, rollback = event.task_change, event.rollback_change
        outcome = event.outcome_change.state or outcome
        if change.state == TaskState.SUCCEED:
            done.add(change.task_number)
        elif opens_suspension(event):
            # It may wait for a decision on what it has done.
            done.add(event.suspension_change.task_number)
        if rollback.outcome == _Rollback.OUTCOME_IN_PROGRESS:
            pending = set(rollback.pending_tasks)
            for task in sorted(pending - done - set(rollback.unknown_outcome_tasks)):
                yield f"task {task} is to be undone and was not done"
            if outcome not in _UNSUCCESSFUL:
                yield f"a rollback begins at {event.sequence}, and the outcome is {State.Name(outcome)}"
        if starts_undo(event) and change.task_number not in pending:
            yield f"task {change.task_number} is undone at {event.sequence}, and was not to be"


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
            if failed and rollback.outcome == _Rollback.OUTCOME_COMPLETE:
                yield f"the rollback is told to be complete at {event.sequence}, without {sorted(failed)}"


def _left_out(events: Sequence[ExecutionEvent], definition: Definition) -> Iterator[str]:
    """Look for what was done, declares a rollback and is not undone, whether there is a rollback or not."""
    last: dict[str, TaskState.ValueType] = {}
    done: set[str] = set()
    for event in events:
        change = event.task_change
        if change.state == TaskState.SUCCEED and not _is_ignored(event, last):
            done.add(change.task_number)
        last[change.task_number] = change.state
        done.difference_update(event.rollback_change.pending_tasks)
        if event.state_change.state in _UNSUCCESSFUL:
            for task in sorted(done & definition.undoable):
                yield f"task {task} was done, and is not undone before the end"


def _is_ignored(event: ExecutionEvent, last: dict[str, TaskState.ValueType]) -> bool:
    """Whether a task counts as done although it has failed."""
    change = event.task_change
    return change.HasField("error") or last.get(change.task_number) == TaskState.RETRY_ON_HOLD


def _wrong_order(events: Sequence[ExecutionEvent], definition: Definition) -> Iterator[str]:
    """Look for undos that begin while something is left to undo that depends on the task."""
    left: set[str] = set()
    for event in events:
        change = event.task_change
        left.update(event.rollback_change.pending_tasks)
        if change.state == TaskState.ROLLEDBACK:
            left.discard(change.task_number)
        if starts_undo(event):
            before = left & definition.dependents.get(change.task_number, frozenset())
            if before:
                yield f"task {change.task_number} is undone at {event.sequence}, before {sorted(before)}"


def all_are_torn_down(evidence: Evidence) -> Iterator[str]:
    """torn_down: what has started ends after all of its teardown, whose tasks run one after another."""
    for name, history in evidence.histories.items():
        definition = evidence.definition_of(history)
        if definition is not None and definition.teardown:
            for fault in _wrong_teardown([placed.event for placed in history], definition.teardown):
                yield f"{name}: {fault}"


def _wrong_teardown(events: Sequence[ExecutionEvent], teardown: Sequence[str]) -> Iterator[str]:
    started = False
    ended: list[str] = []
    for event in events:
        change = event.task_change
        started = started or event.state_change.state == State.PROCESSING
        if change.task_number in teardown:
            place = teardown.index(change.task_number)
            if ended[:place] != list(teardown[:place]):
                yield f"teardown task {change.task_number} comes at {event.sequence}, after {ended}"
            if change.state in _TASK_ENDS:
                ended.append(change.task_number)
        if is_terminal_event(event) and started and ended != list(teardown):
            yield f"it ends at {event.sequence}, after {ended} of the teardown {list(teardown)}"
