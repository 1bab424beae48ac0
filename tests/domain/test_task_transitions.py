"""Every change of a task's state (semantics.md 3.3), one test each."""

from typing import Any

import pytest

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.errors import IllegalCommand
from perdure.domain.instants import instant_text
from perdure.domain.integration import (
    Assign,
    Edge,
    Expression,
    FailurePolicy,
    NextTasksPolicy,
    RetryStrategy,
    Timer,
)
from perdure.domain.limits import LOST_LEASES_MAX, SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import NOW, Run, both_ways, failure, plain, task, when

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=5 * SECOND))
IGNORE = both_ways(FailurePolicy(RetryStrategy.IGNORE))
FATAL = both_ways(FailurePolicy(RetryStrategy.FATAL))


def timer(task_id: str, *next_tasks: str | Edge, **settings: Any):
    return task(task_id, *next_tasks, built_in=Timer(**settings), handler="timer")


def test_a_task_waits_for_its_predecessors():
    run = Run(task("a", "b"), task("b"))

    assert run.states() == {"a": TaskState.IN_PROCESS, "b": TaskState.PENDING_EXECUTION}


def test_a_task_starts_when_its_join_is_satisfied():
    run = Run(task("a", "b"), task("b"))

    run.succeed("a")

    assert run.state("b") is TaskState.IN_PROCESS
    assert run.effects == [ef.OfferAttempt("b", 1, 1)]


def test_a_task_starts_with_inputs_computed_at_that_moment():
    inputs = {"n": Expression("tasks.a.outputs.n + 1"), "fixed": Expression("'x'")}
    run = Run(task("a", "b"), task("b", parameters=inputs))

    run.succeed("a", n=41)

    assert plain(run.execution.tasks["b"].inputs) == {"n": 42, "fixed": "x"}


def test_a_task_is_skipped_when_the_condition_of_its_edge_is_false():
    run = Run(task("a", when("b", "false")), task("b"))

    run.succeed("a")

    assert run.state("b") is TaskState.SKIPPED
    assert not run.execution.tasks["b"].skipped_on_failure
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_task_is_skipped_on_failure_when_its_predecessor_failed():
    run = Run(task("a", "b"), task("b"))

    run.fail("a")

    assert run.state("b") is TaskState.SKIPPED
    assert run.execution.tasks["b"].skipped_on_failure


def test_the_first_edge_that_matches_is_the_only_one_taken():
    edges = [when("b", "params.n > 1"), when("c", "params.n > 0"), when("d", "params.missing")]
    run = Run(
        task("a", *edges, next_tasks_policy=NextTasksPolicy.RUN_FIRST_MATCH),
        task("b"),
        task("c"),
        task("d"),
        inputs={"n": 1},
    )

    run.succeed("a")

    assert [run.state(task_id) for task_id in "bcd"] == [TaskState.SKIPPED, TaskState.IN_PROCESS, TaskState.SKIPPED]


def test_all_edges_that_match_are_taken():
    run = Run(task("a", when("b", "true"), when("c", "1 > 0"), when("d", "false")), task("b"), task("c"), task("d"))

    run.succeed("a")

    assert [run.state(task_id) for task_id in "bcd"] == [TaskState.IN_PROCESS, TaskState.IN_PROCESS, TaskState.SKIPPED]


def test_a_report_of_success_ends_the_task():
    run = Run(task("a"))

    run.do(cmd.ReportSuccess("a", 1, 1, worker="w1"))

    assert run.state("a") is TaskState.SUCCEED
    assert run.execution.tasks["a"].worker == "w1"
    assert run.execution.tasks["a"].percent == 100


def test_a_condition_that_cannot_be_evaluated_makes_the_task_fatal():
    run = Run(task("a", when("b", "params.missing > 1")), task("b"), task("c"))

    run.succeed("a")

    assert run.states() == {"a": TaskState.FATAL, "b": TaskState.SKIPPED, "c": TaskState.CANCELLED}
    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "CONDITION_FAILED"
    assert run.execution.failure is not None
    assert "edge to b" in run.execution.failure.message


