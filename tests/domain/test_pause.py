"""Pause and resume (row 43): no attempt starts, what runs goes on, clocks run."""

import pytest

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.errors import InvalidRequest, WrongState
from perdure.domain.integration import FailurePolicy, Parameter, RetryStrategy, Timer
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from perdure.domain.value import ValueKind
from tests.domain.builders import NOW, ON_HOLD, UNDO, Run, both_ways, integration, task

RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=SECOND))
RESTART = both_ways(FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=SECOND))


def test_what_runs_goes_on_and_nothing_new_starts():
    run = Run(task("a", "b"), task("b"))

    run.pause()
    run.succeed("a", n=1)

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.PENDING_EXECUTION}
    assert run.execution_state() is ExecutionState.PROCESSING
    assert run.execution.is_waiting()
    assert run.resume()[1:] == [ev.TaskStarted("b", {})]


def test_pausing_twice_and_resuming_what_is_not_paused_change_nothing():
    run = Run(task("a"))

    assert run.resume() == []
    run.pause()
    assert run.pause() == []


def test_a_retry_waits_for_the_end_of_the_pause():
    run = Run(task("a", **RETRY))
    run.fail("a")
    run.pause()

    assert run.execution.next_wake() is None
    assert run.pass_time(5) == []
    run.resume()

    assert run.effects == [ef.OfferAttempt("a", 1, 2)]


def test_a_lost_worker_is_replaced_after_the_pause():
    run = Run(task("a"))
    run.pause()

    run.lose("a")
    assert (run.state("a"), run.effects) == (TaskState.RETRY_ON_HOLD, [])
    run.resume()

    assert run.effects == [ef.OfferAttempt("a", 1, 2)]


def test_a_restart_waits_for_the_end_of_the_pause():
    run = Run(task("a", **RESTART))
    run.fail("a")
    run.pause()
    assert run.pass_time(5) == []

    run.resume()
    assert run.execution.next_wake() is not None
    run.pass_time(0)

    assert run.execution.execution_attempt == 2


def test_timers_and_deadlines_run_on():
    run = Run(
        task("a", "b", handler="timer", built_in=Timer(duration=SECOND)), task("b"), task("c"), max_runtime=9 * SECOND
    )
    run.pause()

    run.pass_time(1)
    assert run.states() == {
        "a": TaskState.SUCCEED,
        "b": TaskState.PENDING_EXECUTION,
        "c": TaskState.IN_PROCESS,
    }
    run.pass_time(8)

    assert run.failure_code() == "DEADLINE_EXCEEDED"


def test_an_execution_that_is_paused_before_its_start_starts_after_it():
    run = Run(task("a"), state=ExecutionState.PENDING, schedule_time=NOW + SECOND)
    run.pause()
    assert run.pass_time(5) == []

    run.resume()
    assert run.execution.next_wake() == NOW + SECOND
    run.pass_time(0)

    assert run.state("a") is TaskState.IN_PROCESS


def test_a_paused_execution_that_is_started_by_id_waits_within():
    run = Run(task("a"), **ON_HOLD)
    run.pause()
    run.start()
    assert (run.execution_state(), run.state("a")) == (ExecutionState.PROCESSING, TaskState.PENDING_EXECUTION)

    run.resume()

    assert run.state("a") is TaskState.IN_PROCESS


def test_a_pause_holds_the_rollback_back():
    run = Run(task("a", "b", rollback=UNDO), task("b"))
    run.succeed("a")
    run.pause()
    run.fail("b")
    assert run.state("a") is TaskState.PENDING_ROLLBACK

    run.resume()

    assert run.state("a") is TaskState.ROLLBACK_IN_PROCESS


def test_parameters_are_edited_when_it_goes_on():
    definition = integration(task("a"), parameters=[Parameter("n", ValueKind.INT, is_output=True)])
    run = Run(definition=definition, inputs={"n": 1})
    run.pause()

    run.resume(n=2)

    assert run.event(ev.ParametersChanged).principal == "alice"
    assert run.parameters() == {"n": 2}


def test_an_edit_that_does_not_fit_is_refused_whole_with_every_fault():
    definition = integration(task("a"), parameters=[Parameter("n", ValueKind.INT)])
    run = Run(definition=definition, inputs={"n": 1})
    run.pause()

    with pytest.raises(InvalidRequest) as refused:
        run.resume(n="many", m=1)

    assert [violation.path for violation in refused.value.violations] == [
        'modified_parameters["n"]',
        'modified_parameters["m"]',
    ]
    assert run.execution.pause is not None


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"m": 1, "k": 2}, "UNKNOWN_PARAMETER"),
        ({"n": "many"}, "PARAMETER_TYPE_MISMATCH"),
        ({"text": "x" * 2_100_000}, "VALUE_TOO_LARGE"),
        ({"n": "many", "m": 1}, "INVALID_FIELD"),
    ],
)
def test_a_refused_parameter_tells_the_reason_that_all_faults_share(parameters, reason):
    declared = [Parameter("n", ValueKind.INT, is_input=True), Parameter("text", ValueKind.STRING, is_input=True)]
    run = Run(definition=integration(task("a"), parameters=declared), inputs={"n": 1, "text": ""})
    run.pause()

    with pytest.raises(InvalidRequest) as refused:
        run.resume(**parameters)

    assert refused.value.reason_name == reason


def test_only_a_paused_execution_takes_other_parameters():
    run = Run(task("a"), inputs={"n": 1})

    with pytest.raises(WrongState, match="only a paused execution"):
        run.resume(n=2)


def test_a_cancel_lifts_the_pause():
    run = Run(task("a", "b", rollback=UNDO), task("b"))
    run.succeed("a")
    run.pause()

    run.cancel()
    run.stop("b")

    assert run.execution.pause is None
    assert run.state("a") is TaskState.ROLLBACK_IN_PROCESS


def test_the_deadline_ends_a_restart_that_is_planned():
    definition = integration(task("a", **RESTART), teardown=(task("z"),))
    run = Run(definition=definition, max_runtime=SECOND)
    run.fail("a")
    run.pause()
    run.pass_time(1)

    run.resume()
    run.pass_time(0)

    assert run.state("z") is TaskState.IN_PROCESS
    assert run.execution.execution_attempt == 1
