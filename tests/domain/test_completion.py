"""The completion rule (semantics.md 3.5): when an execution ends, and how."""

from perdure.domain.integration import FailurePolicy, JoinStrategy, Parameter, RetryStrategy
from perdure.domain.states import ExecutionState, Severity, TaskState
from perdure.domain.value import ValueKind
from tests.domain.builders import Run, both_ways, integration, task, when

IGNORE = both_ways(FailurePolicy(RetryStrategy.IGNORE))
ANY = JoinStrategy.WHEN_ANY_SUCCEED


def test_an_execution_is_not_over_while_a_task_runs():
    run = Run(task("a"), task("b"))

    run.fail("a")

    assert run.execution_state() is ExecutionState.PROCESSING
    run.succeed("b")
    assert run.execution_state() is ExecutionState.FAILED


def test_the_first_failure_that_nothing_handled_is_the_execution_s():
    run = Run(task("a"), task("b"), task("c", **IGNORE))

    run.fail("c", "IGNORED")
    run.fail("b", "FIRST")
    run.fail("a", "SECOND")

    assert run.failure_code() == "FIRST"


def test_a_failed_task_is_tolerated_if_every_leaf_succeeded_by_another_path():
    run = Run(task("a", "c"), task("b", "c"), task("c", join=ANY))

    run.fail("a")
    run.succeed("b")
    run.succeed("c")

    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert [(entry.severity, entry.handled) for entry in run.execution.errors] == [(Severity.ERROR, False)]


def test_a_leaf_that_a_failure_kept_from_running_fails_the_execution():
    run = Run(task("a", "b"), task("b"), task("c"))

    run.fail("a")
    run.succeed("c")

    assert run.execution_state() is ExecutionState.FAILED


def test_a_leaf_that_no_condition_led_to_was_not_reached():
    run = Run(task("a", when("b", "false"), when("c", "true")), task("b"), task("c"))

    run.succeed("a")
    run.succeed("c")

    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert run.state("b") is TaskState.SKIPPED


def test_a_leaf_whose_failure_is_ignored_ended_well():
    run = Run(task("a", **IGNORE))

    run.fail("a")

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_outputs_are_returned_on_failure_too():
    definition = integration(
        task("a", when("b", "true"), outputs=()),
        task("b"),
        parameters=[Parameter("seen", ValueKind.INT, is_input=True, is_output=True)],
    )
    run = Run(definition=definition, inputs={"seen": 7})
    run.succeed("a")

    run.fail("b")

    assert run.execution_state() is ExecutionState.FAILED
    assert run.outputs() == {"seen": 7}


def test_the_execution_of_an_item_returns_what_its_task_returned():
    run = Run(task("item"), implicit=True)

    run.succeed("item", size=3, name="x")

    assert run.outputs() == {"size": 3, "name": "x"}


def test_finished_tasks_are_counted_whatever_their_end():
    run = Run(task("a", when("b", "false")), task("b"), task("c"))

    run.succeed("a")

    assert run.execution.finished_task_count == 2
