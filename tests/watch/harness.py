"""An engine with a hub on a real store, and watchers that a test lets read as much as it wants."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf.field_mask_pb2 import FieldMask

from perdure.codec.tokens import Cursor, TokenCodec
from perdure.engine.engine import Engine
from perdure.service.contents import read_contents
from perdure.service.projection import Projection
from perdure.service.snapshot_reading import SnapshotReader
from perdure.service.views import Views
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import Scope, log_position
from perdure.store.sqlite.store import SqliteStore
from perdure.testing.chance import ScriptedChance
from perdure.testing.clock import FakeClock
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.hub import WatchHub
from perdure.watch.order import AtCursor, Begin, Start, Until, WatchOrder
from perdure.watch.subject import Subject
from perdure.watch.watches import Watches
from tests.engine.harness import PATIENCE_SECONDS, Bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from perdure.store.records import ExecutionKey
    from perdure.v1.event_pb2 import ExecutionEvent

ALL = Scope("p")


class WatchedBench(Bench):
    """One life of a server without its edge, whose changes go to a hub."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store, FakeClock(), ScriptedChance())
        self.hub = WatchHub(store.committed_revision(), "local")
        self.engine = Engine(self.environment, self.hub)
        self.watches = Watches(self.engine, self.hub, TokenCodec(store.identity.token_keys))
        self.readers: list[Reader] = []

    def watch(
        self,
        scope: Scope = ALL,
        chosen: str = "",
        start: Start = Begin.NOW,
        *,
        latest: bool = False,
        view: int = Execution.VIEW_BASIC,
        mask: FieldMask | None = None,
        until: Until = Until.NEVER,
        resets: bool = False,
        progress_seconds: float = 60.0,
        reads: bool = True,
    ) -> Reader:
        """Open a watch."""
        contents = read_contents(0 if mask else view, mask or FieldMask(), default=Execution.VIEW_BASIC)
        order = WatchOrder(
            subject=Subject(scope, parse_filter(chosen), latest),
            start=start,
            projection=Projection(Views(self.engine, SnapshotReader(self.engine)), contents),
            until=until,
            resets=resets,
            progress_seconds=progress_seconds,
        )
        reader = Reader(self.watches, order, reads=reads)
        self.readers.append(reader)
        return reader

    async def finish(self, key: ExecutionKey) -> ExecutionKey:
        """Perform the tasks of an execution until it has ended."""
        ending = asyncio.create_task(self.ended(key))
        await asyncio.sleep(0)
        while not ending.done():
            offer = asyncio.create_task(self.workers.next())
            await asyncio.wait({ending, offer}, return_when=asyncio.FIRST_COMPLETED)
            if offer.done():
                await self.succeed(offer.result())
            else:
                offer.cancel()
        await ending
        return key

    async def run(self, integration: str = "one", **fields: Any) -> ExecutionKey:
        """Start an execution and perform its tasks."""
        return await self.finish(await self.start(integration, **fields))

    async def everything(self, scope: Scope = ALL, chosen: str = "") -> list[ExecutionEvent]:
        """Read all events of what has ended from the log."""
        reader = self.watch(scope, chosen, Begin.BEGINNING, until=Until.ALL_ENDED)
        return (await reader.to_the_end()).events

    async def so_far(self, chosen: str = "") -> list[ExecutionEvent]:
        """Read all events that there are now from the log."""
        reader = self.watch(ALL, chosen, Begin.BEGINNING, progress_seconds=0.001)
        await reader.until(lambda _: "progress" in reader.kinds)
        return reader.events

    def cursor(self, subject: Subject, *, revision: int = 0, **changes: object) -> AtCursor:
        """Make a cursor behind a store revision, as this server would but for the changes."""
        identity = self.store.identity
        fields = {
            "store_id": identity.store_id,
            "project": "p",
            "selection": subject.digest,
            "position": log_position(revision),
        }
        return AtCursor(TokenCodec(identity.token_keys).seal_cursor(Cursor(**{**fields, **changes})))  # type: ignore[arg-type]

    def watch_one(self, key: ExecutionKey, start: Start = Begin.BEGINNING, **fields: object) -> Reader:
        """Open a watch of one execution, which ends with it."""
        fields.setdefault("until", Until.NAMED_ENDS)
        return self.watch(Scope(key.project, execution=key.execution), "", start, **fields)  # type: ignore[arg-type]


