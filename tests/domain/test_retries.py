"""Failure policies: seven strategies, jitter, the two ways of starting, conditions (row 54, T17)."""

from typing import Any

import pytest

from perdure.domain import events as ev
from perdure.domain.events import Resolution
from perdure.domain.integration import FailurePolicy, RetryStrategy
from perdure.domain.limits import INTERVAL_MAX, RETRIES_MAX, SECOND
from perdure.domain.retry import JITTER, delay
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import NOW, QUEUED, Run, both_ways, task, when

IGNORE, NONE, FATAL = RetryStrategy.IGNORE, RetryStrategy.NONE, RetryStrategy.FATAL
FIXED, LINEAR, EXPONENTIAL = (
    RetryStrategy.FIXED_INTERVAL,
    RetryStrategy.LINEAR_BACKOFF,
    RetryStrategy.EXPONENTIAL_BACKOFF,
)
RESTART = RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF


def policy(strategy: RetryStrategy, retries: int = 3, seconds: int = 10, **settings: Any) -> FailurePolicy:
    return FailurePolicy(strategy, max_retries=retries, interval=seconds * SECOND, **settings)


def delays(run: Run, retries: int) -> list[float]:
    """Fail attempt after attempt and tell the seconds before each retry."""
    found = []
    for _ in range(retries):
        run.fail("a")
        due = run.execution.tasks["a"].due
        assert due is not None
        found.append((due - run.now) / SECOND)
        run.pass_time(found[-1])
    return found


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [(FIXED, [10, 10, 10]), (LINEAR, [10, 20, 30]), (EXPONENTIAL, [10, 20, 40])],
)
def test_a_strategy_spaces_its_retries(strategy, expected):
    run = Run(task("a", **both_ways(policy(strategy))))

    assert delays(run, 3) == expected


@pytest.mark.parametrize("strategy", [FIXED, LINEAR, EXPONENTIAL])
def test_n_retries_are_n_plus_one_attempts(strategy):
    run = Run(task("a", **both_ways(policy(strategy, retries=2))))

    delays(run, 2)
    run.fail("a")

    assert run.state("a") is TaskState.FAILED
    assert run.execution.tasks["a"].attempt == 3
    assert run.execution_state() is ExecutionState.FAILED


@pytest.mark.parametrize(
    ("strategy", "state"), [(IGNORE, TaskState.SUCCEED), (NONE, TaskState.FAILED), (FATAL, TaskState.FATAL)]
)
def test_a_strategy_without_retries_decides_at_once(strategy, state):
    run = Run(task("a", **both_ways(policy(strategy))), task("b"))

    run.fail("a")

    assert run.state("a") is state


def test_restart_begins_the_whole_execution_anew():
    run = Run(task("a", **both_ways(policy(RESTART))), task("b"))

    run.fail("a")

    assert run.event(ev.TaskAttemptFailed).resolution is Resolution.RESTART
    assert run.states() == {"a": TaskState.FAILED, "b": TaskState.CANCELLED}
    assert run.execution.restart_due == NOW + 10 * SECOND


@pytest.mark.parametrize("strategy", [FIXED, LINEAR, EXPONENTIAL])
@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999_999])
def test_jitter_lengthens_a_delay_by_at_most_its_share(strategy, drawn):
    base = delay(policy(strategy), 2, 0.0)

    assert delay(policy(strategy), 2, drawn) == base + int(base * JITTER * drawn)
    assert base <= delay(policy(strategy), 2, drawn) < base * (1 + JITTER)


def test_jitter_is_drawn_for_each_retry():
    run = Run(task("a", **both_ways(policy(FIXED))), jitter=0.5)

    run.fail("a")

    assert run.execution.tasks["a"].due == NOW + 11 * SECOND


