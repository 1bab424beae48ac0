"""An export, for callers that block."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

from perdure.client.sync.loop_thread import Handover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.client.exporting import Export
    from perdure.client.sync.loop_thread import LoopThread


class SyncExport:
    """The lines of an export, used with `for` in one thread; as `Export`.

    Args:
        loop: Runs the calls.
        export: What is read.
    """

    def __init__(self, loop: LoopThread, export: Export) -> None:
        self._pages = Handover(loop, export.page)
        self._lines: deque[str] = deque()

    def page(self) -> Sequence[str] | None:
        """As `Export.page`."""
        if self._lines:
            rest = tuple(self._lines)
            self._lines.clear()
            return rest
        return self._pages.take()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        while not self._lines:
            page = self.page()
            if page is None:
                raise StopIteration
            self._lines.extend(page)
        return self._lines.popleft()
