"""Why an execution does not move: every cause, in every state and stage, over a real server (product.md, point 7)."""

import asyncio
import os
import signal
from functools import partial
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from perdure import PermanentError
from perdure.dispatch.settings import DispatchSettings
from perdure.domain.apply import first_state
from perdure.domain.events import ExecutionCreated
from perdure.domain.graph import build_graph
from perdure.domain.integration import Integration, TaskConfig
from perdure.domain.states import ExecutionMethod, ExecutionState, StartedBy
from perdure.service.explanation_blockers import explain as explain_state
from perdure.v1 import worker_service_pb2 as pb
from perdure.v1.execution_service_pb2 import CancelExecutionRequest, WaitExecutionRequest
from perdure.v1.explanation_pb2 import ExplainExecutionRequest
from perdure.v1.worker_service_pb2_grpc import WorkerServiceStub
from tests.service.played import State, playing
from tests.service.serving import INTEGRATIONS, LOCATION, create, refused, serving

UNDO = 'rollback { task: "undo" }'
HELD = 'rollback { task: "undo" failure_action: FAILURE_ACTION_HOLD }'
RETRIED = """rollback { task: "undo" failure_policy {
    retry_strategy: RETRY_STRATEGY_FIXED_INTERVAL max_retries: 2 interval { seconds: 3600 } } }"""
CHAIN = 'tasks { task_id: "a" task: "work" %s next_tasks { task_id: "b" } } tasks { task_id: "b" task: "work" } %s'
CATCHER = """
    error_catchers { error_catcher_id: "c" start_error_tasks { task_id: "k" } } error_catcher_id: "c"
    tasks { task_id: "k" task: "work" }
"""
TEARDOWN = 'teardown_tasks { task_id: "t" task: "work" }'
FIXED = "failure_policy { retry_strategy: RETRY_STRATEGY_FIXED_INTERVAL max_retries: 2 interval { seconds: 3600 } }"
RESTART = """failure_policy {
    retry_strategy: RETRY_STRATEGY_RESTART_INTEGRATION_WITH_BACKOFF max_retries: 2 interval { seconds: 3600 } }"""
WORK = 'tasks { task_id: "a" task: "work" %s }'
APPROVAL = """tasks { task_id: "s" suspend {
    who_may_resolve: "ann" who_may_resolve: "bob" expire_after { seconds: 3600 } lift_when_expired: true } }"""


async def explain(stubs, name):
    return await stubs.executions.ExplainExecution(ExplainExecutionRequest(name=name))


def kinds(told):
    """Lists what is told, each with its task."""
    return [(blocker.task_number, blocker.WhichOneof("kind")) for blocker in told.blockers]


async def until(stubs, name, *expected):
    """Asks until exactly this is told; what is told has its sentence and its time."""
    told: Any = None
    try:
        async with asyncio.timeout(20):
            while told is None or kinds(told) != list(expected):
                told = await explain(stubs, name)
    except TimeoutError:
        raise AssertionError(f"{kinds(told)} instead of {expected}: {told.summary}") from None
    for blocker in told.blockers:
        assert blocker.message
        assert blocker.HasField("since_time")
        assert len(told.blockers) > 3 or blocker.message in told.summary
    return told


async def cancel(stubs, name, **fields):
    await stubs.executions.CancelExecution(CancelExecutionRequest(name=name, **fields))


