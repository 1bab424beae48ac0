"""Rows 21 to 27: finding executions and following them."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest

from perdure import App, PermanentError, timer
from perdure.client.errors import ExecutionFailed
from perdure.domain.execution import SnapshotMarker
from perdure.service.contents import Contents, _full
from perdure.service.ordering import Order, read_order
from perdure.service.watches import WatchServicer, _read_start
from perdure.store.queries import ListQuery
from perdure.testing.server import local_server
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import ListExecutionsRequest, WaitExecutionRequest, WatchExecutionRequest
from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub
from perdure.watch.order import AtCursor, Begin, Until
from tests.features.feature import feature
from tests.service.serving import refused

State = ExecutionDetails.State

app = App("reading")


@app.task()
async def reject(customer: str) -> None:
    raise PermanentError(f"{customer} is not known", code="UNKNOWN_CUSTOMER")


@app.integration(trigger="api/order", searchable=["customer"])
def order(customer: str, text: str = "") -> str:
    return customer + text


@app.integration(labels={"shop": "south"})
def invalid(customer: str) -> None:
    reject(customer)


@app.integration()
def delayed() -> None:
    timer("1h", id="sleep")


@asynccontextmanager
async def stub_of(server):
    """Connects a stub, for what the client does by itself."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield ExecutionServiceStub(channel)


def without_views(patch):
    patch.setattr("perdure.service.execution_service.contents_of", lambda *_, **__: _full(without_params=False))


@feature(21, without=without_views)
async def test_the_view_basic_leaves_out_what_may_be_large():
    async with local_server(app) as server:
        name = (await server.client.execute("order", {"customer": "Ada"})).name
        basic = await server.client.get(name, view=Execution.VIEW_BASIC)
        full = await server.client.get(name, view=Execution.VIEW_FULL)
        assert full.request_parameters["customer"].string_value == "Ada"
        assert full.execution_details.execution_snapshots
        assert basic.execution_details.state == full.execution_details.state == State.SUCCEEDED
        assert not basic.request_parameters
        assert not basic.execution_details.execution_snapshots


@feature(21, without=lambda patch: patch.setattr(Contents, "cut", lambda *_: None))
async def test_a_read_mask_gives_the_fields_that_it_names():
    async with local_server(app) as server:
        name = (await server.client.execute("order", {"customer": "Ada"})).name
        shown = await server.client.get(name, read_mask=["execution_details.state", "response_parameters"])
        assert [field.name for field, _ in shown.ListFields()] == ["name", "execution_details", "response_parameters"]
        assert shown.execution_details == ExecutionDetails(state=State.SUCCEEDED)


async def three_orders(server):
    """Runs three executions, and names them as they were created."""
    return [(await server.client.execute("order", {"customer": each})).name for each in ("Ada", "Bob", "Cy")]


def without_places(patch):
    def first_page(*args, **options):
        return ListQuery(*args, **{**options, "after": None})

    patch.setattr("perdure.service.finding.ListQuery", first_page)


@feature(22, without=without_places)
async def test_a_list_comes_in_pages():
    async with local_server(app) as server:
        names = await three_orders(server)
        pages = server.client.list("order", page_size=2)
        first, second = await pages.page(), await pages.page()
        assert first is not None
        assert second is not None
        assert [each.name for each in first] == [names[2], names[1]]
        assert [each.name for each in second] == [names[0]]
        assert await pages.page() is None


@feature(22, without=lambda patch: patch.setattr("perdure.service.paging._digest", lambda _: b""))
async def test_a_page_token_is_good_for_the_same_request_only():
    async with local_server(app) as server, stub_of(server) as stub:
        await three_orders(server)
        request = ListExecutionsRequest(parent=server.client.scope.integration("order"), page_size=1)
        request.page_token = (await stub.ListExecutions(request)).next_page_token
        assert (await stub.ListExecutions(request)).executions
        request.filter = "state = FAILED"
        told = await refused(stub.ListExecutions(request))
        assert told.code is grpc.StatusCode.INVALID_ARGUMENT
        assert told.fields == ["page_token"]


FOUND = {
    'execution_id = "one"': ["one"],
    "state = FAILED": ["two"],
    "NOT state = SUCCEEDED": ["three", "two"],
    'create_time > "2020-02-29T00:00:00Z"': ["three", "two", "one"],
    'end_time < "2020-02-29T00:00:00Z"': [],
    "duration < 3600s": ["two", "one"],
    'labels.shop = "south"': ["two"],
    'labels.shop = "north" OR error.code = "UNKNOWN_CUSTOMER"': ["two", "one"],
    'current_task = "sleep"': ["three"],
    'trigger_id = "api/order"': ["one"],
    'parameters.customer = "Ada"': ["one"],
    'parameters.customer = "Bob"': [],
    "state = SUSPENDED AND priority > 500": ["three"],
}