@pytest.mark.parametrize("strategy", [LINEAR, EXPONENTIAL])
def test_a_delay_stops_growing_at_its_upper_bound(strategy):
    bounded = policy(strategy, retries=RETRIES_MAX, max_interval=25 * SECOND)

    assert [delay(bounded, retry, 0.0) // SECOND for retry in (1, 2, 3, RETRIES_MAX)] == [10, 20, 25, 25]


@pytest.mark.parametrize("strategy", [LINEAR, EXPONENTIAL, RESTART])
def test_a_delay_without_an_upper_bound_stays_within_that_of_the_server(strategy):
    assert delay(policy(strategy, seconds=2_678_400), RETRIES_MAX, 0.0) == INTERVAL_MAX


def test_a_permanent_failure_is_not_retried():
    run = Run(task("a", **both_ways(policy(FIXED))))

    run.fail("a", retryable=False)

    assert run.state("a") is TaskState.FAILED


def test_a_permanent_failure_does_not_restart_the_execution():
    run = Run(task("a", **both_ways(policy(RESTART))))

    run.fail("a", retryable=False)

    assert run.execution_state() is ExecutionState.FAILED


@pytest.mark.parametrize(("strategy", "state"), [(IGNORE, TaskState.SUCCEED), (FATAL, TaskState.FATAL)])
def test_a_permanent_failure_is_still_ignored_or_fatal(strategy, state):
    run = Run(task("a", **both_ways(policy(strategy))))

    run.fail("a", retryable=False)

    assert run.state("a") is state


def test_a_synchronous_execution_follows_the_synchronous_policy():
    run = Run(task("a", failure_policy=policy(FIXED), synchronous_failure_policy=policy(IGNORE)))

    run.fail("a")

    assert run.state("a") is TaskState.SUCCEED


def test_a_queued_execution_follows_the_other_policy():
    run = Run(task("a", failure_policy=policy(FIXED), synchronous_failure_policy=policy(IGNORE)), **QUEUED)

    run.fail("a")

    assert run.state("a") is TaskState.RETRY_ON_HOLD


def test_one_policy_does_not_stand_in_for_the_other():
    run = Run(task("a", failure_policy=policy(FIXED)))

    run.fail("a")

    assert run.state("a") is TaskState.FAILED


def test_the_first_conditional_policy_that_matches_decides():
    conditional = (
        policy(FIXED, condition="error.code == 'BUSY'"),
        policy(FATAL, condition="error.code.startsWith('BU')"),
        policy(IGNORE, condition="true"),
    )
    codes = {"BUSY": TaskState.RETRY_ON_HOLD, "BUST": TaskState.FATAL, "OTHER": TaskState.SUCCEED}
    for code, state in codes.items():
        run = Run(task("a", conditional_failure_policies=conditional))
        run.fail("a", code)
        assert run.state("a") is state


def test_the_default_policy_decides_if_no_condition_matches():
    conditional = (policy(FATAL, condition="error.message == 'no'"),)
    run = Run(task("a", conditional_failure_policies=conditional, **both_ways(policy(FIXED))))

    run.fail("a")

    assert run.state("a") is TaskState.RETRY_ON_HOLD


def test_a_condition_may_look_at_parameters_too():
    conditional = (policy(IGNORE, condition="params.lenient"),)
    run = Run(task("a", conditional_failure_policies=conditional), inputs={"lenient": True})

    run.fail("a")

    assert run.state("a") is TaskState.SUCCEED


def test_a_policy_whose_condition_cannot_be_evaluated_protects_nothing():
    conditional = (policy(FIXED, condition="params.missing"),)
    run = Run(task("a", conditional_failure_policies=conditional, **both_ways(policy(FIXED))))

    run.fail("a", "NO_STOCK")

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "NO_STOCK"


def test_retries_are_counted_over_policies():
    conditional = (policy(FIXED, retries=2, condition="error.code == 'BUSY'"),)
    run = Run(task("a", conditional_failure_policies=conditional, **both_ways(policy(LINEAR, retries=1))))
    run.fail("a", "BUSY")
    run.pass_time(10)

    run.fail("a", "OTHER")

    assert run.state("a") is TaskState.FAILED


def test_a_retry_leaves_the_tasks_beside_it_alone():
    run = Run(task("a", "c", **both_ways(policy(FIXED))), task("b"), task("c"))

    run.fail("a")

    assert run.states() == {
        "a": TaskState.RETRY_ON_HOLD,
        "b": TaskState.IN_PROCESS,
        "c": TaskState.PENDING_EXECUTION,
    }


def test_retries_that_are_due_together_start_together():
    run = Run(task("a", **both_ways(policy(FIXED))), task("b", **both_ways(policy(FIXED))))
    run.fail("a")
    run.fail("b")

    run.pass_time(10)

    assert [type(event) for event in run.events] == [ev.TaskRetried, ev.TaskRetried, ev.ExecutionStateChanged]


def test_a_delay_of_nothing_is_due_at_once():
    run = Run(task("a", **both_ways(policy(FIXED, seconds=0))))
    run.fail("a")

    assert run.execution.next_wake() == run.now
    run.pass_time(0)

    assert run.execution.tasks["a"].attempt == 2


def test_a_task_that_succeeds_in_a_retry_leads_on():
    run = Run(task("a", when("b", "tasks.a.outputs.n == 2"), **both_ways(policy(FIXED))), task("b"))
    run.fail("a")
    run.pass_time(10)

    run.succeed("a", n=2)

    assert run.state("b") is TaskState.IN_PROCESS
    assert run.execution.tasks["a"].failure is None
