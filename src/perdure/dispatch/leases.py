"""The lease table: every attempt that waits for a worker or is held by one.

Rules of this module:

1. An attempt is in exactly one of these places: queued, leased to one worker, or on its way to the engine
   as lost or stopped.
2. No attempt is queued while a willing worker has a credit for its handler.
3. Only the newest grant of an attempt counts. A grant whose delivery was not acknowledged stays the newest
   one until the attempt is granted again, so a worker that was merely slow loses nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perdure.codec.tokens import InvalidToken, Lease
from perdure.dispatch.attempt import AttemptKey, LiveAttempt
from perdure.dispatch.ready_queue import ALL_PROJECTS, ReadyQueues
from perdure.domain.errors import Unavailable
from perdure.engine.ports import Stopped
from perdure.store.records import ExecutionKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from perdure.codec.tokens import TokenCodec
    from perdure.dispatch.alarms import Alarms
    from perdure.dispatch.reports import Reports
    from perdure.dispatch.session import Session
    from perdure.dispatch.settings import DispatchSettings
    from perdure.dispatch.worker_record import WorkerRecord
    from perdure.engine.ports import Offer
    from perdure.runtime.supervisor import Supervisor


class Leases:
    """Grants attempts to sessions, and knows who holds what."""

    def __init__(
        self,
        tokens: TokenCodec,
        reports: Reports,
        supervisor: Supervisor,
        alarms: Alarms,
        settings: DispatchSettings,
        first_grant: int,
    ) -> None:
        self._tokens = tokens
        self._reports = reports
        self._supervisor = supervisor
        self._alarms = alarms
        self._settings = settings
        self._last_grant = first_grant
        self._attempts: dict[AttemptKey, LiveAttempt] = {}
        self._queues = ReadyQueues()
        # The sessions that would take a task, by (project, handler), the next one to be served first.
        self._takers: dict[tuple[str, str], dict[Session, None]] = {}

    def offer(self, offer: Offer) -> None:
        """Take on an attempt; one that is known is left where it is, but may change its place in the queue."""
        name = AttemptKey(offer.key, offer.task_id, offer.execution_attempt, offer.attempt)
        attempt = self._attempts.get(name)
        if attempt is None:
            attempt = self._attempts[name] = LiveAttempt(name, offer)
            self._place(attempt)
        elif attempt.offer is None:
            attempt.offer = offer
        elif attempt.is_queued and attempt.offer != offer:
            self._queues.remove(attempt)
            attempt.offer = offer
            self._queues.push(attempt)

    def stop(self, name: AttemptKey, reason: str, grace: int) -> Stopped:
        """Withdraw an attempt: off the queue, or tell its worker."""
        attempt = self._attempts.get(name)
        if attempt is None:
            return Stopped.UNKNOWN
        if attempt.is_queued:
            self.settle(attempt)
            return Stopped.WITHDRAWN
        if attempt.stop_reason is None:
            attempt.stop_reason = reason
            attempt.stop_grace = grace
            if attempt.holder is not None and attempt.holder.session is not None:
                attempt.holder.session.cancel(attempt)
        return Stopped.TOLD

    def holds(self, name: AttemptKey) -> bool:
        """Whether a worker has the lease of an attempt."""
        attempt = self._attempts.get(name)
        return attempt is not None and attempt.is_leased

    def find_all(self, names: Iterable[AttemptKey]) -> list[LiveAttempt]:
        """Find the attempts of those names that wait for a worker or are held by one."""
        found = (self._attempts.get(name) for name in names)
        return [attempt for attempt in found if attempt is not None and (attempt.is_queued or attempt.is_leased)]

    def ahead(self, attempts: Iterable[LiveAttempt]) -> dict[LiveAttempt, int]:
        """Count for attempts that wait those that come before them."""
        return self._queues.ahead(attempts)

    def serve(self, session: Session, handler: str) -> None:
        """Give a session what waits for a handler, as far as its credits go; with credits left it waits."""
        worker = session.worker
        while session.credits.get(handler):
            attempt = self._queues.pop(worker.project, handler)
            if attempt is None:
                self._takers.setdefault((worker.project, handler), {})[session] = None
                return
            self._grant(attempt, session, handler)

    def pass_over(self, session: Session) -> None:
        """Give a session nothing more, whatever credits it has left."""
        for handler in session.credits:
            self._forget_taker(session, handler)

    def find(self, worker: WorkerRecord, lease: str) -> LiveAttempt | AttemptKey | None:
        """Look up what a worker may report on.

        Returns:
            The attempt, which the worker then holds; its name alone if nothing is known of it here, so that the
            engine has to be asked; None if the lease is forged, foreign or not the newest one.
        """
        attempt = worker.leases.get(lease)
        if attempt is not None:
            return attempt
        try:
            token = self._tokens.open_lease(lease)
        except InvalidToken:
            return None
        if worker.project not in {ALL_PROJECTS, token.project}:
            return None
        name = AttemptKey(
            ExecutionKey(token.project, token.execution), token.task, token.execution_attempt, token.attempt
        )
        attempt = self._attempts.get(name)
        if attempt is None:
            return name
        # A grant number of 0 means that this server never granted it: the lease is from before a restart.
        if attempt.is_queued and (attempt.grant == 0 or (attempt.lease == lease and attempt.holder is worker)):
            self._queues.remove(attempt)
            self._hold(attempt, worker, lease, token.grant)
            return attempt
        return None

    def adopt(self, worker: WorkerRecord, lease: str) -> bool:
        """Register a lease from before a restart whose attempt is still the current one.

        Returns:
            Whether the worker holds it now; False if another one was quicker.
        """
        found = self.find(worker, lease)
        if isinstance(found, AttemptKey):
            attempt = self._attempts[found] = LiveAttempt(found)
            self._hold(attempt, worker, lease, self._tokens.open_lease(lease).grant)
            return True
        return found is not None

    def give_back(self, attempt: LiveAttempt) -> None:
        """Put a leased attempt back in the queue; that costs no attempt. Its grant stays the newest until the next."""
        self._let_go(attempt)
        if attempt.stop_reason is not None:
            self._end(attempt, self._reports.stopped)
        elif attempt.offer is None:
            self._end(attempt, self._reports.lost)
        else:
            self._place(attempt)

    def lose(self, worker: WorkerRecord) -> None:
        """Report every lease of a worker as lost."""
        for attempt in list(worker.leases.values()):
            self._let_go(attempt)
            self._end(attempt, self._reports.lost)

    def settle(self, attempt: LiveAttempt) -> None:
        """Forget an attempt whose end is durable, or that nobody wants any more."""
        if self._attempts.get(attempt.name) is attempt:
            del self._attempts[attempt.name]
        if attempt.is_queued:
            self._queues.remove(attempt)
        self._let_go(attempt)

    def _place(self, attempt: LiveAttempt) -> None:
        offer = attempt.offer
        assert offer is not None
        for project in (offer.key.project, ALL_PROJECTS):
            takers = self._takers.get((project, offer.handler))
            if takers:
                session = next(iter(takers))
                # To the end of the line, so that the sessions take turns.
                del takers[session]
                takers[session] = None
                self._grant(attempt, session, offer.handler)
                return
        self._queues.push(attempt)

    def _grant(self, attempt: LiveAttempt, session: Session, handler: str) -> None:
        if session.use_credit(handler) == 0:
            self._forget_taker(session, handler)
        self._last_grant += 1
        key = attempt.name.key
        lease = self._tokens.seal_lease(
            Lease(
                key.project,
                key.execution,
                attempt.name.task_id,
                attempt.name.execution_attempt,
                attempt.name.attempt,
                self._last_grant,
            )
        )
        self._hold(attempt, session.worker, lease, self._last_grant)
        attempt.acknowledge_by = self._alarms.now() + self._settings.acknowledge_within
        session.assign(attempt)

    def _forget_taker(self, session: Session, handler: str) -> None:
        pool = (session.worker.project, handler)
        takers = self._takers.get(pool)
        if takers is not None and takers.pop(session, True) is None and not takers:
            del self._takers[pool]

    def _hold(self, attempt: LiveAttempt, worker: WorkerRecord, lease: str, grant: int) -> None:
        attempt.holder = worker
        attempt.lease = lease
        attempt.grant = grant
        attempt.acknowledge_by = None
        worker.leases[lease] = attempt

    def _let_go(self, attempt: LiveAttempt) -> None:
        """Take the lease off its worker's list, without forgetting who had it."""
        attempt.acknowledge_by = None
        if attempt.holder is not None:
            attempt.holder.leases.pop(attempt.lease, None)
            if attempt.holder.session is not None:
                attempt.holder.session.let_go()

    def _end(self, attempt: LiveAttempt, report: Callable[..., Awaitable[bool]]) -> None:
        attempt.holder = None
        self._supervisor.spawn(self._report_end(attempt, report), "report the end of a lease")

    async def _report_end(self, attempt: LiveAttempt, report: Callable[..., Awaitable[bool]]) -> None:
        """Tell the engine until the store takes it: nobody else would, and the attempt would hang."""
        name = attempt.name
        while True:
            try:
                await report(name.key, name.task_id, name.execution_attempt, name.attempt)
            except Unavailable:
                await self._pause(self._settings.report_again_after)
            else:
                self.settle(attempt)
                return

    async def _pause(self, seconds: float) -> None:
        over = asyncio.Event()
        call = self._alarms.call_at(self._alarms.now() + seconds, over.set)
        try:
            await over.wait()
        finally:
            call.cancel()
