"""Rows 1 to 10: how executions are started."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import App, PermanentError, timer
from perdure.client.errors import AlreadyExists, ExecutionFailed, FailedPrecondition
from perdure.domain.commands import Wake
from perdure.domain.graph import build_graph
from perdure.domain.states import ExecutionMethod
from perdure.engine.starting import Starter
from perdure.service.execute_request import read_execute
from perdure.testing.server import local_server
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from tests.features.feature import feature
from tests.service.serving import definition

State = ExecutionDetails.State

app = App("starting")


@app.task()
async def double(n: int) -> int:
    return 2 * n


@app.task()
async def refuse(reason: str) -> None:
    raise PermanentError(reason, code="REFUSED")


@app.integration(trigger="api/number")
def doubled(n: int = 21) -> int:
    return double(n)


@app.integration(trigger="api/number")
def increased(n: int) -> int:
    return n + 1


@app.integration(trigger="api/waiting")
def delayed() -> None:
    timer("1h")


@app.integration()
def refused(reason: str) -> None:
    refuse(reason)


TWO_DOORS = """
    name: "doors"
    parameters { key: "visits" data_type: DATA_TYPE_STRING_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT
                 default_value { string_value: "" } }
    triggers { trigger_id: "api/front" start_tasks { task_id: "front" } }
    triggers { trigger_id: "api/back" start_tasks { task_id: "back" } }
    tasks { task_id: "front" assign { assignments { parameter: "visits" expression: "params.visits + 'f'" } } }
    tasks { task_id: "back" assign { assignments { parameter: "visits" expression: "params.visits + 'b'" } } }
