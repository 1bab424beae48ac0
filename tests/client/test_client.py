"""The client against a real server."""

from datetime import UTC, datetime, timedelta

import pytest

from perdure.client import Client, ExecutionFailed, ExecutionPending
from perdure.client.errors import AlreadyExists, FailedPrecondition, InvalidRequest, NotFound
from perdure.definition.errors import DefinitionError
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.integration_pb2 import Integration


async def test_execute_returns_outputs(client):
    result = await client.execute("total", {"a": 40})
    assert list(result.outputs.values()) == [42]
    assert result.name.startswith("projects/default/locations/local/integrations/total/executions/")
    assert (await client.get(result.name)).name == result.name


async def test_a_failed_execution_is_an_error_that_names_it(client):
    with pytest.raises(ExecutionFailed) as caught:
        await client.execute("failing", {"text": "no stock"})
    failed = await client.get(caught.value.execution)
    assert failed.execution_details.state == ExecutionDetails.FAILED
    assert "no stock" in failed.error.message


async def test_the_same_request_id_starts_nothing_and_another_request_with_it_is_refused(client):
    first = await client.start("total", {"a": 1}, request_id="r1")
    second = await client.start("total", {"a": 1}, request_id="r1")
    assert first.name == second.name
    with pytest.raises(AlreadyExists) as caught:
        await client.start("total", {"a": 2}, request_id="r1")
    assert caught.value.reason == "REQUEST_ID_REUSED"


async def test_a_timeout_leaves_the_execution_running(client, gates):
    with pytest.raises(ExecutionPending) as caught:
        await client.execute("gated", {"n": 1}, timeout=0.3)
    assert caught.value.execution is not None
    gates.open.set()
    ended = await client.wait(caught.value.execution)
    assert ended.execution_details.state == ExecutionDetails.SUCCEEDED
    attached = await client.execute("gated", {"n": 1}, request_id=caught.value.request_id)
    assert attached.name == caught.value.execution
    assert list(attached.outputs.values()) == [2]


async def test_wait_returns_the_latest_state_when_its_time_is_over(client, gates):
    started = await client.start("gated", {"n": 1})
    await gates.reached.wait()
    latest = await client.wait(started.name, timeout=0)
    assert latest.execution_details.state == ExecutionDetails.PROCESSING


async def test_schedule_is_pending_until_it_is_started_by_hand(client):
    later = datetime(2999, 1, 1, tzinfo=UTC)
    scheduled = await client.schedule("total", {"a": 1}, at=later)
    pending = await client.get(scheduled.name)
    assert pending.execution_details.state == ExecutionDetails.PENDING
    assert pending.schedule_time.ToDatetime(UTC) == later
    await client.start_held(scheduled.name)
    ended = await client.wait(scheduled.name)
    assert ended.execution_details.state == ExecutionDetails.SUCCEEDED
    with pytest.raises(FailedPrecondition) as caught:
        await client.start_held(scheduled.name)
    assert caught.value.reason == "EXECUTION_NOT_ON_HOLD"


async def test_inputs_without_keys_are_refused_before_anything_is_sent(client):
    with pytest.raises(TypeError, match="by key"):
        await client.execute("total", [1])


async def test_a_file_that_is_no_text_is_refused_by_name(client, tmp_path):
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"description: gr\xf6\xdfer\n")
    with pytest.raises(DefinitionError, match=r"latin\.yaml: the file is not UTF-8 text"):
        await client.deploy(file)


async def test_an_instant_without_a_time_zone_is_refused(client):
    with pytest.raises(ValueError, match="time zone"):
        await client.schedule("total", {"a": 1}, at=datetime(2999, 1, 1))  # noqa: DTZ001


async def test_cancel_keeps_the_reason(client, gates):
    started = await client.start("gated", {"n": 1})
    await gates.reached.wait()
    await client.cancel(started.execution_id, "ordered twice")
    ended = await client.wait(started.execution_id)
    assert ended.execution_details.state == ExecutionDetails.CANCELLED
    assert ended.cancel_reason == "ordered twice"


