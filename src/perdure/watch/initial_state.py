"""The initial state of a watch: the states of all executions that match, page by page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from perdure.store.queries import ListQuery
from perdure.watch.states import StateBatch

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from perdure.engine.queries import Queries
    from perdure.watch.envelope import Envelope, Frame, Place
    from perdure.watch.states import StateReader
    from perdure.watch.subject import Subject

PAGE_ROWS: Final = 100


class InitialState:
    """Lists what matches, newest first.

    Args:
        queries: Where pages come from.
        states: Shows what is sent.
        reads: Bounds the reading of the store.
    """

    def __init__(self, queries: Queries, states: StateReader, reads: asyncio.Semaphore) -> None:
        self._queries = queries
        self._states = states
        self._reads = reads

    async def frames(self, subject: Subject, envelope: Envelope, place: Place) -> AsyncIterator[Frame]:
        """Make the messages, all of which leave the watch at the place where it stood before the first page."""
        batch = StateBatch(envelope, place)
        query = ListQuery(subject.scope, subject.chosen, limit=PAGE_ROWS)
        while True:
            async with self._reads:
                page = await self._queries.list_page(query)
            for row in page.rows:
                state = await self._states.show(subject, row)
                if state is None:
                    continue
                full = batch.take(state)
                if full is not None:
                    yield full
            if page.next is None:
                break
            query = replace(query, after=page.next)
        yield batch.last(place)
