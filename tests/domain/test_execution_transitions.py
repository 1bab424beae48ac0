"""Every change of an execution's state (semantics.md 3.2), one test each."""

from typing import Any

import pytest

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.decide import pending_effects
from perdure.domain.errors import IllegalCommand, UnknownTrigger
from perdure.domain.integration import Expression, FailurePolicy, RetryStrategy, Timer, Trigger
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState, TaskState
from tests.domain.builders import NOW, ON_HOLD, QUEUED, SUB_EXECUTION, Run, both_ways, integration, task, when

TOMORROW: dict[str, Any] = {
    "method": ExecutionMethod.SCHEDULE,
    "state": ExecutionState.PENDING,
    "schedule_time": NOW + 86_400 * SECOND,
}
RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=5 * SECOND))
RESTART = both_ways(FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=5 * SECOND))


def timer(task_id: str, *next_tasks: str, seconds: float = 60, **settings: Any):
    return task(task_id, *next_tasks, built_in=Timer(duration=int(seconds * SECOND)), handler="timer", **settings)


def test_a_synchronous_execution_is_processing_from_its_first_event():
    run = Run(task("a"))

    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.execution.start_time == run.execution.create_time == NOW
    assert run.effects == [ef.OfferAttempt("a", 1, 1)]


def test_a_queued_execution_starts_in_the_same_transition():
    run = Run(task("a"), **QUEUED)

    assert [type(event) for event in run.events] == [ev.ExecutionCreated, ev.ExecutionStarted, ev.TaskStarted]
    assert run.execution_state() is ExecutionState.PROCESSING


def test_a_scheduled_execution_is_pending_and_shows_the_start_to_come():
    run = Run(task("a"), **TOMORROW)

    assert run.execution_state() is ExecutionState.PENDING
    assert run.execution.attempts[0].start_time == TOMORROW["schedule_time"]
    assert run.execution.next_wake() == TOMORROW["schedule_time"]
    assert run.execution.is_waiting()
    assert not run.effects


def test_a_schedule_in_the_past_means_now():
    run = Run(task("a"), **(TOMORROW | {"schedule_time": NOW - SECOND}))

    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.execution.attempts[0].start_time == NOW


def test_a_scheduled_execution_starts_when_its_time_has_come():
    run = Run(task("a"), **TOMORROW)

    assert run.pass_time(86_399) == []
    run.pass_time(1)

    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.effects == [ef.OfferAttempt("a", 1, 1)]


def test_an_execution_on_hold_waits_for_nothing_but_its_start():
    run = Run(task("a"), **ON_HOLD)

    assert run.execution.next_wake() is None
    assert run.execution.attempts == []


def test_an_execution_on_hold_starts_when_it_is_named():
    run = Run(task("a"), **ON_HOLD)

    run.start()

    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.execution.start_time == NOW


def test_a_scheduled_execution_may_be_started_before_its_time():
    run = Run(task("a"), **TOMORROW)

    run.start()

    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.execution.next_wake() is None
    assert run.execution.attempts[0].start_time == NOW


def test_an_execution_that_runs_cannot_be_started_again():
    run = Run(task("a"))

    with pytest.raises(IllegalCommand):
        run.start()

    run.witness.compare(run.execution)


def test_an_execution_that_has_ended_cannot_be_started_again():
    run = Run(task("a"))
    run.succeed("a")

    with pytest.raises(IllegalCommand):
        run.start()


def test_a_pending_execution_that_is_cancelled_never_starts():
    run = Run(task("a"), **TOMORROW)

    run.cancel()

    assert run.execution_state() is ExecutionState.CANCELLED
    assert run.state("a") is TaskState.SKIPPED
    assert run.execution.attempts == []


def test_an_execution_succeeds_when_its_last_task_has():
    run = Run(task("a", "b"), task("b"))

    run.succeed("a")
    assert run.execution_state() is ExecutionState.PROCESSING
    run.succeed("b")

    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert run.execution.end_time == NOW
    assert isinstance(run.events[-1], ev.ExecutionSucceeded)


