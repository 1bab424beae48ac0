"""Generated values, events and whole histories, which the tests of the stored records share."""

from __future__ import annotations

import typing
from dataclasses import replace

from hypothesis import strategies as st

from perdure.domain import events as ev
from perdure.domain.apply import apply, first_state
from perdure.domain.breakpoints import Breakpoint, Breakpoints, Position, StepAction
from perdure.domain.graph import Graph, build_graph
from perdure.domain.integration import (
    Assign,
    Edge,
    ErrorCatcher,
    ForEach,
    Integration,
    Rollback,
    SavepointRetention,
    SubIntegration,
    TaskConfig,
    Timer,
)
from perdure.domain.states import (
    TERMINAL_EXECUTION_STATES,
    ExecutionMethod,
    ExecutionState,
    Failure,
    ReplayMode,
    StartedBy,
)
from perdure.domain.value import Value, ValueKind
from perdure.v1.value_pb2 import StringParameterArray, ValueType

if typing.TYPE_CHECKING:
    from perdure.domain.execution import Execution

EVENT_TYPES: tuple[type, ...] = typing.get_args(ev.Event)

GRAPH: Graph = build_graph(
    Integration(
        name="order",
        revision_id="000003-a4d",
        ordinal=3,
        tasks={
            "reserve": TaskConfig(
                "reserve",
                "shop.reserve",
                edges=(Edge("bill"), Edge("each", "params.many")),
                error_catcher="excuse",
                rollback=Rollback("shop.release"),
            ),
            "bill": TaskConfig("bill", "sub-integration", built_in=SubIntegration("billing"), edges=(Edge("wait"),)),
            "each": TaskConfig("each", "for-each", built_in=ForEach("params.items", "item", handler="shop.pack")),
            "wait": TaskConfig("wait", "timer", built_in=Timer(duration=5)),
            "apologise": TaskConfig("apologise", "shop.apologise", edges=(Edge("refund"),)),
            "refund": TaskConfig("refund", "shop.refund"),
            "note": TaskConfig("note", "assign", built_in=Assign((("noted", "true"),))),
        },
        error_catchers={
            "excuse": ErrorCatcher("excuse", ("apologise",)),
            "record": ErrorCatcher("record", ("note",)),
        },
        error_catcher="record",
        teardown=(TaskConfig("tidy", "shop.tidy"), TaskConfig("report", "shop.report")),
    ),
    "",
)

instants = st.integers(min_value=0, max_value=4_000_000_000_000_000)
maybe_instants = st.none() | instants
counts = st.integers(min_value=0, max_value=10_000)
texts = st.text(max_size=20)
task_ids = st.sampled_from(GRAPH.forward)
some_tasks = st.lists(task_ids, unique=True, max_size=3).map(tuple)


def _value(kind: ValueKind, **field: typing.Any) -> Value:
    return Value(kind, ValueType(**field).SerializeToString(deterministic=True))


values = (
    texts.map(lambda text: _value(ValueKind.STRING, string_value=text))
    | st.integers(-(1 << 63), (1 << 63) - 1).map(lambda number: _value(ValueKind.INT, int_value=number))
    | st.floats(allow_nan=False).map(lambda number: _value(ValueKind.DOUBLE, double_value=number))
    | st.booleans().map(lambda truth: _value(ValueKind.BOOLEAN, boolean_value=truth))
    | st.lists(texts, max_size=3).map(
        lambda some: _value(ValueKind.STRING_ARRAY, string_array=StringParameterArray(string_values=some))
    )
    | st.integers().map(lambda number: _value(ValueKind.JSON, json_value=str(number)))
)
parameters = st.dictionaries(texts, values, max_size=4)
failures = st.builds(
    Failure, code=texts, message=texts, payload=texts, context=texts, stack_trace=texts, retryable=st.booleans()
)
edges = st.lists(st.booleans(), max_size=3).map(tuple)
labels = st.dictionaries(texts, texts, max_size=3)
breakpoints = st.builds(
    Breakpoints,
    st.lists(st.builds(Breakpoint, task_ids, st.sampled_from(Position), texts), max_size=3).map(tuple),
    st.booleans(),
    counts,
)
replays = st.builds(
    ev.Replay,
    texts,
    texts,
    st.sampled_from(ReplayMode),
    texts,
    counts,
    st.dictionaries(task_ids, st.builds(ev.CopiedTask, parameters, parameters, edges), max_size=2),
)


