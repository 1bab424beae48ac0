"""RESTART_INTEGRATION_WITH_BACKOFF (row 55): a new execution attempt with the initial parameters."""

from typing import Any

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.integration import FailurePolicy, OutputMapping, RetryStrategy, SubIntegration, Timer
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import NOW, Run, both_ways, task


def restarting(retries: int = 1) -> dict[str, Any]:
    return both_ways(
        FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=retries, interval=5 * SECOND)
    )


def test_a_restart_stops_what_runs_and_waits():
    timer = Timer(duration=60 * SECOND)
    child = SubIntegration("other")
    run = Run(
        task("a", **restarting()),
        task("b", "e"),
        task("c", built_in=timer, handler="timer"),
        task("d", built_in=child, handler="sub-integration"),
        task("e"),
    )

    run.fail("a")

    assert run.states() == {
        "a": TaskState.FAILED,
        "b": TaskState.CANCELLED,
        "c": TaskState.CANCELLED,
        "d": TaskState.CANCELLED,
        "e": TaskState.PENDING_EXECUTION,
    }
    assert run.effects == [ef.StopAttempt("b", 1, 1), ef.CancelChildren("d", 1, 1)]
    assert run.execution.next_wake() == NOW + 5 * SECOND


def test_a_restart_resets_every_task_and_counts_attempts_from_one():
    run = Run(task("a", "b"), task("b", **restarting()))
    run.succeed("a")
    run.fail("b")

    run.pass_time(5)

    assert run.states() == {"a": TaskState.IN_PROCESS, "b": TaskState.PENDING_EXECUTION}
    assert run.execution.execution_attempt == 2
    assert run.execution.tasks["a"].attempt == 1
    assert run.effects == [ef.OfferAttempt("a", 2, 1)]


def test_a_restart_begins_with_the_initial_parameters():
    run = Run(task("a", "b", outputs=(OutputMapping("n", "n"),)), task("b", **restarting()), inputs={"n": 0})
    run.succeed("a", n=1)
    assert run.parameters() == {"n": 1}
    run.fail("b")

    run.pass_time(5)

    assert run.parameters() == {"n": 0}


def test_a_restart_opens_another_execution_attempt_in_the_statistics():
    run = Run(task("a", **restarting()))
    run.fail("a")
    assert [(a.start_time, a.end_time) for a in run.execution.attempts] == [(NOW, NOW), (NOW + 5 * SECOND, None)]

    run.pass_time(7)
    run.succeed("a")

    assert [(a.start_time, a.end_time) for a in run.execution.attempts] == [(NOW, NOW), (run.now, run.now)]


def test_restarts_back_off_and_run_out():
    run = Run(task("a", **restarting(retries=2)))
    run.fail("a")
    run.pass_time(5)
    run.fail("a")
    assert run.execution.restart_due == run.now + 10 * SECOND
    run.pass_time(10)

    run.fail("a")

    assert run.execution_state() is ExecutionState.FAILED
    assert run.execution.execution_attempt == 3
    assert run.execution.restarts == 2


def test_failures_before_a_restart_are_kept_and_do_not_decide():
    run = Run(task("a", **restarting()))
    run.fail("a", "FIRST")
    run.pass_time(5)

    run.succeed("a")

    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert [(entry.execution_attempt, entry.handled) for entry in run.execution.errors] == [(1, True)]


def test_a_restart_does_not_extend_the_deadline():
    run = Run(task("a", **restarting()), max_runtime=8 * SECOND)
    run.fail("a")
    run.pass_time(5)

    run.pass_time(3)

    assert run.execution_state() is ExecutionState.FAILED


def test_nothing_that_is_due_comes_before_the_restart():
    run = Run(task("a", **restarting()), task("b", timeout=SECOND))
    run.fail("a")

    assert run.pass_time(2) == []
    assert run.execution_state() is ExecutionState.RETRY_ON_HOLD


def test_a_task_due_at_the_same_time_as_one_that_restarts_is_stopped():
    run = Run(task("a", timeout=SECOND, **restarting()), task("b", timeout=SECOND))

    run.pass_time(1)

    assert run.states() == {"a": TaskState.FAILED, "b": TaskState.CANCELLED}


def test_a_restart_may_fail_at_once_again():
    run = Run(task("a", **restarting()), task("b"))
    run.fail("a")
    run.pass_time(5)

    run.fail("a")

    assert run.state("a") is TaskState.FAILED
    assert run.event(ev.TaskAttemptFailed).resolution is ev.Resolution.FAIL
    assert run.do(cmd.ReportSuccess("b", 1, 1)) == []
