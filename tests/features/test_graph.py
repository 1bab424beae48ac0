"""Rows 52, 53 and 62 to 64: which tasks of a graph run, how often, and how long they may."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from perdure import App, execution, first_match, for_each, otherwise, wait_for_signal, when
from perdure.client.errors import FailedPrecondition
from perdure.engine.fan_out import FanOut, _collect
from perdure.expression.cel import CelEvaluator
from perdure.testing.server import local_server
from perdure.v1.execution_pb2 import TaskExecutionDetails
from tests.features.feature import feature
from tests.features.observing import (
    PATIENCE_SECONDS,
    SOON_SECONDS,
    deploy,
    ended,
    state,
    task_changes,
    task_states,
    until_asked,
)

SUCCEED = TaskExecutionDetails.SUCCEED

app = App("graph")


@app.task
def double(n: int) -> int:
    return 2 * n


@app.task(timeout="20ms")
async def never_done() -> None:
    await asyncio.Event().wait()


@app.integration
def conditions(amount: int) -> None:
    with when(amount > 10):
        double.with_id("large")(amount)
    with when(amount > 100):
        double.with_id("huge")(amount)


@app.integration
def first_of_all(amount: int) -> None:
    with first_match():
        with when(amount > 10):
            double.with_id("large")(amount)
        with when(amount > 5):
            double.with_id("middling")(amount)
        with otherwise():
            double.with_id("small")(amount)


@app.integration
def fourfold(n: int) -> int:
    return twofold(n) + twofold(n)


@app.integration
def twofold(n: int) -> int:
    return double(n)


@app.integration
def each_doubled(numbers: list[int]) -> list[int]:
    return for_each(double, numbers)


@dataclass
class Answer:
    text: str


@app.integration
def asked(name: str) -> str:
    return wait_for_signal("answer", Answer).text


@app.integration
def poll(names: list[str]) -> list[str]:
    return for_each(asked, names, parallelism=2)


@app.integration
def overdue() -> None:
    never_done()


@app.integration(trigger="api/positive", criteria=lambda amount: amount > 0)
def positive(amount: int) -> int:
    return double(amount)


@app.integration(trigger="api/rollout", criteria=lambda: execution.bucket < 50)
def rollout() -> int:
    return double(1)


async def ran(client, name, **inputs):
    """Runs an integration, and names the tasks that a worker has performed."""
    changes = await task_changes(client, (await client.execute(name, inputs)).name)
    return {change.task_number for change in changes if change.task == "double" and change.state == SUCCEED}


def without_conditions(patch):
    patch.setattr("perdure.domain.decide.running.evaluate_edges", lambda run, *_: (True,) * len(run.config.edges))


@feature(52, without=without_conditions)
async def test_every_way_is_taken_whose_condition_holds():
    async with local_server(app) as server:
        assert await ran(server.client, "conditions", amount=5) == set()
        assert await ran(server.client, "conditions", amount=50) == {"large"}
        assert await ran(server.client, "conditions", amount=500) == {"large", "huge"}


def without_first_match(patch):
    patch.setattr("perdure.domain.decide.transition.NextTasksPolicy", SimpleNamespace(RUN_FIRST_MATCH=None))


@feature(52, without=without_first_match)
async def test_only_the_first_way_is_taken_whose_condition_holds():
    async with local_server(app) as server:
        assert await ran(server.client, "first_of_all", amount=50) == {"large"}
        assert await ran(server.client, "first_of_all", amount=7) == {"middling"}
        assert await ran(server.client, "first_of_all", amount=1) == {"small"}


# `join` comes after a task that succeeds or is skipped, and after one that waits for a signal.
JOIN = """
    parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }
    tasks { task_id: "first" precondition: "params.n > 0" next_tasks { task_id: "join" }
            assign { assignments { parameter: "n" expression: "10 / (params.n - 1)" } } }
    tasks { task_id: "second" callback { signal: "go" } next_tasks { task_id: "join" } }
    tasks { task_id: "join" task_execution_strategy: TASK_EXECUTION_STRATEGY_%s
            assign { assignments { parameter: "n" expression: "0" } } }
"""
SUCCEEDS, FAILS, IS_SKIPPED = 2, 1, 0

PRECONDITION = "params.n > 0"
GUARDED = f"""
    parameters {{ key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN }}
    tasks {{ task_id: "one" precondition: "{PRECONDITION}"
             task: "double" parameters {{ key: "n" value {{ expression: "params.n" }} }} }}