"""


def ignoring(**fields):
    """Makes the server read requests as if they said something else, or nothing, in some fields."""

    def without(patch):
        patch.setattr("perdure.service.execute.read_execute", lambda *args: replace(read_execute(*args), **fields))

    return without


def state_of(execution):
    return execution.execution_details.state


@feature(1, without=ignoring(method=ExecutionMethod.POST_TO_QUEUE))
async def test_a_synchronous_call_is_answered_with_the_outputs_of_the_run():
    async with local_server(app) as server:
        result = await server.client.execute("doubled", {"n": 4})
        assert result.outputs == {"result": 8}
        assert state_of(await server.client.get(result.name)) == State.SUCCEEDED


@feature(2, without=ignoring(method=ExecutionMethod.POST))
async def test_an_asynchronous_call_is_answered_with_an_id_while_the_run_goes_on():
    async with local_server(app) as server:
        result = await server.client.start("delayed", timeout=2)
        assert result.execution_id
        assert not result.outputs
        assert state_of(await server.client.get(result.execution_id)) == State.SUSPENDED


@feature(3, without=ignoring(schedule_time=None))
async def test_a_start_in_an_hour_shows_as_an_attempt_in_the_future():
    at = datetime.now(UTC) + timedelta(hours=1)
    async with local_server(app) as server:
        held = await server.client.schedule("doubled", at=at)
        shown = await server.client.get(held.name)
        assert state_of(shown) == State.PENDING
        (attempt,) = shown.execution_details.attempt_stats
        assert attempt.start_time.ToDatetime(UTC) == at
        assert not attempt.HasField("end_time")


def without_past_times(patch):
    later = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1e6)

    def read(*args):
        request = read_execute(*args)
        return replace(request, schedule_time=max(request.schedule_time or 0, later))

    patch.setattr("perdure.service.execute.read_execute", read)


@feature(3, without=without_past_times)
async def test_a_start_in_the_past_is_a_start_now():
    async with local_server(app) as server:
        late = await server.client.schedule("increased", {"n": 1}, at=datetime(2020, 2, 29, tzinfo=UTC))
        shown = await server.client.get(late.name)
        assert shown.execution_method == Execution.SCHEDULE
        assert shown.response_parameters["result"].int_value == 2


def without_start_tasks_of_triggers(patch):
    def build(integration, _, **options):
        return build_graph(integration, "", **options)

    patch.setattr("perdure.engine.definitions.build_graph", build)


@feature(5, without=without_start_tasks_of_triggers)
async def test_a_trigger_selects_the_tasks_that_a_run_begins_with():
    async with local_server() as server:
        await server.client.deploy(definition(TWO_DOORS))
        front = await server.client.execute("doors", trigger_id="api/front")
        assert front.outputs == {"visits": "f"}
        back = await server.client.execute("doors", trigger_id="api/back")
        assert back.outputs == {"visits": "b"}


def without_default_start_tasks(patch):
    patch.setattr("perdure.domain.graph.default_start_tasks", lambda integration: tuple(integration.tasks)[:1])


@feature(5, without=without_default_start_tasks)
async def test_without_a_trigger_a_run_begins_with_all_tasks_that_no_other_leads_to():
    async with local_server() as server:
        await server.client.deploy(definition(TWO_DOORS))
        both = await server.client.execute("doors")
        visits: Any = both.outputs["visits"]
        assert sorted(visits) == ["b", "f"]


def without_further_matches(patch):
    matching = Starter._matching

    async def first_match(starter, request):
        return (await matching(starter, request))[:1]

    patch.setattr(Starter, "_matching", first_match)


@feature(6, without=without_further_matches)
async def test_the_wildcard_starts_every_integration_that_has_the_trigger():
    async with local_server(app) as server:
        started = await server.client.start("-", {"n": 1}, trigger_id="api/number")
        names = [name.split("/executions/")[0].rpartition("/")[2] for name in started.executions]
        assert sorted(names) == ["doubled", "increased"]


@feature(7, without=ignoring(request_id=""))
async def test_a_request_id_starts_one_execution_however_often_it_is_sent():
    async with local_server(app) as server:
        once = [server.client.execute("doubled", {"n": 1}, request_id="order-7") for _ in range(3)]
        results = await asyncio.gather(*once)
        assert {result.outputs["result"] for result in results} == {2}
        assert len({result.name for result in results}) == 1
        with pytest.raises(AlreadyExists) as refusal:
            await server.client.execute("doubled", {"n": 2}, request_id="order-7")
        assert refusal.value.reason == "REQUEST_ID_REUSED"


@feature(8, without=ignoring(user_execution_id=""))
async def test_the_caller_chooses_the_id_of_an_execution():
    async with local_server(app) as server:
        mine = await server.client.execute("doubled", user_execution_id="order-2026-11")
        assert mine.execution_id == "order-2026-11"
        with pytest.raises(AlreadyExists) as refusal:
            await server.client.execute("doubled", user_execution_id="order-2026-11")
        assert refusal.value.reason == "EXECUTION_ALREADY_EXISTS"


@feature(9, without=lambda patch: patch.setattr("perdure.engine.starting.Start", Wake))
async def test_an_execution_on_hold_is_started_by_its_id():
    async with local_server(app) as server:
        held = await server.client.schedule("increased", {"n": 1}, at=datetime.now(UTC) + timedelta(hours=1))
        started = await server.client.start_held(held.name)
        assert started.name == held.name
        assert state_of(await server.client.get(held.name)) == State.SUCCEEDED
        with pytest.raises(FailedPrecondition) as refusal:
            await server.client.start_held(held.name)
        assert refusal.value.reason == "EXECUTION_NOT_ON_HOLD"


@feature(10, without=ignoring(do_not_propagate_error=False))
async def test_a_failed_run_is_an_answer_with_its_error_if_the_caller_wants_that():
    async with local_server(app) as server:
        with pytest.raises(ExecutionFailed):
            await server.client.execute("refused", {"reason": "sold out"})
        answer = await server.client.execute("refused", {"reason": "sold out"}, do_not_propagate_error=True)
        assert answer.outputs["ErrorInfo"] == {"message": "sold out", "code": 9}
        assert state_of(await server.client.get(answer.name)) == State.FAILED
