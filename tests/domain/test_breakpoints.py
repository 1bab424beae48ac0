"""Breakpoints and stepping (rows 43, 67): the whole execution stops, and goes on as it is told."""

from typing import Any

import pytest

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.breakpoints import STOP_EXPIRES_AFTER, Breakpoint, Breakpoints, Position, StepAction
from perdure.domain.errors import NotFound, WrongState
from perdure.domain.integration import (
    Assign,
    Expression,
    FailurePolicy,
    ForEach,
    JoinStrategy,
    RetryStrategy,
    SubIntegration,
    SuspensionConfig,
)
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import FATAL, NOW, Run, both_ways, integration, plain, task

STEP_THROUGH = Breakpoints(step_through=True)
RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=SECOND))
RESTART = both_ways(FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=SECOND))
ASSIGN: dict[str, Any] = {"handler": "assign", "built_in": Assign((("n", "1"),))}


def at(task_id: str, position: Position, condition: str = "") -> Breakpoints:
    """Set one breakpoint."""
    return Breakpoints((Breakpoint(task_id, position, condition),))


def stopped(run: Run) -> tuple[str, Position] | None:
    """Tell where the execution stands."""
    stop = run.execution.stop
    return (stop.task_id, stop.position) if stop else None


def test_the_execution_stops_before_a_task_and_goes_on():
    run = Run(task("a", "b"), task("b"), breakpoints=at("b", Position.BEFORE))

    run.succeed("a")
    assert stopped(run) == ("b", Position.BEFORE)
    assert run.state("b") is TaskState.PENDING_EXECUTION
    assert run.execution.next_wake() == NOW + STOP_EXPIRES_AFTER
    run.step(StepAction.CONTINUE)

    assert stopped(run) is None
    assert run.effects == [ef.OfferAttempt("b", 1, 1)]


def test_it_stops_after_a_task_before_anything_follows_from_it():
    run = Run(task("a", "b", **ASSIGN), task("b"), task("c", **ASSIGN), task("d"), breakpoints=at("a", Position.AFTER))

    assert stopped(run) == ("a", Position.AFTER)
    assert {run.state(task_id) for task_id in "bcd"} == {TaskState.PENDING_EXECUTION}
    run.step(StepAction.CONTINUE)

    assert (run.state("b"), run.state("d")) == (TaskState.IN_PROCESS, TaskState.IN_PROCESS)


def test_it_stops_after_the_last_task_before_its_end():
    run = Run(task("a"), breakpoints=at("a", Position.AFTER))

    run.succeed("a")
    assert run.execution_state() is ExecutionState.PROCESSING
    run.step(StepAction.CONTINUE)

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_it_stops_after_the_last_teardown_task_too():
    run = Run(definition=integration(task("a"), teardown=(task("z"),)), breakpoints=at("z", Position.AFTER))
    run.succeed("a")

    run.succeed("z")
    assert run.execution_state() is ExecutionState.PROCESSING
    run.step(StepAction.CONTINUE)

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_stepping_through_stops_before_every_task():
    run = Run(definition=integration(task("a", "b"), task("b"), teardown=(task("z"),)), breakpoints=STEP_THROUGH)
    assert stopped(run) == ("a", Position.BEFORE), "nobody has stepped yet"

    for task_id, following in (("a", "b"), ("b", "z")):
        run.step()
        assert stopped(run) is None
        run.succeed(task_id)
        assert stopped(run) == (following, Position.STEP)


def test_a_stop_of_stepping_through_is_the_end_of_a_step_only_after_one():
    run = Run(task("a", "b"), task("b", "c"), task("c"), breakpoints=STEP_THROUGH)

    run.step(StepAction.CONTINUE)
    run.succeed("a")
    assert stopped(run) == ("b", Position.BEFORE)
    run.step()
    run.succeed("b")

    assert stopped(run) == ("c", Position.STEP)


def test_a_step_runs_one_task_and_stops_again():
    run = Run(task("a", "c"), task("b"), task("c"), breakpoints=at("a", Position.BEFORE))

    run.step()
    assert run.states() == {
        "a": TaskState.IN_PROCESS,
        "b": TaskState.PENDING_EXECUTION,
        "c": TaskState.PENDING_EXECUTION,
    }
    run.succeed("a")

    assert stopped(run) == ("c", Position.STEP)


def test_a_step_can_choose_another_task_that_is_ready():
    run = Run(task("a", "c"), task("b"), task("c"), breakpoints=at("a", Position.BEFORE))

    with pytest.raises(WrongState, match="task c cannot run now; ready are: a, b"):
        run.step(task_id="c")
    with pytest.raises(NotFound, match="task z"):
        run.step(task_id="z")
    run.step(task_id="b")

    assert (run.state("a"), run.state("b")) == (TaskState.PENDING_EXECUTION, TaskState.IN_PROCESS)


