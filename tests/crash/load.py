"""The load of the crash tests: one job is one execution, from its acceptance to its end, watched on the way."""

import asyncio
import contextlib
import itertools
import time

import grpc

from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from perdure.v1.execution_service_pb2 import ExecuteRequest, WaitExecutionRequest, WatchExecutionRequest
from tests.crash.endings import ENDINGS
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
        system: The system.
        choose: Draws what is done.
        done: How many jobs have come to their end.
    """

    def __init__(self, system, choose, leave_out=()):
        self.system = system
        self.choose = choose
        self._kinds = [kind for kind in (*OUTPUTS, *HELD_UP, *ENDINGS, "twice", "refused") if kind not in leave_out]
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
        kind = self.choose.choice(self._kinds)
        if kind in HELD_UP:
            await self.cancel_one(kind, number)
        elif kind in ENDINGS:
            await ENDINGS[kind](self, number)
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
        method = self.choose.choice(METHODS)
        request = self.request(integration, number, method)
        hurried = self.choose.random() < 0.3
        response = await self._execute(request, hurried=hurried)
        await self.follow(response.execution, number)
        await self.expect(response.execution, STATE.SUCCEEDED, OUTPUTS[integration])

    async def _execute_twice(self, number):
        """Sends one request on two calls at once."""
        request = self.request("chain", number, Execution.POST)
        one, two = await asyncio.gather(self._execute(request), self._execute(request))
        assert one.execution == two.execution
        await self.expect(one.execution, STATE.SUCCEEDED, OUTPUTS["chain"])

    async def _be_refused(self, number):
        request = self.request("one_task", number, Execution.POST_TO_QUEUE)
        request.input_parameters["unheard-of"].int_value = 1
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self._execute(request)

    async def cancel_one(self, integration, number, latest=4):
        """Cancels an execution after one of its first events."""
        name = await self.begin(integration, number)
        threshold = self.choose.randrange(1, latest)

        async def cancel(event):
            if event.sequence == threshold:
                await self.system.insist(lambda calls: calls.cancel(name, f"job {number}"))

        await self.follow(name, number, cancel)
        await self.expect(name, STATE.CANCELLED, None)

    async def begin(self, integration, number, **fields):
        """Starts an execution, with fields of the request; returns its name."""
        request = self.request(integration, number, Execution.POST_TO_QUEUE)
        request.MergeFrom(ExecuteRequest(**fields))
        return (await self._execute(request)).execution

    async def _execute(self, request, *, hurried=False):
        """Starts an execution; in a hurry it gives up soon, then comes back with the same request."""
        if hurried:
            life = await self.system.life()
            try:
                return await life.calls.execute(request, timeout=self.choose.random() * 0.05)
            except grpc.aio.AioRpcError as error:
                if not await self.system.may_go_on(life, error):
                    raise
        return await self.system.insist(lambda calls: calls.execute(request))

    async def follow(self, name, number, react=None):
        """Watches an execution to its end, on as many streams as it takes; reacts to each event, if told how."""
        request = WatchExecutionRequest(name=name, from_beginning=True)
        ended = False
        while not ended:
            life = await self.system.life()
            leave = self.choose.random() < 0.2
            try:
                async with contextlib.aclosing(life.calls.watch(f"job {number}", request)) as messages:
                    async for message in messages:
                        request.cursor = message.cursor
                        for event in message.events.events:
                            ended = ended or event.state_change.state in TERMINAL
                            if react is not None:
                                await react(event)
                        if leave:
                            break
            except grpc.aio.AioRpcError as error:
                if not await self.system.may_go_on(life, error):
                    raise

    async def expect(self, name, state, number, rollback=None):
        """Asserts how an execution ends: the state, the result if it is known, what became of the rollback."""
        request = WaitExecutionRequest(name=name, view=Execution.VIEW_FULL)
        execution = await self.system.insist(lambda calls: calls.wait(request))
        execution = await self.system.insist(lambda calls: calls.get(name))
        shown = STATE.Name(execution.execution_details.state)
        assert shown == STATE.Name(state), f"{name} is {shown}: {execution.error}"
        if rollback is not None:
            assert execution.execution_details.rollback.outcome == rollback, name
        if number is not None:
            assert execution.response_parameters["result"].int_value == number, name
