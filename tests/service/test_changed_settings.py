"""Settings that `UpdateExecution` changed: lists, filters and watches go by the new ones (row 51)."""

import asyncio

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from perdure.v1 import execution_pb2, execution_service_pb2, intervention_pb2
from tests.service.serving import ANY, serving

PATIENCE_SECONDS = 30


async def change(stubs, execution, **fields):
    """Changes settings of an execution; returns what the server answers."""
    changed = execution_pb2.Execution(name=execution, **fields)
    return await stubs.executions.UpdateExecution(
        execution_service_pb2.UpdateExecutionRequest(execution=changed, update_mask=FieldMask(paths=list(fields)))
    )


async def listing(stubs, text=""):
    """Lists executions by a filter."""
    request = execution_service_pb2.ListExecutionsRequest(parent=ANY, filter=text)
    return (await stubs.executions.ListExecutions(request)).executions


async def found(stubs, text):
    """Lists executions by a filter; returns their names."""
    return [each.name for each in await listing(stubs, text)]


async def told(stubs, text, count):
    """Watches what matches a filter, from the beginning; returns for each event what it tells."""
    request = execution_service_pb2.WatchExecutionsRequest(parent=ANY, filter=text, from_beginning=True)
    events = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for response in stubs.executions.WatchExecutions(request):
            events += [event.WhichOneof("change") for event in response.events.events]
            if len(events) >= count:
                return events
    raise AssertionError(f"the watch has ended after {events}")


@pytest.fixture
async def data(tmp_path):
    """A store with one execution whose settings were changed."""
    async with serving(tmp_path, "wait") as stubs:
        execution = (await stubs.execute("wait", labels={"team": "red"}, priority=5, description="before")).execution
        await told(stubs, "", 3)
        await change(stubs, execution, labels={"team": "blue"}, priority=7)
        await change(stubs, execution, description="after")
        yield tmp_path, stubs, execution


async def check(stubs, execution):
    for text, expected in (
        ("labels.team = blue", [execution]),
        ("labels.team = red", []),
        ("priority = 7", [execution]),
        ("priority = 5", []),
        ("NOT labels.team = red AND priority > 6", [execution]),
    ):
        assert await found(stubs, text) == expected, text
    (listed,) = await listing(stubs)
    shown = await stubs.executions.GetExecution(execution_service_pb2.GetExecutionRequest(name=execution))
    for each in (listed, shown):
        assert (dict(each.labels), each.priority, each.description) == ({"team": "blue"}, 7, "after")


async def test_what_was_changed_is_shown_and_found_also_after_a_restart(data):
    directory, stubs, execution = data
    await check(stubs, execution)
    await stubs.server.drain(0.0)
    async with serving(directory) as again:
        await check(again, execution)


async def test_a_watch_is_told_as_long_as_the_execution_matches(data):
    _, stubs, _ = data
    assert await told(stubs, "labels.team = blue", 2) == ["update_change", "update_change"]
    assert await told(stubs, "priority = 7", 2) == ["update_change", "update_change"]
    before = await told(stubs, "labels.team = red", 4)
    assert (before[0], before[-1], before.count("left_filter")) == ("created", "left_filter", 1)


async def test_a_watch_that_is_open_hears_at_once_that_the_execution_came_to_match_and_ceased_to(data):
    _, stubs, execution = data
    request = execution_service_pb2.WatchExecutionsRequest(parent=ANY, filter="labels.team = green", from_now=True)
    call = stubs.executions.WatchExecutions(request)
    await call.initial_metadata()
    await change(stubs, execution, labels={"team": "green"})
    await change(stubs, execution, labels={"team": "red"})
    events: list[str | None] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(events) < 2:
            events += [event.WhichOneof("change") for event in (await call.read()).events.events]
    assert events == ["update_change", "left_filter"]
    assert await found(stubs, "labels.team = red") == [execution]


async def test_a_list_shows_what_is_paused_since_when_and_why(data):
    _, stubs, execution = data
    pause = intervention_pb2.PauseExecutionRequest(name=execution, reason="look at it")
    shown = await stubs.executions.PauseExecution(pause)
    (listed,) = await listing(stubs)
    assert (listed.paused, listed.pause_time, listed.pause_reason) == (True, shown.pause_time, "look at it")
    await stubs.executions.ResumeExecution(intervention_pb2.ResumeExecutionRequest(name=execution))
    (listed,) = await listing(stubs)
    assert (listed.paused, listed.HasField("pause_time"), listed.pause_reason) == (False, False, "")
