"""The worker's side of the protocol, without the wire: what to do with each message, and what to say next.

A session belongs to one loop and outlives connections: attempts go on while there is none, and results are kept
until the server has acknowledged them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from perdure.v1.worker_service_pb2 import Handler as HandlerName
from perdure.v1.worker_service_pb2 import WorkRequest
from perdure.worker.context import TaskContext, facts_of
from perdure.worker.outgoing import Outgoing
from perdure.worker.performing import no_such_handler
from perdure.worker.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from perdure.v1.worker_service_pb2 import Assignment, TaskResult, WorkResponse
    from perdure.worker.handler import Handler

_logger = logging.getLogger(__name__)

PROTOCOL_VERSION: Final = 1
HOLD_BACK_SECONDS: Final = 0.1
"""How long acknowledgements and progress wait for company; far below the time that the server allows."""


class Executing(Protocol):
    """Where attempts run."""

    def start(self, run: Run) -> None:
        """Begin an attempt."""
        ...

    def cancel(self, run: Run) -> None:
        """Make known to an attempt that it is not wanted any more."""
        ...

    def post(self, callback: Callable[..., None], *arguments: object) -> None:
        """Make a call on the session's loop; from any thread."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the worker is.

    Attributes:
        parent: `projects/{project}/locations/{location}`; the project `-` stands for all projects.
        incarnation: Random, made when the process started.
    """

    parent: str
    worker_id: str
    incarnation: str


class WorkerSession:
    """What the worker holds, owes and has to say.

    Args:
        concurrency: Most attempts at a time, by handler.
        speak: Called when there is something new to say.
        later: Makes a call after so many seconds.

    Attributes:
        executing: Set once, before the first message.
        reconnect_after: How long the server wants the worker to stay away, in seconds; None if it did not say.
        welcomed: Whether the server has let the worker in, on the connection that there is.
    """

    executing: Executing

    def __init__(
        self,
        identity: Identity,
        handlers: Mapping[str, Handler],
        concurrency: Mapping[str, int],
        speak: Callable[[], None],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._identity = identity
        self._handlers = handlers
        self._concurrency = concurrency
        self._speak = speak
        self._later = later
        self.reconnect_after: float | None = None
        self.welcomed = False
        self._draining = False
        self._outgoing = Outgoing()
        self._timer_runs = False
        self._runs: dict[str, Run] = {}
        self._attempts: dict[tuple[str, str, int, int], Run] = {}
        self._results: dict[int, TaskResult] = {}
        self._last_number = 0
        self._receivers: dict[str, Callable[..., None]] = {
            "welcome": self._on_welcome,
            "assignments": self._on_assignments,
            "cancels": self._on_cancels,
            "result_acks": self._on_result_acks,
            "ping": self._on_ping,
            "go_away": self._on_go_away,
        }

    @property
    def idle(self) -> bool:
        """Whether nothing is being performed and every result is acknowledged."""
        return not self._runs and not self._results

    def hello(self) -> WorkRequest:
        """Begin a connection; returns what has to be said first."""
        self.reconnect_after = None
        held = dict.fromkeys([*self._runs, *(result.lease for result in self._results.values())])
        return WorkRequest(
            hello=WorkRequest.Hello(
                parent=self._identity.parent,
                worker_id=self._identity.worker_id,
                incarnation=self._identity.incarnation,
                protocol_version=PROTOCOL_VERSION,
                handlers=[HandlerName(name=name) for name in self._handlers],
                held_leases=held,
            )
        )

    def disconnected(self) -> bool:
        """Take note that the connection has ended; returns whether the server had let the worker in."""
        welcomed, self.welcomed = self.welcomed, False
        return welcomed

    def receive(self, response: WorkResponse) -> None:
        """Do what a message of the server asks for; kinds that are not known are ignored."""
        kind = response.WhichOneof("message")
        if kind is not None:
            self._receivers[kind](getattr(response, kind))

    def take(self) -> Iterator[WorkRequest]:
        """Yield what there is to say, and consider it said; nothing before the welcome."""
        return self._outgoing.take() if self.welcomed else iter(())

    def finished(self, run: Run, result: TaskResult | None) -> None:
        """Take the result of an attempt; that of a dropped one is of no interest.

        None means that no result could be made: the attempt is given back, and the server offers it again.
        """
        if self._runs.get(run.lease) is not run:
            return
        self._forget(run)
        if result is None:
            self._outgoing.release(run.lease, "the end of the attempt cannot be told")
        else:
            result.lease = run.lease
            self._keep(result)
        self._outgoing.freed(run.handler.name)
        self._speak()

    def progressed(self, run: Run, percent: int | None, message: str | None) -> None:
        """Take what a handler says of itself."""
        if self._runs.get(run.lease) is run:
            self._outgoing.progress(run.lease, percent, message)
            self._hold_back()

    def drain(self) -> None:
        """Ask for no more tasks; those that are being performed go on."""
        self._draining = True
        self._outgoing.drain()
        self._speak()

    def release_all(self) -> None:
        """Stop every attempt that has no result yet, and give it back."""
        for run in list(self._runs.values()):
            self._forget(run)
            self._outgoing.release(run.lease, "the worker stops")
            self.executing.cancel(run)
        self._speak()

    def _on_welcome(self, welcome: WorkResponse.Welcome) -> None:
        self.welcomed = True
        dropped = frozenset(welcome.drop)
        for lease in dropped:
            run = self._runs.get(lease)
            if run is not None:
                self._forget(run)
                self.executing.cancel(run)
        self._results = {number: result for number, result in self._results.items() if result.lease not in dropped}
        self._outgoing.reset({} if self._draining else self._room(), iter(self._results.values()))
        if self._draining:
            self._outgoing.drain()
        self._speak()

    def _on_assignments(self, message: WorkResponse.Assignments) -> None:
        for assignment in message.assignments:
            self._outgoing.arrived(assignment.lease, assignment.handler)
            self._begin(assignment)
        self._hold_back()

    def _begin(self, assignment: Assignment) -> None:
        handler = self._handlers.get(assignment.handler)
        if handler is None:
            self._keep(no_such_handler(assignment))
            self._speak()
            return
        name = _name(assignment)
        known = self._attempts.get(name)
        if known is not None:
            # The server took the delivery for lost and granted it anew; the attempt goes on under the new lease.
            del self._runs[known.lease]
            known.lease = assignment.lease
            self._runs[known.lease] = known
            self._outgoing.freed(assignment.handler)
            return
        context = TaskContext(facts_of(assignment), lambda percent, text: self._tell(run, percent, text))
        run = Run(handler, assignment, context, assignment.lease)
        self._runs[run.lease] = self._attempts[name] = run
        self.executing.start(run)

    def _tell(self, run: Run, percent: int | None, message: str | None) -> None:
        """Hand progress over from whatever thread the handler runs in."""
        self.executing.post(self.progressed, run, percent, message)

    def _on_cancels(self, message: WorkResponse.Cancels) -> None:
        for cancel in message.cancels:
            run = self._runs.get(cancel.lease)
            if run is not None:
                self.executing.cancel(run)

    def _on_result_acks(self, message: WorkResponse.ResultAcks) -> None:
        for number in message.result_numbers:
            self._results.pop(number, None)
        for refused in message.rejected_results:
            if self._results.pop(refused.result_number, None) is not None:
                _logger.info("result %d came too late: its lease is lost", refused.result_number)
        if self._draining:
            # Whoever waits for the worker to be idle looks again.
            self._speak()

    def _on_ping(self, _: WorkResponse.Ping) -> None:
        self._outgoing.pong()
        self._speak()

    def _on_go_away(self, message: WorkResponse.GoAway) -> None:
        self.reconnect_after = message.reconnect_after.ToMicroseconds() / 1e6

    def _room(self) -> dict[str, int]:
        room = dict(self._concurrency)
        for run in self._runs.values():
            room[run.handler.name] -= 1
        return room

    def _keep(self, result: TaskResult) -> None:
        self._last_number += 1
        result.result_number = self._last_number
        self._results[self._last_number] = result
        self._outgoing.result(result)

    def _forget(self, run: Run) -> None:
        del self._runs[run.lease]
        del self._attempts[_name(run.assignment)]

    def _hold_back(self) -> None:
        if not self._timer_runs:
            self._timer_runs = True
            self._later(HOLD_BACK_SECONDS, self._say_held_back)

    def _say_held_back(self) -> None:
        self._timer_runs = False
        if self._outgoing.holds_back:
            self._outgoing.say_held_back()
            self._speak()


def _name(assignment: Assignment) -> tuple[str, str, int, int]:
    return (assignment.execution, assignment.task_number, assignment.execution_attempt, assignment.attempt)
