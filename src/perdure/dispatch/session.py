"""One session of one worker: credits, deliveries and their acknowledgement, liveness, draining.

A session hears the worker through `receive` and speaks to it through `responses`, and knows nothing of what
carries the messages. Leases belong to the worker and outlive the session.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from perdure.dispatch.assignment import write_assignment, write_cancel
from perdure.dispatch.hello import PROTOCOL_VERSION, refuse
from perdure.dispatch.outbox import Outbox
from perdure.dispatch.settings import LEASES_MAX
from perdure.v1.worker_service_pb2 import WorkResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from perdure.dispatch.alarms import Alarms
    from perdure.dispatch.attempt import LiveAttempt
    from perdure.dispatch.leases import Leases
    from perdure.dispatch.results import ResultReporter
    from perdure.dispatch.settings import DispatchSettings
    from perdure.dispatch.worker_record import WorkerRecord
    from perdure.runtime.clock import Call
    from perdure.v1.worker_service_pb2 import WorkRequest


class Roster(Protocol):
    """Who lets workers in and out: the dispatcher."""

    async def join(self, session: Session, hello: WorkRequest.Hello) -> None:
        """Let the worker in and welcome it.

        Raises:
            PerdureError: It is not let in.
        """
        ...

    def leave(self, session: Session) -> None:
        """Take note that a session has ended."""
        ...


class Session:
    """The server's side of one stream.

    Attributes:
        worker: Whose session it is; there is none before the hello.
        credits: How many more tasks of each handler it may be given.
    """

    worker: WorkerRecord

    def __init__(
        self,
        roster: Roster,
        leases: Leases,
        results: ResultReporter,
        alarms: Alarms,
        settings: DispatchSettings,
        *,
        embedded: bool,
    ) -> None:
        self._roster = roster
        self._leases = leases
        self._results = results
        self._alarms = alarms
        self._settings = settings
        self.embedded = embedded
        self.credits: dict[str, int] = {}
        self.outbox = Outbox()
        self._greeted = False
        self._attached = False
        self._welcomed = False
        self._draining = False
        self._silent = False
        self._deaf = False
        self._closed = False
        # Grants in the order of their deadlines, each with the lease it was made with.
        self._deliveries: deque[tuple[str, LiveAttempt]] = deque()
        self._delivery_alarm: Call | None = None
        self._ping_alarm: Call | None = None
        self._receivers: dict[str, Callable[[Any], None]] = {
            "hello": self._on_hello,
            "credits": self._on_credits,
            "delivery_acks": self._on_delivery_acks,
            "progress_reports": self._on_progress_reports,
            "results": self._on_results,
            "releases": self._on_releases,
            "pong": self._on_pong,
            "drain": self._on_drain,
        }

    async def receive(self, request: WorkRequest) -> None:
        """Take one message of the worker. Kinds that are not known are ignored, but prove that it lives.

        Raises:
            PerdureError: The message breaks the protocol, or the worker is not let in. The session is over.
        """
        kind = request.WhichOneof("message")
        if not self._greeted:
            if kind != "hello":
                refuse("message", "the first message of a session is hello")
            self._greeted = True
            await self._roster.join(self, request.hello)
        elif not self._closed:
            self._contact()
            if kind is not None:
                self._receivers[kind](getattr(request, kind))

    def responses(self) -> AsyncIterator[WorkResponse]:
        """Yield the messages for the worker until the session ends.

        Raises:
            PerdureError: The session ends with an error, after what was told before it.
        """
        return self.outbox.responses()

    def close(self) -> None:
        """End the session. The worker keeps its leases, and comes back for them or loses them."""
        self._end(None)

    def fail(self, error: Exception) -> None:
        """End the session with an error."""
        self._end(error)

    def go_away(self, reconnect_after: float) -> None:
        """End the session and tell the worker when to come back, in seconds."""
        message = WorkResponse.GoAway()
        message.reconnect_after.FromMicroseconds(round(reconnect_after * 1e6))
        self.outbox.go_away(message)
        self._end(None)

    def attach(self, worker: WorkerRecord) -> None:
        """Make this the session of a worker."""
        self.worker = worker
        self._attached = True
        worker.session = self

    def welcome(self, handlers: frozenset[str], keep: Sequence[str], drop: Sequence[str]) -> None:
        """Accept the worker, and tell which of the leases it holds are still good."""
        self.credits = dict.fromkeys(handlers, 0)
        settings = self._settings
        message = WorkResponse.Welcome(
            session=f"{self.worker.name}/{self.worker.incarnation}",
            protocol_version=PROTOCOL_VERSION,
            keep=keep,
            drop=drop,
        )
        message.lease_ttl.FromMicroseconds(round(settings.lease_ttl * 1e6))
        message.acknowledge_within.FromMicroseconds(round(settings.acknowledge_within * 1e6))
        message.ping_interval.FromMicroseconds(round(settings.ping_interval * 1e6))
        self.outbox.welcome(message)
        self._welcomed = True
        for attempt in self.worker.leases.values():
            if attempt.stop_reason is not None:
                self.cancel(attempt)
        self._ping_alarm = self._alarms.call_at(self._alarms.now() + settings.ping_interval, self._ping)

    def use_credit(self, handler: str) -> int:
        """Take one credit away; returns how many are left."""
        left = self.credits[handler] = self.credits[handler] - 1
        return left

    def assign(self, attempt: LiveAttempt) -> None:
        """Give the worker an attempt that was granted to it."""
        self.outbox.assign(write_assignment(attempt))
        self._forget_arrived()
        self._deliveries.append((attempt.lease, attempt))
        if self._delivery_alarm is None:
            assert attempt.acknowledge_by is not None
            self._delivery_alarm = self._alarms.call_at(attempt.acknowledge_by, self._check_deliveries)

    def cancel(self, attempt: LiveAttempt) -> None:
        """Ask the worker to stop an attempt; before the welcome, which is followed by what it missed, do nothing."""
        if self._welcomed:
            self.outbox.cancel(write_cancel(attempt))

    def let_go(self) -> None:
        """Take note that the worker holds one lease less."""
        if self._draining and not self.worker.leases:
            self._end(None)

    def offers(self, handler: str) -> bool:
        """Whether the worker performs a handler and still takes tasks, perhaps later."""
        return handler in self.credits and not (self._closed or self._draining)

    @property
    def _may_serve(self) -> bool:
        return not (self._closed or self._draining or self._silent or self._deaf)

    def _contact(self) -> None:
        self.worker.last_contact = self._alarms.now()
        if self._silent:
            self._silent = False
            self._serve_all()

    def _serve_all(self) -> None:
        for handler in self.credits:
            if self._may_serve:
                self._leases.serve(self, handler)

    def _on_hello(self, _: WorkRequest.Hello) -> None:
        refuse("message", "hello is sent once")

    def _on_credits(self, message: WorkRequest.Credits) -> None:
        room = LEASES_MAX - sum(self.credits.values()) - len(self.worker.leases)
        for credit in message.credits:
            if credit.handler not in self.credits:
                refuse("credits.handler", "is not one of those in hello")
            if not 0 < credit.count <= room:
                refuse("credits.count", f"is above 0, and all credits and leases together are at most {LEASES_MAX}")
            room -= credit.count
            self.credits[credit.handler] += credit.count
            if self._may_serve:
                self._leases.serve(self, credit.handler)

    def _on_delivery_acks(self, message: WorkRequest.DeliveryAcks) -> None:
        for lease in message.leases:
            self._results.acknowledge(self.worker, lease)

    def _on_progress_reports(self, message: WorkRequest.ProgressReports) -> None:
        for report in message.progress_reports:
            self._results.progressed(self.worker, report)

    def _on_results(self, message: WorkRequest.Results) -> None:
        for result in message.results:
            self._results.ended(self.worker, result)

    def _on_releases(self, message: WorkRequest.Releases) -> None:
        for release in message.releases:
            attempt = self.worker.leases.get(release.lease)
            if attempt is not None:
                self._leases.give_back(attempt)

    def _on_pong(self, _: WorkRequest.Pong) -> None:
        if self._deaf:
            self._deaf = False
            self._serve_all()

    def _on_drain(self, _: WorkRequest.Drain) -> None:
        self._draining = True
        self._leases.pass_over(self)
        if not self.worker.leases:
            self._end(None)

    def _ping(self) -> None:
        now = self._alarms.now()
        if now - self.worker.last_contact >= 2 * self._settings.ping_interval and not self._silent:
            self._silent = True
            self._leases.pass_over(self)
        self.outbox.ping()
        self._ping_alarm = self._alarms.call_at(now + self._settings.ping_interval, self._ping)

    def _forget_arrived(self) -> None:
        while self._deliveries:
            lease, attempt = self._deliveries[0]
            if attempt.lease == lease and attempt.acknowledge_by is not None:
                return
            self._deliveries.popleft()

    def _check_deliveries(self) -> None:
        """Take back what was not acknowledged in time."""
        self._delivery_alarm = None
        now = self._alarms.now()
        astray = []
        self._forget_arrived()
        while self._deliveries:
            attempt = self._deliveries[0][1]
            due = attempt.acknowledge_by
            assert due is not None
            if due > now:
                self._delivery_alarm = self._alarms.call_at(due, self._check_deliveries)
                break
            self._deliveries.popleft()
            astray.append(attempt)
            self._forget_arrived()
        if astray and not self._deaf:
            # It gets nothing more until it shows that it hears.
            self._deaf = True
            self._leases.pass_over(self)
            self.outbox.ping()
        for attempt in astray:
            self._leases.give_back(attempt)

    def _end(self, failure: Exception | None) -> None:
        if self._closed:
            return
        self._closed = True
        self._leases.pass_over(self)
        if self._ping_alarm is not None:
            self._ping_alarm.cancel()
        self.outbox.close(failure)
        if self._attached:
            self._roster.leave(self)
