"""Teardown (row 58; contract, decision 5): runs before every final state, whatever its tasks come to."""

import pytest

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.integration import Assign, FailurePolicy, Integration, Parameter, RetryStrategy
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from perdure.domain.value import ValueKind
from tests.domain.builders import ON_HOLD, UNDO, Run, both_ways, integration, task

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=SECOND))


def with_teardown(**settings: object) -> Integration:
    """Build an integration of one task and two teardown tasks."""
    return integration(task("a", **settings), teardown=(task("y"), task("z")))


def end(run: Run, how: str) -> None:
    """Bring the one task of an execution to an end."""
    if how == "succeeded":
        run.succeed("a")
    elif how == "failed":
        run.fail("a")
    else:
        run.cancel()
        run.stop("a")


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ("succeeded", ExecutionState.SUCCEEDED),
        ("failed", ExecutionState.FAILED),
        ("cancelled", ExecutionState.CANCELLED),
    ],
)
def test_teardown_tasks_run_one_after_another_before_every_end(how, state):
    run = Run(definition=with_teardown())

    end(run, how)
    assert (run.state("y"), run.state("z")) == (TaskState.IN_PROCESS, TaskState.PENDING_EXECUTION)
    assert run.effects == [ef.OfferAttempt("y", 1, 1)]
    run.succeed("y")
    assert run.execution_state() is ExecutionState.PROCESSING
    run.succeed("z")

    assert run.execution_state() is state


def test_a_teardown_task_that_fails_is_told_and_changes_nothing_else():
    run = Run(definition=with_teardown())
    run.succeed("a")

    run.fail("y", "LEFT_OPEN")
    run.succeed("z")

    assert run.execution_state() is ExecutionState.SUCCEEDED
    assert [entry.failure.code for entry in run.execution.errors] == ["LEFT_OPEN"]


def test_a_teardown_task_is_retried():
    run = Run(definition=integration(task("a"), teardown=(task("z", **RETRY),)))
    run.succeed("a")

    run.fail("z")
    assert run.execution_state() is ExecutionState.PROCESSING
    run.pass_time(1)
    run.succeed("z")

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_the_teardown_comes_after_the_rollback():
    run = Run(definition=integration(task("a", "b", rollback=UNDO), task("b"), teardown=(task("z"),)))
    run.succeed("a")

    run.fail("b")
    assert "z" not in run.states()
    run.succeed("a")

    assert run.state("z") is TaskState.IN_PROCESS


def test_an_execution_that_never_started_has_nothing_to_tear_down():
    run = Run(definition=with_teardown(), **ON_HOLD)

    run.cancel()

    assert run.execution_state() is ExecutionState.CANCELLED
    assert set(run.states()) == {"a"}


def test_what_the_execution_returns_is_settled_before_the_teardown():
    reset = Assign((("n", "params.n + 1"),))
    definition = integration(
        task("a"),
        parameters=[Parameter("n", ValueKind.INT, is_output=True)],
        teardown=(task("z", handler="assign", built_in=reset),),
    )
    run = Run(definition=definition, inputs={"n": 1})

    run.succeed("a")

    assert run.outputs() == {"n": 1}
    assert run.parameters() == {"n": 2}


def test_the_teardown_knows_the_failure():
    note = Assign((("code", "error.code"),))
    definition = integration(
        task("a"),
        parameters=[Parameter("code", ValueKind.STRING, is_input=False)],
        teardown=(task("z", handler="assign", built_in=note),),
    )
    failed, succeeded = Run(definition=definition), Run(definition=definition)

    failed.fail("a", "BROKEN")
    succeeded.succeed("a")

    assert failed.parameters() == {"code": "BROKEN"}
    assert succeeded.parameters() == {"code": ""}


def test_a_teardown_task_whose_precondition_is_false_is_left_out():
    left_out = task("y", precondition="error.code != ''")
    run = Run(definition=integration(task("a"), teardown=(left_out, task("z"))))

    run.succeed("a")

    assert (run.state("y"), run.state("z")) == (TaskState.SKIPPED, TaskState.IN_PROCESS)


def test_a_cancel_during_the_teardown_leaves_it_alone():
    run = Run(definition=with_teardown())
    run.succeed("a")

    run.cancel()
    assert run.effects == []
    run.succeed("y")
    run.succeed("z")

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_the_deadline_does_not_end_the_teardown():
    run = Run(definition=with_teardown(), max_runtime=SECOND)
    run.succeed("a")

    run.pass_time(5)

    assert run.state("y") is TaskState.IN_PROCESS


def test_a_pause_holds_the_teardown_back():
    run = Run(definition=with_teardown())
    run.pause()
    run.succeed("a")
    assert run.state("y") is TaskState.PENDING_EXECUTION

    run.resume()

    assert run.state("y") is TaskState.IN_PROCESS


def test_teardown_tasks_become_part_of_the_execution_when_it_begins():
    run = Run(definition=with_teardown())
    assert set(run.states()) == {"a"}

    run.succeed("a")

    assert run.event(ev.TeardownStarted).task_ids == ("y", "z")
