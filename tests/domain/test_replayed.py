"""Executions that replay another one (rows 44 to 48): what was copied counts as done."""

from typing import Any

from perdure.domain import events as ev
from perdure.domain.integration import FailurePolicy, RetryStrategy
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, ReplayMode, TaskState
from tests.domain.builders import ON_HOLD, UNDO, Run, both_ways, integration, task, values, when

RESTART = both_ways(FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=SECOND))


def replay(**copied: ev.CopiedTask) -> dict[str, Any]:
    """Configure an execution that replays another one from its point of failure."""
    return {"replay": ev.Replay("e0", "order", ReplayMode.POINT_OF_FAILURE, "again", copied=copied)}


def done(*edges: bool, **outputs: object) -> ev.CopiedTask:
    """Describe a task that the replayed execution has done."""
    return ev.CopiedTask(outputs=values(outputs), edges=edges)


def test_what_was_copied_is_done_and_what_follows_runs():
    run = Run(task("a", when("b", "tasks.a.outputs.n > 1")), task("b"), **replay(a=done(True, n=2)))

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.IN_PROCESS}
    assert run.execution.tasks["a"].attempts == []


def test_the_conditions_of_a_copied_task_are_not_looked_at_again():
    run = Run(task("a", when("b", "params.missing"), "c"), task("b"), task("c"), **replay(a=done(False, True)))

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.SKIPPED, "c": TaskState.IN_PROCESS}


def test_a_replay_that_has_copied_all_has_succeeded():
    run = Run(task("a", "b"), task("b"), **replay(a=done(True), b=done()))

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_replay_from_the_beginning_copies_nothing():
    run = Run(task("a", "b"), task("b"), **replay())

    assert run.states() == {"a": TaskState.IN_PROCESS, "b": TaskState.PENDING_EXECUTION}


def test_a_replay_waits_for_its_start():
    run = Run(task("a", "b"), task("b"), **replay(a=done(True)), **ON_HOLD)
    assert run.state("b") is TaskState.PENDING_EXECUTION

    run.start()

    assert run.state("b") is TaskState.IN_PROCESS


def test_a_restart_of_a_replay_keeps_what_was_copied():
    run = Run(task("a", "b"), task("b", **RESTART), **replay(a=done(True, n=1)))
    run.fail("b")

    run.pass_time(1)

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.IN_PROCESS}


def test_a_replay_that_fails_does_not_undo_what_it_took_over():
    run = Run(task("a", "b", rollback=UNDO), task("b", "c", rollback=UNDO), task("c"), **replay(a=done(True)))
    run.succeed("b")

    run.fail("c")

    assert run.event(ev.RollbackStarted).task_ids == ("b",)
    assert run.state("a") is TaskState.SUCCEED


def test_a_replay_that_has_done_nothing_itself_has_nothing_to_undo():
    run = Run(task("a", "b", rollback=UNDO), task("b", **RESTART), **replay(a=done(True)))
    run.fail("b")
    run.pass_time(1)

    run.fail("b")

    assert run.execution_state() is ExecutionState.FAILED
    assert run.execution.rollback is None


def test_a_replay_tears_down_too():
    run = Run(definition=integration(task("a"), teardown=(task("z"),)), **replay(a=done()))

    assert run.state("z") is TaskState.IN_PROCESS
