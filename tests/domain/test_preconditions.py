"""Preconditions (row 64): looked at when the join is satisfied."""

from perdure.domain.breakpoints import Breakpoints
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import Run, task


def test_a_task_whose_precondition_is_false_is_skipped_and_what_follows_too():
    run = Run(task("a", "b", precondition="params.n > 3"), task("b"), inputs={"n": 3})

    assert run.states() == {"a": TaskState.SKIPPED, "b": TaskState.SKIPPED}
    assert not run.execution.tasks["b"].skipped_on_failure
    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_precondition_is_looked_at_when_the_join_is_satisfied():
    run = Run(task("a", "b"), task("b", precondition="tasks.a.outputs.n == 1"))

    run.succeed("a", n=1)

    assert run.state("b") is TaskState.IN_PROCESS


def test_a_precondition_that_cannot_be_evaluated_is_a_failure():
    run = Run(task("a", precondition="params.missing"))

    assert run.failure_code() == "EXPRESSION_FAILED"
    assert run.execution.errors[0].failure.message.startswith("precondition: ")


def test_a_step_does_not_reach_a_task_whose_precondition_cannot_be_evaluated():
    run = Run(task("a"), task("b", precondition="params.missing"), breakpoints=Breakpoints(step_through=True))
    run.step()

    assert run.states() == {"a": TaskState.IN_PROCESS, "b": TaskState.PENDING_EXECUTION}


def test_a_precondition_can_let_a_share_of_the_executions_pass():
    run = Run(task("a", precondition="execution.bucket < 100"), task("b", precondition="execution.bucket < 0"))

    assert run.states() == {"a": TaskState.IN_PROCESS, "b": TaskState.SKIPPED}


def test_the_precondition_is_looked_at_again_when_a_pause_ends():
    run = Run(task("a", "b"), task("b", precondition="params.go"), inputs={"go": True})
    run.pause()
    run.succeed("a")
    assert run.state("b") is TaskState.PENDING_EXECUTION

    run.resume(go=False)

    assert run.state("b") is TaskState.SKIPPED
