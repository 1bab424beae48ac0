"""Takes what the dispatcher says about attempts and workers; each answer waits until it is durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import commands as cmd
from perdure.domain.errors import IllegalCommand, Unavailable
from perdure.engine.attempts import at_work
from perdure.store.errors import StoreError
from perdure.store.records import WorkerSessionRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.states import Failure
    from perdure.domain.value import Value
    from perdure.engine.active import ActiveSet
    from perdure.engine.environment import Environment
    from perdure.engine.recovery import Reunion
    from perdure.store.records import Commit, ExecutionKey


class EngineReports:
    """The engine's side of the worker protocol, see `perdure.dispatch.reports`."""

    def __init__(self, environment: Environment, active: ActiveSet, reunion: Reunion) -> None:
        self._env = environment
        self._active = active
        self._reunion = reunion

    async def succeeded(
        self,
        key: ExecutionKey,
        task_id: str,
        execution_attempt: int,
        attempt: int,
        outputs: Mapping[str, Value],
        worker: str,
    ) -> bool:
        """Take the result of an attempt."""
        return await self._report(key, cmd.ReportSuccess(task_id, execution_attempt, attempt, outputs, worker))

    async def failed(
        self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int, failure: Failure, worker: str
    ) -> bool:
        """Take the failure of an attempt."""
        return await self._report(key, cmd.ReportFailure(task_id, execution_attempt, attempt, failure, worker))

    async def stopped(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        """Take note that a withdrawn attempt has stopped."""
        return await self._report(key, cmd.ReportStopped(task_id, execution_attempt, attempt))

    async def lost(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        """Take note that the worker of an attempt has vanished."""
        return await self._report(key, cmd.ReportLost(task_id, execution_attempt, attempt))

    async def progressed(
        self,
        key: ExecutionKey,
        task_id: str,
        execution_attempt: int,
        attempt: int,
        message: str | None,
        percent: int | None,
    ) -> bool:
        """Take what running code says of itself."""
        report = cmd.ReportProgress(task_id, execution_attempt, attempt, message, percent)
        if not await self.is_current(key, task_id, execution_attempt, attempt):
            return False
        await self._report(key, report)
        return True

    async def _report(self, key: ExecutionKey, command: cmd.Command) -> bool:
        try:
            transition = await self._active.command(key, command)
        except IllegalCommand:
            return False
        return transition is not None and bool(transition.events)

    async def is_current(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        """Tell whether an attempt still awaits its result."""
        try:
            live = await self._active.load(key)
        except StoreError as error:
            raise Unavailable("the store cannot be read now") from error
        return live is not None and at_work(live.execution, task_id, execution_attempt, attempt) is not None

    async def session_opened(self, worker: str, incarnation: str, embedded: bool) -> None:
        """Remember, durably, a worker that may hold leases, so that a restarted server waits for it."""
        commit = self._active.next_commit()
        commit.opened_sessions.append(WorkerSessionRecord(worker, incarnation, embedded, self._env.clock.now()))
        await self._store(commit)
        self._reunion.met(worker)

    async def session_closed(self, worker: str) -> None:
        """Forget, durably, a worker that holds no lease any more."""
        commit = self._active.next_commit()
        commit.closed_sessions.append(worker)
        await self._store(commit)
        self._reunion.met(worker)

    async def _store(self, commit: Commit) -> None:
        try:
            await self._env.store.commit(commit)
        except StoreError as error:
            raise Unavailable("the store refused to write") from error
