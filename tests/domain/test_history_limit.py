"""The history limit (decision 14): an execution that would write for ever ends FAILED, and its end still fits."""

import pytest

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain.decide import decide
from perdure.domain.integration import Assign
from perdure.domain.limits import HISTORY_MAX_BYTES, HISTORY_MAX_EVENTS, TASKS_MAX
from perdure.domain.states import ExecutionState, TaskState
from tests.domain.builders import UNDO, Run, integration, task, values


def full(run: Run) -> None:
    """Tell progress until the execution will take no more."""
    while run.execution.outcome is None and not run.execution.is_terminal:
        percent = (run.execution.tasks["a"].percent + 1) % 100
        run.events = decide(run.execution, cmd.ReportProgress("a", 1, 1, percent=percent), run.context()).events


def test_an_execution_with_too_many_events_fails():
    run = Run(task("a"))

    full(run)

    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "HISTORY_LIMIT"
    assert run.state("a") is TaskState.CANCELLED


@pytest.mark.slow
def test_the_end_of_the_largest_graph_still_fits():
    run = Run(task("a"), *(task(f"t{n}") for n in range(TASKS_MAX - 1)))

    full(run)

    assert run.execution.sequence <= HISTORY_MAX_EVENTS


def test_an_execution_with_too_many_bytes_fails_within_the_transition():
    text = "x" * (1 << 20)
    assign = Assign((("a", "params.a"),))
    chain = [task(f"t{n}", f"t{n + 1}", built_in=assign, handler="assign") for n in range(100)]

    run = Run(*chain, task("t100"), inputs={"a": text})

    assert run.execution_state() is ExecutionState.FAILED
    assert run.failure_code() == "HISTORY_LIMIT"
    assert run.execution.history_bytes < HISTORY_MAX_BYTES + 2 * len(values({"a": text})["a"].encoded)
    assert not any(isinstance(effect, ef.OfferAttempt) for effect in run.effects)


def test_a_cancel_at_the_limit_stays_a_cancel():
    run = Run(task("a"))
    run.cancel()

    full(run)

    assert run.execution_state() is ExecutionState.CANCELLED


@pytest.mark.slow
def test_the_limit_leaves_room_for_rollback_and_teardown_and_none_for_a_catcher():
    done = [task(f"t{n}", rollback=UNDO) for n in range(200)]
    definition = integration(
        task("a"), task("c"), *done, catchers={"c": ("c",)}, error_catcher="c", teardown=(task("z"),)
    )
    run = Run(definition=definition, watched=False)
    for config in done:
        run.succeed(config.task_id)

    full(run)
    for config in done:
        run.lose(config.task_id)
        run.succeed(config.task_id)
    run.succeed("z")

    assert run.failure_code() == "HISTORY_LIMIT"
    assert "c" not in run.states()
    assert {run.state(config.task_id) for config in done} == {TaskState.ROLLEDBACK}
    assert run.execution.sequence <= HISTORY_MAX_EVENTS


def test_what_undoes_may_not_fill_what_is_left_with_its_progress():
    run = Run(task("a"), task("b", rollback=UNDO), watched=False)
    run.succeed("b")
    full(run)

    for number in range(10_000):
        run.do(cmd.ReportProgress(*run.attempt("b"), percent=number % 100))
    run.succeed("b")

    assert run.execution.sequence <= HISTORY_MAX_EVENTS
