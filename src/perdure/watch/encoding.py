"""Events as bytes, the same whether they come from a change that has just become durable or from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.events import EventContext, show_event
from perdure.codec.message_parts import EXECUTION_STATES, put_instant
from perdure.codec.names import execution_name, integration_name
from perdure.codec.records import decode_events
from perdure.domain.events import ExecutionRestarted
from perdure.domain.states import ExecutionState
from perdure.store.queries import revision_of
from perdure.v1.event_pb2 import ExecutionEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.domain.events import Event, ExecutionCreated
    from perdure.domain.graph import Graph
    from perdure.engine.ports import Change
    from perdure.store.queries import LogRecord
    from perdure.store.records import Facts, NewExecution


def encode_change(change: Change, location: str) -> tuple[bytes, ...]:
    """Serialise the events of a change as `ExecutionEvent`s."""
    execution = change.execution
    context = _context(change.created, change.facts, execution.created, execution.graph, change.events, location)
    return _encode(change.events, context, change.first_sequence, change.position, change.time)


def encode_record(record: LogRecord, first: ExecutionCreated, graph: Graph, location: str) -> tuple[bytes, ...]:
    """Serialise the events of a record of the log as `ExecutionEvent`s.

    Args:
        record: The record.
        first: First event of its execution.
        graph: What the execution runs.
        location: The server's location.
    """
    time, events = decode_events(record.payload)
    context = _context(record.created, record.facts, first, graph, events, location)
    return _encode(events, context, record.first_sequence, record.position, time)


def encode_left(created: NewExecution, facts: Facts, sequence: int, position: int, location: str) -> bytes:
    """Serialise the event that stands for a commit after which the execution does not match any more.

    Args:
        created: What never changes of the execution.
        facts: Facts as of the commit.
        sequence: Sequence of the last event of the commit.
        position: Place of the commit's record in the log.
        location: The server's location.
    """
    project = created.key.project
    event = ExecutionEvent(
        execution=execution_name(project, location, created.integration, created.key.execution),
        sequence=sequence,
        store_revision=revision_of(position),
        integration=integration_name(project, location, created.integration),
        principal=created.principal,
    )
    put_instant(facts.update_time, event.event_time)
    event.left_filter.state = EXECUTION_STATES[ExecutionState(facts.state)]
    return event.SerializeToString(deterministic=True)


def _context(
    created: NewExecution, facts: Facts, first: ExecutionCreated, graph: Graph, events: Sequence[Event], location: str
) -> EventContext:
    """Begin where the events do: the facts are those behind them."""
    return EventContext.at(
        first,
        graph,
        project=created.key.project,
        location=location,
        execution_id=created.key.execution,
        execution_attempt=facts.execution_attempt - sum(isinstance(event, ExecutionRestarted) for event in events),
    )


def _encode(
    events: Sequence[Event], context: EventContext, first_sequence: int, position: int, time: int
) -> tuple[bytes, ...]:
    # Maps are written in one order, so that two streams agree byte for byte.
    return tuple(
        show_event(
            event, context, sequence=sequence, store_revision=revision_of(position), time=time
        ).SerializeToString(deterministic=True)
        for sequence, event in enumerate(events, first_sequence)
    )
