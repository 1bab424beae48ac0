"""Suspensions (row 59; semantics.md 1A.6, 3.6): a task waits for a decision, and its outputs tell which."""

from typing import Any

import pytest

from perdure.domain import commands as cmd
from perdure.domain import events as ev
from perdure.domain.errors import NotAllowed, NotFound, WrongState
from perdure.domain.integration import OutputMapping, SuspensionConfig
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import NOW, Run, plain, task, values, when


def suspend(**settings: Any) -> dict[str, Any]:
    """Configure the built-in `suspend`."""
    return {"handler": "suspend", "built_in": SuspensionConfig(**settings)}


def results(run: Run, task_id: str = "a") -> dict[str, object]:
    """Tell the outputs of a task."""
    return plain(run.execution.tasks[task_id].outputs)


def test_a_suspended_task_waits_without_holding_anything():
    run = Run(task("a", **suspend(message="may it?", who_may_resolve=("alice",))))

    assert run.state("a") is TaskState.SUSPENDED
    assert run.execution_state() is ExecutionState.SUSPENDED
    assert run.effects == []
    assert run.execution.next_wake() is None
    assert run.execution.is_waiting()


@pytest.mark.parametrize("lifted", [True, False], ids=["lifted", "rejected"])
def test_a_decision_lets_the_task_succeed_and_its_outputs_tell_which_it_was(lifted):
    run = Run(task("a", when("b", "tasks.a.outputs.approved"), **suspend()), task("b"))

    run.decide(1, lifted=lifted)

    assert results(run) == {"approved": lifted, "result": "fine", "resolver": "alice", "expired": False}
    assert run.state("b") is (TaskState.IN_PROCESS if lifted else TaskState.SKIPPED)


def test_only_those_who_are_named_decide():
    run = Run(task("a", **suspend(who_may_resolve=("alice",))))

    with pytest.raises(NotAllowed, match="bob may not resolve suspension 1"):
        run.decide(1, resolver="bob")
    assert run.state("a") is TaskState.SUSPENDED
    run.decide(1, resolver="alice")

    assert run.state("a") is TaskState.SUCCEED


def test_a_suspension_is_decided_once():
    run = Run(task("a", **suspend()), task("b"))
    run.decide(1)

    with pytest.raises(WrongState, match="resolved already"):
        run.decide(1)
    with pytest.raises(NotFound, match="suspension 2"):
        run.decide(2)


@pytest.mark.parametrize("lifts", [True, False])
def test_a_suspension_that_expires_is_decided_as_it_was_configured(lifts):
    run = Run(task("a", **suspend(expire_after=60 * SECOND, lift_when_expired=lifts)))
    assert run.execution.next_execution_time == NOW + 60 * SECOND

    run.pass_time(60)

    assert results(run) == {"approved": lifts, "result": "", "resolver": "system", "expired": True}


def test_a_reminder_comes_once_and_the_suspension_stays_open():
    run = Run(task("a", **suspend(expire_after=60 * SECOND, remind_after=10 * SECOND)))

    assert run.pass_time(10) == [ev.SuspensionReminded(1, "a")]
    assert run.execution.next_wake() == NOW + 60 * SECOND
    run.pass_time(50)

    assert run.state("a") is TaskState.SUCCEED


def test_a_reminder_is_no_time_at_which_the_execution_goes_on():
    reminded = Run(task("a", **suspend(remind_after=60 * SECOND)))
    expiring = Run(task("a", **suspend(remind_after=60 * SECOND, expire_after=90 * SECOND)))

    assert reminded.execution.next_execution_time is None
    assert expiring.execution.next_execution_time == NOW + 90 * SECOND


def test_a_task_is_suspended_after_its_handler_has_succeeded():
    run = Run(task("a", "b", suspension=SuspensionConfig(), outputs=(OutputMapping("n", "n"),)), task("b"))

    run.do(cmd.ReportSuccess("a", 1, 1, values({"n": 1}), "w1"))
    assert run.state("a") is TaskState.SUSPENDED
    assert run.execution.tasks["a"].worker == "w1"
    assert run.parameters() == {}
    run.decide(1)

    assert results(run)["n"] == 1
    assert results(run)["approved"] is True
    assert run.parameters() == {"n": 1}
    assert run.execution.tasks["a"].worker == "w1"


def test_a_handler_keeps_its_result_and_has_no_say_in_the_decision():
    run = Run(task("a", suspension=SuspensionConfig()))
    run.succeed("a", result="a draft", approved=True, resolver="me", expired=True)

    run.decide(1, lifted=False)

    assert results(run) == {"approved": False, "result": "a draft", "resolver": "alice", "expired": False}


def test_a_cancel_rejects_what_is_open_in_the_name_of_the_system():
    run = Run(task("a", **suspend()))

    run.cancel()

    resolved = run.event(ev.SuspensionResolved)
    assert (resolved.lifted, resolved.resolver) == (False, "system")
    assert run.state("a") is TaskState.CANCELLED
    assert run.execution.suspensions == {}


def test_a_suspension_can_be_decided_during_a_pause_and_what_follows_waits():
    run = Run(task("a", "b", **suspend()), task("b"))
    run.pause()

    run.decide(1)
    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.PENDING_EXECUTION}
    run.resume()

    assert run.state("b") is TaskState.IN_PROCESS


def test_suspensions_are_numbered_within_the_execution():
    run = Run(task("a", **suspend()), task("b", **suspend()))

    run.decide(2)

    assert run.states() == {"a": TaskState.SUSPENDED, "b": TaskState.SUCCEED}
