"""The history of one execution as the contract shows it, read from any event on."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Self

from perdure.codec.events import EventContext, show_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from perdure.domain.events import Event
    from perdure.domain.execution import Execution
    from perdure.engine.engine import Engine
    from perdure.store.records import ExecutionKey
    from perdure.v1.event_pb2 import ExecutionEvent

SKIPPED_AT_A_TIME: Final = 1_000
"""Events of a page that is read only to know what the events after it are about."""


class HistoryReader:
    """Shows the events of an execution one after the other.

    Attributes:
        position: Sequence of the last event that was shown or passed over.
        known: Sequence of an event that is known to be durable; there may be later ones.
    """

    def __init__(self, engine: Engine, key: ExecutionKey, context: EventContext, known: int) -> None:
        self._engine = engine
        self._key = key
        self._context = context
        self.position = 0
        self.known = known

    @classmethod
    async def open(cls, engine: Engine, key: ExecutionKey, after: int) -> Self:
        """Begin behind an event.

        Raises:
            NotFound: There is no such execution.
        """
        location = engine.environment.location

        def take(execution: Execution, _: int) -> tuple[EventContext, int]:
            return EventContext.of(execution, location), execution.sequence

        reader = cls(engine, key, *await engine.view(key, take))
        # The context of a state is good for what came before it unless the execution was restarted.
        if reader._context.execution_attempt == 1 or after >= reader.known:
            reader.position = after
        else:
            await reader._skip_to(after)
        return reader

    async def _skip_to(self, position: int) -> None:
        """Begin with the first event, and pass over those up to a position."""
        former = self._context
        self._context = EventContext(
            former.created,
            former.graph,
            project=former.project,
            location=former.location,
            execution_id=former.execution_id,
        )
        while self.position < position:
            wanted = min(position - self.position, SKIPPED_AT_A_TIME)
            history = await self._engine.queries.history(self._key, self.position, wanted)
            for each in history.events:
                self.position = each.sequence
                self._context.pass_over(each.event)

    async def read(self, max_events: int) -> list[ExecutionEvent]:
        """Show the next stored events, at most so many; none if there are no more now."""
        history = await self._engine.queries.history(self._key, self.position, max_events)
        return [self._show(*each) for each in history.events]

    async def rest(self) -> AsyncGenerator[ExecutionEvent]:
        """Show all stored events from here on, up to the last one that there is now."""
        async with aclosing(self._engine.queries.events(self._key, self.position)) as events:
            async for each in events:
                yield self._show(*each)

    def _show(self, sequence: int, event: Event, time: int, store_revision: int) -> ExecutionEvent:
        """Show the event behind the position."""
        self.position = sequence
        return show_event(event, self._context, sequence=sequence, store_revision=store_revision, time=time)
