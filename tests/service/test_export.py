"""Everything about an execution as JSON lines, read back (row 39)."""

import asyncio
import json
from collections import Counter

import grpc
from google.protobuf import json_format

from perdure.service.export import Export
from perdure.service.snapshot_reading import SnapshotReader
from perdure.store.records import ExecutionKey
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionSnapshot
from perdure.v1.execution_service_pb2 import (
    DeleteExecutionRequest,
    ExportExecutionRequest,
    GetExecutionRequest,
    ListExecutionEventsRequest,
    ListExecutionSnapshotsRequest,
    WaitExecutionRequest,
)
from perdure.v1.integration_pb2 import IntegrationRevision
from perdure.v1.integration_service_pb2 import GetIntegrationRevisionRequest
from perdure.v1.server_service_pb2 import GetServerInfoRequest
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.suspension_service_pb2 import LiftSuspensionRequest, ListSuspensionsRequest
from perdure.v1.suspension_service_pb2_grpc import SuspensionServiceStub
from tests.service.serving import create, ints, refused, serving

APPROVAL = """
    parameters { key: "x" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
    tasks { task_id: "a" assign { assignments { parameter: "x" expression: "params.x + 1" } }
            next_tasks { task_id: "s" } next_tasks { task_id: "r" } }
    tasks { task_id: "s" suspend { custom_message: "may it?" } }
    tasks { task_id: "r" suspend { custom_message: "and that?" } }
"""
TYPES = {
    "execution": Execution,
    "integration_revision": IntegrationRevision,
    "event": ExecutionEvent,
    "snapshot": ExecutionSnapshot,
    "suspension": Suspension,
}


async def export(stubs, name, **fields):
    """Exports an execution; returns its lines as (type, message), and checks header and footer."""
    lines = []
    async for response in stubs.executions.ExportExecution(ExportExecutionRequest(name=name, **fields)):
        assert response.lines.endswith("\n")
        lines += [json.loads(line) for line in response.lines.splitlines()]
    header, *found, footer = lines
    assert (header["type"], footer["type"]) == ("header", "footer")
    assert footer["counts"] == dict(Counter(line["type"] for line in found))
    return header, [(line["type"], json_format.ParseDict(line[line["type"]], TYPES[line["type"]]())) for line in found]


def of_type(lines, kind):
    return [message for found, message in lines if found == kind]


async def get(stubs, name):
    return await stubs.executions.GetExecution(GetExecutionRequest(name=name, view=Execution.VIEW_FULL))


async def events(stubs, name):
    request = ListExecutionEventsRequest(parent=name, page_size=1_000)
    return list((await stubs.executions.ListExecutionEvents(request)).events)


async def snapshots(stubs, name):
    response = await stubs.executions.ListExecutionSnapshots(ListExecutionSnapshotsRequest(parent=name))
    return list(reversed(response.execution_snapshots))


async def suspensions(stubs, name):
    listed = await SuspensionServiceStub(stubs.channel).ListSuspensions(ListSuspensionsRequest(parent=name))
    return sorted(listed.suspensions, key=lambda each: each.name)


def without_parts(execution):
    """Takes away what has lines of its own, or follows the clock."""
    execution.execution_details.ClearField("execution_snapshots")
    execution.ClearField("direct_sub_executions")
    if not execution.HasField("end_time"):
        execution.ClearField("duration")
    execution.ClearField("resource_usage")
    for task in execution.execution_details.task_execution_details:
        task.ClearField("resource_usage")
    return execution


async def revision_of(stubs, execution):
    parent = execution.name.partition("/executions/")[0]
    request = GetIntegrationRevisionRequest(name=f"{parent}/revisions/{execution.integration_revision_id}")
    return await stubs.integrations.GetIntegrationRevision(request)