def test_a_timer_suspends_its_task():
    run = Run(timer("a", duration=60 * SECOND))

    assert run.state("a") is TaskState.SUSPENDED
    assert not run.effects


def test_a_timer_may_wait_until_an_instant():
    run = Run(timer("a", until="params.at"), inputs={"at": instant_text(NOW + 7 * SECOND)})

    assert run.execution.tasks["a"].due == NOW + 7 * SECOND


def test_a_timer_whose_instant_has_passed_succeeds_at_once():
    run = Run(timer("a", until="params.at"), inputs={"at": instant_text(NOW - SECOND)})

    assert run.state("a") is TaskState.SUCCEED


def test_a_timer_until_what_is_no_instant_fails():
    run = Run(timer("a", until="params.at"), inputs={"at": "soon"})

    assert run.state("a") is TaskState.FAILED


def test_a_timer_that_is_over_ends_its_task():
    run = Run(timer("a", duration=60 * SECOND))

    assert run.pass_time(59) == []
    run.pass_time(1)

    assert run.state("a") is TaskState.SUCCEED


def test_a_timer_that_is_over_but_cannot_tell_the_way_on_is_fatal():
    run = Run(timer("a", when("b", "params.missing"), duration=60 * SECOND), task("b"))

    run.pass_time(60)

    assert run.state("a") is TaskState.FATAL


def test_a_failed_attempt_with_retries_left_waits():
    run = Run(task("a", **RETRY))

    run.fail("a")

    assert run.state("a") is TaskState.RETRY_ON_HOLD
    assert run.execution.tasks["a"].due == NOW + 5 * SECOND
    assert [a.end_time for a in run.execution.tasks["a"].attempts] == [NOW, None]


def test_a_retry_starts_when_its_delay_is_over():
    run = Run(task("a", parameters={"n": Expression("params.n")}, **RETRY), inputs={"n": 1})
    run.fail("a")

    assert run.pass_time(4.9) == []
    run.pass_time(0.1)

    assert run.state("a") is TaskState.IN_PROCESS
    assert run.execution.tasks["a"].attempt == 2
    assert plain(run.execution.tasks["a"].inputs) == {"n": 1}


def test_an_ignored_failure_counts_as_success_and_is_remembered():
    run = Run(task("a", "b", **IGNORE), task("b"))

    run.fail("a", "UNIMPORTANT")

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.IN_PROCESS}
    run.succeed("b")
    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert [(entry.failure.code, entry.handled) for entry in run.execution.errors] == [("UNIMPORTANT", True)]


def test_an_ignored_failure_whose_edges_cannot_be_evaluated_is_fatal():
    run = Run(task("a", when("b", "tasks.a.outputs.n > 0"), **IGNORE), task("b"))

    run.fail("a")

    assert run.state("a") is TaskState.FATAL
    assert run.execution_state() is ExecutionState.FAILED


def test_a_task_without_a_policy_fails_for_good():
    run = Run(task("a"))

    run.fail("a")

    assert run.state("a") is TaskState.FAILED


def test_a_fatal_task_takes_the_execution_down_at_once():
    run = Run(task("a", **FATAL), task("b", "c"), task("c"), timer("d", duration=SECOND), task("e", **RETRY))
    run.fail("e")

    run.fail("a", "WORST")

    assert run.states() == {
        "a": TaskState.FATAL,
        "b": TaskState.CANCELLED,
        "c": TaskState.SKIPPED,
        "d": TaskState.CANCELLED,
        "e": TaskState.CANCELLED,
    }
    assert run.effects == [ef.StopAttempt("b", 1, 1)]
    assert run.failure_code() == "WORST"


def test_a_vanished_worker_costs_an_attempt_number_but_no_retry():
    run = Run(task("a", **RETRY))

    run.lose("a")

    assert run.state("a") is TaskState.IN_PROCESS
    assert run.effects == [ef.OfferAttempt("a", 1, 2)]
    assert run.execution.tasks["a"].failures == 0
    run.fail("a")
    assert run.state("a") is TaskState.RETRY_ON_HOLD


