"""Jobs of the load that are undone, decided, called back, paused or stepped, and what becomes of them."""

import asyncio

import grpc

from perdure.client.status import failure_of
from perdure.v1.breakpoint_pb2 import Breakpoints
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import ExecutionDetails
from perdure.v1.intervention_pb2 import StepExecutionRequest
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.suspension_service_pb2 import ResolveSuspensionRequest, SignalExecutionRequest

STATE = ExecutionDetails.State
ROLLBACK = ExecutionDetails.Rollback
STOPPED = ExecutionEvent.BreakpointChange.CAUSE_STOPPED

LIFTED, REJECTED = Suspension.RESOLUTION_STATE_LIFTED, Suspension.RESOLUTION_STATE_REJECTED
OPPOSITE = {LIFTED: REJECTED, REJECTED: LIFTED}

AMOUNT = 7
CHAIN_RESULT = 17
LATEST_PAUSE = 12
"""The event before which a chain is paused at the latest."""
EVENTS_BEFORE_HOLD = 6
"""The events of a saga that goes on until it is cancelled."""


async def insist_or_be_refused(load, call, *reasons):
    """Makes a call until its outcome is known; returns whether it was done and not refused for one of those reasons."""
    try:
        await load.system.insist(call)
    except grpc.aio.AioRpcError as error:
        if failure_of(error).reason not in reasons:
            raise
        return False
    return True


async def be_undone(load, integration, number, outcome=ROLLBACK.OUTCOME_COMPLETE):
    name = await load.begin(integration, number)
    await load.follow(name, number)
    await load.expect(name, STATE.FAILED, None, outcome)


async def saga(load, number):
    await be_undone(load, "saga", number)


async def stuck_saga(load, number):
    await be_undone(load, "stuck_saga", number, ROLLBACK.OUTCOME_INCOMPLETE)


async def costly_saga(load, number):
    await be_undone(load, "costly_saga", number)


async def uncalled(load, number):
    await be_undone(load, "uncalled", number)


async def cancelled_saga(load, number):
    await load.cancel_one("cancelled_saga", number, EVENTS_BEFORE_HOLD + 1)


async def succeed(load, integration, number):
    name = await load.begin(integration, number)
    await load.follow(name, number)
    await load.expect(name, STATE.SUCCEEDED, 8)


async def caught(load, number):
    await succeed(load, "caught", number)


async def undecided(load, number):
    await succeed(load, "undecided", number)


async def decided(load, number):
    """Decides as soon as that is possible, and finds that it cannot be decided otherwise."""
    name = await load.begin("decided", number)

    async def decide(event):
        change = event.suspension_change
        if change.state != Suspension.RESOLUTION_STATE_PENDING:
            return
        resolution = load.choose.choice((LIFTED, REJECTED))
        request = ResolveSuspensionRequest(name=change.suspension, resolution=resolution)
        await load.system.insist(lambda calls: calls.resolve(request))
        request.resolution = OPPOSITE[resolution]
        assert not await insist_or_be_refused(load, lambda calls: calls.resolve(request), "SUSPENSION_RESOLVED")

    await load.follow(name, number, decide)
    await load.expect(name, STATE.SUCCEEDED, 8)


async def called_back(load, number):
    """Sends two signals, each of them twice, before or while they are waited for, and one that comes too late."""
    name = await load.begin("called_back", number)
    moments = {f"signal {index}": load.choose.randrange(1, 6) for index in (1, 2)}

    def sending(signal_id):
        request = SignalExecutionRequest(name=name, signal="paid", signal_id=signal_id)
        request.payload["amount"].int_value = AMOUNT
        return insist_or_be_refused(load, lambda calls: calls.signal(request), "EXECUTION_ENDED")

    async def send(event):
        due = [signal_id for signal_id, moment in moments.items() if moment == event.sequence]
        await asyncio.gather(*(sending(signal_id) for signal_id in (*due, *due)))

    await load.follow(name, number, send)
    assert not await sending("too late")
    await load.expect(name, STATE.SUCCEEDED, 2 * AMOUNT + 2)


async def paused(load, number):
    """Is paused somewhere on the way, and resumed."""
    name = await load.begin("chain", number)
    moment = load.choose.randrange(1, LATEST_PAUSE)

    async def pause(event):
        if event.sequence == moment:
            await insist_or_be_refused(load, lambda calls: calls.pause(name), "EXECUTION_ENDED")
            await insist_or_be_refused(load, lambda calls: calls.resume(name), "EXECUTION_ENDED")

    await load.follow(name, number, pause)
    await load.expect(name, STATE.SUCCEEDED, CHAIN_RESULT)


async def stepped(load, number):
    """Stops before every task; a step that is asked for again may be one more."""
    breakpoints = Breakpoints(mode=Breakpoints.MODE_STEP_THROUGH)
    name = await load.begin("chain", number, breakpoints=breakpoints)

    async def step(event):
        if event.breakpoint_change.cause == STOPPED:
            action = load.choose.choice((StepExecutionRequest.ACTION_STEP, StepExecutionRequest.ACTION_CONTINUE))
            request = StepExecutionRequest(name=name, action=action)
            late = ("EXECUTION_NOT_STOPPED", "EXECUTION_ENDED")
            await insist_or_be_refused(load, lambda calls: calls.step(request), *late)

    await load.follow(name, number, step)
    await load.expect(name, STATE.SUCCEEDED, CHAIN_RESULT)


ENDINGS = {
    job.__name__: job
    for job in (
        saga,
        stuck_saga,
        costly_saga,
        cancelled_saga,
        caught,
        decided,
        undecided,
        called_back,
        uncalled,
        paused,
        stepped,
    )
}
"""Jobs by their names; each is done by a load, and has a number."""
