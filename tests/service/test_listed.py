"""What lists show of executions is what reading them shows, less exactly what the contract says."""

import json

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given

from perdure.codec.executions import show_execution
from perdure.domain.execution import Execution
from perdure.engine.facts import CURRENT_TASKS_KEPT, facts_of, summary_of
from perdure.service.contents import read_contents
from perdure.service.listed import show_row
from perdure.service.projection import Projection
from perdure.service.snapshot_reading import SnapshotReader
from perdure.service.views import Views
from perdure.store.records import (
    ExecutionKey,
    ExecutionRow,
    NewExecution,
    Origin,
)
from perdure.v1 import execution_pb2
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    GetExecutionRequest,
    ListExecutionsRequest,
    WaitExecutionRequest,
)
from tests.codec.histories import Step, fold, histories
from tests.service.serving import ANY, INTEGRATIONS, create, integration, ints, serving

BASIC = execution_pb2.Execution.VIEW_BASIC
NOW = 30_000_000

WITH_ORPHAN = """
    tasks { task_id: "s" parameters { key: "x" value { expression: "1" } }
            sub_integration { integration_id: "increment" wait: false } }
"""


READ_ONE_BY_ONE = (
    "replay_info",
    "breakpoints",
    "stopped_at_breakpoint",
    "savepoint_retention",
    "resource_usage",
)


def leave_out_what_lists_lack(shown):
    """Clears what a list of the view BASIC leaves out, by the contract."""
    shown.execution_details.ClearField("attempt_stats")
    shown.execution_details.ClearField("event_execution_snapshots_size")
    shown.execution_details.ClearField("rollback")
    shown.progress.ClearField("sub_job_count")
    shown.progress.ClearField("finished_sub_job_count")
    del shown.progress.current_tasks[CURRENT_TASKS_KEPT:]
    if shown.HasField("error"):
        shown.error.ClearField("context")
    for field in READ_ONE_BY_ONE:
        shown.ClearField(field)
    return shown


def row_of(execution: Execution) -> ExecutionRow:
    """Makes the row that the engine stores of an execution."""
    created = execution.created
    origin = None
    if created.parent:
        origin = Origin(created.parent, created.parent_task, created.generation, created.item)
    columns = NewExecution(
        key=ExecutionKey(execution.project, execution.id),
        integration=created.integration,
        revision_id=f"{created.ordinal:06d}-a4d",
        trigger_id=created.trigger_id,
        execution_method=created.method,
        labels=json.dumps(dict(created.labels)),
        create_time=execution.create_time,
        root=created.root,
        origin=origin,
        orphan=created.orphan,
        root_integration=created.root_integration,
        parent_integration=created.parent_integration,
        started_by=created.started_by,
        principal=created.principal,
        schedule_time=created.schedule_time if created.method.name == "SCHEDULE" else None,
        max_runtime=created.max_runtime,
    )
    return ExecutionRow(
        columns, execution.sequence, 17, not execution.is_terminal, None, facts_of(execution), summary_of(execution)
    )


@given(histories())
def test_a_row_shows_what_the_state_shows_less_what_the_contract_says(history: list[Step]):
    execution = fold(history)
    shown = show_execution(execution, location="local", full=False, store_revision=17, now=NOW)
    row = row_of(execution)
    shown.integration_revision_id = row.created.revision_id
    assert show_row(row, "local", NOW) == leave_out_what_lists_lack(shown)


async def start_all_kinds(stubs):
    """Starts executions of every kind that a server without workers knows."""
    await stubs.integrations.CreateIntegration(create("apart", WITH_ORPHAN))
    for name in ("increment", "divide", "outer", "both", "apart"):
        inputs = {} if name in {"both", "apart"} else ints(x=1)
        await stubs.execute(name, "POST", input_parameters=inputs, do_not_propagate_error=True, labels={"é": "ü"})
    await stubs.execute("idle", priority=7, description="an order", max_runtime=Duration(seconds=3600))
    await stubs.execute("wait", trigger_id="api/wait")
    await stubs.execute("wait", "SCHEDULE", schedule_time=Timestamp(seconds=4_000_000_000, nanos=5_000))
    cancelled = await stubs.execute("wait")
    await stubs.executions.CancelExecution(CancelExecutionRequest(name=cancelled.execution, cancel_reason="enough"))


async def settle(stubs):
    """Waits until every execution that can end has, and lists them all."""
    page = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY))
    for each in page.executions:
        if each.name.startswith(integration("increment")):
            await stubs.executions.WaitExecution(WaitExecutionRequest(name=each.name))
    return (await stubs.executions.ListExecutions(ListExecutionsRequest(parent=ANY))).executions


def without_duration_so_far(shown):
    if not shown.HasField("end_time"):
        shown.ClearField("duration")
    return shown


async def test_a_list_shows_executions_of_all_kinds_as_reading_them_does(tmp_path):
    async with serving(tmp_path / "data", *INTEGRATIONS) as stubs:
        await start_all_kinds(stubs)
        listed = await settle(stubs)
        assert len(listed) == 13
        for each in listed:
            read = await stubs.executions.GetExecution(GetExecutionRequest(name=each.name, view=BASIC))
            wanted = without_duration_so_far(leave_out_what_lists_lack(read))
            assert without_duration_so_far(each) == wanted


async def test_sub_executions_are_shown_as_lists_show_them(stubs):
    outer = await stubs.execute("outer", "POST", input_parameters=ints(x=1))
    shown = await stubs.executions.GetExecution(GetExecutionRequest(name=outer.execution))
    page = await stubs.executions.ListExecutions(ListExecutionsRequest(parent=integration("increment")))
    assert list(shown.direct_sub_executions) == list(page.executions)


@pytest.fixture
async def projection(stubs):
    """What a list of the view FULL reads executions with, and a row of one that has been deleted since."""
    chosen = {"user_execution_id": "mine", "input_parameters": ints(x=1)}
    await stubs.execute("increment", "POST", **chosen)
    engine = stubs.server.engine
    key = ExecutionKey("p", "mine")
    row = await engine.queries.row(key)
    await engine.delete([key])
    contents = read_contents(execution_pb2.Execution.VIEW_FULL, None, default=BASIC)
    return Projection(Views(engine, SnapshotReader(engine)), contents), row, chosen


async def test_an_execution_that_was_deleted_after_its_row_was_read_is_left_out(projection):
    reading, row, _ = projection
    assert not reading.rows_suffice
    assert await reading.show(row) is None


async def test_another_execution_of_the_same_id_does_not_stand_in_for_a_deleted_one(stubs, projection):
    reading, row, chosen = projection
    await stubs.execute("increment", "POST", **chosen)
    assert await reading.show(row) is None
    anew = await stubs.server.engine.queries.row(row.created.key)
    shown = await reading.show(anew)
    assert shown == await stubs.executions.GetExecution(GetExecutionRequest(name=shown.name))