def _set(signal: asyncio.Event, _: object) -> None:
    signal.set()


class Reader:
    """A watcher.

    Attributes:
        greeting: The `progress` with which the watch began, if there was nothing else to tell.
        messages: What it has read since.
        wires: The same as it came.
    """

    def __init__(self, watches: Watches, order: WatchOrder, *, reads: bool) -> None:
        self.order = order
        self.greeting: WatchResponse | None = None
        self.messages: list[WatchResponse] = []
        self.wires: list[bytes] = []
        self._reads = asyncio.Event()
        self._news = asyncio.Event()
        self._opened = asyncio.Event()
        self.stuck = asyncio.Event()
        if reads:
            self._reads.set()
        self.task = asyncio.create_task(watches.run(order, self._open, self._write))
        for signal in (self._news, self._opened):
            self.task.add_done_callback(partial(_set, signal))

    async def _open(self) -> None:
        self._opened.set()

    async def _write(self, message: bytes) -> None:
        self.stuck.set()
        await self._reads.wait()
        self.stuck.clear()
        response = WatchResponse.FromString(message)
        if self.greeting is None and not self.messages and response.HasField("progress"):
            self.greeting = response
        else:
            self.wires.append(message)
            self.messages.append(response)
        self._news.set()

    async def opened(self) -> Reader:
        """Wait until it is certain where the watch begins."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._opened.wait()
        if self.task.done():
            self.task.result()
        return self

    def read_on(self) -> None:
        """Take whatever comes."""
        self._reads.set()

    def stop_reading(self) -> None:
        """Take nothing more."""
        self._reads.clear()

    async def until(self, condition: Callable[[Reader], object]) -> Reader:
        """Read until a condition holds."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition(self):
                if self.task.done():
                    self.task.result()
                    raise AssertionError(f"the watch ended first, after {self.kinds}")
                self._news.clear()
                await self._news.wait()
        return self

    async def sees(self, count: int) -> list[ExecutionEvent]:
        """Read until so many events have come."""
        await self.until(lambda _: len(self.events) >= count)
        return self.events

    async def to_the_end(self) -> Reader:
        """Read until the watch ends by itself."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.task
        return self

    async def close(self) -> None:
        """Go away."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def events(self) -> list[ExecutionEvent]:
        """All events read."""
        return [event for message in self.messages for event in message.events.events]

    @property
    def kinds(self) -> list[str | None]:
        """What kind each message was."""
        return [message.WhichOneof("kind") for message in self.messages]

    @property
    def states(self) -> dict[str, Execution]:
        """What the reader knows: the last state of each execution that has not left."""
        known: dict[str, Execution] = {}
        for message in self.messages:
            if message.HasField("reset"):
                known.clear()
            for name in message.executions.left:
                known.pop(name, None)
            known.update((state.name, state) for state in message.executions.executions)
        return known

    def at(self, index: int = -1) -> AtCursor:
        """Go on behind one of the messages."""
        return AtCursor(self.messages[index].cursor)


@asynccontextmanager
async def watched(directory: Path) -> AsyncIterator[WatchedBench]:
    """Open the store in a directory, recover, run, and close."""
    store = await SqliteStore.open(directory)
    bench = WatchedBench(store)
    try:
        await bench.engine.start(bench.workers, 30.0)
        yield bench
    finally:
        for reader in bench.readers:
            await reader.close()
        bench.engine.close()
        await bench.supervisor.close()
        await store.close()
