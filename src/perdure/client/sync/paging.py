"""Lists that are read page by page, by callers that block."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from perdure.client.sync.loop_thread import Handover
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from perdure.client.paging import ExecutionPages, Pages
    from perdure.client.sync.loop_thread import LoopThread
    from perdure.v1.execution_service_pb2 import StorePoint

_Item = TypeVar("_Item")


class SyncPages(Generic[_Item]):
    """The items of a list, used with `for`, or page by page; as `Pages`.

    Several threads may read; each gets other items.

    Args:
        loop: Runs the calls.
        pages: What is read.
    """

    def __init__(self, loop: LoopThread, pages: Pages[_Item]) -> None:
        self._pages = Handover(loop, pages.page)
        self._lock = threading.Lock()
        self._items: deque[_Item] = deque()

    def page(self) -> tuple[_Item, ...] | None:
        """As `Pages.page`."""
        with self._lock:
            if self._items:
                rest = tuple(self._items)
                self._items.clear()
                return rest
            return self._pages.take()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _Item:
        with self._lock:
            while not self._items:
                page = self._pages.take()
                if page is None:
                    raise StopIteration
                self._items.extend(page)
            return self._items.popleft()


class SyncExecutionPages(SyncPages[Execution]):
    """A list of executions, as `ExecutionPages`."""

    def __init__(self, loop: LoopThread, pages: ExecutionPages) -> None:
        super().__init__(loop, pages)
        self._executions = pages

    @property
    def point(self) -> StorePoint:
        """As `ExecutionPages.point`."""
        return self._executions.point