def test_a_task_that_loses_worker_after_worker_fails_in_the_end():
    run = Run(task("a"))

    for _ in range(LOST_LEASES_MAX):
        run.lose("a")
    assert run.state("a") is TaskState.IN_PROCESS
    run.lose("a")

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "LEASE_LOST"


def test_a_worker_lost_for_a_reason_of_the_server_s_does_not_count():
    run = Run(task("a"))

    for _ in range(LOST_LEASES_MAX + 1):
        run.lose("a", blamed=False)
    assert run.execution.tasks["a"].lost == 0
    for _ in range(LOST_LEASES_MAX):
        run.lose("a")
    run.lose("a", blamed=False)

    assert run.state("a") is TaskState.IN_PROCESS


def test_workers_lost_before_a_retry_are_forgiven():
    run = Run(task("a", **RETRY))
    for _ in range(LOST_LEASES_MAX):
        run.lose("a")
    run.fail("a")
    run.pass_time(5)

    run.lose("a")

    assert run.state("a") is TaskState.IN_PROCESS


def test_an_attempt_that_stops_by_itself_has_failed():
    run = Run(task("a"))

    run.stop("a")

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "CANCELLED"


def test_assign_sets_parameters_in_order_without_a_worker():
    assign = Assign((("n", "params.n + 1"), ("twice", "params.n * 2")))
    run = Run(task("a", built_in=assign, handler="assign"), inputs={"n": 1})

    assert run.parameters() == {"n": 2, "twice": 4}
    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert not run.effects


def test_assign_that_cannot_be_computed_fails_and_changes_no_parameter():
    assign = Assign((("n", "params.n + 1"), ("m", "params.missing")))
    run = Run(task("a", built_in=assign, handler="assign", **RETRY), inputs={"n": 1})

    assert run.state("a") is TaskState.FAILED
    assert run.parameters() == {"n": 1}
    assert run.execution.failure is not None
    assert "assignment of m" in run.execution.failure.message


def test_inputs_that_cannot_be_computed_fail_the_task_without_a_retry():
    run = Run(task("a", parameters={"n": Expression("params.missing")}, **RETRY))

    assert run.state("a") is TaskState.FAILED
    assert run.execution.tasks["a"].attempt == 1
    assert run.execution.failure is not None
    assert run.execution.failure.message.startswith("inputs: parameter n:")


def test_progress_shows_on_the_task_and_on_the_execution():
    run = Run(task("a"))

    run.do(cmd.ReportProgress("a", 1, 1, message="half way", percent=50))

    assert (run.execution.message, run.execution.tasks["a"].message) == ("half way", "half way")
    assert run.execution.tasks["a"].percent == 50


def test_the_same_progress_told_twice_is_one_event():
    run = Run(task("a"))
    report = cmd.ReportProgress("a", 1, 1, message="half way", percent=50)
    run.do(report)

    assert run.do(report) == []


def test_a_new_attempt_begins_without_the_progress_of_the_last():
    run = Run(task("a"))
    run.do(cmd.ReportProgress("a", 1, 1, message="half way", percent=50))

    run.lose("a")

    assert (run.execution.tasks["a"].message, run.execution.tasks["a"].percent) == ("", 0)


def test_a_report_about_a_task_that_does_not_exist_is_a_bug_of_the_caller():
    run = Run(task("a"))

    with pytest.raises(IllegalCommand):
        run.do(cmd.ReportFailure("z", 1, 1, failure=failure()))

    run.witness.compare(run.execution)


def test_every_failure_is_kept_in_order_with_its_place():
    run = Run(task("a", **RETRY))
    run.fail("a", "FIRST")
    run.pass_time(5)
    run.fail("a", "SECOND")

    entries = [(e.failure.code, e.task_id, e.attempt, e.execution_attempt, e.handled) for e in run.execution.errors]
    assert entries == [("FIRST", "a", 1, 1, True), ("SECOND", "a", 2, 1, False)]
    assert [type(event) for event in run.events] == [ev.TaskAttemptFailed, ev.ExecutionFailed]
