"""Reading: lists, histories and facts about the store. Everything here is committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.codec.records import decode_events, first_created
from perdure.domain.errors import NotFound, Unavailable
from perdure.store.errors import StoreError
from perdure.store.records import ListRange

if TYPE_CHECKING:
    from perdure.domain.events import Event
    from perdure.domain.graph import Graph
    from perdure.engine.definitions import Definitions
    from perdure.engine.environment import Environment
    from perdure.store.records import ExecutionKey, ExecutionRow

HISTORY_PAGE_BYTES: Final = 2 << 20
"""Size of the records read at a time."""


class HistoryEvent(NamedTuple):
    """One event of a history, with where and when it stands."""

    sequence: int
    event: Event
    time: int
    revision: int


@dataclass(frozen=True, slots=True)
class History:
    """A part of the history of an execution.

    Attributes:
        row: The execution's columns, read before the events.
        graph: What the events are about.
    """

    row: ExecutionRow
    graph: Graph
    events: list[HistoryEvent]


class Queries:
    """Reads from the store what use cases and streams show."""

    def __init__(self, environment: Environment, definitions: Definitions) -> None:
        self._store = environment.store
        self._definitions = definitions

    async def list_rows(self, wanted: ListRange) -> list[ExecutionRow]:
        """Read one page of executions, newest created first (row 22)."""
        try:
            return await self._store.list_rows(wanted)
        except StoreError as error:
            raise Unavailable("the store cannot be read now") from error

    async def children(self, key: ExecutionKey, limit: int) -> list[ExecutionRow]:
        """Read the newest direct sub-executions of an execution (row 28)."""
        return await self.list_rows(ListRange(key.project, parent=key.execution, limit=limit))

    async def row(self, key: ExecutionKey) -> ExecutionRow:
        """Read the columns of an execution.

        Raises:
            NotFound: There is no such execution.
        """
        try:
            row = await self._store.get_row(key)
        except StoreError as error:
            raise Unavailable("the store cannot be read now") from error
        if row is None:
            raise NotFound("execution", key.execution)
        return row

    async def history(self, key: ExecutionKey, after_sequence: int, max_events: int) -> History:
        """Read events after a sequence, at most so many and no more than a page's bytes.

        Raises:
            NotFound: There is no such execution.
        """
        row = await self.row(key)
        try:
            records = await self._store.event_page(
                key, after_sequence, max_records=max_events, max_bytes=HISTORY_PAGE_BYTES
            )
        except StoreError as error:
            raise Unavailable("the store cannot be read now") from error
        events: list[HistoryEvent] = []
        for record in records:
            time, decoded = decode_events(record.payload)
            events.extend(
                HistoryEvent(sequence, event, time, record.revision)
                for sequence, event in enumerate(decoded, record.first_sequence)
                if sequence > after_sequence
            )
        graph = await self._graph(row)
        return History(row, graph, events[:max_events])

    async def _graph(self, row: ExecutionRow) -> Graph:
        first = await self._store.event_page(row.created.key, 0, max_records=1, max_bytes=HISTORY_PAGE_BYTES)
        return await self._definitions.graph_of(row.created.key.project, first_created(first[0].payload))
