"""An engine on a real store, with time that stands still and workers that a test plays itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from perdure.codec.integrations import canonical_bytes, find_faults
from perdure.codec.revisions import encode_revision
from perdure.codec.values import decode_value, encode_python
from perdure.domain.states import ExecutionMethod
from perdure.engine.engine import Engine
from perdure.engine.environment import Environment
from perdure.engine.integrations import Draft
from perdure.engine.ports import Change, Offer, Stopped
from perdure.engine.start_request import StartRequest
from perdure.expression.cel import DIALECT, CelEvaluator
from perdure.runtime.supervisor import Supervisor
from perdure.store.errors import StoreRefused
from perdure.store.queries import ListQuery, Scope
from perdure.store.records import ExecutionKey, IntegrationKey
from perdure.store.sqlite.store import SqliteStore
from perdure.testing.chance import ScriptedChance
from perdure.testing.clock import FakeClock
from perdure.v1.integration_pb2 import Integration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from perdure.domain.execution import Execution
    from perdure.engine.starting import Accepted
    from perdure.store.records import ExecutionRow

PATIENCE_SECONDS = 20.0


class Workers:
    """The port to the workers: keeps what is offered until the test performs it."""

    def __init__(self) -> None:
        self.offers: asyncio.Queue[Offer] = asyncio.Queue()
        self.seen: list[Offer] = []
        self.stopped: list[tuple[str, int]] = []
        self.held: set[tuple[ExecutionKey, str, int, int]] = set()
        self.answer_to_stop = Stopped.TOLD

    def offer(self, offer: Offer) -> None:
        self.seen.append(offer)
        self.offers.put_nowait(offer)

    def stop(
        self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int, reason: str, grace: int
    ) -> Stopped:
        self.stopped.append((task_id, attempt))
        return self.answer_to_stop

    def holds(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        return (key, task_id, execution_attempt, attempt) in self.held

    async def next(self) -> Offer:
        """Wait for the next offer."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.offers.get()


class Published:
    """The port to the watchers: keeps what becomes durable, in order."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.deletions: list[tuple[list[ExecutionKey], int]] = []

    def publish(self, change: Change) -> None:
        self.changes.append(change)

    def deleted(self, keys: Sequence[ExecutionKey], revision: int) -> None:
        self.deletions.append((list(keys), revision))

    def of(self, key: ExecutionKey) -> list[Change]:
        """List what changed in one execution."""
        return [change for change in self.changes if change.created.key == key]


def assert_chain(changes: Sequence[Change]) -> None:
    """Hold that each change of an execution begins where the one before has ended."""
    for former, latter in pairwise(changes):
        # Only one that was deleted in between begins again.
        if latter.before is None and latter.first_sequence == 1:
            continue
        assert latter.before == former.facts
        assert latter.first_sequence == former.sequence + 1
        assert latter.position > former.position
        assert latter.created == former.created
    for change in changes:
        assert change.sequence == change.first_sequence + len(change.events) - 1


class Bench:
    """One life of a server without its edge."""

    def __init__(self, store: SqliteStore, clock: FakeClock, chance: ScriptedChance) -> None:
        self.store = store
        self.clock = clock
        self.supervisor = Supervisor()
        self.environment = Environment(store, clock, chance, CelEvaluator(), self.supervisor)
        self.workers = Workers()
        self.published = Published()
        self.engine = Engine(self.environment, self.published)

    async def deploy(self, name: str, tasks: Sequence[object], **definition: Any) -> None:
        message = json_format.ParseDict({"tasks": list(tasks), **definition}, Integration())
        assert find_faults(message, self.environment.evaluator) == []
        draft = Draft(
            canonical_bytes(message), encode_revision(message, DIALECT), tuple(t.trigger_id for t in message.triggers)
        )
        await self.engine.integrations.update(IntegrationKey("p", name), draft, "tester", allow_missing=True)

    async def execute(self, integration: str, inputs: dict[str, object] | None = None, **fields: Any) -> Accepted:
        given = {key: encode_python(value) for key, value in (inputs or {}).items()}
        fields.setdefault("method", ExecutionMethod.POST_TO_QUEUE)
        return await self.engine.starter.execute(StartRequest("p", integration, inputs=given, **fields))

    async def start(self, integration: str, inputs: dict[str, object] | None = None, **fields: Any) -> ExecutionKey:
        return (await self.execute(integration, inputs, **fields)).executions[0][0]

    async def succeed(self, offer: Offer, **outputs: object) -> bool:
        values = {key: encode_python(value) for key, value in outputs.items()}
        ids = (offer.key, offer.task_id, offer.execution_attempt, offer.attempt)
        return await self.engine.reports.succeeded(*ids, values, "worker")

    async def ended(self, key: ExecutionKey) -> Execution:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.engine.ended(key)

    async def state(self, key: ExecutionKey) -> Execution:
        """Read an execution as the store has it, not as memory has it."""
        return await self.engine.view(key, lambda execution, _: execution)

    async def rows(self, parent: ExecutionKey | None = None) -> list[ExecutionRow]:
        """List all executions, or the direct sub-executions of one, newest first."""
        scope = Scope("p", parent=parent.execution if parent else None)
        return (await self.engine.queries.list_page(ListQuery(scope, limit=1_000))).rows

    async def settle(self) -> None:
        """Wait until nothing is under way in the background."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.supervisor.wait_idle()


class Refusing:
    """Lets a test refuse the next commits that the engine gives to the real store."""

    def __init__(self, bench: Bench) -> None:
        self._submit = bench.store.submit
        self.refuse = False
        bench.store.submit = self._maybe  # type: ignore[method-assign]

    def _maybe(self, commit: object) -> asyncio.Future[None]:
        if not self.refuse:
            return self._submit(commit)  # type: ignore[arg-type]
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreRefused("disk full"))
        return future


def results(execution: Execution, task_id: str) -> dict[str, object]:
    """Decode the outputs of a task."""
    return {name: decode_value(value) for name, value in execution.tasks[task_id].outputs.items()}


@asynccontextmanager
async def running(
    directory: Path,
    clock: FakeClock | None = None,
    *,
    chance: ScriptedChance | None = None,
    lease_seconds: float = 30.0,
) -> AsyncIterator[Bench]:
    """Open the store in a directory, recover, run, and close as a crash would: without saying goodbye."""
    store = await SqliteStore.open(directory)
    bench = Bench(store, clock or FakeClock(), chance or ScriptedChance())
    try:
        await bench.engine.start(bench.workers, lease_seconds)
        yield bench
        for key in {change.created.key for change in bench.published.changes}:
            assert_chain(bench.published.of(key))
    finally:
        bench.engine.close()
        await bench.supervisor.close()
        await store.close()


ONE = [{"taskId": "a", "task": "work"}]
TWO = [{"taskId": "a", "task": "work", "nextTasks": [{"taskId": "b"}]}, {"taskId": "b", "task": "work"}]
