"""Reading: lists, counts, the log, histories. Everything here is committed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from perdure.codec.records import decode_events, first_created
from perdure.domain.errors import NotFound, Unavailable, WrongState
from perdure.domain.value import NO_VALUES
from perdure.store.errors import StoreError
from perdure.store.queries import ListQuery, Scope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Sequence

    from perdure.domain.events import Event, ExecutionCreated
    from perdure.domain.graph import Graph
    from perdure.engine.definitions import Definitions
    from perdure.engine.environment import Environment
    from perdure.store.filter.filter import Filter
    from perdure.store.queries import Counted, ListPage, LogPage
    from perdure.store.records import ExecutionKey, ExecutionRow

T = TypeVar("T")

HISTORY_PAGE_BYTES: Final = 2 << 20
"""Size of the records read at a time."""

EVENTS_AT_A_TIME: Final = 100
"""Events that a reader of a whole history gets before the loop gets its turn."""

KEPT_CREATIONS: Final = 4_096
"""First events kept in memory; the least recently used one goes first."""


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
    """Reads from the store what use cases and streams show.

    All methods raise `Unavailable` while the store cannot be read.
    """

    def __init__(self, environment: Environment, definitions: Definitions) -> None:
        self._store = environment.store
        self._definitions = definitions
        self._created: OrderedDict[ExecutionKey, tuple[ExecutionCreated, Graph]] = OrderedDict()
        self._deletions = 0

    async def list_page(self, wanted: ListQuery) -> ListPage:
        """Read one page of a list (row 22).

        Raises:
            OrderTooWide: The filter leaves too many executions to sort.
        """
        return await _read(self._store.list_page(wanted))

    async def children(self, key: ExecutionKey, limit: int) -> list[ExecutionRow]:
        """Read the newest direct sub-executions of an execution (row 28)."""
        page = await self.list_page(ListQuery(Scope(key.project, parent=key.execution), limit=limit))
        return page.rows

    async def count(self, scope: Scope, chosen: Filter | None) -> Counted:
        """Count executions by state (row 26)."""
        return await _read(self._store.count(scope, chosen))

    async def log_page(self, scope: Scope, after: int, *, max_records: int, max_bytes: int) -> LogPage:
        """Read records of a scope behind a position of the log; see `Store.log_page`."""
        return await _read(self._store.log_page(scope, after, max_records=max_records, max_bytes=max_bytes))

    async def log_floor(self, scope: Scope) -> int:
        """Read the store revision up to which records of a scope may have been deleted."""
        return await _read(self._store.log_floor(scope))

    async def row(self, key: ExecutionKey) -> ExecutionRow:
        """Read the columns of an execution.

        Raises:
            NotFound: There is no such execution.
        """
        row = await _read(self._store.get_row(key))
        if row is None:
            raise NotFound("execution", key.execution)
        return row

    async def history(self, key: ExecutionKey, after_sequence: int, max_events: int) -> History:
        """Read events after a sequence, at most so many and no more than a page's bytes.

        Raises:
            NotFound: There is no such execution.
            WrongState: Its history was deleted.
        """
        row = await self.row(key)
        require_history(row)
        records = await _read(
            self._store.event_page(key, after_sequence, max_records=max_events, max_bytes=HISTORY_PAGE_BYTES)
        )
        if not records and row.sequence > after_sequence:
            # Deleted after its row was read, as a whole or only the history.
            require_history(await self.row(key))
            raise NotFound("execution", key.execution)
        events: list[HistoryEvent] = []
        for record in records:
            time, decoded = decode_events(record.payload)
            events.extend(
                HistoryEvent(sequence, event, time, record.revision)
                for sequence, event in enumerate(decoded, record.first_sequence)
                if sequence > after_sequence
            )
        _, graph = await self.created_event(key)
        return History(row, graph, events[:max_events])

    async def events(self, key: ExecutionKey, after_sequence: int) -> AsyncGenerator[HistoryEvent]:
        """Read all events after a sequence up to the last one that there is now; the loop gets its turns meanwhile.

        Each stored record is decoded once, however many events it holds.

        Raises:
            NotFound: There is no such execution.
            WrongState: Its history was deleted.
        """
        row = await self.row(key)
        require_history(row)
        position = after_sequence
        while position < row.sequence:
            records = await _read(
                self._store.event_page(key, position, max_records=EVENTS_AT_A_TIME, max_bytes=HISTORY_PAGE_BYTES)
            )
            if not records:
                require_history(await self.row(key))
                raise NotFound("execution", key.execution)
            for record in records:
                time, decoded = decode_events(record.payload)
                for sequence, event in enumerate(decoded, record.first_sequence):
                    if sequence > position:
                        position = sequence
                        yield HistoryEvent(sequence, event, time, record.revision)
                        if sequence % EVENTS_AT_A_TIME == 0:
                            await asyncio.sleep(0)

    async def created_event(self, key: ExecutionKey) -> tuple[ExecutionCreated, Graph]:
        """Read the first event of an execution, less its inputs and parameters, and the graph that it runs.

        Raises:
            NotFound: There is no such execution.
        """
        known = self._created.get(key)
        if known is not None:
            self._created.move_to_end(key)
            return known
        deletions = self._deletions
        first = await _read(self._store.event_page(key, 0, max_records=1, max_bytes=HISTORY_PAGE_BYTES))
        if not first:
            raise NotFound("execution", key.execution)
        created = first_created(first[0].payload)
        graph = await _read(self._definitions.graph_of(key.project, created))
        # Values may be large, and what was deleted meanwhile may come again under the same id.
        found = (replace(created, inputs=NO_VALUES, parameters=NO_VALUES), graph)
        if self._deletions == deletions:
            self._created[key] = found
            if len(self._created) > KEPT_CREATIONS:
                self._created.popitem(last=False)
        return found

    def forget(self, keys: Sequence[ExecutionKey]) -> None:
        """Take note that executions have been deleted."""
        self._deletions += 1
        for key in keys:
            self._created.pop(key, None)


def require_history(row: ExecutionRow) -> None:
    """Refuse to tell what happened to an execution whose history was deleted (row 50).

    Raises:
        WrongState: It was.
    """
    if row.history_deleted:
        execution = row.created.key.execution
        message = f"the history of execution {execution} was deleted; its final state is still there"
        raise WrongState(message, reason="HISTORY_DELETED", execution=execution)


async def _read(reading: Awaitable[T]) -> T:
    try:
        return await reading
    except StoreError as error:
        raise Unavailable("the store cannot be read now") from error
