"""Whether executions only ever move forward, by the published table, to one end."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from perdure.domain.transitions import EXECUTION_CHANGES, TASK_CHANGES
from perdure.testing.checks.changes import TERMINAL_STATES, State, TaskState, opens_suspension
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.testing.checks.evidence import Evidence, Sight
    from perdure.v1.event_pb2 import ExecutionEvent

_EXECUTION_STEPS: Final = frozenset((change.before or 0, int(change.after)) for change in EXECUTION_CHANGES)
_TASK_STEPS: Final = frozenset((change.before or 0, int(change.after)) for change in TASK_CHANGES)


def reads_never_go_back(evidence: Evidence) -> Iterator[str]:
    """I6: a call that begins after another has ended does not show an older state of the execution."""
    for name, sights in evidence.sights.items():
        by_end = sorted(sights, key=lambda sight: sight.ended)
        newest, seen = 0, 0
        for sight in sights:
            while seen < len(by_end) and by_end[seen].ended < sight.began:
                newest = max(newest, by_end[seen].execution.store_revision)
                seen += 1
            if sight.execution.store_revision < newest:
                yield f"{name} was read at store revision {newest}, then at {sight.execution.store_revision}"
        yield from _different_at_one_revision(name, sights)


def _different_at_one_revision(name: str, sights: Sequence[Sight]) -> Iterator[str]:
    seen: dict[tuple[str, int], bytes] = {}
    for sight in sights:
        steady = Execution()
        steady.CopyFrom(sight.execution)
        # These change while the execution does not.
        steady.ClearField("duration")
        steady.ClearField("resource_usage")
        for task in steady.execution_details.task_execution_details:
            task.ClearField("resource_usage")
        steady.ClearField("direct_sub_executions")
        wire = steady.SerializeToString(deterministic=True)
        if seen.setdefault((sight.view, steady.store_revision), wire) != wire:
            yield f"{name} was read differently at the same store revision {steady.store_revision}"


def steps_are_legal(evidence: Evidence) -> Iterator[str]:
    """I8: every change of state is in the state tables, and one terminal event ends the history."""
    for name, history in evidence.histories.items():
        events = [placed.event for placed in history]
        if not events or not events[0].HasField("created"):
            yield f"{name}: the history does not begin with its creation"
            continue
        yield from _illegal_steps(name, events)
        ends = [event.sequence for event in events if is_terminal_event(event)]
        if len(ends) > 1 or (ends and ends[0] != events[-1].sequence):
            yield f"{name}: terminal events at {ends}, and the history ends at {events[-1].sequence}"


def _illegal_steps(name: str, events: Sequence[ExecutionEvent]) -> Iterator[str]:
    state: State.ValueType = events[0].created.state
    attempt = 1
    tasks: dict[str, TaskState.ValueType] = dict.fromkeys(events[0].created.copied_tasks, TaskState.SUCCEED)
    if (0, state) not in _EXECUTION_STEPS:
        yield f"{name}: created as {State.Name(state)}"
    for event in events[1:]:
        match event.WhichOneof("change"):
            case "created":
                yield f"{name}: created again at {event.sequence}"
            case "state_change":
                change = event.state_change
                if (state, change.state) not in _EXECUTION_STEPS:
                    yield f"{name}: {State.Name(state)} became {State.Name(change.state)} at {event.sequence}"
                state = change.state
                if change.execution_attempt > attempt:
                    attempt = change.execution_attempt
                    tasks.clear()
            case _:
                for task, after in _entered(event):
                    before = tasks.get(task, TaskState.PENDING_EXECUTION)
                    if (before, after) not in _TASK_STEPS:
                        names = f"{TaskState.Name(before)} became {TaskState.Name(after)}"
                        yield f"{name}: task {task}: {names} at {event.sequence}"
                    tasks[task] = after


def _entered(event: ExecutionEvent) -> Iterator[tuple[str, TaskState.ValueType]]:
    """Name the tasks that enter a state with an event, with that state."""
    if event.HasField("task_change"):
        yield event.task_change.task_number, event.task_change.state
    elif opens_suspension(event):
        yield event.suspension_change.task_number, TaskState.SUSPENDED
    for task in event.rollback_change.pending_tasks:
        yield task, TaskState.PENDING_ROLLBACK


def ends_are_final(evidence: Evidence) -> Iterator[str]:
    """I9: once an execution was seen in a terminal state, its state, error, outputs and end never change."""
    for name, sights in evidence.sights.items():
        final = evidence.got.get(name, ("", None))[1]
        ends = [sight for sight in sights if is_terminal(sight.execution)]
        seen = [sight.execution for sight in ends] + ([final] if final is not None else [])
        if ends and any(_end_of(execution) != _end_of(ends[0].execution) for execution in seen):
            yield f"{name} changed after its end"
        outputs = [_outputs_of(execution) for execution in seen if execution.response_parameters]
        if any(output != outputs[0] for output in outputs):
            yield f"{name} changed its outputs after its end"
        first_end = min((sight.ended for sight in ends), default=None)
        if first_end is not None and any(
            sight.began > first_end and not is_terminal(sight.execution) for sight in sights
        ):
            yield f"{name} was seen at work after its end"


def _end_of(execution: Execution) -> tuple[object, ...]:
    return (
        execution.execution_details.state,
        execution.end_time.ToMicroseconds(),
        execution.error.code,
        execution.error.message,
        execution.store_revision,
    )


def _outputs_of(execution: Execution) -> bytes:
    only = Execution()
    for key, value in execution.response_parameters.items():
        only.response_parameters[key].CopyFrom(value)
    return only.SerializeToString(deterministic=True)


def reads_are_folds(evidence: Evidence) -> Iterator[str]:
    """I10: what Get shows at the end is what the history adds up to."""
    for name, history in evidence.histories.items():
        code, execution = evidence.got.get(name, ("", Execution()))
        if code != "OK" or not history:
            continue
        for what, shown, folded in _compared(execution, [placed.event for placed in history]):
            if shown != folded:
                yield f"{name}: Get shows {what} {shown}, the history says {folded}"


def _compared(execution: Execution, events: Sequence[ExecutionEvent]) -> Iterator[tuple[str, object, object]]:
    created, last = events[0].created, events[-1]
    changes = [event.state_change for event in events if event.HasField("state_change")]
    cancels = [event.cancel_requested.cancel_reason for event in events if event.HasField("cancel_requested")]
    messages = [event.message_change.message for event in events if event.HasField("message_change")]
    snapshots = [event.snapshot_taken.snapshot for event in events if event.HasField("snapshot_taken")]
    if created.savepoint_retention == Execution.SAVEPOINT_RETENTION_LAST:
        snapshots = snapshots[-1:]
    yield "state", execution.execution_details.state, changes[-1].state if changes else created.state
    yield "store revision", execution.store_revision, last.store_revision
    yield "update time", execution.update_time.ToMicroseconds(), last.event_time.ToMicroseconds()
    yield "inputs", dict(execution.request_parameters), dict(created.request_parameters)
    yield "cancel reason", execution.cancel_reason, cancels[0] if cancels else ""
    yield "message", execution.message, messages[-1] if messages else ""
    shown = {snapshot.name for snapshot in execution.execution_details.execution_snapshots}
    yield "snapshots", shown, set(snapshots)
    if changes:
        shown_outputs = dict(execution.response_parameters)
        outputs = dict(changes[-1].output_parameters)
        yield "outputs", {key: shown_outputs.get(key) for key in outputs}, outputs


def times_never_fall(evidence: Evidence) -> Iterator[str]:
    """I18: within an execution event times never decrease, and nothing ends before it starts."""
    for name, history in evidence.histories.items():
        for earlier, later in pairwise(history):
            if later.event.event_time.ToMicroseconds() < earlier.event.event_time.ToMicroseconds():
                yield f"{name}: event {later.event.sequence} is earlier than the one before it"
    for name, (code, execution) in evidence.got.items():
        timed = code == "OK" and execution.HasField("end_time") and execution.HasField("start_time")
        if timed and execution.end_time.ToMicroseconds() < execution.start_time.ToMicroseconds():
            yield f"{name} ended before it started"


def nothing_starts_after_a_cancel(evidence: Evidence) -> Iterator[str]:
    """I27: no attempt of a task starts after the event that asks to cancel the execution, the teardown aside."""
    for name, history in evidence.histories.items():
        cancelled = False
        torn_down: set[str] = set()
        for event, _ in history:
            cancelled = cancelled or event.HasField("cancel_requested")
            torn_down.update(event.teardown_change.task_numbers)
            starts = event.task_change.state == TaskState.IN_PROCESS
            if cancelled and starts and event.task_change.task_number not in torn_down:
                yield f"{name}: an attempt starts at {event.sequence}, after the cancel"


def everything_ends(evidence: Evidence) -> Iterator[str]:
    """P20: when faults have stopped and all has settled, every execution is in a terminal state."""
    if evidence.settled:
        for name, execution in evidence.listed.items():
            if not is_terminal(execution):
                yield f"{name} is still {State.Name(execution.execution_details.state)}"


def is_terminal(execution: Execution) -> bool:
    """Whether an execution is shown in a terminal state."""
    return execution.execution_details.state in TERMINAL_STATES


def is_terminal_event(event: ExecutionEvent) -> bool:
    """Whether an event ends its execution."""
    return event.HasField("state_change") and event.state_change.state in TERMINAL_STATES