def test_a_step_onto_a_task_that_ends_at_once_stops_before_the_next():
    run = Run(task("a", "b", **ASSIGN), task("b"), breakpoints=STEP_THROUGH)

    run.step()

    assert stopped(run) == ("b", Position.STEP)


def test_a_step_onto_a_long_row_of_tasks_that_are_skipped_does_not_recurse():
    skipped = [task(f"s{number}", precondition="false") for number in range(1_500)]
    run = Run(task("a"), *skipped, task("z"), breakpoints=STEP_THROUGH, watched=False)

    run.step()
    run.succeed("a")

    assert stopped(run) == ("z", Position.STEP)


def test_nothing_can_be_stepped_onto_after_the_last_task():
    run = Run(task("a"), breakpoints=at("a", Position.AFTER))
    run.succeed("a")

    with pytest.raises(WrongState, match="no task can run now"):
        run.step()


def test_a_failure_is_held_before_its_policy_acts():
    run = Run(task("a", **RETRY), breakpoints=at("", Position.ON_FAILURE))

    run.fail("a")
    assert stopped(run) == ("a", Position.ON_FAILURE)
    assert (run.state("a"), run.execution.tasks["a"].due) == (TaskState.RETRY_ON_HOLD, None)
    run.step(StepAction.CONTINUE)

    assert run.event(ev.FailureReleased).resolution is ev.Resolution.RETRY
    assert run.execution.next_wake() == run.now + SECOND


def test_a_failure_that_is_released_for_good_ends_the_execution():
    run = Run(task("a"), breakpoints=at("a", Position.ON_FAILURE, "error.code == 'BROKEN'"))
    run.fail("a")
    assert run.execution.errors[0].handled

    run.step(StepAction.CONTINUE)

    assert run.failure_code() == "BROKEN"
    assert not run.execution.errors[0].handled


def test_another_attempt_can_be_had_at_once_whatever_the_policy():
    run = Run(task("a"), breakpoints=at("a", Position.ON_FAILURE))
    run.fail("a")

    run.step(StepAction.RETRY)

    assert run.effects == [ef.OfferAttempt("a", 1, 2)]


def test_another_attempt_after_an_edit_has_inputs_computed_anew():
    config = task("a", parameters={"n": Expression("10 / params.n"), "m": Expression("params.m")})
    run = Run(config, inputs={"n": 5, "m": 1}, breakpoints=at("a", Position.ON_FAILURE))
    run.fail("a")
    run.step(StepAction.RETRY)
    assert run.event(ev.TaskRetried).inputs is None, "nothing was edited"

    for action in (StepAction.RETRY, StepAction.STEP):
        run.fail("a")
        run.step(action, n=2)
        assert plain(run.execution.tasks["a"].inputs) == {"n": 5, "m": 1}
        run.fail("a")
        run.step(action, n=5)
        assert plain(run.execution.tasks["a"].inputs) == {"n": 2, "m": 1}


def test_an_edit_after_which_no_inputs_can_be_computed_fails_the_attempt():
    config = task("a", parameters={"n": Expression("10 / params.n")})
    run = Run(config, inputs={"n": 5}, breakpoints=at("a", Position.ON_FAILURE))
    run.fail("a")

    run.step(StepAction.RETRY, n=0)

    failed = run.event(ev.TaskAttemptFailed)
    assert (failed.attempt, failed.failure.code, failed.resolution) == (2, "EXPRESSION_FAILED", ev.Resolution.HOLD)
    assert stopped(run) == ("a", Position.ON_FAILURE)
    run.step(StepAction.RETRY, n=2)
    assert plain(run.execution.tasks["a"].inputs) == {"n": 5}


def test_a_loop_has_other_items_after_an_edit():
    each = ForEach(items="params.list", item_parameter="x", target=SubIntegration("other"))
    config = task("a", built_in=each, handler="for-each")
    run = Run(config, inputs={"list": [1, 2, 3]}, breakpoints=at("a", Position.ON_FAILURE))
    run.items_ended("a", [1, 2, 3], failed=1)

    run.step(StepAction.RETRY, list=[4, 5])

    assert run.execution.tasks["a"].sub_job_count == 2
    assert plain(run.execution.tasks["a"].inputs) == {"items": [4, 5]}


