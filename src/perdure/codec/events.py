"""Events as the contract shows them: one domain event, one `ExecutionEvent`, the same sequence.

A domain event leaves out what its execution tells: the handler of a task, the number of the execution
attempt. An `EventContext` knows just that and carries the number on from event to event, so that an event
can be shown without the state around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec import event_control, event_lifecycle, event_rollback, event_suspensions, event_tasks
from perdure.codec.message_parts import put_instant
from perdure.codec.names import execution_name, integration_name
from perdure.domain import events as ev
from perdure.v1.event_pb2 import ExecutionEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.execution import Execution
    from perdure.domain.graph import Graph

_SHOW: Final[dict[type, Callable[[Any, EventContext, ExecutionEvent], None]]] = {
    **event_lifecycle.SHOW,
    **event_tasks.SHOW,
    **event_rollback.SHOW,
    **event_control.SHOW,
    **event_suspensions.SHOW,
}


class EventContext:
    """What has to be known of an execution to show one of its events.

    It has to see the events in order from where it begins, by `show_event` or `pass_over`; by itself it
    begins with the execution.

    Args:
        created: The first event.
        graph: The graph that the execution runs.
        project: Id of its project.
        location: The server's location.
        execution_id: Its id.
    """

    def __init__(
        self, created: ev.ExecutionCreated, graph: Graph, *, project: str, location: str, execution_id: str
    ) -> None:
        self.created = created
        self.graph = graph
        self.project = project
        self.location = location
        self.execution_id = execution_id
        self.execution = execution_name(project, location, created.integration, execution_id)
        self.integration = integration_name(project, location, created.integration)
        self.execution_attempt = 1

    @classmethod
    def at(
        cls,
        created: ev.ExecutionCreated,
        graph: Graph,
        *,
        project: str,
        location: str,
        execution_id: str,
        execution_attempt: int,
    ) -> EventContext:
        """Begin where an execution attempt was under way; 0 is before the first, while it was PENDING."""
        context = cls(created, graph, project=project, location=location, execution_id=execution_id)
        # What happens before the first attempt is shown to belong to it.
        context.execution_attempt = max(execution_attempt, 1)
        return context

    @classmethod
    def of(cls, execution: Execution, location: str) -> EventContext:
        """Begin behind the latest event of a state."""
        return cls.at(
            execution.created,
            execution.graph,
            project=execution.project,
            location=location,
            execution_id=execution.id,
            execution_attempt=execution.execution_attempt,
        )

    def pass_over(self, event: ev.Event) -> None:
        """Take note of an event that is not shown."""
        if isinstance(event, ev.ExecutionRestarted):
            self.execution_attempt += 1


def show_event(
    event: ev.Event, context: EventContext, *, sequence: int, store_revision: int, time: int
) -> ExecutionEvent:
    """Show one event.

    Args:
        event: What happened.
        context: Of its execution; takes note of the event.
        sequence: Its position in the history, from 1.
        store_revision: Of the commit that contains it.
        time: When it happened, in microseconds since the epoch.
    """
    context.pass_over(event)
    shown = ExecutionEvent(
        execution=context.execution,
        sequence=sequence,
        store_revision=store_revision,
        integration=context.integration,
        principal=context.created.principal,
    )
    put_instant(time, shown.event_time)
    _SHOW[type(event)](event, context, shown)
    return shown
