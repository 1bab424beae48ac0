"""What the dispatcher tells the engine. The engine implements it, without knowing the dispatcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.states import Failure
    from perdure.domain.value import Value
    from perdure.store.records import ExecutionKey


class Reports(Protocol):
    """Where reports about attempts go.

    A report returns once what it changed is durable. It returns whether it was about the current attempt;
    a stale one changes nothing. All of them raise `perdure.domain.errors.Unavailable` if the store did not
    take the change; nothing happened then, and the report has to be made again.
    """

    async def succeeded(
        self,
        key: ExecutionKey,
        task_id: str,
        execution_attempt: int,
        attempt: int,
        outputs: Mapping[str, Value],
        worker: str,
    ) -> bool:
        """The handler returned."""
        ...

    async def failed(
        self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int, failure: Failure, worker: str
    ) -> bool:
        """The handler failed."""
        ...

    async def stopped(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        """The attempt was withdrawn and has stopped without a result."""
        ...

    async def lost(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        """The lease ran out, or its worker died."""
        ...

    async def progressed(
        self,
        key: ExecutionKey,
        task_id: str,
        execution_attempt: int,
        attempt: int,
        message: str | None,
        percent: int | None,
    ) -> bool:
        """The handler said how far it is; None leaves that part as it was."""
        ...

    async def is_current(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        """Tell whether the attempt still awaits its result, as far as is durable."""
        ...

    async def session_opened(self, worker: str, incarnation: str, embedded: bool) -> None:
        """Remember a worker that may hold leases.

        Called before the first assignment, and after the leases that the worker held have been looked at, so
        that `Dispatcher.holds` already answers for them. A repeated call for the same worker is normal.

        Args:
            worker: `{project}/{worker id}`.
            incarnation: Tells the worker's process from the one before it.
            embedded: Whether the worker cannot outlive this server.
        """
        ...

    async def session_closed(self, worker: str) -> None:
        """Forget a worker that holds no lease any more."""
        ...