@st.composite
def creations(draw: st.DrawFn, states: st.SearchStrategy[ExecutionState] | None = None) -> ev.ExecutionCreated:
    inputs = draw(parameters)
    return ev.ExecutionCreated(
        integration=draw(st.sampled_from(["order", "orders"])),
        revision_id=draw(st.sampled_from(["000003-a4d", "000004-b2f"])),
        ordinal=draw(counts),
        trigger_id=draw(texts),
        method=draw(st.sampled_from(ExecutionMethod)),
        state=draw(states or st.sampled_from([ExecutionState.PENDING, ExecutionState.PROCESSING])),
        inputs=inputs,
        parameters={**inputs, **draw(parameters)},
        principal=draw(texts),
        started_by=draw(st.sampled_from(StartedBy)),
        root=draw(texts),
        priority=draw(st.integers(0, 999)),
        labels=draw(labels),
        description=draw(texts),
        schedule_time=draw(maybe_instants),
        max_runtime=draw(counts),
        parent=draw(texts),
        parent_integration=draw(texts),
        root_integration=draw(texts),
        parent_task=draw(texts),
        generation=draw(instants),
        item=draw(counts),
        depth=draw(counts),
        orphan=draw(st.booleans()),
        implicit_task=draw(texts),
        trace_parent=draw(texts),
        trace_state=draw(texts),
        ancestors=tuple(draw(st.lists(texts, max_size=3))),
        replay=draw(st.none() | replays),
        breakpoints=draw(st.none() | breakpoints),
        development=draw(st.booleans()),
        savepoint_retention=draw(st.sampled_from(SavepointRetention)),
    )


TASK_EVENTS: dict[type, st.SearchStrategy[typing.Any]] = {
    ev.TaskRetried: st.builds(ev.TaskRetried, task_ids, counts, maybe_instants, texts, st.none() | parameters)
    | st.builds(ev.TaskRetried, task_ids, counts, maybe_instants, texts, parameters, counts),
    ev.TaskAttemptLost: st.builds(ev.TaskAttemptLost, task_ids, counts, maybe_instants, st.booleans(), st.booleans()),
    ev.TaskSuspended: st.builds(ev.TaskSuspended, task_ids, counts, instants),
    ev.TaskSucceeded: st.builds(ev.TaskSucceeded, task_ids, counts, parameters, edges, texts),
    ev.TaskAttemptFailed: st.builds(
        ev.TaskAttemptFailed,
        task_ids,
        counts,
        failures,
        st.sampled_from(ev.Resolution),
        maybe_instants,
        edges,
        texts,
        st.booleans(),
        st.booleans(),
    ),
    ev.FailureReleased: st.builds(
        ev.FailureReleased, task_ids, counts, st.sampled_from(ev.Resolution), maybe_instants, edges
    ),
    ev.TaskCancelled: st.builds(ev.TaskCancelled, task_ids, counts, st.booleans(), st.booleans()),
    ev.SubExecutionStarted: st.builds(ev.SubExecutionStarted, task_ids, texts),
    ev.SubJobsProgressed: st.builds(ev.SubJobsProgressed, task_ids, counts, counts, counts),
    ev.SnapshotTaken: st.builds(ev.SnapshotTaken, counts, task_ids, st.booleans()),
    ev.MessageSet: st.builds(ev.MessageSet, task_ids, texts),
    ev.TaskProgressed: st.builds(ev.TaskProgressed, task_ids, st.integers(0, 100)),
    ev.UndoStarted: st.builds(ev.UndoStarted, task_ids, counts, maybe_instants, st.booleans(), st.booleans()),
    ev.UndoAttemptFailed: st.builds(
        ev.UndoAttemptFailed,
        task_ids,
        counts,
        failures,
        st.sampled_from(ev.UndoResolution),
        maybe_instants,
        texts,
    ),
    ev.TaskRolledBack: st.builds(ev.TaskRolledBack, task_ids, counts, texts),
    ev.UndoResolved: st.builds(ev.UndoResolved, task_ids, counts, st.sampled_from(ev.UndoAction), texts, texts),
    ev.SuspensionOpened: st.builds(
        ev.SuspensionOpened,
        counts,
        task_ids,
        st.sampled_from(ev.SuspensionKind),
        maybe_instants,
        maybe_instants,
        st.booleans(),
        st.lists(texts, max_size=2).map(tuple),
        texts,
        texts,
        parameters,
        texts,
    ),
    ev.SuspensionReminded: st.builds(ev.SuspensionReminded, counts, task_ids),
    ev.SuspensionResolved: st.builds(
        ev.SuspensionResolved, counts, task_ids, st.booleans(), texts, texts, st.booleans()
    ),
    ev.SignalConsumed: st.builds(ev.SignalConsumed, texts, task_ids),
}
"""Events about a task that has begun."""

BEGINNINGS: dict[type, st.SearchStrategy[typing.Any]] = {
    ev.TaskStarted: st.builds(ev.TaskStarted, task_ids, parameters, maybe_instants, counts, texts),
    ev.TaskSkipped: st.builds(ev.TaskSkipped, task_ids, st.booleans()),
}
"""Events with which a task leaves PENDING_EXECUTION."""

