"""Rows 11 to 20: what executions are started with."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from perdure import App
from perdure.client.errors import InvalidRequest
from perdure.dispatch.ready_queue import ReadyQueues
from perdure.testing.server import local_server
from perdure.worker.local import LocalTransport
from perdure.worker.registry import collect_handlers
from perdure.worker.worker import Worker, WorkerOptions
from tests.features.feature import feature
from tests.service.serving import definition

app = App("inputs")
performed: list[Any] = []


@app.task()
async def note(name: str) -> None:
    performed.append(name)


@app.integration()
def noted(name: str) -> None:
    note(name)


@app.integration(labels={"team": "sales", "shop": "north"})
def labelled(n: int = 1) -> int:
    return n


TYPED = {
    "STRING_VALUE": "text",
    "INT_VALUE": 7,
    "DOUBLE_VALUE": 1.5,
    "BOOLEAN_VALUE": True,
    "STRING_ARRAY": ["a", "b"],
    "INT_ARRAY": [1, 2],
    "DOUBLE_ARRAY": [0.5, 2.0],
    "BOOLEAN_ARRAY": [True, False],
    "JSON_VALUE": {"lines": [{"sku": "apple", "count": 2}], "note": None},
}
MISTYPED = {
    "STRING_VALUE": 7,
    "INT_VALUE": 1.5,
    "DOUBLE_VALUE": "1.5",
    "BOOLEAN_VALUE": "yes",
    "STRING_ARRAY": [1],
    "INT_ARRAY": ["1"],
    "DOUBLE_ARRAY": ["0.5"],
    "BOOLEAN_ARRAY": [0],
}
ECHO = """
    name: "echo"
    tasks { task_id: "keep" assign { assignments { parameter: "INT_VALUE" expression: "params.INT_VALUE" } } }
""" + "".join(
    f'parameters {{ key: "{kind}" data_type: DATA_TYPE_{kind} input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }}'
    for kind in TYPED
)


def without_types(patch):
    patch.setattr("perdure.expression.cel.CelEvaluator.fit", lambda _, value, kind: value)


@feature(11, without=without_types)
async def test_inputs_of_nine_kinds_keep_their_type_and_others_are_refused():
    async with local_server() as server:
        await server.client.deploy(definition(ECHO))
        result = await server.client.execute("echo", TYPED)
        assert result.outputs == TYPED
        shown = await server.client.get(result.name)
        for kind in TYPED:
            assert shown.response_parameters[kind].WhichOneof("value") == kind.lower()
        with pytest.raises(InvalidRequest) as refusal:
            await server.client.execute("echo", {**TYPED, **MISTYPED})
        assert refusal.value.reason == "PARAMETER_TYPE_MISMATCH"
        told = {each.path for each in refusal.value.field_violations}
        assert told == {f'input_parameters["{kind}"]' for kind in MISTYPED}


async def perform(server, *started):
    """Performs what waits, one attempt at a time, and tells the order."""
    performed.clear()
    options = WorkerOptions(shared_loop=True, concurrency=1)
    worker = Worker(collect_handlers([app]), LocalTransport(server.server.open_session), options)
    work = asyncio.create_task(worker.run())
    try:
        for each in started:
            await server.client.wait(each.name, timeout=5)
    finally:
        worker.stop()
        await work
    return performed


def queueing(**changes):
    """Makes attempts wait for a worker as if their executions were others in some ways."""

    def without(patch):
        push = ReadyQueues.push

        def changed(queues, attempt):
            fields = {name: change(getattr(attempt.offer, name)) for name, change in changes.items()}
            attempt.offer = replace(attempt.offer, **fields)
            push(queues, attempt)

        patch.setattr(ReadyQueues, "push", changed)

    return without


@feature(14, without=queueing(priority=lambda _: 0))
async def test_a_higher_priority_goes_first():
    async with local_server() as server:
        await server.client.deploy(noted)
        priorities = {"idle": 0, "urgent": 999, "normal": 500}
        started = [
            await server.client.start("noted", {"name": name}, priority=priority)
            for name, priority in priorities.items()
        ]
        assert await perform(server, *started) == ["urgent", "normal", "idle"]
        with pytest.raises(InvalidRequest):
            await server.client.start("noted", {"name": "beyond"}, priority=1000)


@feature(14, without=queueing(order=lambda order: -order))
async def test_within_a_priority_what_was_created_first_goes_first():
    async with local_server() as server:
        await server.client.deploy(noted)
        names = ["first", "second", "third"]
        started = [await server.client.start("noted", {"name": name}, priority=7) for name in names]
        assert await perform(server, *started) == names


def without_inheritance(patch):
    patch.setattr("perdure.engine.starting.merge_labels", lambda _, labels: dict(labels))


@feature(20, without=without_inheritance)
async def test_labels_are_those_of_the_integration_with_those_of_the_call_first():
    async with local_server(app) as server:
        result = await server.client.execute("labelled", labels={"shop": "south", "day": "monday"})
        shown = await server.client.get(result.name)
        assert dict(shown.labels) == {"team": "sales", "shop": "south", "day": "monday"}
