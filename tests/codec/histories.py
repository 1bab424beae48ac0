"""Generated values, events and whole histories, which the tests of the stored records share."""

from __future__ import annotations

import typing

from hypothesis import strategies as st

from perdure.domain import events as ev
from perdure.domain.apply import apply, first_state
from perdure.domain.graph import Graph, build_graph
from perdure.domain.integration import (
    Edge,
    ForEach,
    Integration,
    SubIntegration,
    TaskConfig,
    Timer,
)
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure, StartedBy
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
            "reserve": TaskConfig("reserve", "shop.reserve", edges=(Edge("bill"), Edge("each", "params.many"))),
            "bill": TaskConfig("bill", "sub-integration", built_in=SubIntegration("billing"), edges=(Edge("wait"),)),
            "each": TaskConfig("each", "for-each", built_in=ForEach("params.items", "item", handler="shop.pack")),
            "wait": TaskConfig("wait", "timer", built_in=Timer(duration=5)),
        },
    ),
    "",
)

instants = st.integers(min_value=0, max_value=4_000_000_000_000_000)
maybe_instants = st.none() | instants
counts = st.integers(min_value=0, max_value=10_000)
texts = st.text(max_size=20)
task_ids = st.sampled_from(list(GRAPH.tasks))


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


@st.composite
def creations(draw: st.DrawFn, states: st.SearchStrategy[ExecutionState] | None = None) -> ev.ExecutionCreated:
    inputs = draw(parameters)
    return ev.ExecutionCreated(
        integration="order",
        revision_id="000003-a4d",
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
        labels=draw(st.dictionaries(texts, texts, max_size=3)),
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
    )


TASK_EVENTS: dict[type, st.SearchStrategy[typing.Any]] = {
    ev.TaskRetried: st.builds(ev.TaskRetried, task_ids, counts, maybe_instants, texts),
    ev.TaskAttemptLost: st.builds(ev.TaskAttemptLost, task_ids, counts, maybe_instants, st.booleans()),
    ev.TaskSuspended: st.builds(ev.TaskSuspended, task_ids, instants),
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
    ),
    ev.TaskCancelled: st.builds(ev.TaskCancelled, task_ids, counts),
    ev.SubExecutionStarted: st.builds(ev.SubExecutionStarted, task_ids, texts),
    ev.SubJobsProgressed: st.builds(ev.SubJobsProgressed, task_ids, counts, counts, counts),
    ev.SnapshotTaken: st.builds(ev.SnapshotTaken, counts, task_ids),
    ev.MessageSet: st.builds(ev.MessageSet, task_ids, texts),
    ev.TaskProgressed: st.builds(ev.TaskProgressed, task_ids, st.integers(0, 100)),
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
    ev.CancelRequested: st.builds(ev.CancelRequested, texts, texts, instants),
    ev.ParametersChanged: st.builds(ev.ParametersChanged, parameters),
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


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Draw a history that can be applied.

    In each execution attempt a task begins once, before anything else happens to it; snapshots are numbered
    in order; nothing follows an end.
    """
    time = draw(instants)
    steps: list[Step] = [(1, draw(creations()), time)]
    begun: set[str] = set()
    snapshots = 0
    for _ in range(draw(st.integers(0, 25))):
        event = draw(st.one_of(*BEGINNINGS.values(), *TASK_EVENTS.values(), *EXECUTION_EVENTS.values()))
        task_id = getattr(event, "task_id", None)
        if task_id is not None and (task_id in begun) is (type(event) in BEGINNINGS):
            continue
        if isinstance(event, ev.SnapshotTaken):
            snapshots += 1
            event = ev.SnapshotTaken(snapshots, event.task_id)
        if isinstance(event, ev.ExecutionRestarted):
            begun.clear()
        elif task_id is not None:
            begun.add(task_id)
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