@feature(23, without=lambda patch: patch.setattr("perdure.service.finding.parse_filter", lambda _: None))
async def test_a_filter_chooses_by_ids_states_times_labels_tasks_triggers_and_parameters():
    async with local_server(app) as server:
        inputs = {"customer": "Ada"}
        north = {"shop": "north"}
        await server.client.execute("order", inputs, user_execution_id="one", trigger_id="api/order", labels=north)
        with pytest.raises(ExecutionFailed):
            await server.client.execute("invalid", inputs, user_execution_id="two")
        await server.client.start("delayed", user_execution_id="three", priority=501)
        for text, expected in FOUND.items():
            found = [each.name.rpartition("/")[2] async for each in server.client.list(filter=text)]
            assert found == expected, text


@feature(24, without=lambda patch: patch.setattr("perdure.service.finding.read_order", lambda _: Order()))
async def test_a_list_comes_in_the_order_that_is_asked_for():
    async with local_server(app) as server:
        names = await three_orders(server)
        assert [each.name async for each in server.client.list("order", order_by="create_time asc")] == names


def without_newest_first(patch):
    patch.setattr("perdure.service.finding.read_order", lambda text: read_order(text or "create_time asc"))


@feature(24, without=without_newest_first)
async def test_a_list_comes_newest_first_by_default():
    async with local_server(app) as server:
        names = await three_orders(server)
        assert [each.name async for each in server.client.list("order")] == names[::-1]


def with_params(patch):
    patch.setattr("perdure.service.contents._full", lambda **_: _full(without_params=False))


@feature(25, without=with_params)
async def test_snapshots_can_come_without_their_parameters():
    async with local_server(app) as server:
        name = (await server.client.execute("order", {"customer": "Ada"})).name
        (whole,) = (await server.client.get(name)).execution_details.execution_snapshots
        (brief,) = (await server.client.get(name, without_params=True)).execution_details.execution_snapshots
        assert whole.params
        assert not brief.params
        assert brief.execution_snapshot_metadata == whole.execution_snapshot_metadata


def without_sizes(patch):
    def unmeasured(**fields):
        return replace(SnapshotMarker(**fields), parameter_bytes=0)

    patch.setattr("perdure.domain.apply.lifecycle.SnapshotMarker", unmeasured)


@feature(25, without=without_sizes)
async def test_the_size_of_the_parameters_is_told_without_them():
    async with local_server(app) as server:
        result = await server.client.execute("order", {"customer": "Ada", "text": "x" * 1000})
        basic = await server.client.get(result.name, view=Execution.VIEW_BASIC)
        assert basic.execution_details.event_execution_snapshots_size > 1000


def starting(watches):
    """Makes watches begin where the function says."""

    def without(patch):
        patch.setattr("perdure.service.watches._read_start", lambda *args: watches(_read_start(*args)))

    return without


@feature(26, without=starting(lambda start: Begin.BEGINNING if start is Begin.INITIAL_STATE else start))
async def test_a_watch_can_begin_with_the_state_as_it_is():
    async with local_server(app) as server:
        name = (await server.client.start("delayed")).name
        async with server.client.watch(name, initial_state=True) as watch:
            message = await watch.message()
            assert message is not None
            state = message.updates[0]
            assert isinstance(state, Execution)
            assert state.execution_details.state == State.SUSPENDED


@feature(26, without=starting(lambda start: Begin.BEGINNING if isinstance(start, AtCursor) else start))
async def test_a_watch_goes_on_behind_a_cursor():
    async with local_server(app) as server:
        name = (await server.client.start("delayed")).name
        async with server.client.watch(name) as watch:
            message = await watch.message()
            assert message is not None
            seen: list[Any] = list(message.updates)
            cursor = watch.cursor
        await server.client.cancel(name)
        async with server.client.watch(name, cursor=cursor) as watch:
            seen += [event async for event in watch]
        history = [event.sequence async for event in server.client.events(name)]
        assert [event.sequence for event in seen] == history


def without_end(patch):
    real = WatchServicer._order
    patch.setattr(WatchServicer, "_order", lambda *args: replace(real(*args), until=Until.NEVER))


@feature(26, without=without_end)
async def test_a_watch_ends_with_the_event_that_ends_the_execution():
    async with local_server(app) as server, stub_of(server) as stub:
        name = (await server.client.execute("order", {"customer": "Ada"})).name
        call = stub.WatchExecution(WatchExecutionRequest(name=name), timeout=2)
        events = [event async for message in call for event in message.events.events]
        assert events[-1].state_change.state == State.SUCCEEDED


def without_waiting(patch):
    async def at_once(*_):
        pass

    patch.setattr("perdure.engine.engine.Engine.ended", at_once)


@feature(27, without=without_waiting)
async def test_a_wait_is_answered_at_the_end_or_when_its_time_is_over():
    async with local_server(app) as server, stub_of(server) as stub:
        name = (await server.client.start("delayed")).name
        loop = asyncio.get_running_loop()
        begin = loop.time()
        request = WaitExecutionRequest(name=name)
        request.timeout.FromMilliseconds(300)
        assert (await stub.WaitExecution(request)).execution_details.state == State.SUSPENDED
        assert loop.time() - begin > 0.25
        request.timeout.FromSeconds(60)
        waiting = asyncio.ensure_future(stub.WaitExecution(request))
        await server.client.cancel(name)
        assert (await waiting).execution_details.state == State.CANCELLED
