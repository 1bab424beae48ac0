"""What executions wait for from outside, for callers that block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.client.sync.paging import SyncPages

if TYPE_CHECKING:
    from typing import Unpack

    from perdure.client.suspensions import SuspensionListOptions, Suspensions
    from perdure.client.sync.loop_thread import LoopThread
    from perdure.v1.suspension_pb2 import Suspension


class SyncSuspensions:
    """Lists suspensions and decides them, as `Suspensions`.

    Args:
        loop: Runs the calls.
        suspensions: Makes them.
    """

    def __init__(self, loop: LoopThread, suspensions: Suspensions) -> None:
        self._loop = loop
        self._suspensions = suspensions

    def list(self, execution: str = "-", **options: Unpack[SuspensionListOptions]) -> SyncPages[Suspension]:
        """As `Suspensions.list`."""
        return SyncPages(self._loop, self._suspensions.list(execution, **options))

    def get(self, execution: str, number: int) -> Suspension:
        """As `Suspensions.get`."""
        return self._loop.run(self._suspensions.get(execution, number))

    def lift(self, execution: str, number: int, result: str = "", *, resolver: str = "") -> Suspension:
        """As `Suspensions.lift`."""
        return self._loop.run(self._suspensions.lift(execution, number, result, resolver=resolver))

    def reject(self, execution: str, number: int, result: str = "", *, resolver: str = "") -> Suspension:
        """As `Suspensions.reject`."""
        return self._loop.run(self._suspensions.reject(execution, number, result, resolver=resolver))
