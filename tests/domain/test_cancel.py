"""Cancel (row 41, decision 3): accepted in every state that is not terminal, and truthful from then on."""

from typing import Any

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.decide import pending_effects
from perdure.domain.integration import FailurePolicy, ForEach, RetryStrategy, SubIntegration
from perdure.domain.limits import CANCEL_GRACE, SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import NOW, Run, both_ways, task, when

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=5, interval=SECOND))
CHILD: dict[str, Any] = {"built_in": SubIntegration("other"), "handler": "sub-integration"}


def test_a_cancel_asks_the_running_attempts_to_stop_and_skips_the_rest():
    run = Run(task("a", "b"), task("b"))

    run.cancel("too late")

    assert run.states() == {"a": TaskState.IN_PROCESS, "b": TaskState.SKIPPED}
    assert run.effects == [ef.StopAttempt("a", 1, 1)]
    assert run.execution_state() is ExecutionState.PROCESSING
    assert (run.execution.cancel_time, run.execution.cancel_reason) == (NOW, "too late")


def test_a_cancel_is_over_when_the_last_attempt_has_stopped():
    run = Run(task("a"), task("b"))
    run.cancel()

    run.stop("a")
    assert run.execution_state() is ExecutionState.PROCESSING
    run.stop("b")

    assert run.states() == {"a": TaskState.CANCELLED, "b": TaskState.CANCELLED}
    assert run.execution_state() is ExecutionState.CANCELLED


def test_a_second_cancel_changes_nothing():
    run = Run(task("a"))
    run.cancel("first")

    assert run.cancel("second") == []
    assert run.execution.cancel_reason == "first"


def test_a_result_that_arrives_after_the_cancel_is_kept_but_leads_nowhere():
    run = Run(task("a", "b"), task("b"))
    run.cancel()

    run.succeed("a", n=1)

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.SKIPPED}
    assert run.execution_state() is ExecutionState.CANCELLED


def test_a_failure_after_the_cancel_is_not_retried():
    run = Run(task("a", **RETRY))
    run.cancel()

    run.fail("a")

    assert run.state("a") is TaskState.FAILED
    assert run.execution_state() is ExecutionState.CANCELLED


def test_a_fatal_failure_after_the_cancel_does_not_turn_it_into_a_failure():
    run = Run(task("a", when("b", "params.missing")), task("b"), task("c"))
    run.cancel()

    run.succeed("a")

    assert run.state("a") is TaskState.FATAL
    assert run.execution_state() is ExecutionState.CANCELLED


def test_the_deadline_within_the_grace_does_not_turn_a_cancel_into_a_failure():
    run = Run(task("a"), max_runtime=3 * SECOND)
    run.cancel()

    run.pass_time(3)

    assert run.execution_state() is ExecutionState.CANCELLED


def test_a_worker_that_vanishes_after_the_cancel_is_not_replaced():
    run = Run(task("a"))
    run.cancel()

    run.lose("a")

    assert run.state("a") is TaskState.CANCELLED
    assert run.execution_state() is ExecutionState.CANCELLED


def test_an_attempt_that_does_not_stop_is_given_up_when_the_grace_is_over():
    run = Run(task("a"))
    run.cancel()
    assert run.execution.next_wake() == NOW + CANCEL_GRACE

    run.pass_time(CANCEL_GRACE / SECOND)

    assert run.state("a") is TaskState.CANCELLED
    assert run.execution_state() is ExecutionState.CANCELLED
    assert run.effects == [ef.StopAttempt("a", 1, 1)]


def test_a_report_after_the_grace_changes_nothing():
    run = Run(task("a"))
    run.cancel()
    run.pass_time(10)

    assert run.do(cmd.ReportSuccess("a", 1, 1)) == []


def test_a_cancel_reaches_the_sub_execution_that_a_task_waits_for():
    run = Run(task("a", **CHILD))
    run.child_started("a")

    run.cancel()

    assert run.effects == [ef.CancelChildren("a", 1, 1)]
    run.child_ended("a", ExecutionState.CANCELLED)
    assert run.state("a") is TaskState.CANCELLED
    assert run.execution_state() is ExecutionState.CANCELLED


def test_a_cancel_reaches_the_items_of_a_for_each():
    loop = ForEach(items="params.list", item_parameter="x", handler="work")
    run = Run(task("a", built_in=loop, handler="for-each"), inputs={"list": [1, 2, 3]})

    run.cancel()

    assert run.effects == [ef.CancelChildren("a", 1, 1)]
    run.items_ended("a", [1], failed=2)
    assert run.state("a") is TaskState.CANCELLED


def test_a_cancel_leaves_an_orphan_alone():
    orphan = SubIntegration("other", wait=False)
    run = Run(task("a", built_in=orphan, handler="sub-integration"), task("b"))
    run.child_started("a")

    run.cancel()

    assert run.effects == [ef.StopAttempt("b", 1, 1)]


def test_recovery_goes_on_with_a_cancel():
    run = Run(task("a"), task("b", **CHILD))
    run.cancel()

    assert set(pending_effects(run.witness.fold(run.execution))) == {
        ef.StopAttempt("a", 1, 1),
        ef.RunChild("b", 1, 1, child="child-1"),
        ef.CancelChildren("b", 1, 1),
    }


def test_a_cancel_after_the_end_loses():
    run = Run(task("a"))
    run.succeed("a")

    assert run.cancel() == []
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_the_event_says_who_cancelled_and_why():
    run = Run(task("a"))

    run.do(cmd.Cancel("wrong order", "alice"))

    assert run.event(ev.CancelRequested) == ev.CancelRequested("wrong order", "alice", NOW + CANCEL_GRACE)
