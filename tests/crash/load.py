"""The load of the crash tests: one job is one execution, from its acceptance to its end, watched on the way."""

import asyncio
import contextlib
import itertools
import time

import grpc

from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from perdure.v1.execution_service_pb2 import ExecuteRequest, WaitExecutionRequest, WatchExecutionRequest
from tests.crash.system import LOCATION

STATE = ExecutionDetails.State
IN_PROCESS = TaskExecutionDetails.TaskExecutionState.IN_PROCESS
TERMINAL = frozenset((STATE.SUCCEEDED, STATE.FAILED, STATE.CANCELLED))

OUTPUTS = {
    "one_task": 8,
    "chain": 17,
    "side_by_side": 24,
    "retried": 8,
    "restarted": 9,
    "timed": 8,
    "each_item": None,
    "nested": 18,
    "each_nested": None,
}
"""The integrations that succeed, and what they make of the number 7 where that is a number."""

HELD_UP = ("held_up", "nested_held_up")
"""The integrations that go on until they are cancelled."""

METHODS = (Execution.POST_TO_QUEUE, Execution.POST, Execution.SCHEDULE)


class Load:
    """Jobs against a system whose server may die at any time.

    Attributes:
        done: How many jobs have come to their end.
    """

    def __init__(self, system, choose):
        self._system = system
        self._choose = choose
        self._numbers = itertools.count(1)
        self.done = 0

    @contextlib.asynccontextmanager
    async def going_on(self, lanes):
        """Does so many jobs at a time, one after the other; at the end those that were begun are done."""
        over = asyncio.Event()

        async def do_jobs():
            while not over.is_set():
                await self.job()
                self.done += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(do_jobs())
            yield
            over.set()

    async def job(self):
        """Does one job of a random kind."""
        number = next(self._numbers)
        kind = self._choose.choice([*OUTPUTS, *HELD_UP, "twice", "refused"])
        if kind in HELD_UP:
            await self._cancel_one(kind, number)
        elif kind == "twice":
            await self._execute_twice(number)
        elif kind == "refused":
            await self._be_refused(number)
        else:
            await self._execute_one(kind, number)

    @staticmethod
    def request(integration, number, method):
        """Asks for an execution as the job of a number does."""
        request = ExecuteRequest(
            name=f"{LOCATION}/integrations/{integration}",
            request_id=f"job-{number}",
            execution_method=method,
            labels={"job": str(number)},
        )
        request.input_parameters["tag"].string_value = f"job {number}"
        request.input_parameters["number"].int_value = 7
        if method == Execution.SCHEDULE:
            request.schedule_time.FromMicroseconds(time.time_ns() // 1_000 + 200_000)
        return request

    async def _execute_one(self, integration, number):
        method = self._choose.choice(METHODS)
        request = self.request(integration, number, method)
        hurried = self._choose.random() < 0.3
        response = await self._execute(request, hurried=hurried)
        await self._follow(response.execution, number)
        await self._expect(response.execution, STATE.SUCCEEDED, OUTPUTS[integration])

    async def _execute_twice(self, number):
        """Sends one request on two calls at once."""
        request = self.request("chain", number, Execution.POST)
        one, two = await asyncio.gather(self._execute(request), self._execute(request))
        assert one.execution == two.execution
        await self._expect(one.execution, STATE.SUCCEEDED, OUTPUTS["chain"])

    async def _be_refused(self, number):
        request = self.request("one_task", number, Execution.POST_TO_QUEUE)
        request.input_parameters["unheard-of"].int_value = 1
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self._execute(request)

    async def _cancel_one(self, integration, number):
        """Cancels an execution after the first, second or third of its events."""
        response = await self._execute(self.request(integration, number, Execution.POST_TO_QUEUE))
        name = response.execution
        events = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(name, number, events, self._choose.randrange(1, 4)))
            await events.wait()
            await self._system.insist(lambda calls: calls.cancel(name, f"job {number}"))
            await self._expect(name, STATE.CANCELLED, None)

    async def _execute(self, request, *, hurried=False):
        """Starts an execution; in a hurry it gives up soon, then comes back with the same request."""
        if hurried:
            life = await self._system.life()
            try:
                return await life.calls.execute(request, timeout=self._choose.random() * 0.05)
            except grpc.aio.AioRpcError as error:
                if not await self._system.may_go_on(life, error):
                    raise
        return await self._system.insist(lambda calls: calls.execute(request))

    async def _follow(self, name, number, seen=None, threshold=0):
        """Watches an execution to its end, on as many streams as it takes.

        `seen` is set as soon as there were `threshold` events.
        """
        request = WatchExecutionRequest(name=name, from_beginning=True)
        after, ended = 0, False
        while not ended:
            life = await self._system.life()
            leave = self._choose.random() < 0.2
            try:
                async with contextlib.aclosing(life.calls.watch(f"job {number}", request)) as messages:
                    async for message in messages:
                        request.cursor = message.cursor
                        for event in message.events.events:
                            after = event.sequence
                            ended = ended or event.state_change.state in TERMINAL
                        if seen is not None and (after >= threshold or ended):
                            seen.set()
                        if leave:
                            break
            except grpc.aio.AioRpcError as error:
                if not await self._system.may_go_on(life, error):
                    raise

    async def _expect(self, name, state, number):
        request = WaitExecutionRequest(name=name, view=Execution.VIEW_FULL)
        execution = await self._system.insist(lambda calls: calls.wait(request))
        execution = await self._system.insist(lambda calls: calls.get(name))
        shown = STATE.Name(execution.execution_details.state)
        assert shown == STATE.Name(state), f"{name} is {shown}: {execution.error}"
        if number is not None:
            assert execution.response_parameters["result"].int_value == number, name
