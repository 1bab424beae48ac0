"""Rollback (row 57; P13; contract, decision 4): what was done is undone, dependents first."""

from time import process_time
from typing import Any

import pytest

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.errors import NotFound, WrongState
from perdure.domain.integration import (
    FailurePolicy,
    ForEach,
    JoinStrategy,
    RetryStrategy,
    Rollback,
    RollbackFailureAction,
    SubIntegration,
)
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, ReplayMode, Severity, TaskState
from tests.domain.builders import FATAL, ON_HOLD, UNDO, Run, both_ways, integration, task

HELD = Rollback("undo", failure_action=RollbackFailureAction.HOLD)
RETRIED = Rollback("undo", failure_policy=FailurePolicy(RetryStrategy.FIXED_INTERVAL, 1, 5 * SECOND))


def chain(**last: Any) -> Run:
    """Run a, b and c one after the other, the first two with rollback, and let c fail."""
    run = Run(task("a", "b", rollback=UNDO), task("b", "c", rollback=UNDO), task("c", **last))
    run.succeed("a")
    run.succeed("b")
    run.fail("c")
    return run


def test_a_failed_execution_undoes_what_was_done_last_things_first():
    run = chain()

    assert run.states() == {
        "a": TaskState.PENDING_ROLLBACK,
        "b": TaskState.ROLLBACK_IN_PROCESS,
        "c": TaskState.FAILED,
    }
    assert run.effects == [ef.OfferAttempt("b", 1, 2)]
    assert run.execution_state() is ExecutionState.PROCESSING

    run.succeed("b")
    assert run.state("a") is TaskState.ROLLBACK_IN_PROCESS
    run.succeed("a")

    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "BROKEN"
    assert run.execution.rollback is not None
    assert run.execution.rollback.not_undone == ()


def test_siblings_are_undone_side_by_side():
    run = Run(task("a", "c", rollback=UNDO), task("b", "c", rollback=UNDO), task("c"))
    run.succeed("a")
    run.succeed("b")

    run.fail("c")

    assert run.state("a") is run.state("b") is TaskState.ROLLBACK_IN_PROCESS


def test_a_task_waits_for_dependents_beyond_one_without_rollback():
    run = Run(task("a", "b", rollback=UNDO), task("b", "c"), task("c", "d", rollback=UNDO), task("d"))
    for task_id in "abc":
        run.succeed(task_id)

    run.fail("d")

    assert (run.state("a"), run.state("c")) == (TaskState.PENDING_ROLLBACK, TaskState.ROLLBACK_IN_PROCESS)


def test_an_execution_that_succeeded_undoes_nothing():
    run = Run(task("a", rollback=UNDO))

    run.succeed("a")

    assert run.state("a") is TaskState.SUCCEED
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_an_ignored_failure_is_not_undone():
    run = Run(task("a", "b", rollback=UNDO, **both_ways(FailurePolicy(RetryStrategy.IGNORE))), task("b"))
    run.fail("a")

    run.fail("b")

    assert run.state("a") is TaskState.SUCCEED
    assert run.execution_state() is ExecutionState.FAILED


def test_a_cancel_undoes_what_was_done():
    run = Run(task("a", "b", rollback=UNDO), task("b"))
    run.succeed("a")
    run.cancel()

    run.stop("b")
    run.succeed("a")

    assert run.state("a") is TaskState.ROLLEDBACK
    assert run.execution_state() is ExecutionState.CANCELLED


def test_an_undo_that_fails_for_good_is_listed_and_the_rest_goes_on():
    run = chain()

    run.fail("b")
    run.succeed("a")

    assert run.states() == {"a": TaskState.ROLLEDBACK, "b": TaskState.ROLLEDBACK, "c": TaskState.FAILED}
    assert run.event(ev.RollbackEnded).not_undone == ("b",)
    assert run.execution_state() is ExecutionState.FAILED


def test_an_undo_is_retried_by_its_own_policy_while_the_execution_is_processing():
    run = Run(task("a", "b", rollback=RETRIED), task("b"))
    run.succeed("a")
    run.fail("b")

    run.fail("a")
    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.execution.next_wake() == run.now + 5 * SECOND
    run.pass_time(5)
    run.fail("a")

    assert run.state("a") is TaskState.ROLLEDBACK
    assert run.event(ev.RollbackEnded).not_undone == ("a",)