def test_an_execution_fails_when_a_leaf_has():
    run = Run(task("a"))

    run.fail("a", "NO_STOCK")

    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "NO_STOCK"


def test_an_execution_without_tasks_within_reach_succeeds_at_once():
    run = Run()

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_an_execution_waits_on_hold_when_only_a_retry_remains():
    run = Run(task("a", **RETRY))

    run.fail("a")

    assert run.execution_state() is ExecutionState.RETRY_ON_HOLD
    assert run.event(ev.ExecutionStateChanged).next_time == NOW + 5 * SECOND
    assert run.execution.next_wake() == NOW + 5 * SECOND
    assert run.execution.is_waiting()


def test_an_execution_goes_on_processing_while_anything_runs_beside_a_retry():
    run = Run(task("a", **RETRY), task("b"))

    run.fail("a")
    assert run.execution_state() is ExecutionState.PROCESSING
    run.succeed("b")

    assert run.execution_state() is ExecutionState.RETRY_ON_HOLD


def test_an_execution_processes_again_when_the_retry_is_due():
    run = Run(task("a", **RETRY))
    run.fail("a")

    run.pass_time(5)

    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.effects == [ef.OfferAttempt("a", 1, 2)]


def test_an_execution_that_will_restart_waits_on_hold():
    run = Run(task("a", **RESTART))

    run.fail("a")

    assert run.execution_state() is ExecutionState.RETRY_ON_HOLD
    assert run.execution.restart_due == NOW + 5 * SECOND


def test_a_cancel_ends_an_execution_that_waits_for_a_retry():
    run = Run(task("a", **RETRY))
    run.fail("a")

    run.cancel()

    assert run.execution_state() is ExecutionState.CANCELLED
    assert run.state("a") is TaskState.CANCELLED
    assert len(run.execution.tasks["a"].attempts) == 1


def test_a_cancel_ends_an_execution_that_waits_for_its_restart():
    run = Run(task("a", **RESTART))
    run.fail("a")

    run.cancel()

    assert run.execution_state() is ExecutionState.CANCELLED
    assert len(run.execution.attempts) == 1


def test_the_deadline_ends_an_execution_that_waits_for_a_retry():
    run = Run(task("a", **RETRY), max_runtime=3 * SECOND)
    run.fail("a")

    run.pass_time(3)

    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "DEADLINE_EXCEEDED"


def test_an_execution_is_suspended_while_only_a_timer_is_open():
    run = Run(timer("a"))

    assert run.execution_state() is ExecutionState.SUSPENDED
    assert run.execution.next_wake() == NOW + 60 * SECOND
    assert run.execution.is_waiting()
    assert pending_effects(run.execution) == ()


def test_an_execution_is_not_suspended_while_anything_runs_beside_a_timer():
    run = Run(timer("a"), task("b"))

    assert run.execution_state() is ExecutionState.PROCESSING
    run.succeed("b")

    assert run.execution_state() is ExecutionState.SUSPENDED


def test_a_timer_that_is_over_lets_the_execution_process_again():
    run = Run(timer("a", "b"), task("b"))

    run.pass_time(60)

    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.effects == [ef.OfferAttempt("b", 1, 1)]


def test_a_timer_that_is_over_may_complete_the_execution():
    run = Run(timer("a"))

    run.pass_time(60)

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_timer_that_is_over_may_leave_a_retry_to_wait_for():
    retry = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=100 * SECOND))
    run = Run(timer("a"), task("b", **retry))
    run.fail("b")
    assert run.execution_state() is ExecutionState.SUSPENDED

    run.pass_time(60)

    assert run.execution_state() is ExecutionState.RETRY_ON_HOLD


