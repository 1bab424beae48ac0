"""Reports that come late, twice or from the past change nothing: workers do all three."""

import pytest

from perdure.domain import commands as cmd
from perdure.domain.integration import FailurePolicy, RetryStrategy
from perdure.domain.limits import SECOND
from tests.domain.builders import Run, both_ways, failure, task

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=3, interval=5 * SECOND))
RESTART = both_ways(FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=SECOND))


def reports(execution_attempt: int = 1, attempt: int = 1) -> list[cmd.Command]:
    """List every report there is about one attempt of the task `a`."""
    about = ("a", execution_attempt, attempt)
    return [
        cmd.ReportSuccess(*about),
        cmd.ReportFailure(*about, failure=failure()),
        cmd.ReportStopped(*about),
        cmd.ReportLost(*about),
        cmd.ReportProgress(*about, message="late", percent=99),
        cmd.ReportChildStarted(*about, child="child-1"),
        cmd.ReportChildEnded(*about, child="child-1"),
        cmd.ReportItems(*about, finished=1),
        cmd.ReportItemsEnded(*about, finished=1),
    ]


KINDS = range(len(reports()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_about_a_task_that_has_ended_changes_nothing(kind):
    run = Run(task("a"), task("b"))
    run.succeed("a")

    assert run.do(reports()[kind]) == []
    assert run.effects == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_late_report_changes_nothing(kind):
    run = Run(task("a", **RETRY))
    run.lose("a")

    assert run.do(reports()[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_while_the_task_waits_for_its_retry_changes_nothing(kind):
    run = Run(task("a", **RETRY))
    run.fail("a")

    assert run.do(reports()[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_about_an_attempt_to_come_changes_nothing(kind):
    run = Run(task("a", **RETRY))

    assert run.do(reports(attempt=2)[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_from_before_a_restart_changes_nothing(kind):
    run = Run(task("a", **RESTART))
    run.fail("a")
    run.pass_time(1)

    assert run.do(reports()[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_about_a_task_that_has_not_started_changes_nothing(kind):
    run = Run(task("b", "a"), task("a"))

    assert run.do(reports(attempt=0)[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_after_the_end_of_the_execution_changes_nothing(kind):
    run = Run(task("a"))
    run.fail("a")

    assert run.do(reports()[kind]) == []


def test_the_same_result_twice_counts_once():
    run = Run(task("a", "b"), task("b"))
    run.succeed("a")

    assert run.do(cmd.ReportSuccess("a", 1, 1)) == []
    assert run.execution.tasks["b"].attempt == 1


def test_a_result_that_comes_after_the_timeout_loses():
    run = Run(task("a", timeout=SECOND, **RETRY))
    run.pass_time(1)

    assert run.do(cmd.ReportSuccess("a", 1, 1)) == []


def test_waking_when_nothing_is_due_changes_nothing():
    run = Run(task("a", timeout=SECOND))

    assert run.pass_time(0.5) == []
