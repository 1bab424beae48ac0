"""Rows 54 and 55: what follows the failure of a task."""

from dataclasses import replace

import pytest

from perdure import App, Fatal, Ignore, RetryIf, TaskError
from perdure.client import ExecutionFailed
from perdure.domain.apply import fold
from perdure.domain.events import ExecutionRestarted, Resolution
from perdure.domain.integration import RetryStrategy
from perdure.domain.retry import decide_failure, select_policy
from perdure.domain.states import ExecutionMethod
from perdure.testing.server import local_server
from tests.features.feature import feature
from tests.features.observing import deploy, ended, state, task_states

INTERVAL_MICROSECONDS = 20_000

app = App("failures")


@app.task
def fail(code: str = "NOBODY_HOME") -> None:
    raise TaskError(code, "nobody opened the door")


RETRIED = """
    tasks { task_id: "fail" task: "fail"
            failure_policy { retry_strategy: RETRY_STRATEGY_%s max_retries: 3 interval { nanos: 20000000 } } }
"""
AT_ONCE = 'tasks { task_id: "fail" task: "fail" failure_policy { retry_strategy: RETRY_STRATEGY_%s } }'


async def delays(client, strategy):
    """Lists the delays before the retries of a task that always fails, in microseconds."""
    await deploy(client, "retried", RETRIED % strategy)
    execution = (await client.start("retried")).name
    assert state(await ended(client, execution)) == "FAILED"
    retries = [event async for event in client.events(execution) if event.task_change.HasField("retry_time")]
    return [each.task_change.retry_time.ToMicroseconds() - each.event_time.ToMicroseconds() for each in retries]


def without_delays(patch):
    patch.setattr("perdure.domain.retry.delay", lambda *_: 0)


@pytest.mark.parametrize(
    ("strategy", "intervals"),
    [("FIXED_INTERVAL", [1, 1, 1]), ("LINEAR_BACKOFF", [1, 2, 3]), ("EXPONENTIAL_BACKOFF", [1, 2, 4])],
)
@feature(54, without=without_delays)
async def test_retries_wait_as_their_strategy_says(strategy, intervals):
    async with local_server(app) as server:
        for delay, count in zip(await delays(server.client, strategy), intervals, strict=True):
            assert 1.0 <= delay / (count * INTERVAL_MICROSECONDS) <= 1.2


def without_jitter(patch):
    patch.setattr("perdure.domain.retry.JITTER", 0)


@feature(54, without=without_jitter)
async def test_delays_are_made_longer_at_random():
    async with local_server(app) as server:
        assert len(set(await delays(server.client, "FIXED_INTERVAL"))) > 1


def without_immediate_strategies(patch):
    # Each does what another one should.
    mixed = {
        RetryStrategy.NONE: Resolution.IGNORE,
        RetryStrategy.IGNORE: Resolution.FATAL,
        RetryStrategy.FATAL: Resolution.FAIL,
    }
    patch.setattr("perdure.domain.retry._IMMEDIATE", mixed)


@pytest.mark.parametrize(
    ("strategy", "task", "execution"),
    [("NONE", "FAILED", "FAILED"), ("IGNORE", "SUCCEED", "SUCCEEDED"), ("FATAL", "FATAL", "FAILED")],
)
@feature(54, without=without_immediate_strategies)
async def test_a_failure_can_be_final_ignored_or_fatal(strategy, task, execution):
    async with local_server(app) as server:
        await deploy(server.client, "failing", AT_ONCE % strategy)
        name = (await server.client.start("failing")).name
        assert state(await ended(server.client, name)) == execution
        assert await task_states(server.client, name) == {"fail": task}


BY_METHOD = """
    tasks { task_id: "fail" task: "fail"
            failure_policy { retry_strategy: RETRY_STRATEGY_IGNORE }
            synchronous_call_failure_policy { retry_strategy: RETRY_STRATEGY_NONE } }
"""


def without_policies_by_method(patch):
    queued = ExecutionMethod.POST_TO_QUEUE
    patch.setattr(
        "perdure.domain.decide.failing.select_policy", lambda task, _, matches: select_policy(task, queued, matches)
    )


@feature(54, without=without_policies_by_method)
async def test_another_policy_counts_while_a_caller_waits():
    async with local_server(app) as server:
        await deploy(server.client, "by_method", BY_METHOD)
        queued = await server.client.start("by_method")
        assert state(await ended(server.client, queued.name)) == "SUCCEEDED"
        with pytest.raises(ExecutionFailed):
            await server.client.execute("by_method")


@app.task(
    retry_if=[
        RetryIf(lambda error: error.code == "SOLD", Ignore()),
        RetryIf(lambda error: error.code != "LOST", Fatal()),
    ]
)
def advertise(code: str) -> None:
    raise TaskError(code, "it cannot be advertised")


@app.integration
def promote(code: str) -> None:
    advertise(code)


def without_conditions(patch):
    patch.setattr(
        "perdure.domain.decide.failing.select_policy",
        lambda task, method, _: select_policy(task, method, lambda _: False),
    )


@pytest.mark.parametrize(("code", "task"), [("SOLD", "SUCCEED"), ("BROKEN", "FATAL")])
@feature(54, without=without_conditions)
async def test_the_first_policy_counts_whose_condition_holds(code, task):
    async with local_server(app) as server:
        name = (await server.client.start("promote", {"code": code})).name
        await ended(server.client, name)
        assert await task_states(server.client, name) == {"advertise": task}
        other = (await server.client.start("promote", {"code": "LOST"})).name
        await ended(server.client, other)
        assert await task_states(server.client, other) == {"advertise": "FAILED"}


COUNTED = """
    parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_IN_OUT }
    tasks { task_id: "count" next_tasks { task_id: "fail" }
            assign { assignments { parameter: "n" expression: "params.n + 1" } } }
    tasks { task_id: "fail" task: "fail"
            failure_policy { retry_strategy: RETRY_STRATEGY_RESTART_INTEGRATION_WITH_BACKOFF max_retries: 2
                             interval { nanos: 1000000 } } }
"""


def without_restarts(patch):
    def fail_instead(*args):
        decision = decide_failure(*args)
        restarts = decision.resolution is Resolution.RESTART
        return replace(decision, resolution=Resolution.FAIL) if restarts else decision

    patch.setattr("perdure.domain.decide.failing.decide_failure", fail_instead)


def without_first_parameters(patch):
    restarted = fold._APPLY[ExecutionRestarted]

    def keep_parameters(execution, *args):
        kept = dict(execution.parameters)
        restarted(execution, *args)
        execution.parameters = kept

    patch.setitem(fold._APPLY, ExecutionRestarted, keep_parameters)


async def count_in_vain(client):
    await deploy(client, "counted", COUNTED)
    execution = (await client.start("counted", {"n": 1})).name
    shown = await ended(client, execution)
    return len(shown.execution_details.attempt_stats), shown.execution_details.execution_snapshots[0].params[
        "n"
    ].int_value


@feature(55, without=without_restarts)
async def test_a_failure_can_restart_the_whole_execution():
    async with local_server(app) as server:
        attempts, _ = await count_in_vain(server.client)
        assert attempts == 3


@feature(55, without=without_first_parameters)
async def test_a_restart_begins_with_the_first_parameters():
    async with local_server(app) as server:
        _, n = await count_in_vain(server.client)
        assert n == 2