EXECUTION_EVENTS: dict[type, st.SearchStrategy[typing.Any]] = {
    ev.ExecutionStarted: st.just(ev.ExecutionStarted()),
    ev.ExecutionStateChanged: st.builds(
        ev.ExecutionStateChanged,
        st.sampled_from([ExecutionState.PROCESSING, ExecutionState.RETRY_ON_HOLD, ExecutionState.SUSPENDED]),
        maybe_instants,
    ),
    ev.ExecutionRestarted: st.just(ev.ExecutionRestarted()),
    ev.CancelRequested: st.builds(
        ev.CancelRequested, texts, texts, st.none() | st.integers(1, 4_000_000_000_000_000), st.booleans()
    ),
    ev.CancelForced: st.builds(ev.CancelForced, texts),
    ev.ParametersChanged: st.builds(ev.ParametersChanged, parameters, texts),
    ev.OutcomeDecided: st.builds(
        ev.OutcomeDecided, st.sampled_from(sorted(TERMINAL_EXECUTION_STATES)), st.none() | failures, parameters
    ),
    ev.ErrorCatcherStarted: st.sampled_from(
        [
            ev.ErrorCatcherStarted("excuse", "reserve", GRAPH.catchers["excuse"].tasks),
            ev.ErrorCatcherStarted("record", "", GRAPH.catchers["record"].tasks),
        ]
    ),
    ev.ErrorCatcherEnded: st.builds(
        ev.ErrorCatcherEnded, st.sampled_from(["excuse", "record"]), st.booleans(), some_tasks
    ),
    ev.RollbackStarted: st.builds(ev.RollbackStarted, some_tasks, some_tasks, some_tasks),
    ev.RollbackEnded: st.builds(ev.RollbackEnded, some_tasks),
    ev.TeardownStarted: st.sampled_from([ev.TeardownStarted(GRAPH.teardown[:1]), ev.TeardownStarted(GRAPH.teardown)]),
    ev.ExecutionPaused: st.builds(ev.ExecutionPaused, texts, texts),
    ev.ExecutionResumed: st.builds(ev.ExecutionResumed, texts),
    ev.BreakpointHit: st.builds(ev.BreakpointHit, task_ids, st.sampled_from(Position), instants),
    ev.BreakpointLeft: st.builds(ev.BreakpointLeft, st.sampled_from(StepAction), task_ids, texts),
    ev.ExecutionUpdated: st.builds(
        ev.ExecutionUpdated,
        texts,
        st.none() | st.integers(0, 999),
        st.none() | labels,
        st.none() | texts,
        maybe_instants,
        st.none() | breakpoints,
        st.none() | st.booleans(),
    ),
    ev.SignalReceived: st.builds(ev.SignalReceived, texts, texts, parameters, texts),
}
"""Events about the execution as a whole that do not end it."""

ENDS: dict[type, st.SearchStrategy[typing.Any]] = {
    ev.ExecutionSucceeded: st.builds(ev.ExecutionSucceeded, parameters),
    ev.ExecutionFailed: st.builds(ev.ExecutionFailed, failures, parameters),
    ev.ExecutionCancelled: st.builds(ev.ExecutionCancelled, texts),
}
"""Events after which none follows."""

EVENTS: dict[type, st.SearchStrategy[typing.Any]] = {
    ev.ExecutionCreated: creations(),
    **BEGINNINGS,
    **TASK_EVENTS,
    **EXECUTION_EVENTS,
    **ENDS,
}
"""A strategy for each type of event."""

events: st.SearchStrategy[ev.Event] = st.one_of(*EVENTS.values())

Step = tuple[int, ev.Event, int]
"""Sequence, event, time: one step of a history."""


