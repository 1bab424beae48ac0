"""A watch for callers that block."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Self

from perdure.client.sync.loop_thread import Handover
from perdure.client.updates import Handout
from perdure.v1.event_pb2 import ExecutionEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from perdure.client.sync.loop_thread import LoopThread
    from perdure.client.updates import WatchMessage, WatchUpdate
    from perdure.client.watching import Watch


class SyncWatch:
    """What happens to executions, used with `for`, and with `with` where it begins now; as `Watch`.

    It holds a stream until it has come to its end, is closed, or is not referenced any more. Several threads may
    read; each gets other updates.

    Args:
        loop: Runs the watch.
        watch: What is read.
    """

    def __init__(self, loop: LoopThread, watch: Watch) -> None:
        self._loop = loop
        self._watch = watch
        self._messages = Handover(loop, watch.message)
        self._handout = Handout(watch.cursor)
        self._lock = threading.Lock()
        self._is_closed = False
        self._release = weakref.finalize(self, loop.call_soon, watch.close)
        self._release.atexit = False

    @property
    def cursor(self) -> str:
        """As `Watch.cursor`."""
        return self._handout.cursor

    @property
    def store_revision(self) -> int:
        """As `Watch.store_revision`."""
        return self._handout.store_revision

    def __enter__(self) -> Self:
        self._loop.run(self._watch.__aenter__())
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the watch and cancel its stream; whoever iterates over it comes to the end. For any thread."""
        self._is_closed = True
        self._release()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ExecutionEvent:
        self._watch.require_only_events()
        while (update := self._next_update()) is not None:
            if isinstance(update, ExecutionEvent):
                return update
        raise StopIteration

    def updates(self) -> Iterator[WatchUpdate]:
        """As `Watch.updates`."""
        while (update := self._next_update()) is not None:
            yield update

    def message(self) -> WatchMessage | None:
        """As `Watch.message`."""
        with self._lock:
            if not self._handout and not self._begin_next():
                return None
            return self._handout.take_rest()

    def _next_update(self) -> WatchUpdate | None:
        with self._lock:
            while not self._is_closed:
                if self._handout:
                    return self._handout.take()
                if not self._begin_next():
                    return None
        return None

    def _begin_next(self) -> bool:
        message = None if self._is_closed else self._messages.take()
        if message is not None:
            self._handout.begin(message)
        return message is not None
