"""A crowd of watchers of every kind, the bad ones included, that outlives the server that it watches.

Nobody waits for time but those whose streams have deadlines: the slow wait for what others see, and those that never
read wait for their server's end.
"""

import asyncio
import contextlib
import itertools
from typing import Any, NamedTuple

import grpc

from perdure.client import Client
from perdure.testing.calls import RecordedCalls
from perdure.testing.proxy import Direction, Proxy
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WatchExecutionRequest, WatchExecutionsRequest, WatchResponse
from tests.crash.load import HELD_UP, Load
from tests.crash.recorded_watch import record_watch
from tests.crash.system import ALL, LOCATION, WATCHES, Pulse

EVERY, LATEST = WatchResponse.MODE_EVERY_EVENT, WatchResponse.MODE_LATEST_STATE

QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"filter": "state = PROCESSING"},
    {"filter": "NOT end_time:*"},
    {"filter": "labels.job = 1*"},
    {"parent": f"{LOCATION}/integrations/chain"},
    {"parent": f"{LOCATION}/integrations/nested", "include_sub_executions": True},
    {"filter": "current_task = patient* OR state = RETRY_ON_HOLD"},
    {"filter": "error.code = EXECUTION_CANCELLED OR duration > 0.2s"},
    {"filter": "execution_method = SCHEDULE AND state != SUCCEEDED"},
    {"filter": "started_by = PARENT AND NOT state = SUCCEEDED"},
    {"filter": "parameters.number = 7 AND trigger_id:*"},
    {"filter": "state = SUSPENDED OR snapshot_number = 1 AND parent:*"},
)
"""What watches of many executions ask for."""

STARTS = (
    {"from_beginning": True},
    {"from_now": True},
    {"initial_state": True},
    {"from_beginning": True, "mode": LATEST},
    {"initial_state": True, "mode": LATEST},
)

TREES = ("nested", "each_nested", "nested_held_up", "each_item")
SINGLES = ("chain", "retried", "restarted", "side_by_side")


class Sizes(NamedTuple):
    """How many watchers there are of each kind: healthy ones, then the others."""

    wide: int = 0
    tree: int = 0
    single: int = 0
    client: int = 0
    slow: int = 0
    silent: int = 0
    restless: int = 0
    vanishing: int = 0


A_HUNDRED = Sizes(wide=24, tree=6, single=6, client=4, slow=20, silent=20, restless=10, vanishing=10)

SEEN_MEANWHILE = 150
"""How many messages the others see before a slow one reads on, and before some vanish."""
SHORTEST_STREAM, LONGEST_STREAM = 0.05, 0.5
PATIENCE = 120.0


