"""The server's side of the worker protocol: lets workers in, and passes tasks between them and the engine."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from perdure.dispatch.alarms import LoopAlarms
from perdure.dispatch.attempt import AttemptKey
from perdure.dispatch.hello import read_hello
from perdure.dispatch.leases import Leases
from perdure.dispatch.results import ResultReporter
from perdure.dispatch.session import Session
from perdure.dispatch.settings import SESSIONS_MAX, DispatchSettings
from perdure.dispatch.unperformed import UnperformedHandlers
from perdure.dispatch.whereabouts import InQueue, WithWorker
from perdure.dispatch.worker_record import WorkerRecord
from perdure.domain.errors import LimitReached, Unavailable
from perdure.domain.limits import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.codec.tokens import TokenCodec
    from perdure.dispatch.alarms import Alarms
    from perdure.dispatch.attempt import LiveAttempt
    from perdure.dispatch.hello import Greeting
    from perdure.dispatch.reports import Reports
    from perdure.dispatch.whereabouts import Whereabouts
    from perdure.domain.commands import Chance
    from perdure.engine.ports import Offer, Stopped
    from perdure.runtime.clock import Clock
    from perdure.runtime.supervisor import Supervisor
    from perdure.store.records import ExecutionKey
    from perdure.v1.worker_service_pb2 import WorkRequest


class Dispatcher:
    """Offers attempts to the workers that have a session. To the engine it is `perdure.engine.ports.Offers`.

    Args:
        tokens: Seals and opens leases.
        reports: Where results go.
        alarms: Monotonic time; that of the running loop if left out.
    """

    def __init__(
        self,
        tokens: TokenCodec,
        reports: Reports,
        supervisor: Supervisor,
        *,
        clock: Clock,
        chance: Chance,
        settings: DispatchSettings | None = None,
        alarms: Alarms | None = None,
    ) -> None:
        self._tokens = tokens
        self._reports = reports
        self._supervisor = supervisor
        self._chance = chance
        self._settings = settings or DispatchSettings()
        self._alarms = alarms or LoopAlarms()
        # Grants of an earlier server on the same store have smaller numbers.
        self._leases = Leases(tokens, reports, supervisor, self._alarms, self._settings, first_grant=clock.now())
        self._results = ResultReporter(self._leases, reports, supervisor)
        self._workers: dict[tuple[str, str], WorkerRecord] = {}
        self._embedded: dict[tuple[str, str], asyncio.Event] = {}
        self._unperformed = UnperformedHandlers(self._alarms, self._settings.ping_interval)
        self._draining = False

    def offer(self, offer: Offer) -> None:
        """Queue an attempt for the workers; one that a worker already holds is left alone."""
        self._unperformed.want(offer.handler)
        self._leases.offer(offer)

    def stop(
        self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int, reason: str, grace: int
    ) -> Stopped:
        """Withdraw an attempt; a worker that performs it gets the grace, in microseconds."""
        return self._leases.stop(AttemptKey(key, task_id, execution_attempt, attempt), reason, grace)

    def holds(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        """Whether a worker holds a lease for the attempt."""
        return self._leases.holds(AttemptKey(key, task_id, execution_attempt, attempt))

    def locate(self, names: Iterable[AttemptKey]) -> dict[AttemptKey, Whereabouts]:
        """Tell where attempts are now; those that are on their way to the engine, or unknown here, are left out."""
        found = self._leases.find_all(names)
        ahead = self._leases.ahead(attempt for attempt in found if attempt.is_queued)
        workers = Counter[tuple[str, str]]()
        for attempt in ahead:
            assert attempt.offer is not None
            workers[attempt.offer.key.project, attempt.offer.handler] = 0
        for record in self._workers.values():
            for project, handler in workers:
                if record.session is not None and record.serves(project) and record.session.offers(handler):
                    workers[project, handler] += 1
        return {attempt.name: self._whereabouts(attempt, ahead, workers) for attempt in found}

    def _whereabouts(
        self, attempt: LiveAttempt, ahead: Mapping[LiveAttempt, int], workers: Mapping[tuple[str, str], int]
    ) -> Whereabouts:
        if attempt in ahead:
            assert attempt.offer is not None
            return InQueue(ahead[attempt], workers[attempt.offer.key.project, attempt.offer.handler])
        worker = attempt.holder
        assert worker is not None
        heard_ago = self._alarms.now() - worker.last_contact
        return WithWorker(
            worker_id=worker.worker_id,
            heard_ago=round(heard_ago * SECOND),
            lease_left=max(round((self._settings.lease_ttl - heard_ago) * SECOND), 0),
            silent=worker.session is None or heard_ago >= 2 * self._settings.ping_interval,
            stopping=attempt.stop_reason is not None,
        )

    def open_session(self, *, embedded: bool = False) -> Session:
        """Begin a session; the worker's hello decides whether it comes to anything.

        Args:
            embedded: Whether the worker runs in this process, so that it cannot outlive it.
        """
        return Session(self, self._leases, self._results, self._alarms, self._settings, embedded=embedded)

    def expect_embedded(self, project: str, worker_id: str) -> asyncio.Event:
        """Make known that the worker of this id is a child of this process; returns what its welcome sets."""
        welcomed = self._embedded[project, worker_id] = asyncio.Event()
        return welcomed

    def worker_died(self, project: str, worker_id: str) -> None:
        """Report the leases of a worker whose process has ended as lost, without waiting for them to run out."""
        self._embedded.pop((project, worker_id), None)
        worker = self._workers.get((project, worker_id))
        if worker is not None:
            self._bury(worker)

    def drain(self) -> None:
        """Assign nothing more, let no worker in, and send those who are there away. They keep their leases."""
        self._draining = True
        for worker in list(self._workers.values()):
            if worker.session is not None:
                worker.session.go_away(self._chance.jitter() * self._settings.reconnect_spread)

    async def join(self, session: Session, hello: WorkRequest.Hello) -> None:
        """Let a worker in: reconcile what it holds, make the session durable, welcome it.

        Raises:
            InvalidRequest: The hello is not well formed.
            WrongState: The worker speaks another protocol.
            LimitReached: There are too many sessions.
            Unavailable: The server is being stopped, or the store did not take the session.
        """
        greeting = read_hello(hello, self._settings.location)
        if self._draining:
            raise Unavailable("the server is being stopped", reason="SHUTTING_DOWN")
        worker = self._admit(session, greeting)
        keep, drop = await self._reconcile(worker, greeting)
        await self._reports.session_opened(worker.name, worker.incarnation, worker.embedded)
        if worker.session is session:
            session.welcome(greeting.handlers, keep, drop)
            self._unperformed.add(greeting.handlers)
            if (welcomed := self._embedded.get((worker.project, worker.worker_id))) is not None:
                welcomed.set()

    def leave(self, session: Session) -> None:
        """Take note that a session has ended; leases that are left run out unless the worker comes back."""
        worker = session.worker
        if worker.session is session:
            worker.session = None
            if not worker.leases:
                self._forget(worker)

    def _admit(self, session: Session, greeting: Greeting) -> WorkerRecord:
        """Make the session that of its worker; it takes the place of the one before."""
        place = (greeting.project, greeting.worker_id)
        worker = self._workers.get(place)
        if worker is not None and worker.incarnation != greeting.incarnation:
            # Another process: whatever the one before was doing, it is not any more.
            self._bury(worker)
            worker = None
        if worker is None:
            if len(self._workers) >= SESSIONS_MAX:
                raise LimitReached(f"{SESSIONS_MAX} workers are connected, which is the limit", retry_after=5.0)
            embedded = session.embedded or place in self._embedded
            worker = WorkerRecord(*place, greeting.incarnation, embedded, self._alarms.now())
            self._workers[place] = worker
            self._watch(worker)
        before = worker.session
        worker.last_contact = self._alarms.now()
        session.attach(worker)
        if before is not None:
            before.close()
        return worker

    async def _reconcile(self, worker: WorkerRecord, greeting: Greeting) -> tuple[list[str], list[str]]:
        """Decide for each lease that the worker names whether it is still good; return what to keep and to drop.

        What was granted to it and it does not name has never reached it.
        """
        held = set(greeting.held_leases)
        for lease, attempt in list(worker.leases.items()):
            if lease not in held:
                self._leases.give_back(attempt)
        good = await asyncio.gather(*(self._is_good(worker, lease) for lease in greeting.held_leases))
        keep = [lease for lease, is_good in zip(greeting.held_leases, good, strict=True) if is_good]
        drop = [lease for lease, is_good in zip(greeting.held_leases, good, strict=True) if not is_good]
        return keep, drop

    async def _is_good(self, worker: WorkerRecord, lease: str) -> bool:
        found = self._leases.find(worker, lease)
        if isinstance(found, AttemptKey):
            # From before a restart, or long gone: only the engine knows.
            is_current = await self._reports.is_current(*found)
            # Nobody watches over the leases of a worker that has gone meanwhile.
            is_here = self._workers.get((worker.project, worker.worker_id)) is worker
            return is_current and is_here and self._leases.adopt(worker, lease)
        if found is not None:
            found.acknowledge_by = None
        return found is not None

    def _watch(self, worker: WorkerRecord) -> None:
        """Look again when the worker's leases run out, unless it is heard of until then."""
        due = worker.last_contact + self._settings.lease_ttl
        if worker.expiry is None or self._alarms.now() < due:
            worker.expiry = self._alarms.call_at(due, lambda: self._watch(worker))
        else:
            self._bury(worker)

    def _bury(self, worker: WorkerRecord) -> None:
        self._leases.lose(worker)
        if worker.session is not None:
            worker.session.close()
        else:
            self._forget(worker)

    def _forget(self, worker: WorkerRecord) -> None:
        place = (worker.project, worker.worker_id)
        if self._workers.get(place) is not worker:
            return
        del self._workers[place]
        if worker.expiry is not None:
            worker.expiry.cancel()
        self._supervisor.spawn(self._close_durably(worker), "close a session")

    async def _close_durably(self, worker: WorkerRecord) -> None:
        """Forget the session in the store, too. One that stays there costs a restart some waiting, nothing else."""
        if (worker.project, worker.worker_id) in self._workers:
            # It is back already, and its new session may have been stored.
            return
        try:
            await self._reports.session_closed(worker.name)
        except Unavailable:
            return
