"""What a session has to tell its worker, gathered into one message of each kind for each turn of the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from perdure.v1.worker_service_pb2 import WorkResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from perdure.v1.worker_service_pb2 import Assignment, RejectedResult, TaskCancel


ASSIGNMENTS_MAX_BYTES: Final = 3 << 20
"""Size of the assignments in one message; gRPC clients refuse messages of more than 4 MiB unless told otherwise."""


class Outbox:
    """Collects; `responses` takes what has come together since it was last resumed."""

    def __init__(self) -> None:
        self._welcome: WorkResponse.Welcome | None = None
        self._assignments: list[Assignment] = []
        self._cancels: list[TaskCancel] = []
        self._result_numbers: list[int] = []
        self._rejected: list[RejectedResult] = []
        self._ping = False
        self._go_away: WorkResponse.GoAway | None = None
        self._changed = asyncio.Event()
        self._closed = False
        self._failure: Exception | None = None

    def welcome(self, welcome: WorkResponse.Welcome) -> None:
        """Accept the session."""
        self._welcome = welcome
        self._changed.set()

    def assign(self, assignment: Assignment) -> None:
        """Give a task."""
        self._assignments.append(assignment)
        self._changed.set()

    def cancel(self, cancel: TaskCancel) -> None:
        """Ask to stop a task."""
        self._cancels.append(cancel)
        self._changed.set()

    def acknowledge(self, result_number: int) -> None:
        """Say that a result is durable."""
        self._result_numbers.append(result_number)
        self._changed.set()

    def reject(self, rejected: RejectedResult) -> None:
        """Refuse a result for good."""
        self._rejected.append(rejected)
        self._changed.set()

    def ping(self) -> None:
        """Ask whether the worker lives."""
        self._ping = True
        self._changed.set()

    def go_away(self, go_away: WorkResponse.GoAway) -> None:
        """Announce the end of the session."""
        self._go_away = go_away
        self._changed.set()

    def close(self, failure: Exception | None = None) -> None:
        """End `responses` once everything is told; with a failure it raises that. The first call counts."""
        if not self._closed:
            self._closed = True
            self._failure = failure
        self._changed.set()

    async def responses(self) -> AsyncIterator[WorkResponse]:
        """Yield what there is to tell until the outbox is closed. For one reader.

        Raises:
            Exception: What the outbox was closed with.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            for response in self._take():
                yield response
            if self._closed and not self._changed.is_set():
                if self._failure is not None:
                    raise self._failure
                return

    def _take(self) -> Iterator[WorkResponse]:
        # A task is announced before anything else is said about it.
        if self._welcome is not None:
            welcome, self._welcome = self._welcome, None
            yield WorkResponse(welcome=welcome)
        if self._assignments:
            assignments, self._assignments = self._assignments, []
            yield from _messages_of(assignments)
        if self._cancels:
            cancels, self._cancels = self._cancels, []
            yield WorkResponse(cancels=WorkResponse.Cancels(cancels=cancels))
        if self._result_numbers or self._rejected:
            numbers, self._result_numbers = self._result_numbers, []
            rejected, self._rejected = self._rejected, []
            yield WorkResponse(result_acks=WorkResponse.ResultAcks(result_numbers=numbers, rejected_results=rejected))
        if self._ping:
            self._ping = False
            yield WorkResponse(ping=WorkResponse.Ping())
        if self._go_away is not None:
            go_away, self._go_away = self._go_away, None
            yield WorkResponse(go_away=go_away)


def _messages_of(assignments: list[Assignment]) -> Iterator[WorkResponse]:
    """Put assignments into messages that are not too large; one that is larger by itself travels alone."""
    batch: list[Assignment] = []
    size = 0
    for assignment in assignments:
        # Measured once: to measure a message is to serialise it.
        more = assignment.ByteSize()
        if batch and size + more > ASSIGNMENTS_MAX_BYTES:
            yield WorkResponse(assignments=WorkResponse.Assignments(assignments=batch))
            batch, size = [], 0
        batch.append(assignment)
        size += more
    yield WorkResponse(assignments=WorkResponse.Assignments(assignments=batch))