async def test_an_export_holds_everything_in_its_order(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        await stubs.integrations.CreateIntegration(create("approved", APPROVAL))
        name = (await stubs.execute("approved", input_parameters=ints(x=1), labels={"team": "a"})).execution
        async with asyncio.timeout(20):
            while len(await suspensions(stubs, name)) < 2:
                pass
        await is_whole(stubs, name)
    async with serving(tmp_path / "data") as stubs:
        await is_whole(stubs, name)


async def is_whole(stubs, name):
    """Checks that an export tells the same as all other methods."""
    header, lines = await export(stubs, name)
    info = await stubs.info.GetServerInfo(GetServerInfoRequest())
    assert (header["format"], header["execution"], header["storeId"]) == (1, name, info.store_id)
    assert header["serverVersion"] == info.version
    assert int(header["storeRevision"]) == info.newest_store_revision
    shown = await get(stubs, name)
    (execution,) = of_type(lines, "execution")
    assert without_parts(execution) == without_parts(shown)
    assert of_type(lines, "integration_revision") == [await revision_of(stubs, shown)]
    assert of_type(lines, "event") == await events(stubs, name)
    assert of_type(lines, "snapshot") == await snapshots(stubs, name)
    assert of_type(lines, "suspension") == await suspensions(stubs, name)
    assert of_type(lines, "snapshot")
    order = list(dict.fromkeys(kind for kind, _ in lines))
    assert order == list(TYPES)


async def test_the_executions_below_come_each_as_a_whole_after_its_parent(stubs):
    name = (await stubs.execute("both", "POST")).execution
    _, alone = await export(stubs, name)
    assert [each.name for each in of_type(alone, "execution")] == [name]
    _, lines = await export(stubs, name, include_sub_executions=True)
    children = [each.name for each in (await get(stubs, name)).direct_sub_executions]
    assert [each.name for each in of_type(lines, "execution")] == [name, *children]
    told = of_type(lines, "event")
    assert told == [event for each in (name, *children) for event in await events(stubs, each)]
    # The two items run the same definition, which is told once.
    assert len(of_type(lines, "integration_revision")) == 2


async def test_an_orphan_is_not_below(stubs):
    text = """tasks { task_id: "s" parameters { key: "x" value { expression: "1" } }
                      sub_integration { integration_id: "increment" wait: false } }"""
    await stubs.integrations.CreateIntegration(create("apart", text))
    name = (await stubs.execute("apart", "POST")).execution
    _, lines = await export(stubs, name, include_sub_executions=True)
    assert [each.name for each in of_type(lines, "execution")] == [name]


async def test_what_happens_during_an_export_is_not_in_it(tmp_path):
    text = 'tasks { task_id: "s" suspend {} }'
    async with serving(tmp_path / "data", "wait") as stubs:
        above = 'tasks { task_id: "w" sub_integration { integration_id: "held" } }'
        await stubs.integrations.CreateIntegration(create("held", text))
        await stubs.integrations.CreateIntegration(create("above", above))
        name = (await stubs.execute("above")).execution
        children: list[str] = []
        async with asyncio.timeout(20):
            while not children or not await suspensions(stubs, children[0]):
                children = [each.name for each in (await get(stubs, name)).direct_sub_executions]
        before = [await events(stubs, each) for each in (name, children[0])]
        engine = stubs.server.engine
        one = Export(engine, SnapshotReader(engine))
        lines = one.lines(ExecutionKey("p", name.rpartition("/")[2]), below=True)
        found = [json.loads(await anext(lines))]
        suspension = (await suspensions(stubs, children[0]))[0].name
        await SuspensionServiceStub(stubs.channel).LiftSuspension(LiftSuspensionRequest(name=suspension))
        await stubs.executions.WaitExecution(WaitExecutionRequest(name=name))
        found += [json.loads(line) async for line in lines]
        told = [json_format.ParseDict(line["event"], ExecutionEvent()) for line in found if line["type"] == "event"]
        assert told == [event for each in before for event in each]
        states = [line["execution"]["executionDetails"]["state"] for line in found if line["type"] == "execution"]
        assert states == ["PROCESSING", "SUSPENDED"]
        (shown,) = [line["suspension"] for line in found if line["type"] == "suspension"]
        assert shown["state"] == "RESOLUTION_STATE_PENDING"
        assert "audit" not in shown


async def test_without_its_history_comes_what_is_left(stubs):
    name = (await stubs.execute("increment", "POST", input_parameters=ints(x=1))).execution
    before = without_parts(await get(stubs, name))
    before.execution_details.ClearField("event_execution_snapshots_size")
    await stubs.executions.DeleteExecution(DeleteExecutionRequest(name=name, history_only=True))
    _, lines = await export(stubs, name)
    assert [kind for kind, _ in lines] == ["execution", "integration_revision"]
    assert without_parts(lines[0][1]) == before


async def test_large_lines_travel_alone(tmp_path):
    large = "x" * 200_000
    text = """
        parameters { key: "text" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
        tasks { task_id: "a" assign { assignments { parameter: "text" expression: "params.text" } } }
    """
    async with serving(tmp_path / "data") as stubs:
        await stubs.integrations.CreateIntegration(create("large", text))
        fields = {"input_parameters": {"text": {"string_value": large}}}
        name = (await stubs.execute("large", "POST", **fields)).execution
        answers = stubs.executions.ExportExecution(ExportExecutionRequest(name=name))
        whole = [len(response.lines) async for response in answers]
        # A line that is large travels alone; small ones travel together.
        assert max(whole) < 2 * len(large) + 10_000
        assert len(whole) > 3


async def test_nothing_is_exported_of_what_is_not_there(stubs):
    missing = "projects/p/locations/local/integrations/-/executions/nothing"
    told = await refused(stubs.executions.ExportExecution(ExportExecutionRequest(name=missing)).read())
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")
    told = await refused(stubs.executions.ExportExecution(ExportExecutionRequest(name="nothing")).read())
    assert told.reason == "INVALID_NAME"
