"""Error catchers (row 56; semantics.md 3.5): of tasks, and of the execution."""

from perdure.domain import events as ev
from perdure.domain.execution import CatcherState
from perdure.domain.integration import (
    Assign,
    FailurePolicy,
    JoinStrategy,
    OutputMapping,
    Parameter,
    RetryStrategy,
    Trigger,
)
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from perdure.domain.value import ValueKind
from tests.domain.builders import FATAL, Run, both_ways, integration, task

CATCHERS = {"c": ("c",)}
RESTART = both_ways(FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=SECOND))


def test_a_failure_that_is_caught_is_handled_and_a_leaf_so_handled_is_tolerated():
    run = Run(definition=integration(task("a", error_catcher="c"), task("c"), catchers=CATCHERS))
    assert set(run.states()) == {"a"}

    run.fail("a")
    assert run.states() == {"a": TaskState.FAILED, "c": TaskState.IN_PROCESS}
    run.succeed("c")

    assert run.event(ev.ErrorCatcherEnded).handled == ("a",)
    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert [(entry.handled, entry.task_id) for entry in run.execution.errors] == [(True, "a")]


def test_what_follows_a_task_waits_for_its_catcher_and_is_skipped_as_by_a_condition():
    definition = integration(task("a", "b", error_catcher="c"), task("b"), task("c"), catchers=CATCHERS)
    run = Run(definition=definition)

    run.fail("a")
    assert run.state("b") is TaskState.PENDING_EXECUTION
    run.succeed("c")

    assert run.state("b") is TaskState.SKIPPED
    assert not run.execution.tasks["b"].skipped_on_failure
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_join_waits_for_the_catcher_of_a_task_that_fails_as_it_starts():
    tasks = [task("a", "b", "d"), task("b", "d", precondition="params.missing", error_catcher="c"), task("d")]
    run = Run(definition=integration(*tasks, task("c"), catchers=CATCHERS))

    run.succeed("a")
    assert run.states() == {
        "a": TaskState.SUCCEED,
        "b": TaskState.FAILED,
        "c": TaskState.IN_PROCESS,
        "d": TaskState.PENDING_EXECUTION,
    }
    run.succeed("c")

    assert run.state("d") is TaskState.IN_PROCESS


def test_a_join_runs_by_its_other_predecessors_when_the_catcher_has_ended():
    definition = integration(task("a", "d", error_catcher="c"), task("b", "d"), task("c"), task("d"), catchers=CATCHERS)
    run = Run(definition=definition)
    run.succeed("b")
    run.fail("a")
    assert run.state("d") is TaskState.PENDING_EXECUTION

    run.succeed("c")

    assert run.state("d") is TaskState.IN_PROCESS


def test_a_join_of_any_does_not_wait_for_the_catcher():
    any_of = JoinStrategy.WHEN_ANY_SUCCEED
    definition = integration(
        task("a", "d", error_catcher="c"), task("b", "d"), task("c"), task("d", join=any_of), catchers=CATCHERS
    )
    run = Run(definition=definition)
    run.fail("a")

    run.succeed("b")

    assert run.states() == {
        "a": TaskState.FAILED,
        "b": TaskState.SUCCEED,
        "c": TaskState.IN_PROCESS,
        "d": TaskState.IN_PROCESS,
    }


def test_a_catcher_that_fails_leaves_the_failure_as_it_was():
    run = Run(definition=integration(task("a", "b", error_catcher="c"), task("b"), task("c"), catchers=CATCHERS))
    run.fail("a", "FIRST")

    run.fail("c", "SECOND")

    assert run.execution.tasks["b"].skipped_on_failure
    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "FIRST"


def test_a_catcher_whose_tasks_were_all_skipped_has_handled_nothing():
    definition = integration(
        task("a", error_catcher="c"), task("c", precondition="error.code == 'BUSY'"), catchers=CATCHERS
    )
    run = Run(definition=definition)

    run.fail("a", "BROKEN")

    assert run.state("c") is TaskState.SKIPPED
    assert run.execution_state() is ExecutionState.FAILED


def test_a_catcher_runs_once_and_later_failures_share_what_became_of_it():
    definition = integration(task("a", error_catcher="c"), task("b", error_catcher="c"), task("c"), catchers=CATCHERS)
    run = Run(definition=definition)
    run.fail("a")
    run.succeed("c")

    run.fail("b")

    assert run.event(ev.ErrorCatcherEnded) == ev.ErrorCatcherEnded("c", succeeded=True, handled=("b",))
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_failure_while_the_catcher_runs_is_handled_with_the_first():
    definition = integration(task("a", error_catcher="c"), task("b", error_catcher="c"), task("c"), catchers=CATCHERS)
    run = Run(definition=definition)
    run.fail("a")
    run.fail("b")

    run.succeed("c")

    assert run.event(ev.ErrorCatcherEnded).handled == ("a", "b")


def test_the_catcher_learns_the_failure_that_came_first():
    told = {"code": Parameter("code", ValueKind.STRING, is_input=False, is_output=True)}
    tell = Assign((("code", "error.code + ' of ' + error.task"),))
    definition = integration(
        task("a", error_catcher="c"),
        task("b", error_catcher="c"),
        task("c", "d"),
        task("d", handler="assign", built_in=tell),
        parameters=told.values(),
        catchers=CATCHERS,
    )
    run = Run(definition=definition)
    run.fail("b", "FIRST")
    run.now += 1
    run.fail("a", "SECOND")

    run.succeed("c")

    assert run.outputs() == {"code": "FIRST of b"}


