"""Changes of the settings of a live execution (row 51)."""

import pytest

from perdure.domain import commands as cmd
from perdure.domain import events as ev
from perdure.domain.breakpoints import Breakpoint, Breakpoints, Position
from perdure.domain.errors import InvalidRequest
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import NOW, ON_HOLD, Run, task

NONE = Breakpoints()


def test_what_is_named_changes_and_the_rest_stays():
    run = Run(task("a"), labels={"team": "a"}, description="first")

    run.do(cmd.Update("alice", priority=7, labels={"team": "b"}))

    assert run.events == [ev.ExecutionUpdated("alice", priority=7, labels={"team": "b"})]
    assert (run.execution.priority, run.execution.labels) == (7, {"team": "b"})
    assert run.execution.description == "first"


def test_what_is_so_already_changes_nothing():
    run = Run(task("a"), labels={"team": "a"})

    assert run.do(cmd.Update("alice", priority=0, labels={"team": "a"}, deadline=0, breakpoints=NONE)) == []


def test_a_deadline_can_be_set_and_taken_away():
    run = Run(task("a"), max_runtime=SECOND)
    run.do(cmd.Update("alice", deadline=0))
    assert run.execution.next_wake() is None

    run.do(cmd.Update("alice", deadline=NOW + 5 * SECOND))
    run.pass_time(5)

    assert run.failure_code() == "DEADLINE_EXCEEDED"


def test_a_deadline_counts_before_the_start():
    run = Run(task("a"), **ON_HOLD)
    run.do(cmd.Update("alice", deadline=NOW + SECOND))

    run.pass_time(1)

    assert run.execution_state() is ExecutionState.FAILED
    assert run.execution.failure is not None
    assert run.execution.failure.message == "the execution had not started at its deadline"


def test_breakpoints_can_be_set_later():
    run = Run(task("a", "b"), task("b"))
    run.do(cmd.Update("alice", breakpoints=Breakpoints((Breakpoint("b", Position.BEFORE),))))

    run.succeed("a")

    assert run.state("b") is TaskState.PENDING_EXECUTION


def test_taking_the_breakpoints_away_ends_a_step_that_is_under_way():
    run = Run(task("a"), task("b"), breakpoints=Breakpoints(step_through=True))
    run.step()
    assert run.state("b") is TaskState.PENDING_EXECUTION

    run.do(cmd.Update("alice", breakpoints=NONE))

    assert run.state("b") is TaskState.IN_PROCESS


def test_development_mode_is_switched_off_and_never_on():
    run = Run(task("a"), development=True)

    run.do(cmd.Update("alice", development=False))
    assert not run.execution.development

    with pytest.raises(InvalidRequest, match="can only be switched off"):
        run.do(cmd.Update("alice", development=True))
