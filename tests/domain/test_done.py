"""What of a task counts as done, as not done, or as unknown when a rollback begins (row 57; contract, decision 4)."""

from typing import Any

import pytest

from perdure.domain import commands as cmd
from perdure.domain import events as ev
from perdure.domain.integration import (
    FailurePolicy,
    ForEach,
    OutputMapping,
    Parameter,
    RetryStrategy,
    Rollback,
    SubIntegration,
    SuspensionConfig,
)
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, TaskState
from perdure.domain.value import ValueKind
from tests.domain.builders import FATAL, UNDO, Run, both_ways, failure, integration, plain, task, when

EAGER = Rollback("undo", on_unknown_outcome=True)
RESTART = both_ways(FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=SECOND))
RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=SECOND))
LOOP = ForEach(items="[1, 2, 3]", item_parameter="x", handler="work")


def started(run: Run) -> ev.RollbackStarted:
    """Tell what the one rollback of an execution undoes."""
    (found,) = [event for event, _ in run.witness.history if isinstance(event, ev.RollbackStarted)]
    return found


def restarted(**first: Any) -> Run:
    """Run z and a, let b fail, and begin the second execution attempt."""
    run = Run(task("z", "a", rollback=UNDO), task("a", "b", **{"rollback": UNDO, **first}), task("b", **RESTART))
    run.succeed("z", n=1)
    return run


def test_what_an_earlier_execution_attempt_has_done_is_undone_with_what_it_had_then():
    run = restarted()
    run.succeed("a", n=1)
    run.fail("b")
    run.pass_time(1)
    run.succeed("z", n=2)

    run.fail("a")

    assert started(run) == ev.RollbackStarted(("z", "a"), earlier=("a",))
    assert run.state("a") is TaskState.ROLLBACK_IN_PROCESS
    assert plain(run.execution.tasks["a"].outputs) == {"n": 1}
    run.succeed("a")
    assert plain(run.execution.tasks["z"].outputs) == {"n": 2}
    run.succeed("z")
    assert run.execution.rollback is not None
    assert run.execution.rollback.not_undone == ()


def test_what_has_not_begun_again_is_undone_too():
    run = restarted()
    run.succeed("a")
    run.fail("b")

    run.cancel()

    assert started(run) == ev.RollbackStarted(("z", "a"))


def test_what_is_skipped_in_a_later_execution_attempt_is_undone():
    run = restarted()
    run.succeed("a")
    run.fail("b")
    run.pass_time(1)

    run.fail("z")

    assert started(run) == ev.RollbackStarted(("z", "a"), earlier=("z", "a"))
    assert run.states() == {
        "z": TaskState.PENDING_ROLLBACK,
        "a": TaskState.ROLLBACK_IN_PROCESS,
        "b": TaskState.SKIPPED,
    }


def test_what_a_catcher_has_done_before_a_restart_is_undone():
    tasks = (task("a", error_catcher="e"), task("b", **RESTART), task("c", rollback=UNDO))
    run = Run(definition=integration(*tasks, catchers={"e": ("c",)}))
    run.fail("a")
    run.succeed("c", n=1)
    run.fail("b")
    run.pass_time(1)
    run.succeed("a")

    run.fail("b")

    assert started(run) == ev.RollbackStarted(("c",), earlier=("c",))
    assert plain(run.execution.tasks["c"].outputs) == {"n": 1}


@pytest.mark.parametrize("rollback", [UNDO, EAGER], ids=["listed", "undone"])
def test_what_is_unknown_of_an_earlier_execution_attempt_stays_unknown(rollback):
    run = restarted(rollback=rollback, **RESTART, timeout=SECOND)
    run.pass_time(1)
    run.pass_time(1)

    run.fail("z")

    eager = ("a",) if rollback is EAGER else ()
    assert started(run) == ev.RollbackStarted(("z", *eager), ("a",), ("z", *eager))
    assert not eager or run.execution.tasks["a"].unknown


def test_a_success_settles_what_was_unknown_of_an_earlier_execution_attempt():
    run = restarted(**RESTART, timeout=SECOND)
    run.pass_time(1)
    run.pass_time(1)
    run.succeed("z")
    run.succeed("a")

    run.fail("b")

    assert started(run) == ev.RollbackStarted(("z", "a"))


