"""Forced cancel (row 42): what a cancel would wait for is given up, and told."""

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.integration import FailurePolicy, RetryStrategy, Rollback, RollbackFailureAction
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import ON_HOLD, UNDO, Run, both_ways, integration, task

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=SECOND))


def test_force_ends_the_grace_at_once():
    run = Run(task("a"), task("b", "c"), task("c"))

    run.cancel(force=True)

    assert run.states() == {"a": TaskState.CANCELLED, "b": TaskState.CANCELLED, "c": TaskState.SKIPPED}
    assert ef.StopAttempt("a", 1, 1) in run.effects
    assert run.execution_state() is ExecutionState.CANCELLED


def test_force_can_follow_a_cancel():
    run = Run(task("a"))
    run.cancel("first")

    run.cancel("second", force=True)

    assert run.event(ev.CancelForced) == ev.CancelForced("local")
    assert run.execution.cancel_reason == "first"
    assert run.execution_state() is ExecutionState.CANCELLED


def test_force_before_the_start_just_cancels():
    run = Run(task("a"), **ON_HOLD)

    run.cancel(force=True)

    assert run.execution_state() is ExecutionState.CANCELLED


def test_force_in_the_forward_part_leaves_the_rollback_to_run():
    run = Run(task("a", "b", rollback=UNDO), task("b"))
    run.succeed("a")

    run.cancel(force=True)

    assert run.state("a") is TaskState.ROLLBACK_IN_PROCESS


def test_force_gives_up_the_rollback_and_tells_what_is_left():
    run = Run(task("a", "b", rollback=UNDO), task("b", "c", rollback=UNDO), task("c"))
    run.succeed("a")
    run.succeed("b")
    run.fail("c")

    run.cancel(force=True)

    assert run.event(ev.RollbackEnded).not_undone == ("a", "b")
    assert run.effects == [ef.StopAttempt("b", 1, 2)]
    assert run.execution_state() is ExecutionState.FAILED


def test_force_gives_up_an_undo_that_is_held():
    held = Rollback("undo", failure_action=RollbackFailureAction.HOLD)
    run = Run(task("a", "b", rollback=held), task("b"))
    run.succeed("a")
    run.fail("b")
    run.fail("a")
    run.cancel()
    assert run.execution_state() is ExecutionState.SUSPENDED

    run.cancel(force=True)

    assert run.execution_state() is ExecutionState.FAILED
    assert run.effects == []


def test_force_gives_up_the_teardown_task_at_work_and_the_next_one_runs():
    run = Run(definition=integration(task("a"), teardown=(task("y"), task("z"))))
    run.succeed("a")

    run.cancel(force=True)

    assert (run.state("y"), run.state("z")) == (TaskState.CANCELLED, TaskState.IN_PROCESS)
    assert run.effects == [ef.StopAttempt("y", 1, 1), ef.OfferAttempt("z", 1, 1)]


def test_force_gives_up_a_teardown_task_that_waits_for_its_retry():
    run = Run(definition=integration(task("a"), teardown=(task("z", **RETRY),)))
    run.succeed("a")
    run.fail("z")

    run.cancel(force=True)

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_force_in_the_execution_s_catcher_gives_it_up():
    definition = integration(task("a"), task("c", "d"), task("d"), catchers={"c": ("c",)}, error_catcher="c")
    run = Run(definition=definition)
    run.fail("a")

    run.cancel(force=True)

    assert (run.state("c"), run.state("d")) == (TaskState.CANCELLED, TaskState.SKIPPED)
    assert run.execution_state() is ExecutionState.FAILED


def test_what_is_given_up_may_have_been_done():
    run = Run(task("a", rollback=Rollback("undo", on_unknown_outcome=True)))

    run.cancel(force=True)

    assert run.state("a") is TaskState.ROLLBACK_IN_PROCESS
