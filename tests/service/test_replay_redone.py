"""What a replay redoes because something before it is redone, and what it need not redo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from perdure.codec.values import decode_value
from perdure.domain.states import ExecutionState, TaskState
from perdure.store.records import ExecutionKey
from tests.engine.harness import running
from tests.service.test_replay_undone import PARAMETERS, done, fail, replay, until

if TYPE_CHECKING:
    from pathlib import Path

# reserve can be undone and weigh cannot; label reads what reserve returned.
CHAIN: list[dict[str, Any]] = [
    {"taskId": "reserve", "task": "work", "rollback": {"task": "undo"}, "nextTasks": [{"taskId": "weigh"}]},
    {"taskId": "weigh", "task": "work", "nextTasks": [{"taskId": "label"}]},
    {"taskId": "label", "task": "work", "parameters": {"n": {"expression": "tasks.reserve.outputs.n"}}},
]


async def test_what_comes_after_a_task_that_is_redone_is_redone(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.deploy("order", CHAIN)
        key = await bench.start("order")
        await fail(bench, await until(bench, "label", n=1))
        await bench.succeed(await bench.workers.next())
        assert (await bench.ended(key)).tasks["reserve"].state is TaskState.ROLLEDBACK
        for fields in ({"mode": "POINT_OF_FAILURE"}, {"mode": "FROM_SNAPSHOT", "snapshot_number": 2}):
            begun = await replay(bench, key, **fields)
            assert done(begun) == set()
            for task_id in ("reserve", "weigh", "label"):
                offer = await bench.workers.next()
                assert offer.task_id == task_id
                await bench.succeed(offer, n=2)
            assert decode_value(offer.inputs["n"]) == 2
            assert (await bench.ended(ExecutionKey("p", begun.id))).state is ExecutionState.SUCCEEDED


@pytest.mark.parametrize(
    ("join", "kept_leads", "made_leads", "copied"),
    [
        ("WHEN_ANY_SUCCEED", "true", "false", {"kept", "both"}),
        # Both led to it: one is enough.
        ("WHEN_ANY_SUCCEED", "true", "true", {"kept", "both"}),
        ("WHEN_ANY_SUCCEED", "false", "true", {"kept"}),
        ("WHEN_ALL_SUCCEED", "true", "false", {"kept"}),
        ("WHEN_ALL_TASKS_AND_CONDITIONS_SUCCEED", "true", "true", {"kept"}),
    ],
)
async def test_one_way_that_is_done_is_enough_where_the_join_says_so(
    tmp_path: Path, join: str, kept_leads: str, made_leads: str, copied: set[str]
) -> None:
    def to_both(condition: str) -> dict[str, Any]:
        return {"task": "work", "nextTasks": [{"taskId": "both", "condition": condition}]}

    strategy = f"TASK_EXECUTION_STRATEGY_{join}"
    tasks = [
        {"taskId": "kept", **to_both(kept_leads)},
        {"taskId": "made", "task": "work", "rollback": {"task": "undo"}, "nextTasks": [{"taskId": "after"}]},
        {"taskId": "after", **to_both(made_leads)},
        {"taskId": "both", "task": "work", "taskExecutionStrategy": strategy, "nextTasks": [{"taskId": "last"}]},
        {"taskId": "last", "task": "work"},
    ]
    async with running(tmp_path) as bench:
        await bench.deploy("order", tasks)
        key = await bench.start("order")
        begun = {offer.task_id: offer for offer in (await bench.workers.next(), await bench.workers.next())}
        await bench.succeed(begun["made"])
        await bench.succeed(await bench.workers.next())
        await bench.succeed(begun["kept"])
        await fail(bench, await until(bench, "last"))
        undo = await bench.workers.next()
        assert undo.task_id == "made"
        await bench.succeed(undo)
        await bench.ended(key)
        assert done(await replay(bench, key, "POINT_OF_FAILURE")) == copied


@pytest.mark.parametrize(
    ("before", "copied"),
    [
        ({}, {"first", "maybe_not", "joined"}),
        # What leads to the skipped task is undone: it waits for that, and holds up the others.
        ({"rollback": {"task": "undo"}}, {"first"}),
    ],
)
async def test_a_skipped_task_holds_up_others_only_with_what_is_before_it(
    tmp_path: Path, before: dict[str, Any], copied: set[str]
) -> None:
    tasks = [
        {"taskId": "first", "task": "work", "nextTasks": [{"taskId": "joined"}]},
        {"taskId": "maybe_not", "task": "work", "nextTasks": [{"taskId": "skipped"}], **before},
        {"taskId": "skipped", "task": "work", "precondition": "params.n > 0", "nextTasks": [{"taskId": "joined"}]},
        {"taskId": "joined", "task": "work", "nextTasks": [{"taskId": "last"}]},
        {"taskId": "last", "task": "work"},
    ]
    async with running(tmp_path) as bench:
        await bench.deploy("order", tasks, parameters=PARAMETERS)
        key = await bench.start("order")
        await fail(bench, await until(bench, "last"))
        if before:
            await bench.succeed(await bench.workers.next())
        assert (await bench.ended(key)).tasks["skipped"].state is TaskState.SKIPPED
        begun = await replay(bench, key, "POINT_OF_FAILURE")
        assert done(begun) == copied
        # It is decided again.
        state = TaskState.PENDING_EXECUTION if before else TaskState.SKIPPED
        assert begun.tasks["skipped"].state is state


async def test_what_comes_after_a_task_of_a_new_revision_is_redone(tmp_path: Path) -> None:
    kept, last = ({"taskId": task_id, "task": "work"} for task_id in ("kept", "last"))
    between = {"taskId": "between", "task": "work", "nextTasks": [{"taskId": "last"}]}
    new = {"taskId": "new", "task": "work", "nextTasks": [{"taskId": "between"}]}
    async with running(tmp_path) as bench:
        await bench.deploy("order", [{**kept, "nextTasks": [{"taskId": "between"}]}, between, last])
        key = await bench.start("order")
        await fail(bench, await until(bench, "last"))
        await bench.ended(key)
        await bench.deploy("order", [{**kept, "nextTasks": [{"taskId": "new"}]}, new, between, last])
        assert done(await replay(bench, key, "POINT_OF_FAILURE")) == {"kept", "between"}
        assert done(await replay(bench, key, "POINT_OF_FAILURE", use_latest_revision=True)) == {"kept"}
