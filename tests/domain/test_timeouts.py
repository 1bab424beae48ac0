"""Timeouts of attempts (row 16), counted from the moment when an attempt is ready."""

from typing import Any

from perdure.domain import effects as ef
from perdure.domain.integration import FailurePolicy, ForEach, RetryStrategy, SubIntegration
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import NOW, Run, both_ways, task

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=5 * SECOND))
TIMEOUT: dict[str, Any] = {"timeout": 30 * SECOND}


def test_an_attempt_that_takes_too_long_fails():
    run = Run(task("a", **TIMEOUT))

    assert run.pass_time(29) == []
    run.pass_time(1)

    assert run.state("a") is TaskState.FAILED
    assert run.effects == [ef.StopAttempt("a", 1, 1)]
    assert run.failure_code() == "TIMEOUT"
    assert run.execution.failure is not None
    assert "30 s" in run.execution.failure.message


def test_a_timeout_is_retried_as_any_failure():
    run = Run(task("a", **TIMEOUT, **RETRY))
    run.pass_time(30)
    assert run.state("a") is TaskState.RETRY_ON_HOLD

    run.pass_time(5)

    assert run.state("a") is TaskState.IN_PROCESS
    assert run.execution.tasks["a"].due == run.now + 30 * SECOND


def test_a_new_attempt_after_a_lost_one_has_the_whole_timeout():
    run = Run(task("a", **TIMEOUT))
    run.pass_time(20)

    run.lose("a")

    assert run.execution.tasks["a"].due == run.now + 30 * SECOND


def test_a_result_in_time_disarms_the_timeout():
    run = Run(task("a", **TIMEOUT), task("b"))

    run.succeed("a")

    assert run.execution.next_wake() is None
    assert run.pass_time(60) == []


def test_the_nearest_of_several_instants_is_the_next_to_wake_for():
    run = Run(task("a", **TIMEOUT), task("b", timeout=10 * SECOND), max_runtime=20 * SECOND)

    assert run.execution.next_wake() == NOW + 10 * SECOND
    run.succeed("b")
    assert run.execution.next_wake() == NOW + 20 * SECOND


def test_two_attempts_that_are_late_fail_together():
    run = Run(task("a", **TIMEOUT), task("b", **TIMEOUT))

    run.pass_time(31)

    assert run.states() == {"a": TaskState.FAILED, "b": TaskState.FAILED}
    assert run.execution_state() is ExecutionState.FAILED


def test_a_sub_execution_that_takes_too_long_is_cancelled():
    run = Run(task("a", built_in=SubIntegration("other"), handler="sub-integration", **TIMEOUT))

    run.pass_time(30)

    assert run.effects == [ef.CancelChildren("a", 1, 1)]
    assert run.state("a") is TaskState.FAILED


def test_the_timeout_of_a_for_each_over_a_handler_belongs_to_its_items():
    loop = ForEach(items="params.list", item_parameter="x", handler="work")
    run = Run(task("a", built_in=loop, handler="for-each", **TIMEOUT), inputs={"list": [1]})

    assert run.execution.next_wake() is None


def test_a_timeout_during_a_cancel_ends_it_sooner():
    run = Run(task("a", timeout=5 * SECOND))
    run.cancel()

    run.pass_time(5)

    assert run.state("a") is TaskState.FAILED
    assert run.execution_state() is ExecutionState.CANCELLED
