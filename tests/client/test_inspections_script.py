"""What looks into an execution: exports are whole or fail, lists go page by page, requests name what is meant."""

from typing import Any

import grpc
import pytest

from perdure.client import SyncClient
from perdure.client.errors import CallFailed, NotFound, Unavailable
from perdure.v1.comparison_pb2 import CompareExecutionSnapshotsResponse
from perdure.v1.event_summary_pb2 import EventSummary, SummarizeExecutionEventsResponse
from perdure.v1.execution_service_pb2 import ExportExecutionResponse
from perdure.v1.render_pb2 import RenderIntegrationRequest, RenderIntegrationResponse
from perdure.v1.step_pb2 import ExecutionStep, ListExecutionStepsRequest, ListExecutionStepsResponse
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.suspension_service_pb2 import ListSuspensionsResponse
from tests.client.scripted_server import ScriptedService, abort, answer, scripted, served_elsewhere

CUT = abort(grpc.StatusCode.UNAVAILABLE)
PARENT = "projects/default/locations/local/integrations"
ANY = f"{PARENT}/-/executions/e1"


def lines(text):
    return ExportExecutionResponse(lines=text)


@pytest.fixture
def service():
    return ScriptedService()


async def test_an_export_hands_out_whole_lines(service):
    service.exports.append([lines('{"type": "a"}\n{"text": "x\u2028y"}\n'), lines('{"type": "b"}\n')])
    async with scripted(service) as client:
        exported = [line async for line in client.export("e1", include_sub_executions=True)]
    assert exported == ['{"type": "a"}', '{"text": "x\u2028y"}', '{"type": "b"}']
    assert (service.requests[0].name, service.requests[0].include_sub_executions) == (ANY, True)


async def test_an_export_that_cannot_begin_is_tried_again(service):
    service.exports.extend([[CUT], [lines("1\n")]])
    async with scripted(service) as client:
        assert [line async for line in client.export("e1")] == ["1"]


async def test_an_export_that_breaks_never_looks_complete(service):
    service.exports.append([lines("1\n"), CUT])
    async with scripted(service) as client:
        export = client.export("e1")
        assert await anext(export) == "1"
        for _ in range(2):
            with pytest.raises(Unavailable):
                await anext(export)
    assert len(service.requests) == 1


async def test_an_empty_export_ends(service):
    service.exports.append([])
    async with scripted(service) as client:
        assert [line async for line in client.export("e1")] == []


async def test_a_refused_export_keeps_its_reason(service):
    service.exports.append([abort(grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")])
    async with scripted(service) as client:
        with pytest.raises(NotFound) as caught:
            await anext(client.export("e1"))
    assert caught.value.reason == "EXECUTION_NOT_FOUND"


def test_callers_that_block_export_as_well(service):
    service.exports.extend([[lines("1\n2\n"), lines("3\n")], [lines("1\n"), CUT]])
    with served_elsewhere(service) as address, SyncClient(address) as client:
        assert list(client.export("e1")) == ["1", "2", "3"]
        with pytest.raises(CallFailed):
            list(client.export("e1"))


async def test_steps_come_page_by_page(service):
    pages = [
        ListExecutionStepsResponse(execution_steps=[ExecutionStep(step_number=1)], next_page_token="t"),
        ListExecutionStepsResponse(execution_steps=[ExecutionStep(step_number=2)]),
    ]
    service.steps.extend(map(answer, pages))
    async with scripted(service) as client:
        steps = client.steps("e1", view=ListExecutionStepsRequest.VIEW_DETAILED, page_size=1)
        assert [step.step_number async for step in steps] == [1, 2]
    assert [request.page_token for request in service.requests] == ["", "t"]
    assert {request.view for request in service.requests} == {ListExecutionStepsRequest.VIEW_DETAILED}


async def test_suspensions_are_those_of_one_execution_of_an_integration_or_of_all(service):
    service.steps.extend([answer(ListSuspensionsResponse(suspensions=[Suspension(name="s")]))] * 3)
    async with scripted(service) as client:
        for listed in (
            client.suspensions.list("e1", filter="state = PENDING", resolver="bob"),
            client.suspensions.list(integration="order"),
            client.suspensions.list(),
        ):
            assert [each.name async for each in listed] == ["s"]
    assert [request.parent for request in service.requests] == [
        ANY,
        f"{PARENT}/order/executions/-",
        f"{PARENT}/-/executions/-",
    ]
    assert (service.requests[0].filter, service.requests[0].resolver) == ("state = PENDING", "bob")


async def test_a_comparison_names_both_snapshots(service):
    service.steps.extend([answer(CompareExecutionSnapshotsResponse())] * 3)
    async with scripted(service) as client:
        await client.compare("e1", 3)
        await client.compare("e1", 3, 1)
        await client.compare("e1", 3, 1, other_execution="e0")
        with pytest.raises(ValueError, match="needs its number"):
            await client.compare("e1", 3, other_execution="e0")
    assert [(request.name, request.other) for request in service.requests] == [
        (f"{ANY}/snapshots/3", ""),
        (f"{ANY}/snapshots/3", f"{ANY}/snapshots/1"),
        (f"{ANY}/snapshots/3", f"{PARENT}/-/executions/e0/snapshots/1"),
    ]


async def test_a_summary_is_its_lines(service):
    summary = EventSummary(kind="task_change", count=3)
    service.steps.append(answer(SummarizeExecutionEventsResponse(event_summaries=[summary])))
    async with scripted(service) as client:
        assert await client.event_summary("e1") == (summary,)


async def test_a_picture_is_of_an_integration_a_revision_or_an_execution(service):
    service.steps.extend([answer(RenderIntegrationResponse(content="x"))] * 3)
    async with scripted(service) as client:
        await client.render_integration("order")
        await client.render_integration("order", revision="000001-a4d")
        await client.render_execution("e1", picture=RenderIntegrationRequest.FORMAT_TERMINAL)
    assert [request.name for request in service.requests] == [
        f"{PARENT}/order",
        f"{PARENT}/order/revisions/000001-a4d",
        ANY,
    ]
    assert service.requests[2].format == RenderIntegrationRequest.FORMAT_TERMINAL


async def test_a_form_that_there_is_not_is_refused_with_those_that_there_are(service):
    allowed = "FORMAT_TERMINAL, FORMAT_SVG, FORMAT_MERMAID, FORMAT_DOT"
    async with scripted(service) as client:
        for draw in (client.render_execution, client.render_integration):
            unknown: list[Any] = ["bogus", 99, None]
            for bogus in unknown:
                with pytest.raises(ValueError, match=r"picture is .* one of FORMAT_") as caught:
                    await draw("e1", picture=bogus)
                assert set(allowed.split(", ")) <= set(str(caught.value).replace(",", "").split())
    assert service.requests == []
