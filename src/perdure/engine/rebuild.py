"""From what is stored to a state: the newest base state, and the events after it, folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.base_state import created_of, decode_base_state, encode_base_state
from perdure.codec.records import decode_events
from perdure.domain.apply import apply, first_state
from perdure.domain.events import ExecutionCreated

if TYPE_CHECKING:
    from perdure.domain.execution import Execution
    from perdure.engine.definitions import Definitions
    from perdure.store.records import StoredExecution


async def rebuild(stored: StoredExecution, definitions: Definitions) -> Execution:
    """Rebuild the state of a stored execution."""
    key = stored.row.created.key
    batches = [decode_events(record.payload) for record in stored.events]
    if stored.base is not None:
        graph = await definitions.graph_of(key.project, created_of(stored.base.payload))
        execution = decode_base_state(stored.base.payload, graph, key.execution, key.project)
    else:
        time, (created, *rest) = batches[0]
        assert isinstance(created, ExecutionCreated), "a history begins with the creation"
        graph = await definitions.graph_of(key.project, created)
        execution = first_state(created, graph, key.execution, key.project, time)
        batches[0] = (time, rest)
    for time, events in batches:
        for event in events:
            apply(execution, event, time)
    return execution


def copy_of(execution: Execution) -> Execution:
    """Copy a state, so that a command can be tried on it."""
    return decode_base_state(encode_base_state(execution), execution.graph, execution.id, execution.project)
