"""What callers see of retention: what is deleted is not there any more, and everything else is."""

import asyncio

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from perdure.v1 import execution_pb2
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    CountExecutionsRequest,
    GetExecutionRequest,
    GetExecutionSnapshotRequest,
    ListExecutionEventsRequest,
    ListExecutionSnapshotsRequest,
    ListExecutionsRequest,
    WaitExecutionRequest,
    WatchExecutionRequest,
    WatchExecutionsRequest,
)
from perdure.v1.integration_service_pb2 import (
    GetIntegrationRequest,
    GetIntegrationRevisionRequest,
    UpdateIntegrationRequest,
)
from perdure.v1.server_service_pb2 import GetServerInfoRequest
from tests.service.serving import ANY, create, definition, integration, ints, refused, serving

COUNT_UP = """
    parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT %s }
    tasks { task_id: "a" assign { assignments { parameter: "x" expression: "params.x + 1" } } }
"""
ABOVE = """
    tasks { task_id: "s" parameters { key: "x" value { expression: "1" } } sub_integration { %s } }
"""
NEWEST = "retention { max_age { seconds: 604800 } max_count: 1 }"


@pytest.fixture
async def served(tmp_path):
    """A server that keeps only the newest ended execution of each integration."""
    integrations = {
        "newest": COUNT_UP % "" + NEWEST,
        "kept": COUNT_UP % "",
        "above": ABOVE % 'integration_id: "newest"' + NEWEST,
        "apart": ABOVE % 'integration_id: "kept" wait: false' + NEWEST,
    }
    async with serving(tmp_path / "data") as stubs:
        for name, text in integrations.items():
            await stubs.integrations.CreateIntegration(create(name, text))
        yield stubs


async def run(stubs, name="newest", **fields):
    """Runs an execution to its end and returns its name."""
    if name == "newest":
        fields = {"input_parameters": ints(x=1), **fields}
    return (await stubs.execute(name, "POST", **fields)).execution


async def names(stubs, name="-"):
    page = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=integration(name)))
    return [each.name for each in page.executions]


async def test_what_retention_deletes_is_not_there_any_more(served):
    first = await run(served)
    second = await run(served)
    assert await names(served) == [second, first]
    assert not await served.server.retention.run_pass()
    assert await names(served) == [second]
    assert await names(served, "newest") == [second]
    stub = served.executions
    for call in (
        stub.GetExecution(GetExecutionRequest(name=first)),
        stub.GetExecution(GetExecutionRequest(name=first, view=execution_pb2.Execution.VIEW_BASIC)),
        stub.WaitExecution(WaitExecutionRequest(name=first)),
        stub.CancelExecution(CancelExecutionRequest(name=first)),
        stub.ListExecutionEvents(ListExecutionEventsRequest(parent=first)),
        stub.ListExecutionSnapshots(ListExecutionSnapshotsRequest(parent=first)),
        stub.GetExecutionSnapshot(GetExecutionSnapshotRequest(name=f"{first}/snapshots/1")),
        to_the_end(stub.WatchExecution(WatchExecutionRequest(name=first))),
    ):
        told = await refused(call)
        assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


async def test_what_retention_deletes_is_not_counted(served):
    request = CountExecutionsRequest(parent=integration("newest"))
    for _ in range(3):
        await run(served)
    assert (await served.executions.CountExecutions(request)).count == 3
    await served.server.retention.run_pass()
    assert (await served.executions.CountExecutions(request)).count == 1


async def test_a_watch_of_what_is_deleted_meanwhile_is_told(served):
    first = await run(served)
    watched = served.executions.WatchExecution(WatchExecutionRequest(name=first, until_terminal=False))
    messages = aiter(watched)
    await anext(messages)
    await run(served)
    await served.server.retention.run_pass()
    told = await refused(to_the_end(messages))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


async def to_the_end(messages):
    """Reads the messages of a stream that are left."""
    async with asyncio.timeout(20):
        async for _ in messages:
            pass


async def test_the_server_tells_the_oldest_revision_to_begin_after(served):
    await served.deploy("wait")
    await served.execute("wait")  # Lives on, and so does its history.
    info = await served.info.GetServerInfo(GetServerInfoRequest())
    assert info.oldest_store_revision == 0
    for _ in range(3):
        await run(served)
    await served.server.retention.run_pass()
    info = await served.info.GetServerInfo(GetServerInfoRequest())
    request = WatchExecutionsRequest(parent=ANY, until_terminal=True, filter="state = SUCCEEDED")
    request.after_store_revision.store_id = info.store_id
    request.after_store_revision.store_revision = info.oldest_store_revision
    watched = [message async for message in served.executions.WatchExecutions(request)]
    assert watched[0].store_revision > info.oldest_store_revision
    request.after_store_revision.store_revision -= 1
    told = await refused(served.executions.WatchExecutions(request).read())
    assert told.metadata["oldest_revision"] == str(info.oldest_store_revision)