class _Course:
    """Fits drawn events into one history, by what has happened in it so far.

    In each execution attempt a task begins once, before anything else happens to it, and a catcher and the
    teardown begin once. Snapshots and suspensions are numbered in order; what is reminded of, resolved or
    taken is there, and an undo that is decided on waits for that.
    """

    def __init__(self, created: ev.ExecutionCreated) -> None:
        self._copied = frozenset(created.replay.copied if created.replay is not None else ())
        self._begun = set(self._copied)
        self._joined: set[str] = set()
        self._snapshots = 0
        self._suspensions = 0
        self._open: list[tuple[int, str]] = []
        self._signals: list[str] = []
        self._rolls_back = False
        self._held: set[str] = set()

    def fit(self, event: ev.Event) -> ev.Event | None:
        """Change an event so that it can happen next; None if it cannot happen."""
        task_id = getattr(event, "task_id", "")
        if type(event) in BEGINNINGS:
            if task_id in self._begun:
                return None
            self._begun.add(task_id)
            return event
        if type(event) is not ev.UndoResolved and type(event) in TASK_EVENTS:
            if not self._begun:
                return None
            if task_id not in self._begun:
                task_id = min(self._begun)
                event = replace(event, task_id=task_id)  # type: ignore[arg-type]  # events of tasks have it
            self._held.discard(task_id)
        fit = self._FITS.get(type(event))
        return event if fit is None else fit(self, event)

    def _restarted(self, event: ev.ExecutionRestarted) -> ev.Event:
        self._begun = set(self._copied)
        self._joined.clear()
        self._open.clear()
        self._held.clear()
        return event

    def _join(self, event: ev.ErrorCatcherStarted | ev.TeardownStarted) -> ev.Event | None:
        part = getattr(event, "catcher_id", "teardown")
        if part in self._joined:
            return None
        self._joined.add(part)
        return event

    def _catcher_ended(self, event: ev.ErrorCatcherEnded) -> ev.Event:
        return replace(event, handled=tuple(task_id for task_id in event.handled if task_id in self._begun))

    def _rollback_started(self, event: ev.RollbackStarted) -> ev.Event:
        self._rolls_back = True
        self._held.clear()
        begun = tuple(task_id for task_id in event.task_ids if task_id in self._begun)
        return replace(event, task_ids=begun, earlier=())

    def _undo_failed(self, event: ev.UndoAttemptFailed) -> ev.Event:
        if event.resolution is not ev.UndoResolution.GIVE_UP:
            self._held.add(event.task_id)
        return event

    def _undo_resolved(self, event: ev.UndoResolved) -> ev.Event | None:
        if not self._held:
            return None
        task_id = min(self._held)
        self._held.remove(task_id)
        return replace(event, task_id=task_id)

    def _rollback_ended(self, event: ev.RollbackEnded) -> ev.Event | None:
        return event if self._rolls_back else None

    def _snapshot(self, event: ev.SnapshotTaken) -> ev.Event:
        self._snapshots += 1
        return replace(event, number=self._snapshots)

    def _suspension_opened(self, event: ev.SuspensionOpened) -> ev.Event:
        self._suspensions += 1
        self._open.append((self._suspensions, event.task_id))
        return replace(event, number=self._suspensions)

    def _suspension_reminded(self, event: ev.SuspensionReminded) -> ev.Event | None:
        return replace(event, number=self._open[0][0], task_id=self._open[0][1]) if self._open else None

    def _suspension_resolved(self, event: ev.SuspensionResolved) -> ev.Event | None:
        if not self._open:
            return None
        number, task_id = self._open.pop()
        return replace(event, number=number, task_id=task_id)

    def _signal_received(self, event: ev.SignalReceived) -> ev.Event:
        self._signals.append(event.signal)
        return event

    def _signal_consumed(self, event: ev.SignalConsumed) -> ev.Event | None:
        return replace(event, signal=self._signals.pop()) if self._signals else None

    _FITS: typing.ClassVar[dict[type, typing.Callable[[typing.Any, typing.Any], ev.Event | None]]] = {
        ev.ExecutionRestarted: _restarted,
        ev.ErrorCatcherStarted: _join,
        ev.TeardownStarted: _join,
        ev.ErrorCatcherEnded: _catcher_ended,
        ev.RollbackStarted: _rollback_started,
        ev.UndoAttemptFailed: _undo_failed,
        ev.UndoResolved: _undo_resolved,
        ev.RollbackEnded: _rollback_ended,
        ev.SnapshotTaken: _snapshot,
        ev.SuspensionOpened: _suspension_opened,
        ev.SuspensionReminded: _suspension_reminded,
        ev.SuspensionResolved: _suspension_resolved,
        ev.SignalReceived: _signal_received,
        ev.SignalConsumed: _signal_consumed,
    }


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Draw a history that can be applied; nothing follows an end."""
    time = draw(instants)
    created = draw(creations())
    steps: list[Step] = [(1, created, time)]
    course = _Course(created)
    for _ in range(draw(st.integers(0, 25))):
        # Most of what can happen needs a task that has begun.
        kind = draw(st.sampled_from([BEGINNINGS, TASK_EVENTS, EXECUTION_EVENTS]))
        drawn = draw(st.one_of(*kind.values()))
        event = course.fit(drawn)
        if event is None:
            continue
        time += draw(st.integers(0, 1_000_000))
        steps.append((len(steps) + 1, event, time))
    if draw(st.booleans()):
        steps.append((len(steps) + 1, draw(st.one_of(*ENDS.values())), time))
    return steps


def fold(history: list[Step], graph: Graph = GRAPH) -> Execution:
    """Fold a whole history."""
    _, created, time = history[0]
    assert isinstance(created, ev.ExecutionCreated)
    execution = first_state(created, graph, "e1", "default", time)
    for _, event, moment in history[1:]:
        apply(execution, event, moment)
    return execution
