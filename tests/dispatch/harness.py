"""A dispatcher with its ports in the hands of a test: time, the engine's answers, and workers that do as told."""

import asyncio
import heapq
from itertools import count

from perdure.codec.tokens import TokenCodec
from perdure.codec.values import encode_python, message_from_value
from perdure.dispatch.dispatcher import Dispatcher
from perdure.dispatch.settings import DispatchSettings
from perdure.domain.errors import Unavailable
from perdure.engine.ports import Offer
from perdure.runtime.supervisor import Supervisor
from perdure.store.records import ExecutionKey
from perdure.v1 import worker_service_pb2 as pb

KEYS = {1: b"k" * 32}
TURNS = 50
"""Turns of the loop after which everything that can happen without time passing has happened."""


async def settle():
    """Let everything happen that needs no time."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class ManualAlarms:
    """Monotonic time that passes when the test says so."""

    class Entry:
        cancelled = False

        def cancel(self):
            self.cancelled = True

    def __init__(self):
        self.time = 1_000.0
        self._heap = []
        self._numbers = count()

    def now(self):
        return self.time

    def call_at(self, due, callback):
        entry = self.Entry()
        heapq.heappush(self._heap, (due, next(self._numbers), callback, entry))
        return entry

    async def advance(self, seconds):
        """Let time pass, making each call at its time."""
        end = self.time + seconds
        while self._heap and self._heap[0][0] <= end:
            due, _, callback, entry = heapq.heappop(self._heap)
            self.time = max(self.time, due)
            if not entry.cancelled:
                callback()
                await settle()
        self.time = end
        await settle()


class FixedClock:
    """Only read once, for the first grant number."""

    def __init__(self, instant=1_700_000_000_000_000):
        self.instant = instant

    def now(self):
        return self.instant

    def call_at(self, instant, callback):
        raise NotImplementedError


class EvenChance:
    def jitter(self):
        return 0.5

    def execution_id(self):
        raise NotImplementedError


class Ledger:
    """The engine as the dispatcher sees it: writes down every report, and knows which attempts have ended.

    Attributes:
        reports: Every report that was accepted or found stale, as (kind, task id, attempt, what was reported).
        refusing: Whether the store takes nothing now.
        durable: Reports return when this is set, as if a commit were under way.
    """

    def __init__(self):
        self.reports = []
        self.sessions = []
        self.gone = set()
        self.refusing = False
        self.durable = asyncio.Event()
        self.durable.set()
        self.changed = asyncio.Event()

    async def _end(self, kind, key, task_id, execution_attempt, attempt, what=None):
        if self.refusing:
            raise Unavailable("the disk is full")
        name = (key, task_id, execution_attempt, attempt)
        is_current = name not in self.gone
        if is_current:
            self.gone.add(name)
            self.reports.append((kind, task_id, attempt, what))
        else:
            self.reports.append(("stale", task_id, attempt, what))
        self.changed.set()
        await self.durable.wait()
        return is_current

    async def succeeded(self, key, task_id, execution_attempt, attempt, outputs, worker):
        return await self._end("succeeded", key, task_id, execution_attempt, attempt, (outputs, worker))

    async def failed(self, key, task_id, execution_attempt, attempt, failure, worker):
        return await self._end("failed", key, task_id, execution_attempt, attempt, (failure, worker))

    async def stopped(self, key, task_id, execution_attempt, attempt):
        return await self._end("stopped", key, task_id, execution_attempt, attempt)

    async def lost(self, key, task_id, execution_attempt, attempt):
        return await self._end("lost", key, task_id, execution_attempt, attempt)

    async def progressed(self, key, task_id, execution_attempt, attempt, message, percent):
        if self.refusing:
            raise Unavailable("the disk is full")
        self.reports.append(("progressed", task_id, attempt, (message, percent)))
        self.changed.set()
        return (key, task_id, execution_attempt, attempt) not in self.gone

    async def is_current(self, key, task_id, execution_attempt, attempt):
        await asyncio.sleep(0)
        return (key, task_id, execution_attempt, attempt) not in self.gone

    async def session_opened(self, worker, incarnation, embedded):
        if self.refusing:
            raise Unavailable("the disk is full")
        self.sessions.append(("opened", worker, incarnation, embedded))

    async def session_closed(self, worker):
        if self.refusing:
            raise Unavailable("the disk is full")
        self.sessions.append(("closed", worker))
        self.changed.set()

    def kinds(self):
        return [(kind, task) for kind, task, _, _ in self.reports]


class Peer:
    """A worker that sends what the test tells it to, and keeps everything it hears."""

    def __init__(self, session, supervisor):
        self.session = session
        self.heard = []
        self.ended = False
        self.failure = None
        self.listening = supervisor.spawn(self._listen(), "peer")

    async def _listen(self):
        try:
            async for response in self.session.responses():
                self.heard.append(response)
        except Exception as error:
            self.failure = error
        self.ended = True

    async def send(self, **message):
        await self.session.receive(pb.WorkRequest(**message))
        await settle()

    async def credit(self, **counts):
        batch = [pb.Credit(handler=handler, count=count) for handler, count in counts.items()]
        await self.send(credits=pb.WorkRequest.Credits(credits=batch))

    async def acknowledge(self, *leases):
        await self.send(delivery_acks=pb.WorkRequest.DeliveryAcks(leases=leases))

    async def succeed(self, lease, number=1, **outputs):
        values = {name: message_from_value(encode_python(value)) for name, value in outputs.items()}
        await self.result(lease, number, succeeded=pb.TaskResult.Succeeded(outputs=values))

    async def result(self, lease, number=1, **outcome):
        result = pb.TaskResult(result_number=number, lease=lease, **outcome)
        await self.send(results=pb.WorkRequest.Results(results=[result]))

    async def release(self, *leases):
        await self.send(releases=pb.WorkRequest.Releases(releases=[pb.Release(lease=lease) for lease in leases]))

    async def pong(self):
        await self.send(pong=pb.WorkRequest.Pong())

    async def drain(self):
        await self.send(drain=pb.WorkRequest.Drain())

    def all(self, kind):
        return [getattr(response, kind) for response in self.heard if response.WhichOneof("message") == kind]

    @property
    def welcome(self):
        return self.all("welcome")[0]

    @property
    def assignments(self):
        return [assignment for batch in self.all("assignments") for assignment in batch.assignments]

    @property
    def tasks(self):
        return [assignment.task_number for assignment in self.assignments]

    @property
    def leases(self):
        return [assignment.lease for assignment in self.assignments]

    @property
    def cancels(self):
        return [cancel for batch in self.all("cancels") for cancel in batch.cancels]

    @property
    def acknowledged(self):
        return [number for batch in self.all("result_acks") for number in batch.result_numbers]

    @property
    def rejected(self):
        return [
            (refused.result_number, refused.reason)
            for batch in self.all("result_acks")
            for refused in batch.rejected_results
        ]


class Stage:
    """A dispatcher, its ledger and its time."""

    def __init__(self, ledger=None, first_grant=None, **settings):
        self.supervisor = Supervisor()
        self.ledger = ledger or Ledger()
        self.alarms = ManualAlarms()
        self.tokens = TokenCodec(KEYS)
        self.dispatcher = Dispatcher(
            self.tokens,
            self.ledger,
            self.supervisor,
            clock=FixedClock(first_grant) if first_grant else FixedClock(),
            chance=EvenChance(),
            settings=DispatchSettings(**settings),
            alarms=self.alarms,
        )
        self._orders = count(1)

    def offer(
        self, task_id, handler="work", *, priority=0, project="default", attempt=1, order=None, undo=None, **inputs
    ):
        """Offers an attempt; `undo` has the outputs of the task that it is to undo."""
        self.dispatcher.offer(
            Offer(
                key=key_of(project),
                execution_name=f"projects/{project}/locations/local/integrations/order/executions/e1",
                integration=f"projects/{project}/locations/local/integrations/order",
                revision_id="000001-abc",
                task_id=task_id,
                execution_attempt=1,
                attempt=attempt,
                handler=handler,
                priority=priority,
                order=order if order is not None else next(self._orders),
                inputs={name: encode_python(value) for name, value in inputs.items()},
                deadline=1_700_000_000_123_456,
                idempotency_key=f"e1/1/{task_id}",
                trace_parent="",
                trace_state="",
                development=undo is not None,
                rollback=undo is not None,
                forward_outputs={name: encode_python(value) for name, value in (undo or {}).items()},
                forward_outcome_unknown=undo == {},
            )
        )

    def stop(self, task_id, attempt=1):
        return self.dispatcher.stop(key_of("default"), task_id, 1, attempt, "no longer wanted", 10_000_000)

    def holds(self, task_id, attempt=1):
        return self.dispatcher.holds(key_of("default"), task_id, 1, attempt)

    async def connect(self, worker_id="w1", *handlers, **fields):
        peer = Peer(self.dispatcher.open_session(), self.supervisor)
        await peer.session.receive(pb.WorkRequest(hello=hello(worker_id, *handlers, **fields)))
        await settle()
        return peer


def key_of(project):
    return ExecutionKey(project, "e1")


def hello(worker_id="w1", *handlers, incarnation="i1", parent="projects/default/locations/local", held=(), version=1):
    return pb.WorkRequest.Hello(
        parent=parent,
        worker_id=worker_id,
        incarnation=incarnation,
        protocol_version=version,
        handlers=[pb.Handler(name=name) for name in handlers or ("work",)],
        held_leases=held,
    )
