"""A real server with a worker whose handlers do as a test tells them, and what the server says of it all."""

import asyncio
from collections import defaultdict, deque
from contextlib import asynccontextmanager

import grpc

from perdure import App, TaskContext
from perdure.runtime.supervisor import Supervisor
from perdure.testing.checker import check
from perdure.testing.logs import Got, History, Logs, Record
from perdure.testing.server import local_server
from perdure.v1 import execution_pb2, execution_service_pb2, integration_service_pb2, intervention_pb2
from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub
from perdure.v1.integration_service_pb2_grpc import IntegrationServiceStub
from perdure.worker.local import LocalTransport
from perdure.worker.registry import collect_handlers
from perdure.worker.worker import Worker, WorkerOptions
from tests.service.serving import definition

LOCATION = "projects/default/locations/local"
PATIENCE_SECONDS = 10
State = execution_pb2.ExecutionDetails.State
TaskState = execution_pb2.TaskExecutionDetails.TaskExecutionState


class Script:
    """What the handlers do. A call is named for its task, as in `a`, or `undo a`.

    Attributes:
        calls: All calls so far, in the order in which they began.
        contexts: The context of the last call of each name.
    """

    def __init__(self):
        self.calls = []
        self.contexts = {}
        self.given = {}
        self._failures = defaultdict(deque)
        self._held = {}
        self._changed = asyncio.Event()

    def fail(self, name, *errors):
        """Lets the next calls of a name raise errors; None lets one pass."""
        self._failures[name].extend(errors)

    def hold(self, *names):
        """Lets calls of some names wait, cancelled ones excepted."""
        self._held.update((name, asyncio.Event()) for name in names)

    def release(self, *names):
        """Lets calls that wait go on."""
        for name in names:
            self._held.pop(name).set()

    async def begun(self, name, count=1):
        """Waits until a call has begun so many times."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.calls.count(name) < count:
                self._changed.clear()
                await self._changed.wait()

    async def play(self, ctx, **given):
        """Is what every handler does."""
        name = f"undo {ctx.task}" if ctx.rollback else ctx.task
        self.calls.append(name)
        self.contexts[name] = ctx
        self.given[name] = given
        self._changed.set()
        if name in self._held:
            await self._held[name].wait()
        if self._failures[name] and (error := self._failures[name].popleft()) is not None:
            raise error


def app_of(script):
    """Makes the handlers `work` and `undo`."""
    app = App("played")

    @app.task()
    async def work(ctx: TaskContext, n: int = 0) -> int:
        await script.play(ctx, n=n)
        return n + 1

    @app.task()
    async def undo(ctx: TaskContext, n: int = -1, result: int = -1) -> None:
        await script.play(ctx, n=n, result=result)

    return app


class World:
    """A server, its worker, and stubs."""

    def __init__(self, script, local, channel):
        self.script = script
        self.server = local.server
        self.executions = ExecutionServiceStub(channel)
        self.integrations = IntegrationServiceStub(channel)

    async def deploy(self, name, text):
        await self.integrations.CreateIntegration(
            integration_service_pb2.CreateIntegrationRequest(
                parent=LOCATION, integration_id=name, integration=definition(text)
            )
        )

    async def start(self, name, **fields):
        """Starts an execution; returns its name."""
        fields.setdefault("execution_method", "POST_TO_QUEUE")
        request = execution_service_pb2.ExecuteRequest(name=f"{LOCATION}/integrations/{name}", **fields)
        return (await self.executions.Execute(request)).execution

    async def get(self, name, view="VIEW_BASIC"):
        return await self.executions.GetExecution(execution_service_pb2.GetExecutionRequest(name=name, view=view))

    async def ask(self, method, **fields):
        """Makes a call of the execution service."""
        of_service = hasattr(execution_service_pb2, f"{method}Request")
        request = getattr(execution_service_pb2 if of_service else intervention_pb2, f"{method}Request")
        return await getattr(self.executions, method)(request(**fields))

    async def cancel(self, name, **fields):
        return await self.ask("CancelExecution", name=name, **fields)

    async def until(self, name, holds):
        """Waits until Get shows an execution as wanted; returns it."""
        request = execution_service_pb2.WatchExecutionRequest(
            name=name,
            initial_state=True,
            mode=execution_service_pb2.WatchResponse.MODE_LATEST_STATE,
            until_terminal=False,
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for response in self.executions.WatchExecution(request):
                if response.HasField("executions") and holds(execution := await self.get(name)):
                    return execution
        raise AssertionError(f"{name} never was as wanted")

    async def until_event(self, name, holds):
        """Waits for the first event of an execution that is as wanted."""
        request = execution_service_pb2.WatchExecutionRequest(name=name, until_terminal=False, from_beginning=True)
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for response in self.executions.WatchExecution(request):
                for event in response.events.events:
                    if holds(event):
                        return event
        raise AssertionError(f"{name} had no such event")

    async def until_task(self, name, task, state):
        """Waits until a task has entered a state, however briefly."""
        wanted = (task, TaskState.Value(state))
        return await self.until_event(
            name, lambda event: (event.task_change.task_number, event.task_change.state) == wanted
        )

    async def stopped(self, name):
        """Waits until an execution stands at a breakpoint; returns it."""
        return await self.until(name, lambda execution: execution.HasField("stopped_at_breakpoint"))

    async def ended(self, name):
        """Waits for the end of an execution; returns it whole."""
        request = execution_service_pb2.WaitExecutionRequest(name=name)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.executions.WaitExecution(request)
        return await self.get(name, "VIEW_FULL")

    async def history(self, name):
        """Reads all events of an execution."""
        request = execution_service_pb2.ListExecutionEventsRequest(parent=name, page_size=1_000)
        return (await self.executions.ListExecutionEvents(request)).events

    async def logs(self):
        """Takes a last look at all executions, for the checker."""
        request = execution_service_pb2.ListExecutionsRequest(parent=f"{LOCATION}/integrations/-", page_size=1_000)
        records: list[Record] = []
        for execution in (await self.executions.ListExecutions(request)).executions:
            events = [event.SerializeToString() for event in await self.history(execution.name)]
            whole = (await self.get(execution.name, "VIEW_FULL")).SerializeToString()
            records += [History(execution.name, tuple(events)), Got(execution.name, "OK", whole)]
        return Logs(tuple(records), settled=False)

    async def task_states(self, name, task):
        """Lists the states that a task has been in, in order."""
        changes = [event.task_change for event in await self.history(name) if event.HasField("task_change")]
        return [TaskState.Name(change.state) for change in changes if change.task_number == task]


def state_of(execution):
    """Names the state of an execution."""
    return State.Name(execution.execution_details.state)


@asynccontextmanager
async def playing(data, script=None):
    """Serves from a directory, with a worker that plays a script."""
    script = script or Script()
    async with (
        local_server(app_of(script), data=data) as local,
        grpc.aio.insecure_channel(local.address) as channel,
    ):
        world = World(script, local, channel)
        yield world
        assert check(await world.logs()) == []


@asynccontextmanager
async def performing(server, app):
    """Has another worker, in this process, perform the handlers of an app."""
    worker = Worker(collect_handlers([app]), LocalTransport(server.open_session), WorkerOptions(shared_loop=True))
    supervisor = Supervisor()
    work = supervisor.spawn(worker.run(), "perform handlers")
    try:
        yield
    finally:
        worker.stop()
        await work
