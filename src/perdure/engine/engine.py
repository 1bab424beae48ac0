"""The engine as a whole: wires its parts and offers the use cases on executions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from perdure.domain.commands import Cancel
from perdure.engine.active import ActiveSet
from perdure.engine.controlling import Controls
from perdure.engine.definitions import Definitions
from perdure.engine.deleting import Deleter
from perdure.engine.effects import Performer
from perdure.engine.fan_out import FanOut
from perdure.engine.integrations import Integrations
from perdure.engine.queries import Queries
from perdure.engine.recovery import Recovery, Reunion
from perdure.engine.replaying import Replayer
from perdure.engine.reports import EngineReports
from perdure.engine.starting import Starter
from perdure.engine.suspensions import Suspensions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from perdure.domain.effects import Effect
    from perdure.domain.execution import Execution
    from perdure.engine.environment import Environment
    from perdure.engine.live import Live
    from perdure.engine.ports import Offers, Publisher
    from perdure.store.records import ExecutionKey

T = TypeVar("T")


class Engine:
    """Interprets integrations: decides, makes durable, and only then acts.

    Attributes:
        environment: Store, clock and the like.
        starter: Starts executions.
        controls: Intervenes in executions that have not ended.
        queries: Reads lists and histories.
        replayer: Replays executions.
        suspensions: Lists and decides suspensions, and takes signals.
        integrations: Keeps definitions.
        deleter: Deletes executions at a caller's wish.
        reports: Takes what workers report; the dispatcher calls it.
        recovered: How many executions were taken up at the start.
    """

    def __init__(self, environment: Environment, publisher: Publisher) -> None:
        self.environment = environment
        self._definitions = Definitions(environment.store)
        self._active = ActiveSet(environment, self._definitions, publisher, self._perform)
        self._reunion = Reunion()
        self._performer: Performer | None = None
        self.starter = Starter(environment, self._definitions, self._active)
        self.controls = Controls(environment, self._active, self._perform)
        self.queries = Queries(environment, self._definitions)
        self.replayer = Replayer(environment, self._definitions, self._active, self.queries, self.ended)
        self.suspensions = Suspensions(environment, self._active)
        self.integrations = Integrations(environment, self._definitions, self._active)
        self.deleter = Deleter(self._active, self.queries, self.delete)
        self.reports = EngineReports(environment, self._active, self._reunion)
        self.recovered = 0

    async def start(self, offers: Offers, lease_seconds: float) -> None:
        """Take up what a former server left, and begin to act.

        Args:
            offers: Where ready attempts go.
            lease_seconds: How long a worker of the former server may still hold a lease.
        """
        fan_out = FanOut(self.environment, self._definitions, self._active, self.starter)
        self._performer = Performer(self.environment, self._definitions, self._active, self.starter, fan_out, offers)
        recovery = Recovery(self.environment, self._active, offers, self._reunion, self._perform, lease_seconds)
        self.recovered = await recovery.run()
        self._active.timers.start()

    def _perform(self, live: Live, effects: Sequence[Effect]) -> None:
        assert self._performer is not None, "nothing is decided before the engine has started"
        self._performer.perform(live, effects)

    def close(self) -> None:
        """Act no more; what is queued for the store still becomes durable."""
        self._active.timers.close()

    async def view(self, key: ExecutionKey, show: Callable[[Execution, int], T]) -> T:
        """Show an execution with its store revision, as it is durable now or later (row 21).

        `show` is called at once and must convert what it needs; the state goes on changing.

        Raises:
            NotFound: There is no such execution.
        """
        return await self._active.view(key, show)

    async def ended(self, key: ExecutionKey) -> Execution:
        """Wait until an execution has ended, durably; cancelling the wait leaves it alone.

        Raises:
            NotFound: There is no such execution.
            Unavailable: The store cannot be read.
        """
        ending = self.ending(key)
        try:
            if self._active.get(key) is not None:
                # An execution whose creation is refused never ends: it is not there.
                await self._active.view(key, lambda *_: None)
            return await ending
        finally:
            self.forget_ending(key, ending)

    def ending(self, key: ExecutionKey) -> asyncio.Future[Execution]:
        """Ask to be told when an execution has ended, durably; whoever asks says with `forget_ending` when it is over.

        The future raises as `ended` does.
        """
        ending = self._active.ending(key)
        if self._active.get(key) is None:
            self.environment.supervisor.spawn(self._look_for_end(key, ending), f"end of {key.execution}")
        return ending

    def forget_ending(self, key: ExecutionKey, ending: asyncio.Future[Execution]) -> None:
        """Take back `ending`; safe also after the end."""
        if not ending.cancel() and not ending.cancelled():
            ending.exception()  # Looked at, so that nobody is told that it was not.
        self._active.forget_ending(key, ending)

    async def _look_for_end(self, key: ExecutionKey, ending: asyncio.Future[Execution]) -> None:
        """Find out whether an execution that is not in memory has ended."""
        try:
            state = await self._active.view(key, lambda execution, _: execution)
        except Exception as error:  # whatever it is, it belongs to the one who waits
            if not ending.done():
                ending.set_exception(error)
            return
        if state.is_terminal and not ending.done():
            ending.set_result(state)

    async def wait(self, key: ExecutionKey, seconds: float, show: Callable[[Execution, int], T]) -> T:
        """Show an execution when it has ended, or after so many seconds (row 27).

        Raises:
            NotFound: There is no such execution.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.ended(key)
        except TimeoutError:
            pass  # The latest state is the answer.
        return await self._active.view(key, show)

    async def cancel(
        self,
        key: ExecutionKey,
        reason: str,
        principal: str,
        show: Callable[[Execution, int], T],
        *,
        force: bool = False,
    ) -> T:
        """Cancel an execution with its sub-executions (row 41); one that has ended is shown as it is.

        With force what still runs is not waited for (row 42); sub-executions are cancelled without force.

        Raises:
            NotFound: There is no such execution.
        """
        await self._active.command(key, Cancel(reason, principal, force))
        return await self._active.view(key, show)

    async def delete(self, keys: Sequence[ExecutionKey], forgotten: Sequence[tuple[str, str, str]] = ()) -> int:
        """Delete executions with all that belongs to them, and forget request ids.

        Args:
            keys: All of them have ended.
            forgotten: Each as (project, method, request id).

        Returns:
            Store revision of the deletion, which is durable.

        Raises:
            Unavailable: The store refused; nothing has changed.
        """
        self.starter.request_ids.forget(forgotten)
        self.replayer.request_ids.forget(forgotten)
        try:
            return await self._active.delete(keys, forgotten)
        finally:
            self.queries.forget(keys)

    def active_count(self) -> int:
        """Count the executions in memory."""
        return len(self._active)
