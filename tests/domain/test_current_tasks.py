"""Which tasks an execution is busy with (row 32); random lives hold them to a look at all tasks."""

from perdure.domain.integration import FailurePolicy, RetryStrategy, Timer
from perdure.domain.limits import SECOND
from tests.domain.builders import ON_HOLD, Run, both_ways, task

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=9 * SECOND))


def current(run: Run) -> tuple[str, ...]:
    return tuple(run.execution.current_tasks)


def test_nothing_is_current_before_the_start():
    run = Run(task("a"), **ON_HOLD)
    assert current(run) == ()
    run.start()
    assert current(run) == ("a",)


def test_tasks_at_work_and_waiting_are_current_by_id():
    run = Run(task("late", "end", **RETRY), task("early"), task("wait", built_in=Timer(duration=SECOND)), task("end"))
    run.fail("late")
    assert current(run) == ("early", "late", "wait")
    run.pass_time(5)
    assert current(run) == ("early", "late")


def test_after_the_end_those_that_ended_last_are_current():
    run = Run(task("a", "b"), task("b"))
    run.succeed("a")
    run.now += SECOND
    run.succeed("b")
    assert current(run) == ("b",)


def test_a_restart_begins_with_none_of_the_former_tasks():
    policy = FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=SECOND)
    run = Run(task("a", "b"), task("b", **both_ways(policy)))
    run.succeed("a")
    run.fail("b")
    assert current(run) == ()
    run.pass_time(1)
    assert current(run) == ("a",)