"""


async def joined(client, strategy, n):
    """Tells what becomes of `join` before the second of two tasks has ended, and after that."""
    await deploy(client, "fan_in", JOIN % strategy)
    name = (await client.start("fan_in", {"n": n})).name
    await until_asked(client, name)
    before = (await task_states(client, name)).get("join", "")
    await client.signal(name, "go")
    await ended(client, name)
    return before, (await task_states(client, name))["join"]


def without_failures_that_block(patch):
    patch.setattr("perdure.domain.decide.joining._has_failed", lambda _: False)


@feature(53, without=without_failures_that_block)
async def test_a_join_of_all_waits_for_each_task_and_none_may_fail():
    async with local_server() as server:
        assert await joined(server.client, "WHEN_ALL_SUCCEED", SUCCEEDS) == ("", "SUCCEED")
        assert await joined(server.client, "WHEN_ALL_SUCCEED", IS_SKIPPED) == ("", "SUCCEED")
        assert await joined(server.client, "WHEN_ALL_SUCCEED", FAILS) == ("", "SKIPPED")


def without_success_of_any(patch):
    patch.setattr("perdure.domain.decide.joining._led_on", lambda *_: False)


@feature(53, without=without_success_of_any)
async def test_a_join_of_any_runs_after_the_first_success():
    async with local_server() as server:
        assert await joined(server.client, "WHEN_ANY_SUCCEED", SUCCEEDS) == ("SUCCEED", "SUCCEED")
        assert await joined(server.client, "WHEN_ANY_SUCCEED", FAILS) == ("", "SUCCEED")


def without_success_of_each(patch):
    patch.setattr("perdure.domain.decide.joining._led_on", lambda *_: True)


@feature(53, without=without_success_of_each)
async def test_a_join_of_all_tasks_and_conditions_needs_every_one_of_them():
    strategy = "WHEN_ALL_TASKS_AND_CONDITIONS_SUCCEED"
    async with local_server() as server:
        assert await joined(server.client, strategy, SUCCEEDS) == ("", "SUCCEED")
        assert await joined(server.client, strategy, IS_SKIPPED) == ("", "SKIPPED")


def without_sub_executions(patch):
    patch.setattr("perdure.engine.effects.Performer._run_child", lambda *_: None)


@feature(62, without=without_sub_executions)
async def test_an_integration_runs_others_and_takes_their_outputs():
    async with local_server(app) as server:
        assert (await server.client.execute("fourfold", {"n": 3}, timeout=SOON_SECONDS)).outputs == {"result": 12}
        assert (await server.client.count("twofold")).total == 2


def without_order(patch):
    patch.setattr("perdure.engine.fan_out._collect", lambda results: _collect(results[::-1]))


@feature(62, without=without_order)
async def test_a_loop_runs_once_for_each_item_and_keeps_their_order():
    async with local_server(app) as server:
        result = await server.client.execute("each_doubled", {"numbers": [1, 2, 3]})
        assert result.outputs == {"result": [2, 4, 6]}


def without_a_bound(patch):
    begin = FanOut._begin

    def begin_without(*args):
        loop = begin(*args)
        loop.config = replace(loop.config, parallelism=1_000)
        return loop

    patch.setattr(FanOut, "_begin", begin_without)


@feature(62, 63, without=without_a_bound)
async def test_a_loop_runs_as_many_items_at_a_time_as_its_parallelism_says():
    async with local_server(app) as server, server.client.watch_all("asked", from_beginning=True) as watch:
        await server.client.start("poll", {"names": ["ann", "bob", "cid"]})
        items = (event.execution async for event in watch if event.HasField("created"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            first = await anext(items)
            assert (await server.client.count("asked")).total == 2
            await server.client.signal(first, "answer", {"text": "yes"})
            await anext(items)
            await anext(items)
        assert (await server.client.count("asked")).total == 3


def without_timeouts(patch):
    patch.setattr("perdure.domain.decide.running._timeout", lambda *_: None)


@feature(63, without=without_timeouts)
async def test_a_task_fails_at_its_deadline():
    async with local_server(app) as server:
        execution = (await server.client.start("overdue")).name
        shown = await server.client.wait(execution, timeout=SOON_SECONDS)
        assert (state(shown), shown.error.code) == ("FAILED", "TIMEOUT")


def without_preconditions(patch):
    test = CelEvaluator.test
    patch.setattr(CelEvaluator, "test", lambda self, text, scope: text == PRECONDITION or test(self, text, scope))


@feature(64, without=without_preconditions)
async def test_a_task_is_skipped_if_its_precondition_does_not_hold():
    async with local_server(app) as server:
        await deploy(server.client, "guarded", GUARDED)
        assert await ran(server.client, "guarded", n=1) == {"one"}
        assert await ran(server.client, "guarded", n=0) == set()


def without_criteria(patch):
    patch.setattr("perdure.engine.starting.check_criteria", lambda *_: None)


@feature(64, without=without_criteria)
async def test_criteria_refuse_an_execution_by_its_inputs():
    async with local_server(app) as server:
        assert (await server.client.execute("positive", {"amount": 2}, trigger_id="api/positive")).outputs == {
            "result": 4
        }
        with pytest.raises(FailedPrecondition) as refused:
            await server.client.execute("positive", {"amount": 0}, trigger_id="api/positive")
        assert refused.value.reason == "TRIGGER_CRITERIA_NOT_MET"


@feature(64, without=without_criteria)
async def test_criteria_let_a_share_of_all_executions_start():
    async with local_server(app) as server:
        started = 0
        for number in range(40):
            with suppress(FailedPrecondition):
                await server.client.execute("rollout", trigger_id="api/rollout", user_execution_id=f"customer-{number}")
                started += 1
        assert 10 <= started <= 30
