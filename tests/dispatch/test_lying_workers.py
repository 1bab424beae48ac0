"""Workers that crash, freeze, forget, repeat themselves and lie, at random; and what must hold all the same.

1. No attempt is held by two workers at a time.
2. A result counts only if it comes from a worker that was given the attempt.
3. Every result that was acknowledged is in the engine's ledger, and every task ends exactly once.
4. No task waits while a willing worker has a credit for it.
5. Once there is an honest worker, everything ends, and nothing is left in the lease table.
"""

import random
from typing import Any

import pytest

from perdure.codec.tokens import Lease, TokenCodec
from perdure.v1 import worker_service_pb2 as pb
from tests.dispatch.harness import Ledger, Peer, Stage, hello, settle

TASKS = 12
STEPS = 250
FORGER = TokenCodec({1: b"f" * 32})


class Engine(Ledger):
    """A ledger that offers the next attempt when one failed or was lost."""

    def __init__(self):
        super().__init__()
        self.current = {f"t{number}": 1 for number in range(TASKS)}
        self.done = {}
        self.stage: Any = None

    async def _end(self, kind, key, task_id, execution_attempt, attempt, what=None):
        accepted = await super()._end(kind, key, task_id, execution_attempt, attempt, what)
        if accepted:
            assert self.current[task_id] == attempt
            assert task_id not in self.done
            if kind == "succeeded":
                self.done[task_id] = what[1]
            else:
                self.current[task_id] += 1
                self.stage.offer(task_id, attempt=self.current[task_id])
        return accepted


class Liar:
    """One worker id, over all its sessions."""

    def __init__(self, play, name):
        self.play = play
        self.name = name
        self.peer: Any = None
        self.given = {}
        self.results = 0

    def learn(self):
        """Remember every assignment that ever arrived."""
        if self.peer is not None:
            for assignment in self.peer.assignments:
                self.given[assignment.lease] = (assignment.task_number, assignment.attempt)

    async def act(self, chance):
        if self.peer is None or self.peer.ended:
            await self.connect(chance)
            return
        leases = list(self.given) or ["nothing"]
        lease = chance.choice(leases)
        self.results += 1
        match chance.randrange(12):
            case 0 | 1:
                await self.peer.credit(work=chance.randint(1, 3))
            case 2 | 3:
                await self.peer.acknowledge(*chance.sample(leases, min(3, len(leases))))
            case 4 | 5:
                await self.peer.succeed(lease, self.results)
            case 6:
                await self.peer.succeed(lease, self.results)
                await self.peer.succeed(lease, self.results + 1)
                self.results += 1
            case 7:
                await self.peer.release(lease)
            case 8:
                await self.peer.pong()
            case 9 | 10:
                await self.lie(chance)
            case 11:
                self.peer.session.close()
                self.learn()
                self.peer = None

    async def lie(self, chance):
        """Report on an attempt of somebody else, with a lease that is stolen or forged."""
        victim = chance.choice(self.play.liars)
        task = f"t{chance.randrange(TASKS)}"
        forged = FORGER.seal_lease(Lease("default", "e1", task, 1, self.play.engine.current[task], 1))
        await self.peer.succeed(chance.choice([forged, *victim.given]), self.results)

    async def connect(self, chance):
        stage = self.play.stage
        held = chance.sample(list(self.given), min(len(self.given), chance.randrange(6)))
        incarnation = f"i{chance.choice([1, 1, 1, 2])}"
        self.learn()
        self.peer = Peer(stage.dispatcher.open_session(), stage.supervisor)
        await self.peer.session.receive(pb.WorkRequest(hello=hello(self.name, incarnation=incarnation, held=held)))
        await settle()


class Play:
    """A server, five liars and a seed."""

    def __init__(self):
        self.engine = Engine()
        self.stage = Stage(ledger=self.engine)
        self.engine.stage = self.stage
        self.liars = [Liar(self, f"w{number}") for number in range(5)]

    async def run(self, seed):
        chance = random.Random(seed)
        for task in self.engine.current:
            self.stage.offer(task)
        for _ in range(STEPS):
            if chance.random() < 0.15:
                await self.stage.alarms.advance(chance.choice([0.5, 3, 5, 11, 31]))
            else:
                await chance.choice(self.liars).act(chance)
            for liar in self.liars:
                liar.learn()
            self.check()

    def check(self):
        leases = self.stage.dispatcher._leases
        workers = self.stage.dispatcher._workers.values()
        held = [attempt for worker in workers for attempt in worker.leases.values()]
        assert len(held) == len(set(map(id, held)))
        for worker in workers:
            for lease, attempt in worker.leases.items():
                assert attempt.lease == lease
                assert attempt.holder is worker
                assert not attempt.is_queued
        for takers in leases._takers.values():
            for session in takers:
                assert session.worker.session is session
        if len(leases._queues):
            assert not leases._takers
        for task, worker_id in self.engine.done.items():
            liar = next(liar for liar in self.liars if liar.name == worker_id)
            assert (task, self.engine.current[task]) in liar.given.values()

    async def finish(self):
        """Let an honest worker have the rest."""
        for liar in self.liars:
            if liar.peer is not None:
                liar.peer.session.close()
        await self.stage.alarms.advance(62)
        honest = await self.stage.connect("honest")
        await honest.credit(work=TASKS)
        for number, lease in enumerate(honest.leases, 1):
            await honest.succeed(lease, number)
        assert honest.acknowledged == list(range(1, len(honest.leases) + 1))
        await honest.drain()
        assert honest.ended
        assert len(self.engine.done) == TASKS
        assert self.stage.dispatcher._leases._attempts == {}
        assert self.stage.dispatcher._leases._takers == {}
        assert self.stage.dispatcher._workers == {}
        await self.stage.supervisor.close()


@pytest.mark.parametrize("seed", range(12))
async def test_no_lie_changes_what_must_hold(seed):
    play = Play()
    await play.run(seed)
    await play.finish()