class Crowd:
    """Watchers of a system, each with a name of its own.

    Args:
        system: What they watch.
        choose: Draws how they do.
        sizes: How many there are.
        gives_up: Whether a watcher that is refused goes away; otherwise that is an error.
    """

    def __init__(self, system, choose, sizes, *, gives_up=False):
        self._sizes = sizes
        self._gives_up = gives_up
        self._recorder = Pulse(system.directory / WATCHES)
        self._system = system
        self._choose = choose
        self._numbers = itertools.count(1_000_000)
        self._over = asyncio.Event()
        self._final = 0
        self._stack = contextlib.AsyncExitStack()
        self._calls = {}

    @contextlib.asynccontextmanager
    async def watching(self):
        """Lets them watch; in the end everybody has to have seen what `come_to_the_end` says."""
        async with self._stack:
            self._stack.callback(self._recorder.close)
            self._proxy = await self._stack.enter_async_context(Proxy((await self._system.life()).server.port))
            async with asyncio.TaskGroup() as group:
                steering = group.create_task(self._steer())
                watchers = [group.create_task(watcher) for watcher in self._watchers()]
                yield
                await asyncio.wait(watchers)
                steering.cancel()

    async def more(self, records):
        """Waits until they have seen so much more."""
        await self._recorder.more(records)

    def come_to_the_end(self, revision):
        """Lets everybody read on until they have seen all up to a store revision."""
        self._final = revision
        self._over.set()

    def _watchers(self):
        for index in range(self._sizes.wide):
            yield self._follow(f"wide {index}", ask(index), f"healthy {index % 4}")
        for index in range(self._sizes.tree):
            yield self._follow_trees(f"tree {index}", index)
        for index in range(self._sizes.single):
            yield self._follow_singles(f"single {index}", index)
        for index in range(self._sizes.client):
            yield self._follow_by_client(f"client {index}", index)
        for index in range(self._sizes.slow):
            yield self._follow(f"slow {index}", ask(index), f"slow {index}", pause=self._see_the_others)
        for index in range(self._sizes.silent):
            yield self._be_silent(f"silent {index}", index)
        for index in range(self._sizes.restless):
            yield self._follow(f"restless {index}", ask(index), f"restless {index % 2}", timeout=self._soon)
        yield self._vanish_again_and_again()

    def _soon(self):
        return self._choose.uniform(SHORTEST_STREAM, LONGEST_STREAM)

    async def _see_the_others(self, *ends):
        """Waits until the others have seen much, or until the end of something."""
        await first_of(self._recorder.more(SEEN_MEANWHILE), self._over.wait(), *ends)

    def _is_all(self, message):
        """Whether a watcher has come to the end with a message."""
        is_mark = message.HasField("progress") or message.HasField("synced")
        return self._over.is_set() and is_mark and message.store_revision >= self._final

    async def _calls_of(self, life, connection, address=""):
        """Finds the calls of a life over one connection; whoever blocks it blocks nobody on another."""
        key = (id(life), connection)
        if key not in self._calls:
            channel = await self._stack.enter_async_context(life.server.channel(address))
            self._calls[key] = RecordedCalls(channel, self._recorder, f"crowd {len(self._calls)}")
        return self._calls[key]

    async def _follow(self, watcher, request, connection, *, pause=None, timeout=None):
        """Watches to the end, on as many streams as it takes."""
        while True:
            life = await self._system.life()
            calls = await self._calls_of(life, connection)
            # In the end the stream has to be open for as long as the last mark takes.
            seconds = None if timeout is None or self._over.is_set() else timeout()
            stream = calls.watch(watcher, request, seconds)
            is_over = True
            try:
                async with contextlib.aclosing(stream) as messages:
                    async for message in messages:
                        request.cursor = message.cursor
                        request.initial_state = False
                        is_over = not message.HasField("going_away")
                        if self._is_all(message):
                            return
                        if pause is not None:
                            await pause()
            except grpc.aio.AioRpcError as error:
                if not await self._system.may_go_on(life, error):
                    if self._gives_up:
                        return
                    raise
            else:
                if is_over:
                    return

    async def _follow_trees(self, watcher, index):
        """Watches one tree after the other, each to its end."""
        for kind in itertools.islice(itertools.cycle(TREES), index, None):
            if self._over.is_set():
                return
            name = await self._begin(kind)
            request: WatchExecutionRequest | WatchExecutionsRequest
            if self._choose.random() < 0.5:
                request = WatchExecutionRequest(name=name, include_sub_executions=True)
            else:
                request = WatchExecutionsRequest(
                    parent=name, filter="state != SUCCEEDED", from_beginning=True, until_terminal=True
                )
            await self._follow(f"{watcher} {name}", request, watcher)

    async def _follow_singles(self, watcher, index):
        """Watches one execution after the other, each to its end."""
        for kind in itertools.islice(itertools.cycle(SINGLES), index, None):
            if self._over.is_set():
                return
            name = await self._begin(kind)
            request = WatchExecutionRequest(name=name, mode=self._choose.choice((LATEST, EVERY)))
            await self._follow(f"{watcher} {name}", request, watcher)

    async def _begin(self, kind):
        request = Load.request(kind, next(self._numbers), Execution.POST_TO_QUEUE)
        name = (await self._system.insist(lambda calls: calls.execute(request))).execution
        if kind in HELD_UP:
            await self._system.insist(lambda calls: calls.cancel(name, "seen enough"))
        return name

    async def _follow_by_client(self, watcher, index):
        """Watches as users do; what it hands out is recorded as one stream that never breaks."""
        request = ask(index)
        async with (
            Client(f"127.0.0.1:{self._proxy.port}", patience=PATIENCE) as client,
            client.watch_all(request.parent, **options_of(request)) as watch,
        ):
            async for message in record_watch(self._recorder, watcher, request, watch):
                if self._is_all(message):
                    return

    async def _be_silent(self, watcher, index):
        """Opens a stream in each life of the server, and reads none of it before that is over."""
        for number in itertools.count(1):
            life = await self._system.life()
            calls = await self._calls_of(life, watcher)
            stream = calls.watch(f"{watcher}, life {number}", ask(index))
            await first_of(life.over.wait(), self._over.wait())
            try:
                async with contextlib.aclosing(stream) as messages:
                    async for message in messages:
                        if self._is_all(message):
                            return
            except grpc.aio.AioRpcError as error:
                if not await self._system.may_go_on(life, error):
                    raise

    async def _steer(self):
        """Leads the connections of clients to the server that there is."""
        while True:
            life = await self._system.life()
            self._proxy.upstream = life.server.port
            await life.over.wait()

    async def _vanish_again_and_again(self):
        """In each life of the server some watch for a while; then the network to them is a black hole."""
        for number in itertools.count(1):
            life = await first_of(self._system.life(), self._over.wait())
            if self._over.is_set():
                return
            async with Proxy(life.server.port) as proxy, asyncio.TaskGroup() as group:
                calls = await self._calls_of(life, "vanishing", f"127.0.0.1:{proxy.port}")
                watchers = [
                    group.create_task(watch_until_lost(calls, f"vanishing {index}, life {number}", ask(index)))
                    for index in range(self._sizes.vanishing)
                ]
                await self._see_the_others(life.over.wait())
                for direction in Direction:
                    proxy.blackhole(direction)
                await first_of(life.over.wait(), self._over.wait())
                for watcher in watchers:
                    watcher.cancel()


async def watch_until_lost(calls, watcher, request):
    """Watches as long as the connection lasts."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        async with contextlib.aclosing(calls.watch(watcher, request)) as messages:
            async for _ in messages:
                pass


async def first_of(*ways):
    """Waits for the first of several things to happen; returns what came of it."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()


def ask(index):
    """What the watcher of a number asks for."""
    request = WatchExecutionsRequest(
        **{"parent": ALL} | QUESTIONS[index % len(QUESTIONS)] | STARTS[index % len(STARTS)]
    )
    request.progress_interval.seconds = 1
    return request


def options_of(request):
    """The options by which a client asks for the same."""
    options = {field.name: value for field, value in request.ListFields() if field.name != "parent"}
    return options | {"progress_interval": request.progress_interval.ToTimedelta()}