async def test_options_reach_the_execution(client):
    started = await client.start(
        "total",
        {"a": 1},
        user_execution_id="mine",
        labels={"shop": "north"},
        priority=500,
        max_runtime=timedelta(seconds=30),
        description="by hand",
    )
    assert started.execution_id == "mine"
    execution = await client.get("mine", view=Execution.VIEW_BASIC)
    assert dict(execution.labels) == {"shop": "north"}
    assert (execution.priority, execution.description) == (500, "by hand")
    assert execution.max_runtime.ToTimedelta() == timedelta(seconds=30)


async def test_list_goes_over_all_pages_newest_first(client):
    started = [(await client.start("total", {"a": n})).name for n in range(5)]
    listed = [execution.name async for execution in client.list("total", page_size=2)]
    assert listed == started[::-1]


async def test_events_and_snapshots(client):
    result = await client.execute("total", {"a": 1})
    events = [event async for event in client.events(result.name, page_size=2)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    snapshots = [snapshot async for snapshot in client.snapshots(result.name)]
    assert len(snapshots) == 1
    assert (await client.snapshot(result.name, 1)).name == snapshots[0].name
    bare = [snapshot async for snapshot in client.snapshots(result.name, without_params=True)]
    assert snapshots[0].params
    assert not bare[0].params


async def test_watch_hands_out_what_the_history_has(client):
    started = await client.start("total", {"a": 1})
    async with client.watch(started.name) as watch:
        seen = [event async for event in watch]
    assert seen == [event async for event in client.events(started.name)]


async def test_a_watch_goes_on_from_the_cursor_of_another(client, gates):
    started = await client.start("gated", {"n": 1})
    await gates.reached.wait()
    async with client.watch(started.name) as watch:
        first = await anext(watch)
        while not watch.cursor:
            await anext(watch)
        cursor, handed_out = watch.cursor, watch.store_revision
    gates.open.set()
    async with client.watch(started.name, cursor=cursor) as watch:
        rest = [event async for event in watch]
    history = [event async for event in client.events(started.name)]
    assert first == history[0]
    assert rest == history[-len(rest) :]
    assert all(event.store_revision >= handed_out for event in rest)


async def test_a_watch_of_an_execution_that_has_ended_ends(client):
    result = await client.execute("total", {"a": 1})
    async with client.watch(result.name, from_now=True) as watch:
        assert [event async for event in watch] == []


async def test_what_does_not_exist_is_named_with_its_reason(client):
    with pytest.raises(NotFound) as caught:
        await client.get("nothing")
    assert caught.value.reason == "EXECUTION_NOT_FOUND"
    with pytest.raises(NotFound) as caught:
        await client.execute("nothing")
    assert caught.value.reason == "INTEGRATION_NOT_FOUND"


async def test_a_wrong_input_is_named_by_its_path(client):
    with pytest.raises(InvalidRequest) as caught:
        await client.execute("total", {"a": "text", "b": 1})
    assert caught.value.reason == "PARAMETER_TYPE_MISMATCH"
    assert any("a" in violation.path for violation in caught.value.field_violations)


async def test_deploying_the_same_again_makes_no_revision(client, app):
    first = await client.integrations.get("total")
    again = await client.deploy(app.integrations["total"])
    assert again.revision_id == first.revision_id
    assert [each.name async for each in client.integrations.revisions("total")] == [
        f"{first.name}/revisions/{first.revision_id}"
    ]


async def test_a_definition_with_faults_is_refused_with_all_paths(client):
    with pytest.raises(InvalidRequest) as caught:
        await client.deploy(Integration(name="broken"))
    assert caught.value.field_violations


async def test_integrations_are_listed_and_deleted(client):
    assert [integration.name.rpartition("/")[2] async for integration in client.integrations.list()] == [
        "failing",
        "gated",
        "total",
    ]
    await client.integrations.delete("failing")
    with pytest.raises(NotFound):
        await client.integrations.get("failing")


async def test_a_yaml_file_is_deployed_under_its_name(client, tmp_path):
    pytest.importorskip("ruamel.yaml")
    file = tmp_path / "adding.yaml"
    file.write_text("tasks:\n  - taskId: add\n    task: add\n")
    deployed = await client.deploy(file)
    assert deployed.name.endswith("/integrations/adding")


async def test_the_server_tells_about_itself(client):
    info = await client.server_info()
    assert info.location == "local"
    assert info.store_id


async def test_a_project_keeps_to_itself(server, client):
    await client.execute("total", {"a": 1})
    async with Client(server.address, project="other") as other:
        assert [execution async for execution in other.list()] == []