@pytest.mark.parametrize(
    ("action", "left"), [(ev.UndoAction.SKIP, ("a",)), (ev.UndoAction.MARK_DONE, ())], ids=["skipped", "done by hand"]
)
def test_an_undo_that_is_held_waits_for_an_operator(action, left):
    run = Run(task("a", "b", rollback=HELD), task("b"))
    run.succeed("a")
    run.fail("b")
    run.fail("a")
    assert run.execution_state() is ExecutionState.SUSPENDED
    assert run.execution.next_wake() is None

    run.resolve_undo("a", action)

    assert run.event(ev.UndoResolved).attempt == 2
    assert run.event(ev.RollbackEnded).not_undone == left
    assert run.execution_state() is ExecutionState.FAILED
    undo = run.execution.errors[-1]
    assert (undo.severity, undo.handled) == ((Severity.ERROR, False) if left else (Severity.WARNING, True))


def test_an_operator_can_have_a_held_undo_tried_again():
    run = Run(task("a", "b", rollback=HELD), task("b"))
    run.succeed("a")
    run.fail("b")
    run.fail("a")

    run.resolve_undo("a", ev.UndoAction.RETRY)
    assert run.effects == [ef.OfferAttempt("a", 1, 3)]
    run.succeed("a")

    assert run.event(ev.RollbackEnded).not_undone == ()


def test_an_operator_need_not_wait_for_a_retry():
    run = Run(task("a", "b", rollback=RETRIED), task("b"))
    run.succeed("a")
    run.fail("b")
    run.fail("a")

    run.resolve_undo("a", ev.UndoAction.RETRY)

    assert run.event(ev.UndoStarted).attempt == 3


def test_a_retry_that_an_operator_wants_waits_for_the_end_of_a_pause():
    run = Run(task("a", "b", rollback=HELD), task("b"))
    run.succeed("a")
    run.fail("b")
    run.fail("a")
    run.pause()

    run.resolve_undo("a", ev.UndoAction.RETRY)
    assert run.effects == []
    run.resume()

    assert run.effects == [ef.OfferAttempt("a", 1, 3)]


def test_only_an_undo_that_waits_can_be_decided():
    run = chain()

    with pytest.raises(WrongState, match="no undo of task b waits"):
        run.resolve_undo("b", ev.UndoAction.SKIP)
    with pytest.raises(NotFound, match="task z"):
        run.resolve_undo("z", ev.UndoAction.SKIP)


def test_what_a_timeout_may_have_done_is_listed():
    run = Run(task("a", timeout=SECOND, rollback=UNDO))

    run.pass_time(1)

    assert run.state("a") is TaskState.FAILED
    assert run.event(ev.RollbackEnded).not_undone == ("a",)


def test_what_a_timeout_may_have_done_is_undone_if_the_task_asks_for_it():
    run = Run(task("a", timeout=SECOND, rollback=Rollback("undo", on_unknown_outcome=True)))

    run.pass_time(1)
    assert run.state("a") is TaskState.ROLLBACK_IN_PROCESS
    run.succeed("a")

    assert run.event(ev.RollbackEnded).not_undone == ()


def test_a_lost_attempt_stays_unknown_when_the_one_that_replaces_it_never_began():
    run = Run(task("a", rollback=UNDO))
    run.lose("a")
    run.cancel()

    run.stop("a", begun=False)

    assert run.event(ev.RollbackStarted).unknown == ("a",)


def test_an_attempt_that_never_began_is_not_unknown():
    run = Run(task("a", rollback=UNDO))
    run.cancel()

    run.stop("a", begun=False)

    assert run.execution.rollback is None


def test_the_undo_of_a_vanished_worker_is_done_by_another():
    run = chain()

    run.lose("b")

    assert run.event(ev.UndoStarted) == ev.UndoStarted("b", 3, lost=True, blamed=True)


def test_the_undo_of_a_vanished_worker_waits_for_the_end_of_a_pause():
    run = chain()
    run.pause()

    run.lose("b")
    assert run.effects == []
    run.resume()

    assert run.effects == [ef.OfferAttempt("b", 1, 3)]


