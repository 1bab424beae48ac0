"""Replays of executions that undid, caught, tore down or restarted: what counts as done, and with which parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from perdure.codec.values import decode_value
from perdure.domain.commands import Update
from perdure.domain.errors import InvalidRequest, WrongState
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure, ReplayMode, TaskState
from perdure.engine.deleting import Deletion
from perdure.engine.replaying import ReplayRequest
from perdure.store.records import ExecutionKey
from perdure.testing.clock import FakeClock
from tests.engine.harness import Bench, running

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.domain.execution import Execution
    from perdure.engine.ports import Offer

NUMBER = {"dataType": "DATA_TYPE_INT_VALUE", "inputOutputType": "INPUT_OUTPUT_TYPE_OUT"}
PARAMETERS = [{"key": "n", **NUMBER, "defaultValue": {"intValue": "0"}}]
ONE = [{"result": "n", "parameter": "n"}]
# kept cannot be undone, made can; last fails.
UNDOABLE: list[dict[str, Any]] = [
    {"taskId": "kept", "task": "work", "outputs": ONE, "nextTasks": [{"taskId": "made"}]},
    {"taskId": "made", "task": "work", "outputs": ONE, "rollback": {"task": "undo"}, "nextTasks": [{"taskId": "last"}]},
    {"taskId": "last", "task": "work"},
]


def request(original: ExecutionKey, mode: str, **fields: Any) -> ReplayRequest:
    """Makes the request for a replay."""
    fields.setdefault("method", ExecutionMethod.POST_TO_QUEUE)
    return ReplayRequest("p", "-", original=original.execution, mode=ReplayMode[mode], reason="once more", **fields)


async def replay(bench: Bench, original: ExecutionKey, mode: str, **fields: Any) -> Execution:
    """Replays an execution and returns the state in which the replay has begun."""
    accepted = await bench.engine.replayer.replay(request(original, mode, **fields))
    return await bench.state(accepted.executions[0][0])


async def fail(bench: Bench, offer: Offer) -> None:
    ids = (offer.key, offer.task_id, offer.execution_attempt, offer.attempt)
    await bench.engine.reports.failed(*ids, Failure("BROKEN", "it is broken", retryable=False), "worker")


async def until(bench: Bench, task_id: str, **outputs: object) -> Offer:
    """Lets the workers succeed until a task is offered."""
    while (offer := await bench.workers.next()).task_id != task_id:
        await bench.succeed(offer, **outputs)
    return offer


def done(execution: Execution) -> set[str]:
    return {task_id for task_id, run in execution.tasks.items() if run.state is TaskState.SUCCEED}


def number(execution: Execution) -> object:
    return decode_value(execution.parameters["n"])


async def undone(bench: Bench) -> tuple[ExecutionKey, Offer]:
    """Runs an execution until the undo of one of its tasks is offered."""
    await bench.deploy("order", UNDOABLE, parameters=PARAMETERS)
    key = await bench.start("order")
    await fail(bench, await until(bench, "last", n=5))
    undo = await bench.workers.next()
    assert undo.task_id == "made"
    return key, undo


async def test_what_was_undone_runs_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key, undo = await undone(bench)
        await bench.succeed(undo)
        assert (await bench.ended(key)).state is ExecutionState.FAILED
        for fields in ({"mode": "POINT_OF_FAILURE"}, {"mode": "FROM_SNAPSHOT", "snapshot_number": 2}):
            begun = await replay(bench, key, **fields)
            assert done(begun) == {"kept"}
            assert begun.tasks["made"].state is TaskState.IN_PROCESS
            assert begun.tasks["last"].state is TaskState.PENDING_EXECUTION


async def test_what_may_have_been_undone_runs_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key, undo = await undone(bench)
        # While it is being undone.
        assert done(await replay(bench, key, "FROM_SNAPSHOT", snapshot_number=2)) == {"kept"}
        # After its undo has failed for good.
        await fail(bench, undo)
        assert (await bench.ended(key)).tasks["made"].state is TaskState.ROLLEDBACK
        assert done(await replay(bench, key, "POINT_OF_FAILURE")) == {"kept"}


async def test_what_a_replay_has_copied_is_not_undone_by_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("order", UNDOABLE, parameters=PARAMETERS)
        key = await bench.start("order")
        last = await until(bench, "last", n=5)
        # As long as the original may undo it, it is not copied.
        with pytest.raises(WrongState, match=r"may still undo what the replay takes over \(made\)") as told:
            await replay(bench, key, "FROM_SNAPSHOT", snapshot_number=2)
        assert told.value.reason_name == "EXECUTION_NOT_ENDED"
        assert done(await replay(bench, key, "FROM_SNAPSHOT", snapshot_number=1)) == {"kept"}
        begun = await bench.workers.next()
        assert (begun.key == key, begun.task_id) == (False, "made")
        await bench.succeed(last)
        assert (await bench.ended(key)).state is ExecutionState.SUCCEEDED
        copied = await replay(bench, key, "FROM_SNAPSHOT", snapshot_number=2)
        assert done(copied) == {"kept", "made"}
        await fail(bench, await bench.workers.next())
        ended = await bench.ended(ExecutionKey("p", copied.id))
        assert (ended.state, ended.rollback) == (ExecutionState.FAILED, None)


async def test_a_cancelled_original_is_waited_for_with_its_undos(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("order", UNDOABLE, parameters=PARAMETERS)
        key = await bench.start("order")
        last = await until(bench, "last", n=5)
        asked = bench.supervisor.spawn(replay(bench, key, "POINT_OF_FAILURE", cancel_original=True), "replay")
        while not bench.workers.stopped:
            await bench.engine.queries.row(key)
        ids = (last.key, last.task_id, last.execution_attempt, last.attempt)
        await bench.engine.reports.stopped(*ids)
        undo = await bench.workers.next()
        assert (undo.key, undo.task_id, asked.done()) == (key, "made", False)
        await bench.succeed(undo)
        begun = await asked
        assert done(begun) == {"kept"}
        assert (await bench.state(key)).state is ExecutionState.CANCELLED


CAUGHT = [
    {"taskId": "a", "task": "work", "outputs": ONE, "nextTasks": [{"taskId": "b"}]},
    {"taskId": "b", "task": "work"},
    {"taskId": "catch", "assign": {"assignments": [{"parameter": "n", "expression": "params.n + 100"}]}},
]
CATCHER = {"errorCatchers": [{"errorCatcherId": "c", "startErrorTasks": [{"taskId": "catch"}]}], "errorCatcherId": "c"}
TEARDOWN = {
    "teardownTasks": [
        {"taskId": "down", "assign": {"assignments": [{"parameter": "n", "expression": "params.n + 1000"}]}}
    ]
}


async def test_catchers_and_teardown_are_no_part_of_the_point_of_failure(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("order", CAUGHT, parameters=PARAMETERS, **CATCHER, **TEARDOWN)
        key = await bench.start("order")
        await fail(bench, await until(bench, "b", n=5))
        ended = await bench.ended(key)
        assert (done(ended), number(ended)) == ({"a", "catch", "down"}, 1105)
        begun = await replay(bench, key, "POINT_OF_FAILURE")
        assert (done(begun), number(begun)) == ({"a"}, 5)
        await fail(bench, await until(bench, "b"))
        # It catches and tears down for itself.
        again = await bench.ended((await bench.rows())[0].created.key)
        assert (done(again), number(again)) == ({"a", "catch", "down"}, 1105)


async def test_a_snapshot_of_a_catcher_leads_to_what_failed(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("order", CAUGHT, parameters=PARAMETERS, **CATCHER)
        key = await bench.start("order")
        await fail(bench, await until(bench, "b", n=5))
        assert [marker.task_id for marker in (await bench.ended(key)).snapshots] == ["a", "catch"]
        begun = await replay(bench, key, "FROM_SNAPSHOT", snapshot_number=2)
        assert (done(begun), number(begun)) == ({"a"}, 105)
        assert begun.tasks["b"].state is TaskState.IN_PROCESS


async def test_an_ignored_failure_counts_as_done(tmp_path: Path) -> None:
    tasks = [
        {
            "taskId": "a",
            "task": "work",
            "failurePolicy": {"retryStrategy": "RETRY_STRATEGY_IGNORE"},
            "nextTasks": [{"taskId": "b"}],
        },
        {"taskId": "b", "task": "work"},
    ]
    async with running(tmp_path) as bench:
        await bench.deploy("order", tasks)
        key = await bench.start("order")
        await fail(bench, await bench.workers.next())
        await fail(bench, await bench.workers.next())
        await bench.ended(key)
        assert done(await replay(bench, key, "POINT_OF_FAILURE")) == {"a"}


async def test_a_restarted_original_is_replayed_from_snapshots_of_each_attempt(tmp_path: Path) -> None:
    policy = {"retryStrategy": "RETRY_STRATEGY_RESTART_INTEGRATION_WITH_BACKOFF", "maxRetries": 1, "interval": "1s"}
    tasks = [
        {"taskId": "a", "task": "work", "outputs": ONE, "nextTasks": [{"taskId": "b"}]},
        {"taskId": "b", "task": "work", "failurePolicy": policy},
    ]
    async with running(tmp_path, FakeClock()) as bench:
        await bench.deploy("order", tasks, parameters=PARAMETERS)
        key = await bench.start("order")
        broken = Failure("BUSY", "try later")
        for n in (1, 2):
            offer = await until(bench, "b", n=n)
            ids = (offer.key, offer.task_id, offer.execution_attempt, offer.attempt)
            await bench.engine.reports.failed(*ids, broken, "worker")
            bench.clock.advance(SECOND)
        ended = await bench.ended(key)
        assert [marker.execution_attempt for marker in ended.snapshots] == [1, 2]
        for each in (1, 2):
            begun = await replay(bench, key, "FROM_SNAPSHOT", snapshot_number=each)
            assert (done(begun), number(begun), begun.execution_attempt) == ({"a"}, each, 1)
        assert number(await replay(bench, key, "POINT_OF_FAILURE")) == 2


async def test_sub_executions_and_loops_that_succeeded_are_not_run_again(tmp_path: Path) -> None:
    tasks = [
        {"taskId": "s", "subIntegration": {"integrationId": "inner"}, "nextTasks": [{"taskId": "f"}]},
        {
            "taskId": "f",
            "forEach": {"items": "[1, 2]", "itemParameter": "x", "task": "item"},
            "nextTasks": [{"taskId": "b"}],
        },
        {"taskId": "b", "task": "work"},
    ]
    async with running(tmp_path) as bench:
        await bench.deploy("inner", [{"taskId": "i", "task": "work"}])
        await bench.deploy("order", tasks)
        key = await bench.start("order")
        await fail(bench, await until(bench, "b"))
        await bench.ended(key)
        rows = len(await bench.rows())
        begun = await replay(bench, key, "POINT_OF_FAILURE")
        assert done(begun) == {"s", "f"}
        await bench.succeed(await until(bench, "b"))
        assert (await bench.ended(ExecutionKey(begun.project, begun.id))).state is ExecutionState.SUCCEEDED
        assert len(await bench.rows()) == rows + 1


async def test_a_sub_execution_is_replayed_alone_and_an_item_only_with_its_parent(tmp_path: Path) -> None:
    tasks = [
        {"taskId": "s", "subIntegration": {"integrationId": "inner"}},
        {"taskId": "f", "forEach": {"items": "[1]", "itemParameter": "x", "task": "item"}},
    ]
    async with running(tmp_path) as bench:
        await bench.deploy("inner", [{"taskId": "i", "task": "work"}])
        await bench.deploy("order", tasks)
        key = await bench.start("order")
        offers = {offer.task_id: offer for offer in (await bench.workers.next(), await bench.workers.next())}
        begun = await replay(bench, offers["i"].key, "FROM_BEGINNING", method=ExecutionMethod.POST, same_method=True)
        assert (begun.created.parent, begun.created.root, begun.created.depth) == ("", begun.id, 0)
        assert begun.created.method is ExecutionMethod.POST_TO_QUEUE
        with pytest.raises(InvalidRequest, match=f"task f of execution {key.execution}"):
            await replay(bench, offers["item"].key, "FROM_BEGINNING")


async def test_settings_that_were_changed_since_are_taken_over(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("order", [{"taskId": "a", "task": "work"}])
        key = await bench.start("order", labels={"team": "blue"}, priority=3, max_runtime=60 * SECOND, development=True)
        changed = Update("ann", priority=9, labels={"team": "red"})
        await bench.engine.controls.update(key, changed, "", lambda *_: None)
        begun = await replay(bench, key, "FROM_BEGINNING")
        assert (begun.priority, begun.labels, begun.created.max_runtime) == (9, {"team": "red"}, 60 * SECOND)
        assert not begun.development


async def test_a_deleted_history_refuses_what_needs_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        key, undo = await undone(bench)
        await bench.succeed(undo)
        await bench.ended(key)
        await bench.engine.deleter.perform(Deletion(key, history_only=True))
        for fields in ({"mode": "POINT_OF_FAILURE"}, {"mode": "FROM_SNAPSHOT", "snapshot_number": 1}):
            with pytest.raises(WrongState) as told:
                await replay(bench, key, **fields)
            assert told.value.reason_name == "HISTORY_DELETED"
        assert done(await replay(bench, key, "FROM_BEGINNING")) == set()


async def test_a_repeated_request_is_answered_also_when_the_original_is_gone(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("order", [{"taskId": "a", "task": "work"}])
        key = await bench.start("order")
        await bench.succeed(await bench.workers.next())
        await bench.ended(key)
        first = await bench.engine.replayer.replay(request(key, "FROM_BEGINNING", request_id="once"))
        await bench.engine.deleter.perform(Deletion(key))
    async with running(tmp_path) as bench:
        again = await bench.engine.replayer.replay(request(key, "FROM_BEGINNING", request_id="once"))
        assert (again.executions, again.repeated) == (first.executions, True)
