"""The hub between commits and watchers: takes every event that has become durable, once."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from perdure.store.records import revision_of
from perdure.watch.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.engine.ports import Change
    from perdure.store.records import ExecutionKey

PAGES_AT_ONCE: Final = 8
"""Pages of history that all watchers together read at a time."""


class WatchHub:
    """Publishes to rings, which exist only for executions that somebody watches.

    Args:
        store_revision: Of the newest commit before the first that is published.

    Attributes:
        revision: Store revision of the newest commit published; all commits up to it were.
        pages: Bounds the reading of the store.
        draining: Whether all streams are to end.
    """

    def __init__(self, store_revision: int) -> None:
        self.revision = store_revision
        self.pages = asyncio.Semaphore(PAGES_AT_ONCE)
        self.draining = False
        self._rings: dict[ExecutionKey, Ring] = {}

    def publish(self, change: Change) -> None:
        """Take what one commit changed in one execution, in commit order; see `perdure.engine.ports.Publisher`."""
        self.revision = revision_of(change.position)
        if self._rings:
            ring = self._rings.get(change.created.key)
            if ring is not None:
                ring.add(change.first_sequence, change.events, change.time, self.revision)

    def deleted(self, keys: Sequence[ExecutionKey], revision: int) -> None:
        """Take note that executions were deleted; those who watch one find out when they read on."""
        self.revision = revision

    @contextmanager
    def follow(self, key: ExecutionKey) -> Iterator[Ring]:
        """Have the events of an execution collected meanwhile."""
        ring = self._rings.get(key)
        if ring is None:
            ring = self._rings[key] = Ring()
        ring.watchers += 1
        try:
            yield ring
        finally:
            ring.watchers -= 1
            if not ring.watchers:
                del self._rings[key]

    def drain(self) -> None:
        """Let every stream end, now and from now on."""
        self.draining = True
        for ring in self._rings.values():
            ring.wake()
