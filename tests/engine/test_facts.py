"""What filters ask for and lists show, taken from a state (rows 22 and 24)."""

from __future__ import annotations

from perdure.domain.integration import FailurePolicy, RetryStrategy
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState
from perdure.engine.facts import facts_of, summary_of
from tests.domain.builders import NOW, ON_HOLD, Run, both_ways, task

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=9 * SECOND))


def test_an_execution_on_hold_has_neither_begun_nor_ended() -> None:
    run = Run(task("a"), **ON_HOLD)
    facts = facts_of(run.execution)
    assert (facts.state, facts.execution_attempt, facts.current_tasks) == (ExecutionState.PENDING, 0, ())
    assert (facts.start_time, facts.update_time, facts.end_time) == (None, NOW, None)
    assert (facts.error_code, facts.parameters) == (None, "{}")
    assert summary_of(run.execution).next_execution_time is None


def test_a_failure_is_told_by_code_and_message() -> None:
    run = Run(task("a"))
    run.now += SECOND
    run.fail("a", "BROKEN")
    facts, summary = facts_of(run.execution), summary_of(run.execution)
    assert (facts.state, facts.error_code, facts.end_time) == (ExecutionState.FAILED, "BROKEN", NOW + SECOND)
    assert summary.error_message == "broken on purpose"
    assert (summary.task_count, summary.finished_task_count) == (1, 1)


def test_a_cancellation_is_an_error_with_a_reason() -> None:
    run = Run(task("a", **RETRY), max_runtime=60 * SECOND)
    run.fail("a")
    summary = summary_of(run.execution)
    assert (summary.next_execution_time, summary.deadline) == (NOW + 9 * SECOND, NOW + 60 * SECOND)
    run.cancel("too late")
    summary = summary_of(run.execution)
    assert facts_of(run.execution).error_code == "EXECUTION_CANCELLED"
    assert (summary.cancel_time, summary.cancel_reason, summary.error_message) == (NOW, "too late", "too late")
    assert summary.next_execution_time is None


def test_no_more_than_twenty_current_tasks_are_kept() -> None:
    run = Run(*(task(f"t{number:02}") for number in range(25)))
    assert facts_of(run.execution).current_tasks == tuple(f"t{number:02}" for number in range(20))
