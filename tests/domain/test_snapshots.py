"""Snapshots (rows 28 to 30): one after each checkpoint, readable for ever as the fold up to its event."""

from perdure.domain import events as ev
from perdure.domain.apply import apply, first_state
from perdure.domain.integration import FailurePolicy, OutputMapping, RetryStrategy
from perdure.domain.limits import SECOND
from perdure.domain.states import TaskState
from tests.domain.builders import NOW, Run, both_ways, plain, task

RESTART = both_ways(FailurePolicy(RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, max_retries=1, interval=SECOND))
RETRY = both_ways(FailurePolicy(RetryStrategy.FIXED_INTERVAL, max_retries=1, interval=SECOND))


def test_a_snapshot_is_taken_after_each_task_that_succeeded():
    run = Run(task("a", "b"), task("b"))

    run.succeed("a")
    run.succeed("b")

    assert [(marker.number, marker.task_id) for marker in run.execution.snapshots] == [(1, "a"), (2, "b")]


def test_a_snapshot_comes_after_the_parameters_that_the_task_changed():
    run = Run(task("a", outputs=(OutputMapping("n", "n"),)))

    run.succeed("a", n=1)

    kinds = [type(event) for event in run.events]
    assert kinds == [ev.TaskSucceeded, ev.ParametersChanged, ev.SnapshotTaken, ev.ExecutionSucceeded]


def test_a_task_that_is_no_checkpoint_takes_no_snapshot():
    run = Run(task("a", checkpoint=False))

    run.succeed("a")

    assert run.execution.snapshots == []


def test_a_failed_task_takes_no_snapshot():
    run = Run(task("a", "b"), task("b"))

    run.fail("a")

    assert run.execution.snapshots == []


def test_a_snapshot_says_where_it_was_taken():
    run = Run(task("a", handler="charge", **RETRY))
    run.fail("a")
    run.pass_time(1)

    run.succeed("a")

    (marker,) = run.execution.snapshots
    assert (marker.handler, marker.execution_attempt, marker.attempt, marker.time) == ("charge", 1, 2, NOW + SECOND)


def test_a_snapshot_knows_the_size_of_its_parameters():
    run = Run(task("a", "b", outputs=(OutputMapping("n", "n"),)), task("b", checkpoint=False), inputs={"m": "x"})
    run.succeed("a", n=1)

    (marker,) = run.execution.snapshots
    assert marker.parameter_bytes == sum(len(value.encoded) for value in run.execution.parameters.values()) > 0


def test_a_snapshot_is_the_fold_up_to_its_event():
    run = Run(task("a", "b", outputs=(OutputMapping("n", "n"),)), task("b", outputs=(OutputMapping("n", "n"),)))
    run.succeed("a", n=1)
    run.succeed("b", n=2)
    (created, _), *rest = run.witness.history
    assert isinstance(created, ev.ExecutionCreated)

    state = first_state(created, run.execution.graph, "e1", "default", NOW)
    for event, time in rest[: run.execution.snapshots[0].sequence - 1]:
        apply(state, event, time)

    assert plain(state.parameters) == {"n": 1}
    assert {task_id: task_run.state for task_id, task_run in state.tasks.items()} == {
        "a": TaskState.SUCCEED,
        "b": TaskState.PENDING_EXECUTION,
    }


def test_snapshots_outlive_a_restart_and_go_on_counting():
    run = Run(task("a", "b"), task("b", **RESTART))
    run.succeed("a")
    run.fail("b")
    run.pass_time(1)

    run.succeed("a")

    markers = [(marker.number, marker.task_id, marker.execution_attempt) for marker in run.execution.snapshots]
    assert markers == [(1, "a", 1), (2, "a", 2)]
