"""A server that is killed and started again under the same load, and the calls that find its present life."""

import asyncio
import contextlib
import time

import grpc

from perdure.client.status import failure_of
from perdure.testing.calls import RecordedCalls, outcome_of
from perdure.testing.logs import Fault, Logs, Outcome
from perdure.testing.recorder import Recorder, read_records
from perdure.v1.execution_service_pb2 import WaitExecutionRequest
from tests.crash.server_process import LEDGER, EndedEarly, ServerProcess

LOCATION = "projects/default/locations/local"
ALL = f"{LOCATION}/integrations/-"

CALLS = "calls.jsonl"
"""What those see who do the load."""
WATCHES = "watches.jsonl"
"""What those see who only watch."""


class Pulse(Recorder):
    """A recorder that lets a test wait for so many more records."""

    def __init__(self, path):
        super().__init__(path)
        self._count = 0
        self._waiting = []

    def write(self, record):
        super().write(record)
        self._count += 1
        due = [future for count, future in self._waiting if count <= self._count and not future.done()]
        self._waiting = [(count, future) for count, future in self._waiting if count > self._count]
        for future in due:
            future.set_result(None)

    async def more(self, records):
        """Waits until so many more records have been written."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((self._count + records, future))
        await future


class Life:
    """One life of the server as its callers know it."""

    def __init__(self, server, calls):
        self.server = server
        self.calls = calls
        self.over = asyncio.Event()


class System:
    """The lives of a server on one data directory.

    Args:
        directory: Where everything is.
        options: What `perdure serve` gets in every life.
        plant: The bug that the server has; see `tests.crash.plants`.
    """

    _life: Life

    def __init__(self, directory, *options, plant=""):
        self.directory = directory
        self._options = options
        self._plant = plant
        self.recorder = Pulse(directory / CALLS)
        self._lives = 0
        self._up = asyncio.Event()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self._stack.aclose()
        self.recorder.close()

    async def start(self, *options, **settings):
        """Begins the next life."""
        server = await self._stack.enter_async_context(
            ServerProcess(self.directory, *self._options, *options, plant=self._plant, **settings)
        )
        # Closing a channel would cancel the calls that have yet to learn that their server is gone.
        channel = await self._stack.enter_async_context(server.channel())
        self._lives += 1
        self._life = Life(server, RecordedCalls(channel, self.recorder, f"life {self._lives}"))
        self._up.set()
        return server

    async def start_to_die(self, what, **settings):
        """Begins a life in which the server ends by itself, sooner or later; returns its exit code when it has."""
        began = time.monotonic_ns()
        try:
            server = await self.start(**settings)
            code = await server.ended()
            self.bury()
        except EndedEarly as ended:
            code = ended.code
        self.recorder.write(Fault(what, began, time.monotonic_ns()))
        return code

    async def kill(self):
        """Ends the life of the server by SIGKILL."""
        await self._life.server.kill(self.recorder)
        self.bury()

    def bury(self):
        """Takes note that the server has ended."""
        self._up.clear()
        self._life.over.set()

    async def more(self, records):
        """Waits until the callers have seen so much more; fails if the server ends by itself first."""
        async with asyncio.TaskGroup() as group:
            enough = group.create_task(self.recorder.more(records))
            ended = group.create_task(self.server.process.wait())
            await asyncio.wait({enough, ended}, return_when=asyncio.FIRST_COMPLETED)
            assert enough.done(), f"the server ended by itself: {self.server.log_tail()}"
            ended.cancel()

    @property
    def server(self):
        return self._life.server

    async def life(self):
        """Waits until there is a server."""
        await self._up.wait()
        return self._life

    async def insist(self, call):
        """Makes a call until its outcome is known: on the next life of the server, if this one has ended.

        Raises:
            grpc.aio.AioRpcError: The call was refused, or was about an execution that did not succeed.
        """
        while True:
            life = await self.life()
            try:
                return await call(life.calls)
            except grpc.aio.AioRpcError as error:
                if not await self.may_go_on(life, error):
                    raise

    @staticmethod
    async def may_go_on(life, error):
        """Whether a call of unknown outcome can be made again; waits for the end of a server that is going."""
        reason = failure_of(error).reason
        if outcome_of(error.code(), reason) is not Outcome.UNKNOWN:
            return False
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED and not reason:
            await life.over.wait()
        else:
            await asyncio.sleep(0)
        return True

    async def settle(self):
        """Waits until every execution has ended, those that nobody waits for included, and looks at everything."""
        calls = (await self.life()).calls
        live = [execution.name async for execution in calls.list_all(ALL) if not execution.HasField("end_time")]
        while live:
            for name in live:
                await calls.wait(WaitExecutionRequest(name=name))
            live = [execution.name async for execution in calls.list_all(ALL) if not execution.HasField("end_time")]
        await calls.look_at_everything(ALL)

    async def newest_revision(self):
        """The store revision of the newest change of an execution."""
        calls = (await self.life()).calls
        return max([execution.store_revision async for execution in calls.list_all(ALL)])

    def logs(self):
        """Everything that was recorded."""
        paths = (self.directory / name for name in (CALLS, WATCHES, LEDGER))
        return Logs(tuple(record for path in paths if path.exists() for record in read_records(path)))