def test_an_undo_that_takes_too_long_has_failed():
    run = Run(task("a", "b", rollback=Rollback("undo", timeout=SECOND)), task("b"))
    run.succeed("a")
    run.fail("b")

    run.pass_time(1)

    assert run.effects[0] == ef.StopAttempt("a", 1, 2)
    assert run.event(ev.RollbackEnded).not_undone == ("a",)


def test_a_sub_execution_is_undone_by_a_worker():
    child = SubIntegration("other")
    run = Run(task("a", "b", built_in=child, handler="sub-integration", rollback=UNDO), task("b"))
    run.child_ended("a", ExecutionState.SUCCEEDED)

    run.fail("b")

    assert run.effects == [ef.OfferAttempt("a", 1, 2)]


@pytest.mark.parametrize("forced", [True, False])
@pytest.mark.parametrize("on_unknown", [True, False])
@pytest.mark.parametrize("built_in", [SubIntegration("other"), ForEach("params.list", "x", handler="work")])
def test_what_a_cancelled_loop_or_sub_execution_has_done_is_unknown(built_in, on_unknown, forced):
    config = task("a", built_in=built_in, rollback=Rollback("undo", on_unknown_outcome=on_unknown))
    run = Run(config, inputs={"list": [1, 2]})

    run.cancel(force=forced)
    if not forced and isinstance(built_in, ForEach):
        run.items_ended("a", [1, 2], failed=1)
    elif not forced:
        run.child_ended("a", ExecutionState.CANCELLED)

    assert run.event(ev.RollbackStarted) == ev.RollbackStarted(("a",) if on_unknown else (), ("a",))


def test_what_a_sub_execution_has_done_when_it_took_too_long_is_unknown():
    run = Run(task("a", built_in=SubIntegration("other"), timeout=SECOND, rollback=UNDO))

    run.pass_time(1)

    assert run.event(ev.RollbackEnded).not_undone == ("a",)


def test_a_fatal_failure_beside_a_loop_leaves_its_outcome_unknown():
    each = ForEach("params.list", "x", handler="work")
    run = Run(task("a", built_in=each, rollback=UNDO), task("b", **FATAL), inputs={"list": [1]})

    run.fail("b")

    assert run.event(ev.RollbackEnded).not_undone == ("a",)


def test_a_result_of_the_task_itself_does_not_count_for_its_undo():
    run = chain()

    assert run.do(cmd.ReportSuccess("b", 1, 1)) == []


def test_the_tasks_of_a_catcher_are_undone_before_those_that_led_to_it():
    definition = integration(
        task("a", "b", rollback=UNDO),
        task("b", "d", error_catcher="c"),
        task("c", rollback=UNDO),
        task("d", rollback=UNDO, join=JoinStrategy.WHEN_ANY_SUCCEED),
        task("e", **FATAL),
        catchers={"c": ("c",)},
    )
    run = Run(definition=definition)
    run.succeed("a")
    run.fail("b")
    run.succeed("c")

    run.fail("e")

    assert (run.state("a"), run.state("c")) == (TaskState.PENDING_ROLLBACK, TaskState.ROLLBACK_IN_PROCESS)


def test_an_execution_that_never_started_undoes_nothing():
    copied = {"a": ev.CopiedTask()}
    replay = ev.Replay("e0", "order", ReplayMode.POINT_OF_FAILURE, "again", copied=copied)
    run = Run(task("a", rollback=UNDO), replay=replay, **ON_HOLD)

    run.cancel()

    assert run.execution_state() is ExecutionState.CANCELLED
    assert run.state("a") is TaskState.SUCCEED


@pytest.mark.slow
def test_two_thousand_tasks_are_undone_within_seconds():
    names = [f"t{number}" for number in range(1_999)]
    tasks = [task(name, *names[at + 1 : at + 2], rollback=UNDO) for at, name in enumerate(names)]
    run = Run(*tasks, task("last", **FATAL), watched=False)
    for name in names:
        run.succeed(name)

    start = process_time()
    run.fail("last")
    for name in reversed(names):
        run.succeed(name)

    assert run.execution_state() is ExecutionState.FAILED
    assert process_time() - start < 20