def refused(kind: str) -> Run:
    """Let a worker report what the server then refuses."""
    every: dict[str, dict[str, Any]] = {
        "CONDITION_FAILED": {"edges": (when("b", "1 / 0 > 1"),)},
        "OUTPUT_MISSING": {"outputs": (OutputMapping("missing", "q"),)},
        "OUTPUT_TYPE_MISMATCH": {"outputs": (OutputMapping("n", "q"),)},
        "PARAMETERS_TOO_LARGE": {"outputs": (OutputMapping("large", "p"), OutputMapping("large", "r"))},
    }
    settings = every[kind]
    edges = settings.pop("edges", ())
    tasks = [task("a", *edges, rollback=EAGER, **settings), *(task("b") for _ in edges)]
    definition = integration(*tasks, parameters=[Parameter("q", ValueKind.BOOLEAN)])
    run = Run(definition=definition)
    large = "x" * 1_100_000 if kind == "PARAMETERS_TOO_LARGE" else ""
    run.succeed("a", n=1, large=large)
    return run


@pytest.mark.parametrize("kind", ["CONDITION_FAILED", "OUTPUT_MISSING", "OUTPUT_TYPE_MISMATCH", "PARAMETERS_TOO_LARGE"])
def test_what_a_worker_has_done_and_the_server_refuses_is_unknown(kind):
    run = refused(kind)

    assert [entry.failure.code for entry in run.execution.errors] == [kind]
    assert started(run) == ev.RollbackStarted(("a",), ("a",))


@pytest.mark.parametrize("end", ["cancel", "deadline", "fatal"])
def test_what_was_performed_and_waits_for_a_decision_is_done(end):
    settings: dict[str, Any] = {"max_runtime": SECOND} if end == "deadline" else {}
    run = Run(task("a", suspension=SuspensionConfig(), rollback=UNDO), task("b", **FATAL), **settings)
    run.succeed("a", n=1)

    if end == "cancel":
        run.cancel()
        run.stop("b")
    elif end == "deadline":
        run.pass_time(1)
    else:
        run.fail("b")

    assert started(run) == ev.RollbackStarted(("a",))
    assert plain(run.execution.tasks["a"].outputs) == {"n": 1}
    assert not run.execution.tasks["a"].unknown


def test_a_loop_of_which_some_items_succeeded_is_unknown():
    run = Run(task("a", built_in=LOOP, rollback=UNDO))

    run.items_ended("a", [1, 2], failed=1)

    assert started(run).unknown == ("a",)


def test_a_loop_of_which_no_item_did_anything_is_not():
    run = Run(task("a", built_in=LOOP, rollback=UNDO))

    run.items_ended("a", [1], failed=1)

    assert run.execution.rollback is None


def test_a_loop_with_an_item_of_which_nobody_knows_is_unknown():
    run = Run(task("a", built_in=LOOP, rollback=UNDO))

    run.do(cmd.ReportItemsEnded("a", 1, 1, finished=1, failed=1, failure=failure(), unknown=True))

    assert started(run).unknown == ("a",)


@pytest.mark.parametrize("state", [ExecutionState.FAILED, ExecutionState.CANCELLED])
@pytest.mark.parametrize("settings", [{}, {"rollback": UNDO}], ids=["without rollback", "with rollback"])
def test_what_a_sub_execution_has_left_makes_the_parent_incomplete(state, settings):
    run = Run(task("a", built_in=SubIntegration("other"), handler="sub-integration", **settings))
    if state is ExecutionState.CANCELLED:
        run.cancel()
    cause = failure() if state is ExecutionState.FAILED else None

    run.do(cmd.ReportChildEnded("a", 1, 1, child="child-1", state=state, failure=cause, incomplete=True))

    assert started(run) == ev.RollbackStarted((), ("a",))
    assert run.event(ev.RollbackEnded).not_undone == ("a",)


def test_what_a_sub_execution_has_left_is_told_whatever_follows():
    sub = {"built_in": SubIntegration("other"), "handler": "sub-integration"}
    run = Run(task("a", "b", **sub, **RETRY), task("b", **RESTART))
    run.do(
        cmd.ReportChildEnded(
            "a", 1, 1, child="child-1", state=ExecutionState.FAILED, failure=failure(), incomplete=True
        )
    )
    run.pass_time(1)
    run.child_ended("a", ExecutionState.SUCCEEDED)
    run.fail("b")
    run.pass_time(1)
    run.child_ended("a", ExecutionState.SUCCEEDED)

    run.fail("b")

    assert started(run) == ev.RollbackStarted((), ("a",))


def test_an_unknown_attempt_stays_unknown_when_the_next_one_fails():
    run = Run(task("a", rollback=UNDO, timeout=SECOND, **RETRY))
    run.pass_time(1)
    run.pass_time(1)

    run.fail("a")

    assert started(run).unknown == ("a",)


def test_a_success_settles_an_unknown_attempt():
    run = Run(task("a", "b", rollback=UNDO, timeout=SECOND, **RETRY), task("b"))
    run.pass_time(1)
    run.pass_time(1)
    run.succeed("a")

    run.fail("b")

    assert started(run) == ev.RollbackStarted(("a",))
