"""Lists go over all pages, counts and reads pass on what they are asked for."""

import asyncio

import grpc
import pytest

from perdure.client import Client, ClientClosed, Count
from perdure.client.errors import InvalidRequest
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import CountExecutionsResponse, ListExecutionsResponse, StorePoint
from tests.client.scripted_server import ScriptedService, abort, answer, scripted


def page(*names, token=""):
    executions = [Execution(name=name) for name in names]
    return answer(ListExecutionsResponse(executions=executions, next_page_token=token, store_revision=7, store_id="s1"))


async def test_a_list_goes_over_pages_that_are_empty():
    service = ScriptedService()
    service.lists.extend([page(token="t1"), page("a", "b", token="t2"), page(token="t3"), page("c")])
    async with scripted(service) as client:
        listed = client.list("order")
        with pytest.raises(RuntimeError, match="first page"):
            _ = listed.point
        assert [each.name async for each in listed] == ["a", "b", "c"]
        assert listed.point == StorePoint(store_revision=7, store_id="s1")
        assert [each async for each in listed] == []
    assert [request.page_token for request in service.list_requests] == ["", "t1", "t2", "t3"]


async def test_pages_can_be_taken_one_by_one_also_after_a_page_was_begun():
    service = ScriptedService()
    service.lists.extend([page("a", "b", "c", token="t1"), page(token="t2"), page("d")])
    async with scripted(service) as client:
        listed = client.list()
        assert (await anext(listed)).name == "a"
        pages = [await listed.page() for _ in range(4)]
    assert [None if each is None else [execution.name for execution in each] for each in pages] == [
        ["b", "c"],
        [],
        ["d"],
        None,
    ]


async def test_a_list_goes_on_after_an_error_and_after_a_cancelled_reader():
    service = ScriptedService()
    asked = asyncio.Event()

    async def hold(context):
        asked.set()
        await asyncio.Event().wait()

    refused = abort(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
    service.lists.extend([page("a", token="t1"), refused, hold, page("b")])
    async with scripted(service) as client:
        listed = client.list()
        assert (await anext(listed)).name == "a"
        with pytest.raises(InvalidRequest):
            await anext(listed)
        reader = asyncio.create_task(anext(listed))
        await asked.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert [each.name async for each in listed] == ["b"]
    assert [request.page_token for request in service.list_requests] == ["", "t1", "t1", "t1"]


async def test_the_options_of_a_list_stay_the_same_on_every_page():
    service = ScriptedService()
    service.lists.extend([page("a", token="t1"), page("b")])
    async with scripted(service) as client:
        listed = client.list(
            "order",
            filter="state = FAILED",
            order_by="end_time desc",
            page_size=5,
            read_mask=["name"],
            without_params=True,
            min_store_revision=9,
        )
        assert len([each async for each in listed]) == 2
    for request in service.list_requests:
        assert request.parent.endswith("/integrations/order")
        assert (request.filter, request.order_by, request.page_size) == ("state = FAILED", "end_time desc", 5)
        assert (list(request.read_mask.paths), request.view) == (["name"], Execution.VIEW_UNSPECIFIED)
        assert (request.snapshot_metadata_without_params, request.min_store_revision) == (True, 9)


async def test_a_count_is_given_by_state():
    service = ScriptedService()
    failed = CountExecutionsResponse.StateCount(state=ExecutionDetails.FAILED, count=3)
    service.counts.append(
        answer(CountExecutionsResponse(count=3, state_counts=[failed], lower_bound=True, store_revision=8))
    )
    async with scripted(service) as client:
        count = await client.count(filter="state = FAILED", min_store_revision=8)
    assert count == Count(3, {ExecutionDetails.FAILED: 3}, lower_bound=True, store_revision=8)
    (request,) = service.count_requests
    assert request.parent.endswith("/integrations/-")
    assert (request.filter, request.min_store_revision) == ("state = FAILED", 8)


async def test_a_read_says_what_it_wants_to_see():
    service = ScriptedService()
    service.gets.append(answer(Execution()))
    async with scripted(service) as client:
        await client.get("e1", read_mask=["name", "labels"], min_store_revision=4, without_params=True)
    (request,) = service.get_requests
    assert (list(request.read_mask.paths), request.view) == (["name", "labels"], Execution.VIEW_UNSPECIFIED)
    assert (request.min_store_revision, request.snapshot_metadata_without_params) == (4, True)


async def test_a_client_that_was_not_entered_or_was_closed_says_so():
    client = Client("127.0.0.1:1")
    with pytest.raises(ClientClosed):
        await client.get("e1")
    async with client:
        pass
    with pytest.raises(ClientClosed):
        await client.execute("order")
    await client.close()


async def test_closing_ends_a_call_that_waits():
    service = ScriptedService()
    asked = asyncio.Event()

    async def hold(context):
        asked.set()
        await asyncio.Event().wait()

    service.gets.append(hold)
    async with scripted(service) as client:
        call = asyncio.create_task(client.get("e1"))
        await asked.wait()
        await client.close()
        with pytest.raises(ClientClosed):
            await call


async def test_a_caller_that_is_cancelled_stays_cancelled():
    service = ScriptedService()
    asked = asyncio.Event()

    async def hold(context):
        asked.set()
        await asyncio.Event().wait()

    service.executes.append(hold)
    async with scripted(service) as client:
        call = asyncio.create_task(client.execute("order"))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_read_mask_is_a_list_of_paths():
    service = ScriptedService()
    service.gets.extend([answer(Execution()), answer(Execution())])
    async with scripted(service) as client:
        for read in (lambda: client.list(read_mask="name"), lambda: client.watch("e1", read_mask="name")):
            with pytest.raises(TypeError, match=r"give \['name'\]"):
                read()
        with pytest.raises(TypeError):
            await client.get("e1", read_mask="name")
        await client.get("e1", read_mask=())
        await client.get("e1", read_mask=("name",))
    empty, given = service.get_requests
    assert not empty.HasField("read_mask")
    assert list(given.read_mask.paths) == ["name"]


@pytest.mark.parametrize("size", [-1, 2**31])
async def test_a_page_size_that_cannot_be_sent_is_refused(size):
    async with scripted(ScriptedService()) as client:
        for read in (client.list, lambda **options: client.events("e1", **options), client.integrations.list):
            with pytest.raises(ValueError, match=f"page_size is {size}"):
                read(page_size=size)
