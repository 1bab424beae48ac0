"""The built-in `sub-integration` (row 60): one sub-execution, waited for or cut loose."""

from typing import Any

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.integration import FailurePolicy, OutputMapping, RetryStrategy, SubIntegration
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import Run, both_ways, failure, plain, task

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=5 * SECOND))


def parent(*, wait: bool = True, **settings: Any) -> Run:
    sub = SubIntegration("other", wait=wait)
    return Run(task("a", "b", built_in=sub, handler="sub-integration", **settings), task("b"))


def test_a_sub_execution_has_its_id_before_it_exists():
    run = parent()

    assert run.effects == [ef.RunChild("a", 1, 1, child="child-1")]
    assert run.execution.tasks["a"].child == "child-1"
    assert not run.execution.tasks["a"].child_started


def test_the_start_of_a_sub_execution_is_recorded_once():
    run = parent()

    run.child_started("a")
    assert run.events == [ev.SubExecutionStarted("a", "child-1")]

    assert run.child_started("a") == []
    assert run.execution_state() is ExecutionState.PROCESSING


def test_waiting_for_a_sub_execution_is_processing():
    run = parent()
    run.child_started("a")

    assert run.execution_state() is ExecutionState.PROCESSING
    assert not run.execution.is_waiting()


def test_the_outputs_of_a_sub_execution_are_those_of_the_task():
    run = parent(outputs=(OutputMapping("total", "sum"),))
    run.child_started("a")

    run.child_ended("a", ExecutionState.SUCCEEDED, total=9)

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.IN_PROCESS}
    assert plain(run.execution.tasks["a"].outputs) == {"total": 9}
    assert run.parameters() == {"sum": 9}


def test_a_sub_execution_that_failed_fails_the_task_with_its_failure():
    run = parent()
    run.child_started("a")

    run.child_ended("a", ExecutionState.FAILED)

    assert run.state("a") is TaskState.FAILED
    assert run.failure_code() == "CHILD_BROKEN"


def test_a_sub_execution_that_somebody_else_cancelled_fails_the_task():
    run = parent(**RETRY)
    run.child_started("a")

    run.child_ended("a", ExecutionState.CANCELLED)

    assert run.state("a") is TaskState.FAILED


def test_a_retry_is_another_sub_execution():
    run = parent(**RETRY)
    run.child_ended("a", ExecutionState.FAILED)
    assert run.state("a") is TaskState.RETRY_ON_HOLD

    run.pass_time(5)

    assert run.effects == [ef.RunChild("a", 1, 2, child="child-2")]
    assert not run.execution.tasks["a"].child_started


def test_an_end_that_overtakes_the_start_tells_of_both():
    run = parent()

    run.child_ended("a", ExecutionState.SUCCEEDED)

    assert [type(event) for event in run.events][:2] == [ev.SubExecutionStarted, ev.TaskSucceeded]


def test_the_report_of_another_sub_execution_changes_nothing():
    run = parent(**RETRY)
    run.child_ended("a", ExecutionState.FAILED)
    run.pass_time(5)

    assert run.do(cmd.ReportChildEnded("a", 1, 2, child="child-1")) == []
    assert run.do(cmd.ReportChildStarted("a", 1, 2, child="child-1")) == []


def test_a_task_that_does_not_wait_succeeds_once_the_orphan_is_durable():
    run = parent(wait=False)
    assert run.state("a") is TaskState.IN_PROCESS

    run.child_started("a")

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.IN_PROCESS}


def test_the_end_of_an_orphan_changes_nothing():
    run = parent(wait=False)
    run.child_started("a")

    report = cmd.ReportChildEnded("a", 1, 1, child="child-1", state=ExecutionState.FAILED, failure=failure())

    assert run.do(report) == []


def test_an_orphan_that_failed_before_its_start_was_told_does_not_fail_the_task():
    run = parent(wait=False)

    run.child_ended("a", ExecutionState.FAILED)

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.IN_PROCESS}
