"""What a worker has to say to the server, gathered so that much travels in few messages.

Results go out at once. Acknowledgements of deliveries and progress wait a moment: most tasks are over before
that, and a result is an acknowledgement, too. Credits go back when at least as many are free as the server
still has, so a busy handler is never short of them and an idle one costs no messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from perdure.v1.worker_service_pb2 import Credit, ProgressReport, Release, TaskResult, WorkRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_Part = TypeVar("_Part", TaskResult, ProgressReport)

PARTS_MAX_BYTES: Final = 3 << 20
"""Size of the results or reports in one message; a server refuses messages of more than 4 MiB."""


class Outgoing:
    """Everything that has not been said yet on the connection that there is."""

    def __init__(self) -> None:
        self._arrived: dict[str, None] = {}
        self._progress: dict[str, ProgressReport] = {}
        self._results: list[TaskResult] = []
        self._releases: list[Release] = []
        self._free: dict[str, int] = {}
        self._credited: dict[str, int] = {}
        self._held_back_is_due = False
        self._pong = False
        self._drain = False

    def reset(self, free: Mapping[str, int], results: Iterator[TaskResult]) -> None:
        """Begin a connection: the server has no credits, and every result that it did not acknowledge is sent."""
        self._arrived.clear()
        self._releases.clear()
        self._pong = False
        self._results = list(results)
        self._free = dict(free)
        self._credited = dict.fromkeys(free, 0)

    @property
    def holds_back(self) -> bool:
        """Whether something waits to be said with something else."""
        return bool(self._arrived or self._progress)

    def say_held_back(self) -> None:
        """Say with the next messages what was held back."""
        self._held_back_is_due = True

    def arrived(self, lease: str, handler: str) -> None:
        """An assignment came; it used up a credit."""
        self._arrived[lease] = None
        if handler in self._credited:
            self._credited[handler] -= 1

    def freed(self, handler: str) -> None:
        """A handler can take one more task."""
        if handler in self._free:
            self._free[handler] += 1

    def result(self, result: TaskResult) -> None:
        """An attempt has ended."""
        self._arrived.pop(result.lease, None)
        self._results.append(result)

    def progress(self, lease: str, percent: int | None, message: str | None) -> None:
        """An attempt says how far it is, from 0 to 100; what is newer replaces what has not been sent."""
        report = self._progress.get(lease)
        if report is None:
            report = self._progress[lease] = ProgressReport(lease=lease)
        if percent is not None:
            report.percent = percent
        if message is not None:
            report.message = message

    def release(self, lease: str, reason: str) -> None:
        """An attempt is given back."""
        self._arrived.pop(lease, None)
        self._releases.append(Release(lease=lease, reason=reason))

    def pong(self) -> None:
        """A ping is to be answered."""
        self._pong = True

    def drain(self) -> None:
        """No more tasks are wanted."""
        self._drain = True
        self._free.clear()
        self._credited.clear()

    def take(self) -> Iterator[WorkRequest]:
        """Yield what there is to say, and consider it said."""
        if self._held_back_is_due:
            self._held_back_is_due = False
            if self._arrived:
                leases, self._arrived = self._arrived, {}
                yield WorkRequest(delivery_acks=WorkRequest.DeliveryAcks(leases=leases))
            yield from self._take_progress()
        if self._results:
            yield from self._take_progress()
            results, self._results = self._results, []
            for some in _batches(results):
                yield WorkRequest(results=WorkRequest.Results(results=some))
        freed = self._take_credits()
        if freed:
            yield WorkRequest(credits=WorkRequest.Credits(credits=freed))
        if self._pong:
            self._pong = False
            yield WorkRequest(pong=WorkRequest.Pong())
        if self._drain:
            # Before anything is given back, or it would be given here again.
            self._drain = False
            yield WorkRequest(drain=WorkRequest.Drain())
        if self._releases:
            releases, self._releases = self._releases, []
            yield WorkRequest(releases=WorkRequest.Releases(releases=releases))

    def _take_progress(self) -> Iterator[WorkRequest]:
        reports, self._progress = self._progress, {}
        for some in _batches(reports.values()):
            yield WorkRequest(progress_reports=WorkRequest.ProgressReports(progress_reports=some))

    def _take_credits(self) -> list[Credit]:
        freed = []
        for handler, count in self._free.items():
            if count and count >= self._credited[handler]:
                freed.append(Credit(handler=handler, count=count))
                self._credited[handler] += count
                self._free[handler] = 0
        return freed


def _batches(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    """Gather what one message can hold, again and again."""
    batch: list[_Part] = []
    size = 0
    for part in parts:
        if batch and size + part.ByteSize() > PARTS_MAX_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += part.ByteSize()
    if batch:
        yield batch
