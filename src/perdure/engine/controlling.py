"""What somebody asks of an execution that has not ended: pause, resume, step, update, decide on undos.

Rows 43, 51, 57 and 67. Cancelling is allowed after the end too, so it is a use case of `Engine` itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from perdure.codec.executions import etag
from perdure.domain import effects as ef
from perdure.domain.decide import decide, pending_effects
from perdure.domain.errors import Conflict, FieldViolation, InvalidRequest, WrongState
from perdure.engine.breakpoints import breakpoint_faults
from perdure.engine.rebuild import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from perdure.domain.commands import Pause, ResolveUndo, Resume, Step, Update
    from perdure.domain.execution import Execution
    from perdure.engine.active import ActiveSet
    from perdure.engine.environment import Environment
    from perdure.engine.live import Live
    from perdure.store.records import ExecutionKey

    Intervention = Pause | Resume | Step | ResolveUndo

T = TypeVar("T")


class ExecutionEnded(WrongState):
    """The execution is in a final state, in which it stays for ever (decision 2)."""

    reason = "EXECUTION_ENDED"

    def __init__(self, key: ExecutionKey) -> None:
        super().__init__(f"execution {key.execution} has ended")


class Controls:
    """Intervenes in executions.

    Args:
        perform: Carries out effects of an execution.
    """

    def __init__(
        self, environment: Environment, active: ActiveSet, perform: Callable[[Live, Sequence[ef.Effect]], None]
    ) -> None:
        self._env = environment
        self._active = active
        self._perform = perform

    async def intervene(self, key: ExecutionKey, command: Intervention, show: Callable[[Execution, int], T]) -> T:
        """Apply a command, and show the execution as it is durable after it.

        Raises:
            NotFound: There is no such execution, or no such task of it.
            WrongState: It has ended, or its state does not allow what is asked for.
            InvalidRequest: A parameter cannot have the value.
            Unavailable: The store refused; nothing has changed.
        """
        if await self._active.command(key, command) is None:
            await self._refuse(key)
        return await self._active.view(key, show)

    async def update(
        self, key: ExecutionKey, update: Update, expected_etag: str, show: Callable[[Execution, int], T]
    ) -> T:
        """Change settings of an execution; attempts that wait for a worker are queued by its new priority.

        Args:
            key: The execution.
            update: What is to change.
            expected_etag: Etag that the execution must have; empty for any.
            show: Shows the execution as it is durable after it.

        Raises:
            NotFound: There is no such execution.
            WrongState: It has ended.
            Conflict: It has another etag.
            InvalidRequest: Breakpoints do not fit its graph, or development mode is to begin.
            Unavailable: The store refused; nothing has changed.
        """
        waiting: list[ef.Effect] = []

        def check(execution: Execution) -> None:
            self._check(execution, update, expected_etag)
            offered = (each for each in pending_effects(execution) if isinstance(each, ef.OfferAttempt))
            waiting.extend(offered)

        if await self._active.command(key, update, check=check) is None:
            await self._refuse(key)
        live = self._active.get(key)
        if live is not None:
            self._perform(live, waiting)
        return await self._active.view(key, show)

    async def preview(
        self, key: ExecutionKey, update: Update, expected_etag: str, show: Callable[[Execution, int], T]
    ) -> T:
        """Show an execution as `update` would leave it, and change nothing.

        Raises:
            PerdureError: As `update` would raise.
        """
        copy, revision = await self._active.view(key, lambda execution, revision: (copy_of(execution), revision))
        if copy.is_terminal:
            raise ExecutionEnded(key)
        self._check(copy, update, expected_etag)
        decide(copy, update, self._env.context())
        return show(copy, revision)

    def _check(self, execution: Execution, update: Update, expected_etag: str) -> None:
        violations = breakpoint_faults(
            update.breakpoints, execution.graph, self._env.evaluator, "execution.breakpoints"
        )
        if update.development and not execution.development:
            description = "development mode can be ended, and begins with the execution only"
            violations.append(FieldViolation("execution.development", description))
        if violations:
            message = f"{violations[0].path}: {violations[0].description}"
            raise InvalidRequest(message, *violations)
        current = etag(execution.id, execution.sequence)
        if expected_etag not in ("", current):
            message = f"execution {execution.id} has changed since; its etag is {current}"
            raise Conflict(message, reason="ETAG_MISMATCH")

    async def _refuse(self, key: ExecutionKey) -> None:
        """Refuse what is asked of an execution that has ended, or that there is not.

        Raises:
            NotFound: There is no such execution.
            ExecutionEnded: It has ended.
        """
        await self._active.view(key, lambda *_: None)
        raise ExecutionEnded(key)
