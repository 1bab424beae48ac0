"""The join rule (semantics.md 3.4), strategy by strategy."""

from typing import Any

import pytest

from perdure.domain.integration import FailurePolicy, JoinStrategy, RetryStrategy, Trigger
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import Run, both_ways, integration, task, when

IGNORE = both_ways(FailurePolicy(RetryStrategy.IGNORE))
ALL = JoinStrategy.WHEN_ALL_SUCCEED
ANY = JoinStrategy.WHEN_ANY_SUCCEED
EVERY = JoinStrategy.WHEN_ALL_TASKS_AND_CONDITIONS_SUCCEED
RUNS, SKIPPED, WAITS = TaskState.IN_PROCESS, TaskState.SKIPPED, TaskState.PENDING_EXECUTION


def diamond(strategy: JoinStrategy, *, b: str = "", c: str = "", **settings: Any) -> Run:
    """Run `b` and `c`, which both lead to the join `d` by edges with these conditions."""
    return Run(task("b", when("d", b)), task("c", when("d", c), **settings), task("d", join=strategy))


@pytest.mark.parametrize("strategy", [ALL, EVERY])
def test_a_join_of_all_waits_for_every_predecessor(strategy):
    run = diamond(strategy)

    run.succeed("b")
    assert run.state("d") is WAITS
    run.succeed("c")

    assert run.state("d") is RUNS


def test_a_join_of_all_runs_if_at_least_one_edge_is_true():
    run = diamond(ALL, b="true", c="false")

    run.succeed("b")
    run.succeed("c")

    assert run.state("d") is RUNS


def test_a_join_of_all_is_skipped_if_no_edge_is_true():
    run = diamond(ALL, b="false", c="false")

    run.succeed("b")
    run.succeed("c")

    assert run.state("d") is SKIPPED
    assert not run.execution.tasks["d"].skipped_on_failure


def test_a_join_of_all_is_skipped_if_a_predecessor_failed():
    run = diamond(ALL)

    run.succeed("b")
    run.fail("c")

    assert run.state("d") is SKIPPED
    assert run.execution.tasks["d"].skipped_on_failure


def test_a_join_of_all_waits_for_the_others_even_after_a_failure():
    run = diamond(ALL)

    run.fail("b")

    assert run.state("d") is WAITS
    assert run.execution_state() is ExecutionState.PROCESSING


def test_a_skipped_predecessor_does_not_block_a_join_of_all():
    run = Run(task("a", when("b", "false"), when("c", "true")), task("b", "d"), task("c", "d"), task("d", join=ALL))

    run.succeed("a")
    run.succeed("c")

    assert run.state("b") is SKIPPED
    assert run.state("d") is RUNS


def test_a_skipped_predecessor_blocks_a_join_of_tasks_and_conditions():
    run = Run(task("a", when("b", "false"), when("c", "true")), task("b", "d"), task("c", "d"), task("d", join=EVERY))

    run.succeed("a")
    run.succeed("c")

    assert run.state("d") is SKIPPED
    assert not run.execution.tasks["d"].skipped_on_failure


def test_one_false_edge_blocks_a_join_of_tasks_and_conditions():
    run = diamond(EVERY, b="true", c="false")

    run.succeed("b")
    run.succeed("c")

    assert run.state("d") is SKIPPED


def test_one_failed_predecessor_blocks_a_join_of_tasks_and_conditions():
    run = diamond(EVERY)

    run.succeed("b")
    run.fail("c")

    assert run.state("d") is SKIPPED
    assert run.execution.tasks["d"].skipped_on_failure


def test_a_join_of_any_runs_with_the_first_success():
    run = diamond(ANY)

    run.succeed("c")

    assert run.state("d") is RUNS


def test_a_join_of_any_runs_once_and_ignores_later_arrivals():
    run = diamond(ANY)
    run.succeed("c")

    run.succeed("b")
    assert run.effects == []
    run.succeed("d")

    assert run.execution.tasks["d"].attempt == 1
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_join_of_any_does_not_run_for_a_success_whose_edge_is_false():
    run = diamond(ANY, b="false")

    run.succeed("b")
    assert run.state("d") is WAITS
    run.succeed("c")

    assert run.state("d") is RUNS


def test_a_join_of_any_runs_although_the_others_failed():
    run = diamond(ANY)

    run.fail("b")
    assert run.state("d") is WAITS
    run.succeed("c")

    assert run.state("d") is RUNS


def test_a_join_of_any_is_skipped_when_all_ended_without_a_success():
    run = diamond(ANY)

    run.fail("b")
    run.fail("c")

    assert run.state("d") is SKIPPED
    assert run.execution.tasks["d"].skipped_on_failure


def test_a_join_of_any_is_skipped_when_no_edge_is_true():
    run = diamond(ANY, b="false", c="false")

    run.succeed("b")
    run.succeed("c")

    assert run.state("d") is SKIPPED
    assert not run.execution.tasks["d"].skipped_on_failure


@pytest.mark.parametrize("strategy", [ALL, ANY, EVERY])
def test_an_ignored_failure_counts_as_success_at_a_join(strategy):
    run = diamond(strategy, **IGNORE)

    run.succeed("b")
    run.fail("c")

    assert run.state("d") is RUNS


def test_a_skip_travels_down_the_graph():
    run = Run(task("a", when("b", "false")), task("b", "c"), task("c", "d"), task("d"))

    run.succeed("a")

    assert [run.state(task_id) for task_id in "bcd"] == [SKIPPED] * 3
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_skip_on_failure_travels_down_the_graph():
    run = Run(task("a", "b"), task("b", "c"), task("c"))

    run.fail("a")

    assert all(run.execution.tasks[task_id].skipped_on_failure for task_id in "bc")


def test_two_edges_to_one_task_start_it_once():
    run = Run(task("a", when("b", "true"), when("b", "false")), task("b"))

    run.succeed("a")

    assert run.state("b") is RUNS
    assert len(run.effects) == 1


def test_an_edge_from_out_of_reach_is_not_waited_for():
    definition = integration(task("a", "c"), task("b", "c"), task("c"), triggers=[Trigger("t", ("a",))])
    run = Run(definition=definition, trigger_id="t")

    run.succeed("a")

    assert run.state("c") is RUNS