class Deaf:
    """A worker that hears what it is to do and never stops doing it."""

    def __init__(self, work):
        self.work = work
        self._results = 0

    @classmethod
    async def hired(cls, stubs, *handlers):
        """Connects a worker that takes one task at a time."""
        worker = cls(WorkerServiceStub(stubs.channel).Work())
        offered = handlers or ("work", "undo")
        hello = pb.WorkRequest.Hello(
            parent=LOCATION,
            worker_id="w1",
            incarnation="i",
            protocol_version=1,
            handlers=[pb.Handler(name=each) for each in offered],
        )
        await worker.work.write(pb.WorkRequest(hello=hello))
        assert (await worker.work.read()).HasField("welcome")
        return worker

    async def credit(self, handler):
        credit = pb.Credit(handler=handler, count=1)
        await self.work.write(pb.WorkRequest(credits=pb.WorkRequest.Credits(credits=[credit])))

    async def assignment(self):
        """Takes the next task."""
        for handler in ("work", "undo"):
            await self.credit(handler)
        while True:
            response = await self.work.read()
            if response.HasField("assignments"):
                (assignment,) = response.assignments.assignments
                acknowledged = pb.WorkRequest.DeliveryAcks(leases=[assignment.lease])
                await self.work.write(pb.WorkRequest(delivery_acks=acknowledged))
                return assignment

    async def succeed(self, assignment):
        """Reports that a task is done."""
        self._results += 1
        result = pb.TaskResult(result_number=self._results, lease=assignment.lease, succeeded=pb.TaskResult.Succeeded())
        await self.work.write(pb.WorkRequest(results=pb.WorkRequest.Results(results=[result])))


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        yield world


async def begin(world, text, *, hold=(), fail=None, **fields):
    """Deploys an integration and starts it, with a script for its handlers."""
    world.script.hold(*hold)
    for task, error in (fail or {}).items():
        world.script.fail(task, error)
    await world.deploy("told", text)
    return await world.start("told", **fields)


async def test_a_worker_that_performs_a_task_is_named_with_when_it_was_heard_of(world):
    name = await begin(world, WORK % "", hold=["a"])
    await world.script.begun("a")
    (blocker,) = (await until(world, name, ("a", "worker_working"))).blockers
    working = blocker.worker_working
    assert (working.handler, bool(working.worker)) == ("work", True)
    assert working.HasField("start_time")
    assert working.HasField("last_heard_time")
    assert blocker.message.startswith(f"worker {working.worker} performs task a (handler work, attempt 1)")


async def test_a_task_without_a_worker_and_one_behind_others_say_so(tmp_path):
    async with serving(tmp_path / "data", "idle") as stubs:
        first, second = [(await stubs.execute("idle")).execution for _ in range(2)]
        (blocker,) = (await until(stubs, second, ("w", "no_worker"))).blockers
        assert blocker.no_worker.handler == "nobody"
        worker = await Deaf.hired(stubs, "nobody")
        (blocker,) = (await until(stubs, second, ("w", "queued"))).blockers
        assert (blocker.queued.handler, blocker.queued.ahead, blocker.queued.workers) == ("nobody", 1, 1)
        assert (await explain(stubs, first)).blockers[0].queued.ahead == 0
        await worker.credit("nobody")
        await until(stubs, first, ("w", "worker_working"))
        await until(stubs, second, ("w", "queued"))
        worker.work.cancel()
        (blocker,) = (await until(stubs, first, ("w", "worker_silent"))).blockers
        assert blocker.worker_silent.worker == "w1"
        lease = blocker.worker_silent.lease_end_time.ToMicroseconds()
        heard = blocker.worker_silent.last_heard_time.ToMicroseconds()
        assert abs(lease - heard - 30_000_000) < 1_000
        await until(stubs, second, ("w", "no_worker"))


async def test_a_worker_process_that_is_frozen_is_silent_and_one_that_goes_on_is_not(tmp_path, monkeypatch):
    quick = partial(DispatchSettings, ping_interval=0.05, lease_ttl=3600.0)
    monkeypatch.setattr("perdure.server.DispatchSettings", quick)
    app = "tests.service.frozen:app"
    async with serving(tmp_path / "data", apps=(app,), workers="process") as stubs:
        await stubs.integrations.CreateIntegration(create("told", 'tasks { task_id: "a" task: "tell" }'))
        name = (await stubs.execute("told")).execution
        execution = None
        async with asyncio.timeout(20):
            while execution is None or not execution.message:
                execution = await stubs.executions.WaitExecution(WaitExecutionRequest(name=name, timeout=Duration()))
        process = int(execution.message)
        await until(stubs, name, ("a", "worker_working"))
        os.kill(process, signal.SIGSTOP)
        try:
            (blocker,) = (await until(stubs, name, ("a", "worker_silent"))).blockers
            assert "was not heard of for" in blocker.message
        finally:
            os.kill(process, signal.SIGCONT)
        await until(stubs, name, ("a", "worker_working"))
        await cancel(stubs, name, force=True)


