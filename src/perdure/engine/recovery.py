"""After a restart: everything that had not ended is taken up again.

Attempts that were under way may still be performed by workers that outlived the server. Which workers may
hold leases is durable, one row a session rather than one a lease: the server waits for each of them to come
back and say what it holds, but no longer than a lease lives. An attempt that nobody claims by then is lost
and gets its next number. Embedded workers die with their server and are not waited for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain.decide import pending_effects
from perdure.domain.execution import generation
from perdure.domain.states import TaskState
from perdure.engine.attempts import at_work
from perdure.store.records import ExecutionKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from perdure.engine.active import ActiveSet
    from perdure.engine.environment import Environment
    from perdure.engine.live import Live
    from perdure.engine.ports import Offers
    from perdure.store.records import LiveChild

_logger = logging.getLogger(__name__)


class Reunion:
    """Waits for the workers that may still hold leases from before the restart."""

    def __init__(self) -> None:
        self._expected: set[str] = set()
        self._complete = asyncio.Event()
        self._complete.set()

    def expect(self, workers: set[str]) -> None:
        """Name the workers to wait for."""
        self._expected = set(workers)
        if workers:
            self._complete.clear()

    def met(self, worker: str) -> None:
        """Take note that a worker has come back and said what it holds, or is known to hold nothing."""
        self._expected.discard(worker)
        if not self._expected:
            self._complete.set()

    async def wait(self, seconds: float) -> None:
        """Wait until all have come back, but no longer than a lease lives."""
        try:
            async with asyncio.timeout(seconds):
                await self._complete.wait()
        except TimeoutError:
            _logger.info("workers that did not come back: %s", ", ".join(sorted(self._expected)))
            self._complete.set()


class Recovery:
    """Takes up the executions that a former server left."""

    def __init__(
        self,
        environment: Environment,
        active: ActiveSet,
        offers: Offers,
        reunion: Reunion,
        perform: Callable[[Live, Sequence[ef.Effect]], None],
        lease_seconds: float,
    ) -> None:
        self._env = environment
        self._active = active
        self._offers = offers
        self._reunion = reunion
        self._perform = perform
        self._lease_seconds = lease_seconds
        self._unclaimed: list[tuple[ExecutionKey, ef.OfferAttempt | ef.StopAttempt]] = []

    async def run(self) -> int:
        """Load all that was active and do what it needs; returns how many executions that were."""
        sessions = await self._env.store.open_sessions()
        self._reunion.expect({session.worker for session in sessions if not session.embedded})
        for session in sessions:
            if session.embedded:
                commit = self._active.next_commit()
                commit.closed_sessions.append(session.worker)
                await self._env.store.commit(commit)
        live: list[Live] = []
        async for page in self._env.store.load_active():
            live.extend([await self._active.adopt(stored) for stored in page])
        for each in live:
            self._take_up(each)
        parents = {each.key: each for each in live}
        for child in await self._env.store.live_children():
            if child.parent_ended or _is_superseded(child, parents):
                self._cancel(child.key)
        if self._unclaimed:
            self._env.supervisor.spawn(self._replace_unclaimed(), "wait for workers")
        return len(live)

    def _take_up(self, live: Live) -> None:
        """Do what an execution needs, but leave attempts that a worker may hold for later."""
        for effect in pending_effects(live.execution):
            if isinstance(effect, ef.OfferAttempt | ef.StopAttempt):
                self._unclaimed.append((live.key, effect))
            else:
                self._perform(live, [effect])

    def _cancel(self, key: ExecutionKey) -> None:
        cancel = cmd.Cancel("the parent execution does not need it any more", "")

        async def work() -> None:
            await self._active.command(key, cancel)

        self._env.insist(work, f"cancel {key.execution}")

    async def _replace_unclaimed(self) -> None:
        await self._reunion.wait(self._lease_seconds)
        for key, effect in self._unclaimed:
            live = self._active.get(key)
            ids = (effect.task_id, effect.execution_attempt, effect.attempt)
            if live is None or at_work(live.execution, *ids) is None or self._offers.holds(key, *ids):
                continue
            self._active.apply(live, cmd.ReportLost(*ids, blamed=False))
        self._unclaimed.clear()


def _is_superseded(child: LiveChild, parents: Mapping[ExecutionKey, Live]) -> bool:
    """Whether the attempt that started a sub-execution is over, and there was no time to cancel it (I31)."""
    parent = parents.get(ExecutionKey(child.key.project, child.origin.parent))
    if parent is None:
        # It merely waited, so none of its attempts is under way.
        return True
    run = parent.execution.tasks.get(child.origin.task)
    current = run is not None and generation(parent.execution.execution_attempt, run.attempt)
    return run is None or current != child.origin.generation or run.state is not TaskState.IN_PROCESS