def test_failures_of_several_tasks_are_held_and_released_one_after_another():
    run = Run(task("a"), task("b"), breakpoints=at("", Position.ON_FAILURE))
    run.fail("a", "FIRST")
    run.fail("b", "SECOND")
    assert stopped(run) == ("a", Position.ON_FAILURE)

    run.step(StepAction.CONTINUE)
    assert (run.state("a"), stopped(run)) == (TaskState.FAILED, ("b", Position.ON_FAILURE))
    run.step(StepAction.RETRY)
    run.succeed("b")

    assert run.failure_code() == "FIRST"


def test_there_is_nothing_to_retry_where_nothing_failed():
    run = Run(task("a"), breakpoints=STEP_THROUGH)

    with pytest.raises(WrongState, match="no failed attempt to repeat: the execution stopped before a task"):
        run.step(StepAction.RETRY)


def test_a_cancel_forgets_no_failure_that_is_held():
    run = Run(task("a"), task("b"), breakpoints=at("", Position.ON_FAILURE))
    run.fail("a")

    run.cancel()
    run.stop("b")

    assert run.state("a") is TaskState.CANCELLED
    assert run.execution_state() is ExecutionState.CANCELLED


def test_a_stop_that_nobody_touches_expires_and_all_breakpoints_with_it():
    places = Breakpoints((Breakpoint("a", Position.BEFORE), Breakpoint("b", Position.BEFORE)), expire_after=60 * SECOND)
    run = Run(task("a", "b"), task("b"), breakpoints=places)

    run.pass_time(60)
    run.succeed("a")

    assert run.execution.breakpoints is None
    assert run.state("b") is TaskState.IN_PROCESS


def test_a_stop_that_expires_releases_what_is_held():
    run = Run(task("a"), breakpoints=at("a", Position.ON_FAILURE))
    run.fail("a")

    run.pass_time(STOP_EXPIRES_AFTER / SECOND)

    assert run.execution_state() is ExecutionState.FAILED


@pytest.mark.parametrize(("condition", "stops"), [("params.n > 1", True), ("params.n > 2", False), ("params.x", True)])
def test_a_condition_decides_and_one_that_cannot_be_evaluated_stops(condition, stops):
    run = Run(task("a"), inputs={"n": 2}, breakpoints=at("a", Position.BEFORE, condition))

    assert (stopped(run) is not None) == stops


def test_parameters_are_edited_before_it_goes_on():
    run = Run(task("a", precondition="params.n > 1"), inputs={"n": 2}, breakpoints=STEP_THROUGH)

    run.step(StepAction.CONTINUE, n=1)

    assert run.state("a") is TaskState.SKIPPED


def test_a_fatal_task_beside_a_stop_leaves_nothing_to_start():
    run = Run(task("a", **FATAL), task("b", "c"), task("c"), task("d"), breakpoints=at("c", Position.BEFORE))
    run.succeed("b")
    run.fail("a")

    assert run.execution_state() is ExecutionState.FAILED


def test_a_stop_outlasts_a_failure_and_the_teardown_waits():
    definition = integration(task("a", **FATAL), task("b"), teardown=(task("z"),))
    run = Run(definition=definition, breakpoints=at("b", Position.AFTER))
    run.succeed("b")

    run.fail("a")
    assert "z" not in run.states()
    run.step(StepAction.CONTINUE)

    assert run.state("z") is TaskState.IN_PROCESS


def test_a_paused_execution_is_resumed_before_it_is_stepped():
    run = Run(task("a"), breakpoints=STEP_THROUGH)
    run.pause()

    with pytest.raises(WrongState, match="paused besides"):
        run.step()
    run.resume()
    run.step()

    assert run.state("a") is TaskState.IN_PROCESS


def test_only_an_execution_that_has_stopped_is_stepped():
    run = Run(task("a"))

    with pytest.raises(WrongState, match="does not stand at a breakpoint"):
        run.step()


def test_a_step_in_a_restart_stops_at_the_beginning():
    run = Run(task("a", **RESTART), breakpoints=at("a", Position.BEFORE))
    run.step()
    run.fail("a")

    run.pass_time(1)

    assert stopped(run) == ("a", Position.STEP)


def test_a_step_onto_a_suspension_holds_the_others_until_it_is_decided():
    run = Run(
        task("a", handler="suspend", built_in=SuspensionConfig()),
        task("b", "c"),
        task("c", join=JoinStrategy.WHEN_ANY_SUCCEED),
        breakpoints=at("a", Position.BEFORE),
    )
    run.step()
    assert run.state("b") is TaskState.PENDING_EXECUTION

    run.decide(1)

    assert stopped(run) == ("b", Position.STEP)
