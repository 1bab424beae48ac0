"""What executions wait for from outside: suspensions are decided, signals are sent (rows 59 and 61; 3.6).

A suspension is read from its row, which is as new as the last commit, so that a hundred thousand of them need no
execution in memory. What is decided, and what has ended, is answered from the row too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import events as ev
from perdure.domain.errors import NotFound, WrongState
from perdure.domain.frozen import frozen
from perdure.engine.controlling import ExecutionEnded
from perdure.store.records import ExecutionKey
from perdure.store.suspensions import SuspensionState

if TYPE_CHECKING:
    from perdure.domain.commands import ResolveSuspension, SendSignal
    from perdure.engine.active import ActiveSet
    from perdure.engine.environment import Environment
    from perdure.store.suspensions import SuspensionKey, SuspensionPage, SuspensionQuery, SuspensionRow


@frozen
class SignalTaken:
    """What became of a signal.

    Attributes:
        task_id: Who consumed it; empty if it is kept.
        duplicate: Whether a signal of its id had come before, so that nothing was done.
    """

    task_id: str = ""
    duplicate: bool = False


class Suspensions:
    """Lists and decides suspensions, and takes signals."""

    def __init__(self, environment: Environment, active: ActiveSet) -> None:
        self._store = environment.store
        self._active = active

    async def page(self, wanted: SuspensionQuery) -> SuspensionPage:
        """Read one page of a list, newest first."""
        return await self._store.suspension_page(wanted)

    async def get(self, key: SuspensionKey) -> SuspensionRow:
        """Read a suspension.

        Raises:
            NotFound: There is no such execution, or it has no such suspension.
        """
        row = await self._store.get_suspension(key)
        if row is None:
            if await self._store.get_row(ExecutionKey(key.project, key.execution)) is None:
                raise NotFound("execution", key.execution)
            raise NotFound("suspension", f"{key.number} of {key.execution}", reason="SUSPENSION_NOT_FOUND")
        return row

    async def resolve(self, key: SuspensionKey, command: ResolveSuspension) -> SuspensionRow:
        """Decide a suspension; the same decision by the same resolver again is answered with the first.

        Raises:
            NotFound: There is no such execution, or it has no such suspension.
            WrongState: It is decided otherwise, or waits for a signal.
            NotAllowed: It is not the resolver's to decide.
            Unavailable: The store refused; nothing has changed.
        """
        before = await self.get(key)
        if before.state is SuspensionState.PENDING:
            try:
                await self._active.command(ExecutionKey(key.project, key.execution), command)
            except WrongState as error:
                if error.reason_name != "SUSPENSION_RESOLVED":
                    raise
        row = await self.get(key)
        wanted = SuspensionState.LIFTED if command.lifted else SuspensionState.REJECTED
        same = (row.state, row.resolver) == (wanted, command.resolver)
        if not same or row.record.kind != ev.SuspensionKind.APPROVAL:
            message = f"suspension {key.number} is {row.state.name} already, by {row.resolver}"
            raise WrongState(message, reason="SUSPENSION_RESOLVED")
        return row

    async def signal(self, key: ExecutionKey, command: SendSignal) -> SignalTaken:
        """Send a signal to an execution; one whose id has come before is a duplicate, also after the end.

        Raises:
            NotFound: There is no such execution.
            WrongState: It has ended, or takes no such signal.
            LimitReached: It keeps as many signals as it can.
            Unavailable: The store refused; nothing has changed.
        """
        transition = await self._active.command(key, command)
        if transition is None:
            if await self._active.view(key, lambda execution, _: command.signal_id in execution.signal_ids):
                return SignalTaken(duplicate=True)
            raise ExecutionEnded(key)
        if not transition.events:
            return SignalTaken(duplicate=True)
        consumed = (event.task_id for event in transition.events if isinstance(event, ev.SignalConsumed))
        return SignalTaken(next(consumed, ""))
