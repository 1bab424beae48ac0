"""What each commit made of an execution: its facts, folded from the events that the history shows.

This is told from the contract alone. Two things it does not tell: which parameters are searchable (here all of
them are) and which defaults an integration has (here none). A filter of a run that is checked asks for inputs, or
for parameters that have been changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.store.records import (
    ExecutionKey,
    Facts,
    NewExecution,
    Origin,
)
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails
from perdure.v1.suspension_pb2 import Suspension

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from perdure.testing.checks.evidence import Placed
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.value_pb2 import ValueType

State = ExecutionDetails.State
TaskState = TaskExecutionDetails.TaskExecutionState

TERMINAL_STATES: Final = frozenset((State.SUCCEEDED, State.FAILED, State.CANCELLED))

_CURRENT: Final = frozenset(
    (TaskState.IN_PROCESS, TaskState.RETRY_ON_HOLD, TaskState.SUSPENDED, TaskState.ROLLBACK_IN_PROCESS)
)
_TASKS_TOLD: Final = 20
_TEXT_MAX_CHARACTERS: Final = 256
_SEARCHABLE: Final = frozenset(("string_value", "int_value", "double_value", "boolean_value"))
_ATTEMPT_LOST: Final = "LEASE_LOST"


def opens_suspension(event: ExecutionEvent) -> bool:
    """Whether a task begins to wait for a decision or a signal with an event."""
    change = event.suspension_change
    return bool(change.task_number) and change.state == Suspension.RESOLUTION_STATE_PENDING and not change.reminder


class Change(NamedTuple):
    """What one commit changed in one execution.

    Attributes:
        execution: Its name.
        revision: Store revision of the commit.
        before: Facts as of the commit before; None if this one created the execution.
        facts: Facts as of this commit.
    """

    execution: str
    revision: int
    events: Sequence[ExecutionEvent]
    created: NewExecution
    before: Facts | None
    facts: Facts


def key_of(name: str) -> ExecutionKey:
    """Tell what the name of an execution stands for, whichever integration it names."""
    parts = name.split("/")
    return ExecutionKey(parts[1], parts[-1])


def fold_all(histories: Mapping[str, Sequence[Placed]]) -> list[Change]:
    """List the changes of all executions in the order of the commits.

    A history that does not begin with the creation, or whose parents have none, is left out.
    """
    begun = {
        key_of(name): history[0].event
        for name, history in histories.items()
        if history and history[0].event.HasField("created")
    }
    changes: list[Change] = []
    for name, history in histories.items():
        ancestors = _ancestors(begun, key_of(name))
        if ancestors is not None:
            changes.extend(_fold(name, [placed.event for placed in history], ancestors))
    changes.sort(key=lambda change: change.revision)
    return changes


def _ancestors(begun: Mapping[ExecutionKey, ExecutionEvent], key: ExecutionKey) -> tuple[str, ...] | None:
    """Name the executions above one, topmost first; None if that is not known."""
    above: list[str] = []
    while True:
        event = begun.get(key)
        if event is None:
            return None
        if event.created.orphan or not event.created.parent:
            return tuple(reversed(above))
        key = key_of(event.created.parent)
        above.append(key.execution)


def _fold(name: str, events: Sequence[ExecutionEvent], ancestors: tuple[str, ...]) -> Iterator[Change]:
    created = _columns(name, events[0], ancestors)
    progress = _Progress()
    before: Facts | None = None
    for revision, group in groupby(events, key=lambda event: event.store_revision):
        committed = tuple(group)
        for event in committed:
            progress.take(event)
        facts = progress.facts()
        yield Change(name, revision, committed, created, before, facts)
        before = facts


def _columns(name: str, event: ExecutionEvent, ancestors: tuple[str, ...]) -> NewExecution:
    created = event.created
    return NewExecution(
        key=key_of(name),
        integration=_integration(name),
        revision_id=created.integration_revision_id,
        trigger_id=created.trigger_id,
        execution_method=created.execution_method,
        labels=json.dumps(dict(created.labels)),
        create_time=event.event_time.ToMicroseconds(),
        root=key_of(created.root or name).execution,
        origin=Origin(key_of(created.parent).execution, "", 0, 0) if created.parent else None,
        orphan=created.orphan,
        root_integration=_integration(created.root or name),
        ancestors=ancestors,
        started_by=created.started_by,
    )


def _integration(name: str) -> str:
    return name.split("/")[5]


@dataclass(slots=True)
class _Attempt:
    start: int
    end: int | None = None


@dataclass(slots=True)
class _Task:
    state: TaskState.ValueType
    attempts: list[_Attempt] = field(default_factory=list)

    def take(self, event: ExecutionEvent) -> None:
        time = event.event_time.ToMicroseconds()
        change = event.task_change
        self.state = change.state
        if change.state == TaskState.IN_PROCESS:
            if change.error.code == _ATTEMPT_LOST:
                self._close(time)
            self._begin(time)
        elif change.state != TaskState.SUSPENDED:
            self._close(time)
        if change.state == TaskState.RETRY_ON_HOLD and change.HasField("retry_time"):
            self.attempts.append(_Attempt(change.retry_time.ToMicroseconds()))

    def _begin(self, time: int) -> None:
        """Begin the planned attempt, or one that was not planned."""
        if self.attempts and self.attempts[-1].end is None:
            self.attempts[-1].start = time
        else:
            self.attempts.append(_Attempt(time))

    def _close(self, time: int) -> None:
        """End the open attempt; one that was only planned has not happened."""
        if self.attempts and self.attempts[-1].end is None:
            if self.attempts[-1].start > time:
                self.attempts.pop()
            else:
                self.attempts[-1].end = time


class _Progress:
    """An execution as far as filters ask for it, event by event."""

    def __init__(self) -> None:
        self._state: State.ValueType = State.STATE_UNSPECIFIED
        self._update_time = 0
        self._start_time: int | None = None
        self._end_time: int | None = None
        self._error_code: str | None = None
        self._attempt = 1
        self._tasks: dict[str, _Task] = {}
        self._inputs: dict[str, ValueType] = {}
        self._parameters: dict[str, ValueType] = {}
        self._parameter_text = "{}"
        self._priority = 0
        self._new_labels: str | None = None

    def take(self, event: ExecutionEvent) -> None:
        """Take the next event."""
        self._update_time = event.event_time.ToMicroseconds()
        match event.WhichOneof("change"):
            case "created":
                self._inputs = dict(event.created.request_parameters)
                self._set_parameters(self._inputs)
                self._enter(event.created.state)
                self._priority = event.created.priority
            case "state_change":
                self._take_state(event.state_change)
            case "task_change":
                number = event.task_change.task_number
                self._tasks.setdefault(number, _Task(TaskState.PENDING_EXECUTION)).take(event)
            case "parameters_change":
                self._set_parameters({**self._parameters, **event.parameters_change.parameters})
            case "update_change":
                self._take_update(event.update_change)
            case "suspension_change" if opens_suspension(event):
                self._tasks[event.suspension_change.task_number].state = TaskState.SUSPENDED

    def _take_update(self, change: ExecutionEvent.UpdateChange) -> None:
        if change.HasField("priority"):
            self._priority = change.priority
        if change.labels_changed:
            self._new_labels = json.dumps(dict(change.labels))

    def _take_state(self, change: ExecutionEvent.StateChange) -> None:
        self._enter(change.state)
        if change.execution_attempt > self._attempt:
            self._attempt = change.execution_attempt
            self._tasks.clear()
            self._set_parameters(self._inputs)
        if change.HasField("error"):
            self._error_code = change.error.code

    def _enter(self, state: State.ValueType) -> None:
        self._state = state
        if state == State.PROCESSING and self._start_time is None:
            self._start_time = self._update_time
        if state in TERMINAL_STATES:
            self._end_time = self._update_time

    def _set_parameters(self, parameters: Mapping[str, ValueType]) -> None:
        self._parameters = dict(parameters)
        plain = {key: _plain(value) for key, value in parameters.items()}
        self._parameter_text = json.dumps({key: value for key, value in plain.items() if value is not None})

    def facts(self) -> Facts:
        """Tell what can be asked of it now."""
        return Facts(
            state=self._state,
            update_time=self._update_time,
            start_time=self._start_time,
            end_time=self._end_time,
            error_code=self._error_code,
            current_tasks=tuple(self._current_tasks()[:_TASKS_TOLD]),
            parameters=self._parameter_text,
            priority=self._priority,
            new_labels=self._new_labels,
        )

    def _current_tasks(self) -> list[str]:
        """Name the tasks that are at work or wait; after the end those whose attempts ended last."""
        if self._state not in TERMINAL_STATES:
            return sorted(number for number, task in self._tasks.items() if task.state in _CURRENT)
        ends = {
            number: task.attempts[-1].end or 0
            for number, task in self._tasks.items()
            if task.attempts and task.state not in _CURRENT
        }
        last = max(ends.values(), default=0)
        return sorted(number for number, end in ends.items() if end == last)


def _plain(value: ValueType) -> str | float | bool | None:
    """Show a value that can be searched for as a Python object; None for any other."""
    kind = value.WhichOneof("value")
    if kind not in _SEARCHABLE:
        return None
    plain: str | float | bool = getattr(value, kind)
    return None if isinstance(plain, str) and len(plain) > _TEXT_MAX_CHARACTERS else plain