def test_a_retry_comes_before_the_catcher():
    retry = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=SECOND))
    run = Run(definition=integration(task("a", error_catcher="c", **retry), task("c"), catchers=CATCHERS))

    run.fail("a")
    assert set(run.states()) == {"a"}
    run.pass_time(1)
    run.fail("a")

    assert run.state("c") is TaskState.IN_PROCESS


def test_a_fatal_failure_and_one_after_a_cancel_are_not_caught():
    definition = integration(task("a", error_catcher="c", **FATAL), task("c"), catchers=CATCHERS)
    run = Run(definition=definition)
    run.fail("a")
    assert run.execution_state() is ExecutionState.FAILED

    run = Run(definition=integration(task("a", error_catcher="c"), task("c"), catchers=CATCHERS))
    run.cancel()
    run.fail("a")
    assert run.execution_state() is ExecutionState.CANCELLED


def test_a_fatal_task_beside_a_running_catcher_ends_it():
    definition = integration(task("a", error_catcher="c"), task("b", **FATAL), task("c"), catchers=CATCHERS)
    run = Run(definition=definition)
    run.fail("a")

    run.fail("b")

    assert run.state("c") is TaskState.CANCELLED
    assert run.event(ev.ErrorCatcherEnded) == ev.ErrorCatcherEnded("c", succeeded=False)
    assert run.execution_state() is ExecutionState.FAILED


def test_a_restart_lets_the_catcher_run_again():
    definition = integration(task("a", error_catcher="c"), task("b", **RESTART), task("c"), catchers=CATCHERS)
    run = Run(definition=definition)
    run.fail("a")
    run.fail("b")
    run.pass_time(1)
    assert set(run.states()) == {"a", "b"}

    run.fail("a")

    assert run.state("c") is TaskState.IN_PROCESS


def test_the_catcher_of_the_execution_runs_once_it_is_settled_that_it_fails():
    run = Run(definition=integration(task("a"), task("c"), catchers=CATCHERS, error_catcher="c"))

    run.fail("a")
    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.event(ev.OutcomeDecided).state is ExecutionState.FAILED
    run.succeed("c")

    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "BROKEN"


def test_the_catcher_of_the_execution_does_not_run_when_it_succeeds_or_is_cancelled():
    definition = integration(task("a"), task("c"), catchers=CATCHERS, error_catcher="c")
    run = Run(definition=definition)
    run.succeed("a")
    assert run.execution_state() is ExecutionState.SUCCEEDED

    run = Run(definition=definition)
    run.cancel()
    run.stop("a")
    assert run.execution_state() is ExecutionState.CANCELLED


def test_a_catcher_that_ran_for_a_task_does_not_run_for_the_execution():
    definition = integration(task("a", error_catcher="c"), task("c"), catchers=CATCHERS, error_catcher="c")
    run = Run(definition=definition)
    run.fail("a", "FIRST")

    run.fail("c", "SECOND")

    assert run.execution.catchers == {"c": CatcherState.FAILED}
    assert run.execution_state() is ExecutionState.FAILED


def test_a_fatal_task_of_the_execution_s_catcher_leaves_the_outcome_alone():
    run = Run(definition=integration(task("a"), task("c", **FATAL), catchers=CATCHERS, error_catcher="c"))
    run.fail("a", "FIRST")

    run.fail("c", "SECOND")

    assert run.state("c") is TaskState.FAILED
    assert run.failure_code() == "FIRST"


def test_a_cancel_stops_the_catcher_of_the_execution_and_the_outcome_stands():
    run = Run(definition=integration(task("a"), task("c"), catchers=CATCHERS, error_catcher="c"))
    run.fail("a")

    run.cancel()
    run.stop("c")

    assert run.state("c") is TaskState.CANCELLED
    assert run.execution_state() is ExecutionState.FAILED


def test_the_trigger_s_own_catcher_goes_before_that_of_the_integration():
    definition = integration(
        task("a"),
        task("c"),
        task("d"),
        catchers={"c": ("c",), "d": ("d",)},
        error_catcher="c",
        triggers=[Trigger("urgent", error_catcher="d")],
    )
    run = Run(definition=definition, trigger_id="urgent")

    run.fail("a")

    assert set(run.states()) == {"a", "d"}


def test_the_deadline_is_caught_too():
    definition = integration(task("a"), task("c"), catchers=CATCHERS, error_catcher="c")
    run = Run(definition=definition, max_runtime=SECOND)

    run.pass_time(1)
    run.succeed("c")

    assert run.failure_code() == "DEADLINE_EXCEEDED"


def test_outputs_of_a_catcher_change_parameters():
    definition = integration(
        task("a", error_catcher="c"),
        task("c", outputs=(OutputMapping("n", "n"),)),
        catchers=CATCHERS,
        parameters=[Parameter("n", ValueKind.INT, is_input=False, is_output=True)],
    )
    run = Run(definition=definition)
    run.fail("a")

    run.succeed("c", n=7)

    assert run.outputs() == {"n": 7}
