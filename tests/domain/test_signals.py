"""Callbacks and signals (row 61; P15): a signal is kept until a task takes it, once."""

from typing import Any

import pytest

from perdure.domain import events as ev
from perdure.domain.errors import LimitReached, WrongState
from perdure.domain.integration import Callback, FailurePolicy, OutputMapping, RetryStrategy
from perdure.domain.limits import HISTORY_MAX_BYTES, HISTORY_MAX_EVENTS, SECOND, SIGNALS_MAX, SIGNALS_MAX_BYTES
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import NOW, ON_HOLD, Run, both_ways, plain, task


def callback(signal: str = "paid", timeout: int = 0) -> dict[str, Any]:
    """Configure the built-in `callback`."""
    return {"handler": "callback", "built_in": Callback(signal, timeout)}


def test_a_callback_waits_and_the_payload_is_its_outputs():
    run = Run(task("a", **callback(), outputs=(OutputMapping("amount", "amount"),)))
    assert run.execution_state() is ExecutionState.SUSPENDED

    run.signal("paid", amount=5)

    assert plain(run.execution.tasks["a"].outputs) == {"amount": 5}
    assert run.parameters() == {"amount": 5}
    assert run.event(ev.SuspensionResolved).resolver == "bank"


def test_a_signal_that_comes_early_is_kept():
    run = Run(task("a", "b"), task("b", **callback()))
    run.signal("paid", amount=5)

    run.succeed("a")

    assert plain(run.execution.tasks["b"].outputs) == {"amount": 5}
    assert run.execution.signals == []


def test_a_signal_can_come_before_the_start():
    run = Run(task("a", **callback()), **ON_HOLD)
    run.signal("paid")

    run.start()

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_signals_are_taken_in_the_order_of_arrival_and_once():
    run = Run(task("a", "b"), task("b", "c", **callback()), task("c", **callback()))
    run.signal("paid", n=1)
    run.signal("paid", n=2)

    run.succeed("a")

    assert [plain(run.execution.tasks[task_id].outputs) for task_id in "bc"] == [{"n": 1}, {"n": 2}]


def test_the_task_that_has_waited_longest_takes_the_signal():
    run = Run(task("a", **callback()), task("b", **callback()))

    run.signal("paid")

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.SUSPENDED}


def test_a_signal_of_a_known_id_changes_nothing():
    run = Run(task("a", **callback()), task("b", **callback()))
    run.signal("paid", "s1")

    assert run.signal("paid", "s1") == []
    assert run.state("b") is TaskState.SUSPENDED


def test_a_signal_that_no_task_takes_is_refused():
    run = Run(task("a", **callback("paid")), task("b", **callback("sent")))

    with pytest.raises(WrongState, match="takes no signal lost; it takes: paid, sent"):
        run.signal("lost")


def test_a_callback_that_is_not_answered_in_time_has_failed():
    run = Run(task("a", **callback(timeout=60 * SECOND)))
    assert run.execution.next_wake() == NOW + 60 * SECOND

    run.pass_time(60)

    assert run.failure_code() == "TIMEOUT"
    assert run.event(ev.SuspensionResolved).expired


def test_a_callback_is_retried_and_waits_again():
    retry = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=SECOND))
    run = Run(task("a", **callback(timeout=60 * SECOND), **retry))
    run.pass_time(60)
    run.pass_time(1)
    assert run.execution.suspension_count == 2

    run.signal("paid")

    assert run.execution_state() is ExecutionState.SUCCEEDED


def test_a_callback_is_no_matter_of_decision():
    run = Run(task("a", **callback()))

    with pytest.raises(WrongState, match="waits for the signal paid"):
        run.decide(1)


def test_the_signals_that_are_kept_are_bounded():
    run = Run(task("a", "b"), task("b", **callback()), watched=False)
    for _ in range(SIGNALS_MAX):
        run.signal("paid")

    with pytest.raises(LimitReached, match="wait to be taken"):
        run.signal("paid")


def test_the_size_of_the_signals_that_are_kept_is_bounded():
    run = Run(task("a", "b"), task("b", **callback()))
    for _ in range(3):
        run.signal("paid", text="x" * 1_300_000)
    before = run.execution.sequence

    with pytest.raises(LimitReached, match=f"at most {SIGNALS_MAX_BYTES} are kept") as told:
        run.signal("paid", text="x" * 1_300_000)

    assert told.value.reason_name == "SIGNALS_FULL"
    assert run.execution.sequence == before
    run.signal("paid", text="x")


@pytest.mark.parametrize("full", ["values", "events"])
def test_a_signal_for_which_the_history_has_no_room_is_refused_and_does_no_harm(full):
    run = Run(task("a", "b", **callback()), task("b"), watched=False)
    if full == "values":
        run.execution.history_bytes = HISTORY_MAX_BYTES - 2_000
    else:
        run.execution.sequence = HISTORY_MAX_EVENTS - 520

    with pytest.raises(LimitReached, match="has no room") as told:
        run.signal("paid", text="x" * 1_000)

    assert told.value.reason_name == "SIGNALS_FULL"
    assert run.state("a") is TaskState.SUSPENDED


def test_a_signal_during_a_pause_is_taken_and_what_follows_waits():
    run = Run(task("a", "b", **callback()), task("b"))
    run.pause()

    run.signal("paid")

    assert run.states() == {"a": TaskState.SUCCEED, "b": TaskState.PENDING_EXECUTION}