async def test_a_repeated_request_whose_execution_is_gone_starts_nothing(served):
    await run(served, request_id="r")
    second = await run(served)
    await served.server.retention.run_pass()
    told = await refused(run(served, request_id="r"))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")
    assert await names(served) == [second]


async def test_an_execution_id_that_comes_again_shows_the_new_execution(served):
    mine = await run(served, user_execution_id="mine", input_parameters=ints(x=1))
    before = await served.executions.GetExecution(GetExecutionRequest(name=mine))
    assert [each.params["x"].int_value for each in before.execution_details.execution_snapshots] == [2]
    await run(served)
    await served.server.retention.run_pass()
    assert await run(served, user_execution_id="mine", input_parameters=ints(x=5)) == mine
    after = await served.executions.GetExecution(GetExecutionRequest(name=mine))
    assert after.create_time.ToNanoseconds() > before.create_time.ToNanoseconds()
    assert [each.params["x"].int_value for each in after.execution_details.execution_snapshots] == [6]


async def test_sub_executions_go_with_their_root_and_not_before(served):
    trees = [await run(served, "above") for _ in range(2)]
    assert len(await names(served)) == 4
    await served.server.retention.run_pass()
    kept = await served.executions.GetExecution(GetExecutionRequest(name=trees[1]))
    (child,) = kept.direct_sub_executions
    assert set(await names(served)) == {trees[1], child.name}


async def test_an_orphan_is_shown_when_what_started_it_is_gone(served):
    first = await run(served, "apart")
    (orphan,) = [name for name in await names(served) if name != first]
    await served.executions.WaitExecution(WaitExecutionRequest(name=orphan, timeout=Duration(seconds=10)))
    await run(served, "apart")
    await served.server.retention.run_pass()
    told = await refused(served.executions.GetExecution(GetExecutionRequest(name=first)))
    assert told.reason == "EXECUTION_NOT_FOUND"
    shown = await served.executions.GetExecution(GetExecutionRequest(name=orphan))
    assert (shown.orphan, shown.parent, shown.root) == (True, first, orphan)
    (snapshot,) = shown.execution_details.execution_snapshots
    assert not snapshot.execution_snapshot_metadata.ancestor_task_numbers
    assert orphan in await names(served)


async def test_what_is_kept_and_searchable_is_shown_and_makes_revisions(served):
    shown = await served.integrations.GetIntegration(GetIntegrationRequest(name=integration("newest")))
    assert shown.retention == definition(NEWEST).retention
    assert not shown.parameters[0].searchable
    before = shown.revision_id
    longer = NEWEST.replace("604800", "604801")
    for text, ordinal in (
        (COUNT_UP % "" + NEWEST, 1),
        (COUNT_UP % "searchable: true" + NEWEST, 2),
        (COUNT_UP % "searchable: true" + longer, 3),
        (COUNT_UP % "searchable: true" + longer, 3),
    ):
        changed = definition(text)
        changed.name = integration("newest")
        updated = await served.integrations.UpdateIntegration(UpdateIntegrationRequest(integration=changed))
        assert updated.snapshot_number == ordinal
        assert updated.retention == changed.retention
        assert updated.parameters[0].searchable is changed.parameters[0].searchable
    request = GetIntegrationRevisionRequest(name=f"{integration('newest')}/revisions/{before}")
    first = await served.integrations.GetIntegrationRevision(request)
    assert first.integration.retention.max_age.seconds == 604_800


async def test_faults_of_retention_and_searchable_are_told_with_their_paths(served):
    faulty = """
        parameters { key: "x" data_type: DATA_TYPE_JSON_VALUE searchable: true }
        tasks { task_id: "a" task: "work" }
        retention { max_age { seconds: 1 } max_count: -1 }
    """
    told = await refused(served.integrations.CreateIntegration(create("faulty", faulty)))
    assert told.reason == "INVALID_DEFINITION"
    assert set(told.fields) == {
        "integration.retention.max_age",
        "integration.retention.max_count",
        "integration.parameters[0].searchable",
    }