async def test_an_attempt_from_before_a_restart_waits_for_its_worker(tmp_path):
    async with serving(tmp_path / "data", "idle") as stubs:
        name = (await stubs.execute("idle")).execution
        worker = await Deaf.hired(stubs, "nobody")
        await worker.credit("nobody")
        await until(stubs, name, ("w", "worker_working"))
    async with serving(tmp_path / "data") as stubs:
        (blocker,) = (await until(stubs, name, ("w", "worker_silent"))).blockers
        assert not blocker.worker_silent.worker
        assert "before the server was restarted" in blocker.message


# What the integration is, what its handlers do, how it is started, and what it then waits for.
CASES = {
    "a retry": (WORK % FIXED, {"fail": {"a": ValueError("not yet")}}, "RETRY_ON_HOLD", [("a", "retry")]),
    "a restart": (WORK % RESTART, {"fail": {"a": ValueError("not yet")}}, "RETRY_ON_HOLD", [("", "restart")]),
    "a schedule": (
        WORK % "",
        {"execution_method": "SCHEDULE", "schedule_time": Timestamp(seconds=4_000_000_000)},
        "PENDING",
        [("", "schedule")],
    ),
    "a timer": (INTEGRATIONS["wait"], {}, "SUSPENDED", [("t", "timer")]),
    "a person": (APPROVAL, {}, "SUSPENDED", [("s", "suspension")]),
    "a signal": (
        'tasks { task_id: "s" callback { signal: "paid" timeout { seconds: 3600 } } }',
        {},
        "SUSPENDED",
        [("s", "callback")],
    ),
    "several": (
        f"{APPROVAL} {INTEGRATIONS['wait']} {WORK % FIXED}",
        {"fail": {"a": ValueError("not yet")}},
        "SUSPENDED",
        [("a", "retry"), ("s", "suspension"), ("t", "timer")],
    ),
    "a breakpoint": (WORK % "", {"breakpoints": {}}, "PROCESSING", [("", "breakpoint")]),
    "a failure that is looked at": (
        WORK % FIXED,
        {
            "fail": {"a": ValueError("not yet")},
            "breakpoints": {"breakpoints": [{"task_number": "a", "position": "POSITION_ON_FAILURE"}]},
        },
        "PROCESSING",
        [("", "breakpoint"), ("a", "retry")],
    ),
    "its catcher": (
        WORK % "" + CATCHER,
        {"fail": {"a": PermanentError("no")}, "hold": ["k"]},
        "PROCESSING",
        [("k", "worker_working")],
    ),
    "an undo": (
        CHAIN % (UNDO, ""),
        {"fail": {"b": PermanentError("no")}, "hold": ["undo a"]},
        "PROCESSING",
        [("a", "worker_working")],
    ),
    "an undo that is tried again": (
        CHAIN % (RETRIED, ""),
        {"fail": {"b": PermanentError("no"), "undo a": ValueError("not yet")}},
        "PROCESSING",
        [("a", "retry")],
    ),
    "a decision on an undo": (
        CHAIN % (HELD, ""),
        {"fail": {"b": PermanentError("no"), "undo a": PermanentError("cannot")}},
        "SUSPENDED",
        [("a", "rollback_held")],
    ),
    "its teardown": (CHAIN % ("", TEARDOWN), {"hold": ["t"]}, "PROCESSING", [("t", "worker_working")]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_what_an_execution_waits_for_is_told(world, case):
    text, does, state, expected = case
    name = await begin(world, text, **does)
    told = await until(world, name, *expected)
    assert (State.Name(told.state), told.execution, told.paused) == (state, name, False)
    assert told.store_revision > 0


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_pause_is_told_besides(world, case):
    text, does, state, expected = case
    name = await begin(world, text, **does)
    await until(world, name, *expected)
    await world.ask("PauseExecution", name=name, reason="lunch")
    whole = [each for each in expected if not each[0]]
    tasks = [each for each in expected if each[0]]
    told = await until(world, name, ("", "paused"), *whole, *tasks)
    paused = told.blockers[0]
    assert (told.paused, paused.paused.principal, paused.paused.reason) == (True, "local", "lunch")
    assert "local paused it at " in paused.message
    assert State.Name(told.state) == state


async def test_a_retry_tells_when_and_why(world):
    name = await begin(world, WORK % FIXED, fail={"a": ValueError("not yet")})
    (blocker,) = (await until(world, name, ("a", "retry"))).blockers
    assert (blocker.retry.attempt, blocker.retry.error.message) == (2, "ValueError: not yet")
    assert blocker.retry.retry_time.ToMicroseconds() - blocker.since_time.ToMicroseconds() >= 3_600_000_000


async def test_a_decision_tells_who_may_make_it_and_when_it_is_made_by_itself(world):
    name = await begin(world, APPROVAL)
    (blocker,) = (await until(world, name, ("s", "suspension"))).blockers
    assert blocker.suspension.suspension == f"{name}/suspensions/1"
    assert list(blocker.suspension.who_may_resolve) == ["ann", "bob"]
    waited = blocker.suspension.expire_time.ToMicroseconds() - blocker.since_time.ToMicroseconds()
    assert waited == 3_600_000_000
    assert "the decision of ann, bob on suspension 1, which is lifted by itself at " in blocker.message


async def test_a_stop_tells_where_it_is_and_when_it_ends(world):
    name = await begin(world, WORK % "", breakpoints={})
    (blocker,) = (await until(world, name, ("", "breakpoint"))).blockers
    assert blocker.breakpoint == (await world.get(name)).stopped_at_breakpoint
    assert blocker.message.startswith("it stopped before task a and goes on by itself at ")


async def test_an_undo_that_is_held_tells_its_handler_and_why(world):
    fail = {"b": PermanentError("no"), "undo a": PermanentError("cannot")}
    name = await begin(world, CHAIN % (HELD, ""), fail=fail)
    told = await until(world, name, ("a", "rollback_held"))
    assert told.blockers[0].message.endswith("; somebody has to decide what becomes of it")
    assert (told.blockers[0].rollback_held.task, told.blockers[0].rollback_held.error.message) == ("undo", "cannot")
    assert told.summary.startswith("It will end FAILED (")
    assert "what it has done is undone before" in told.summary


async def test_a_sub_execution_and_items_are_named_with_their_states(world):
    await world.deploy("wait", INTEGRATIONS["wait"])
    above = 'tasks { task_id: "s" sub_integration { integration_id: "wait" } }'
    name = await begin(world, above)
    async with asyncio.timeout(20):
        while not (await explain(world, name)).blockers[0].sub_execution.state:
            pass
    (blocker,) = (await until(world, name, ("s", "sub_execution"))).blockers
    (child,) = (await world.get(name, "VIEW_FULL")).direct_sub_executions
    assert blocker.sub_execution.execution == child.name
    await until(world, child.name, ("t", "timer"))
    assert (await explain(world, name)).blockers[0].message.endswith("which is SUSPENDED")


async def test_a_loop_counts_its_items_and_names_those_at_work(world):
    loop = (
        """tasks { task_id: "f" for_each { items: "[1, 2, 3, 4]" item_parameter: "n" parallelism: 2 task: "work" } }"""
    )
    name = await begin(world, loop, hold=["item"])
    await world.script.begun("item", 2)
    (blocker,) = (await until(world, name, ("f", "items"))).blockers
    assert (blocker.items.live, blocker.items.waiting, blocker.items.finished) == (2, 2, 0)
    children = [each.name for each in (await world.get(name, "VIEW_FULL")).direct_sub_executions]
    assert list(blocker.items.executions) == sorted(children)
    assert blocker.message.endswith("2 are at work, 2 have not begun, 0 have ended")


async def test_a_cancel_waits_for_what_does_not_stop_then_for_what_is_undone_then_for_nothing(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        text = f"""{CHAIN % (UNDO, "")} {TEARDOWN}"""
        await stubs.integrations.CreateIntegration(create("told", text))
        name = (await stubs.execute("told")).execution
        worker = await Deaf.hired(stubs)
        await worker.succeed(await worker.assignment())
        await worker.assignment()
        await until(stubs, name, ("b", "worker_working"))
        await cancel(stubs, name, cancel_reason="enough")
        told = await until(stubs, name, ("", "cancelling"), ("b", "worker_working"))
        cancelling = told.blockers[0].cancelling
        assert cancelling.reason == "enough"
        assert cancelling.force_time.ToMicroseconds() - told.blockers[0].since_time.ToMicroseconds() == 10_000_000
        assert told.blockers[1].message.count("and was asked to stop") == 1
        await cancel(stubs, name, force=True)
        undo = await worker.assignment()
        assert undo.rollback
        told = await until(stubs, name, ("", "cancelling"), ("a", "worker_working"))
        assert not told.blockers[0].cancelling.HasField("force_time")
        assert "what it has done is being undone" in told.blockers[0].message
        await worker.succeed(undo)
        teardown = await worker.assignment()
        told = await until(stubs, name, ("", "cancelling"), ("t", "worker_working"))
        assert "its teardown tasks run" in told.summary
        await worker.succeed(teardown)
        await stubs.executions.WaitExecution(WaitExecutionRequest(name=name))
        told = await until(stubs, name)
        assert told.summary.startswith("It ended CANCELLED at ")


async def test_what_has_ended_waits_for_nothing_and_tells_how_it_ended(world):
    succeeded = await begin(world, WORK % "")
    await world.ended(succeeded)
    told = await until(world, succeeded)
    end = (await world.get(succeeded)).end_time.ToJsonString()
    assert told.summary == f"It ended SUCCEEDED at {end[:19]}Z."
    world.script.fail("a", PermanentError("out of stock"))
    failed = await world.start("told")
    await world.ended(failed)
    told = await until(world, failed)
    assert told.summary.startswith("It ended FAILED at ")
    assert told.summary.endswith(": out of stock).")


async def test_what_was_not_undone_is_told_after_the_end(world):
    fail = {"b": PermanentError("no"), "undo a": PermanentError("cannot")}
    name = await begin(world, CHAIN % (UNDO, ""), fail=fail)
    await world.ended(name)
    assert (await until(world, name)).summary.endswith("; 1 task was not undone: a.")


def test_an_execution_on_hold_waits_for_a_caller():
    created = ExecutionCreated(
        integration="i",
        revision_id="000001-a",
        ordinal=1,
        trigger_id="",
        method=ExecutionMethod.POST_TO_QUEUE,
        state=ExecutionState.PENDING,
        inputs={},
        parameters={},
        principal="local",
        started_by=StartedBy.CALL,
        root="e",
    )
    graph = build_graph(Integration("i", "000001-a", 1, {"a": TaskConfig("a", "work")}), "")
    execution = first_state(created, graph, "e", "p", 1_000_000)
    (blocker,) = explain_state(execution, {}, now=2_000_000, location="local").blockers
    assert (blocker.WhichOneof("kind"), blocker.since_time.seconds) == ("on_hold", 1)


async def test_nothing_is_explained_of_what_is_not_there(world):
    told = await refused(explain(world, f"{LOCATION}/integrations/-/executions/nothing"))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")
    assert (await refused(explain(world, "nothing"))).reason == "INVALID_NAME"