def test_what_follows_a_timer_may_fail_the_execution_at_once():
    run = Run(timer("a", "b"), task("b", parameters={"x": Expression("params.missing")}))

    run.pass_time(60)

    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "EXPRESSION_FAILED"


def test_a_cancel_ends_a_suspended_execution():
    run = Run(timer("a"))

    run.cancel()

    assert run.execution_state() is ExecutionState.CANCELLED
    assert run.state("a") is TaskState.CANCELLED


def test_the_deadline_ends_a_suspended_execution():
    run = Run(timer("a"), max_runtime=30 * SECOND)

    run.pass_time(30)

    assert run.execution_state() is ExecutionState.FAILED
    assert run.execution.next_wake() is None


def test_the_deadline_ends_an_execution_that_runs_and_stops_its_attempts():
    run = Run(task("a", "b"), task("b"), max_runtime=30 * SECOND)

    run.pass_time(30)

    assert run.execution_state() is ExecutionState.FAILED
    assert run.states() == {"a": TaskState.CANCELLED, "b": TaskState.SKIPPED}
    assert run.effects == [ef.StopAttempt("a", 1, 1)]


def test_the_longest_run_counts_from_the_start_and_not_from_the_creation():
    run = Run(task("a"), **TOMORROW, max_runtime=30 * SECOND)

    run.pass_time(86_400)

    assert run.execution.deadline == run.now + 30 * SECOND


def test_a_terminal_execution_never_changes():
    run = Run(task("a"), max_runtime=30 * SECOND)
    run.succeed("a")

    assert run.cancel() == []
    assert run.pass_time(3_600) == []
    assert run.do(cmd.ReportSuccess("a", 1, 1)) == []
    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert not run.execution.cancel_requested


def test_a_trigger_starts_its_own_start_tasks():
    definition = integration(
        task("a", "c"), task("b", "c"), task("c"), task("d"), triggers=[Trigger("api_trigger/b", ("b",))]
    )

    run = Run(definition=definition, trigger_id="api_trigger/b")

    assert run.effects == [ef.OfferAttempt("b", 1, 1)]
    assert set(run.states()) == {"b", "c"}
    run.succeed("b")
    assert run.state("c") is TaskState.IN_PROCESS


def test_no_trigger_means_the_tasks_that_no_edge_leads_to():
    run = Run(task("a", "c"), task("b", "c"), task("c"), task("d"))

    assert [effect.task_id for effect in run.effects if isinstance(effect, ef.OfferAttempt)] == ["a", "b", "d"]


def test_a_trigger_without_start_tasks_means_the_default_ones():
    run = Run(definition=integration(task("a"), triggers=[Trigger("api_trigger/x")]), trigger_id="api_trigger/x")

    assert run.state("a") is TaskState.IN_PROCESS


def test_an_unknown_trigger_is_refused():
    with pytest.raises(UnknownTrigger):
        Run(task("a"), trigger_id="api_trigger/none")


def test_event_time_never_goes_back():
    run = Run(task("a"))
    run.now -= 3_600 * SECOND

    run.succeed("a")

    assert run.execution.end_time == NOW


def test_a_sub_execution_reports_its_end_to_its_parent_once():
    run = Run(task("a"), **SUB_EXECUTION)

    run.succeed("a")

    assert run.effects == [ef.ReportToParent()]
    assert pending_effects(run.execution) == (ef.ReportToParent(),)


@pytest.mark.slow
def test_a_chain_of_two_thousand_tasks_that_the_engine_performs_does_not_recurse():
    chain = [timer(f"t{n}", *([f"t{n + 1}"] if n < 1_999 else []), seconds=0) for n in range(2_000)]

    run = Run(*chain)

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_condition_decides_which_way_an_execution_takes():
    run = Run(task("a", when("b", "tasks.a.outputs.n > 2"), when("c", "tasks.a.outputs.n <= 2")), task("b"), task("c"))

    run.succeed("a", n=3)

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.IN_PROCESS, "c": TaskState.SKIPPED}
