"""Changing a live execution, and where the change shows (row 51)."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from perdure import App, TaskContext
from perdure.v1 import execution_service_pb2
from tests.service.played import LOCATION, PATIENCE_SECONDS, performing, playing, state_of
from tests.service.serving import refused

TWO = """
    tasks { task_id: "a" task: "work" next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" }
"""
ALL = f"{LOCATION}/integrations/-"


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("two", TWO)
        world.script.hold("a")
        yield world


async def running(world, **fields):
    begun = world.script.calls.count("a")
    name = await world.start("two", **fields)
    await world.script.begun("a", begun + 1)
    return name


async def update(world, name, *paths, validate_only=False, **fields):
    return await world.ask(
        "UpdateExecution",
        execution={"name": name, **fields},
        update_mask={"paths": paths},
        validate_only=validate_only,
    )


async def listed(world, text):
    request = execution_service_pb2.ListExecutionsRequest(parent=ALL, filter=text)
    return [execution.name for execution in (await world.executions.ListExecutions(request)).executions]


def soon(seconds):
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_each_field_changes_and_shows_in_get_and_list_and_history(world):
    name = await running(world, development=True, labels={"team": "red", "size": "s"}, priority=3)
    deadline = soon(3600)
    answer = await update(
        world,
        name,
        *("priority", "labels", "description", "deadline", "breakpoints", "development"),
        priority=9,
        labels={"team": "blue"},
        description="urgent",
        deadline=deadline,
        breakpoints={"breakpoints": [{"task_number": "b"}]},
    )
    request = execution_service_pb2.ListExecutionsRequest(parent=ALL)
    (row,) = (await world.executions.ListExecutions(request)).executions
    for shown in (answer, await world.get(name), row):
        assert (shown.priority, dict(shown.labels), shown.description) == (9, {"team": "blue"}, "urgent")
        assert shown.deadline.ToDatetime(UTC) == deadline
        assert not shown.development
    assert answer.breakpoints.breakpoints[0].task_number == "b"
    (event,) = (event for event in await world.history(name) if event.HasField("update_change"))
    change = event.update_change
    assert (change.priority, dict(change.labels), change.description) == (9, {"team": "blue"}, "urgent")
    assert (change.labels_changed, change.deadline_changed, change.breakpoints_changed) == (True, True, True)
    assert (change.HasField("development"), change.development, event.principal) == (True, False, "local")
    world.script.release("a")
    assert (await world.stopped(name)).stopped_at_breakpoint.task_number == "b"


async def test_only_what_the_mask_names_changes_and_the_same_again_is_no_change(world):
    name = await running(world, priority=3, description="first")
    before = await world.get(name)
    changed = await update(world, name, "priority", priority=4, description="second", labels={"a": "b"})
    assert (changed.priority, changed.description, dict(changed.labels)) == (4, "first", {})
    assert changed.etag != before.etag
    again = await update(world, name, "priority", priority=4)
    assert (again.etag, again.store_revision) == (changed.etag, changed.store_revision)


async def test_filters_see_the_change_at_once(world):
    name = await running(world, labels={"team": "red"}, priority=3)
    await update(world, name, "labels", "priority", labels={"team": "blue"}, priority=7)
    assert await listed(world, "labels.team = red") == []
    assert await listed(world, "labels.team = blue") == [name]
    assert await listed(world, "priority = 3") == []
    assert await listed(world, "priority = 7 AND labels.team = blue") == [name]


async def test_a_watch_with_a_filter_follows_the_change(world):
    name = await running(world, labels={"team": "red"})
    request = execution_service_pb2.WatchExecutionsRequest(parent=ALL, filter="labels.team = blue", initial_state=True)
    seen = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for response in world.executions.WatchExecutions(request):
            if response.HasField("synced"):
                await update(world, name, "labels", labels={"team": "blue"})
            seen += [event.WhichOneof("change") for event in response.events.events]
            if seen == ["update_change"]:
                await update(world, name, "labels")
            if "left_filter" in seen:
                break
    assert seen == ["update_change", "left_filter"]


async def test_a_deadline_and_breakpoints_are_taken_away_and_a_new_deadline_counts(world):
    name = await running(world, max_runtime={"seconds": 3600}, breakpoints={"breakpoints": [{"task_number": "b"}]})
    bare = await update(world, name, "deadline", "breakpoints")
    assert (bare.HasField("deadline"), bare.HasField("breakpoints")) == (False, False)
    await update(world, name, "deadline", deadline=soon(0.2))
    ended = await world.ended(name)
    assert (state_of(ended), ended.error.code) == ("FAILED", "DEADLINE_EXCEEDED")


async def test_a_new_priority_counts_for_tasks_that_wait_for_a_worker(world):
    await world.deploy("slow", 'tasks { task_id: "s" task: "scarce" }')
    names = [await world.start("slow", priority=5) for _ in range(3)]
    for name in names:
        await world.until_task(name, "s", "IN_PROCESS")
    await update(world, names[2], "priority", priority=900)
    begun = []
    late = App("late")

    @late.task()
    async def scarce(ctx: TaskContext) -> None:
        begun.append(ctx.execution)

    async with performing(world.server, late):
        for name in names:
            await world.ended(name)
    assert begun == [names[2], names[0], names[1]]


async def test_what_cannot_be_changed_or_read_is_told_all_at_once(world):
    name = await running(world)
    told = await refused(
        update(
            world,
            name + "!",
            *("priority", "labels", "description", "deadline", "state", "*"),
            priority=1_000,
            labels={"k" * 64: "v"},
            description="x" * 501,
            deadline=soon(-1),
        )
    )
    assert told.code is grpc.StatusCode.INVALID_ARGUMENT
    assert told.fields == [
        "execution.name",
        "update_mask",
        "update_mask",
        "execution.priority",
        f'execution.labels["{"k" * 63}"]',
        "execution.description",
        "execution.deadline",
    ]
    told = await refused(
        update(
            world,
            name,
            "development",
            "breakpoints",
            development=True,
            breakpoints={"breakpoints": [{"task_number": "z"}]},
        )
    )
    assert told.fields == ["execution.breakpoints.breakpoints[0].task_number", "execution.development"]
    told = await refused(world.ask("UpdateExecution", execution={"name": name}, update_mask={}))
    assert (told.reason, told.fields) == ("REQUIRED_FIELD_MISSING", ["update_mask"])


async def test_the_etag_has_to_be_the_current_one(world):
    name = await running(world)
    old = (await world.get(name)).etag
    new = (await update(world, name, "description", description="one", etag=old)).etag
    told = await refused(update(world, name, "description", description="two", etag=old))
    assert (told.code, told.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert (await world.get(name)).description == "one"
    assert (await update(world, name, "description", description="two", etag=new)).description == "two"


async def test_validate_only_shows_what_would_be_and_changes_nothing(world):
    name = await running(world)
    before = await world.get(name)
    would = await update(world, name, "priority", "labels", priority=8, labels={"a": "b"}, validate_only=True)
    assert (would.priority, dict(would.labels)) == (8, {"a": "b"})
    after = await world.get(name)
    assert (after.priority, dict(after.labels), after.etag) == (0, {}, before.etag)
    told = await refused(update(world, name, "priority", etag="old", validate_only=True))
    assert told.reason == "ETAG_MISMATCH"
    told = await refused(update(world, name, "priority", priority=-1, validate_only=True))
    assert told.fields == ["execution.priority"]


async def test_an_execution_that_has_ended_is_not_changed(world):
    name = await running(world)
    world.script.release("a")
    await world.ended(name)
    for validate_only in (False, True):
        told = await refused(update(world, name, "priority", priority=1, validate_only=validate_only))
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_ENDED")


async def test_an_updated_execution_outlives_the_server(tmp_path):
    async with playing(tmp_path) as world:
        await world.deploy("two", TWO)
        world.script.hold("a")
        name = await running(world, labels={"team": "red"})
        await update(world, name, "labels", "priority", labels={"team": "blue"}, priority=8)
    async with playing(tmp_path) as world:
        shown = await world.get(name)
        assert (shown.priority, dict(shown.labels)) == (8, {"team": "blue"})
        assert await listed(world, "labels.team = blue AND priority = 8") == [name]
