"""`SignalExecution` over real sockets: each signal is consumed once, whenever it comes (row 61, P15)."""

import asyncio
from collections import Counter

import grpc
import pytest

from perdure.domain.limits import SIGNALS_MAX
from perdure.v1 import execution_pb2, execution_service_pb2, suspension_service_pb2
from perdure.v1.suspension_pb2 import Suspension
from perdure.v1.value_pb2 import ValueType
from tests.service.serving import ANY, refused, serving
from tests.service.suspending import World

State = execution_pb2.ExecutionDetails.State
MANY = 100

PAID = """
    parameters { key: "amount" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
"""
CALLBACK = 'tasks { task_id: "%s" callback { signal: "%s" } outputs { result: "amount" parameter: "amount" } }'

INTEGRATIONS = {
    "payment": PAID + CALLBACK % ("pay", "paid"),
    # The callback is reached by another signal only.
    "later": PAID
    + 'tasks { task_id: "first" callback { signal: "go" } next_tasks { task_id: "pay" } }'
    + CALLBACK % ("pay", "paid"),
    "impatient": 'tasks { task_id: "pay" callback { signal: "paid" timeout { nanos: 1000000 } } }',
    "patient": """
        tasks { task_id: "pay" callback { signal: "paid" timeout { nanos: 1000000 } }
                failure_policy { retry_strategy: RETRY_STRATEGY_FIXED_INTERVAL max_retries: 2
                                 interval { nanos: 1000000 } } }
    """,
    "many": " ".join(f'tasks {{ task_id: "t{number}" callback {{ signal: "paid" }} }}' for number in range(MANY)),
}


@pytest.fixture
async def world(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        world = World(stubs)
        await world.deploy(INTEGRATIONS)
        yield world


async def test_a_signal_ends_the_callback_that_waits_for_it_with_its_payload(world):
    execution = await world.asking("payment")
    shown = await world.get(execution)
    assert (shown.kind, shown.signal, shown.task_number) == (Suspension.KIND_CALLBACK, "paid", "pay")
    answer = await world.signal(execution, "paid", amount=5)
    assert (answer.task_number, answer.duplicate) == ("pay", False)
    assert answer.store_revision > 0
    assert await world.ended(execution) == (State.SUCCEEDED, {"amount": 5})
    shown = await world.get(execution)
    assert (shown.state, shown.audit.resolver) == (Suspension.RESOLUTION_STATE_LIFTED, "local")


async def test_a_signal_that_comes_early_is_kept_for_the_callback(world):
    execution = await world.asking("later")
    assert (await world.signal(execution, "paid", amount=7)).task_number == ""
    assert (await world.signal(execution, "go")).task_number == "first"
    assert await world.ended(execution) == (State.SUCCEEDED, {"amount": 7})
    second = await world.get(execution, 2)
    assert (second.task_number, second.audit.resolver) == ("pay", "system")
    assert second.update_time == second.create_time == second.audit.resolve_time


async def test_signals_are_consumed_in_the_order_they_came(world):
    execution = await world.asking("later")
    for amount in (1, 2):
        await world.signal(execution, "paid", amount=amount)
    await world.signal(execution, "go")
    assert await world.ended(execution) == (State.SUCCEEDED, {"amount": 1})


async def test_an_id_is_taken_once_also_after_the_end(world):
    execution = await world.asking("later")
    first = await world.signal(execution, "paid", "s1", amount=1)
    assert not first.duplicate
    again = await world.signal(execution, "paid", "s1", amount=2)
    assert (again.duplicate, again.task_number) == (True, "")
    await world.signal(execution, "go", "s2")
    assert await world.ended(execution) == (State.SUCCEEDED, {"amount": 1})
    assert (await world.signal(execution, "paid", "s1")).duplicate
    told = await refused(world.signal(execution, "paid", "s3"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_ENDED")
    assert (await refused(world.signal(execution, "paid"))).reason == "EXECUTION_ENDED"


async def test_a_signal_that_no_callback_names_is_refused(world):
    told = await refused(world.signal(await world.asking("payment"), "piad"))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "UNKNOWN_SIGNAL")
    assert "paid" in told.message
    assert (await refused(world.signal(f"{ANY}/executions/nobody", "paid"))).reason == "EXECUTION_NOT_FOUND"


async def test_the_signals_that_are_kept_are_bounded(world):
    execution = await world.asking("later")
    for _ in range(10):
        await asyncio.gather(*(world.signal(execution, "paid") for _ in range(SIGNALS_MAX // 10)))
    told = await refused(world.signal(execution, "paid"))
    assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SIGNALS_FULL")
    await world.signal(execution, "go")
    assert (await world.ended(execution))[0] == State.FAILED  # None of them brought an amount.


async def test_all_faults_of_a_signal_are_told_at_once(world):
    request = suspension_service_pb2.SignalExecutionRequest(
        name="nonsense", signal="x" * 501, signal_id="y" * 129, payload={"a": ValueType(), "b": ValueType(int_value=1)}
    )
    told = await refused(world.suspensions.SignalExecution(request))
    assert told.code is grpc.StatusCode.INVALID_ARGUMENT
    assert told.fields == ["name", "signal", "signal_id", 'payload["a"]']
    request = suspension_service_pb2.SignalExecutionRequest(name=await world.asking("payment"), signal="paid")
    for key in "abc":
        request.payload[key].string_value = "x" * (1 << 20)
    assert (await refused(world.suspensions.SignalExecution(request))).reason == "VALUE_TOO_LARGE"
    request.payload.clear()
    request.payload["a"].json_value = "{"
    assert (await refused(world.suspensions.SignalExecution(request))).reason == "INVALID_JSON"


async def test_nobody_decides_a_callback(world):
    execution = await world.asking("payment")
    for call in (world.lift(execution), world.resolve(execution, Suspension.RESOLUTION_STATE_REJECTED)):
        told = await refused(call)
        assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SUSPENSION_NOT_DECIDABLE")
    await world.signal(execution, "paid", amount=1)
    # Not even as who sent the signal, and so ended it.
    assert (await refused(world.lift(execution))).reason == "SUSPENSION_RESOLVED"


async def test_a_callback_whose_signal_does_not_come_in_time_fails(world):
    execution = await world.start("impatient")
    assert (await world.ended(execution))[0] == State.FAILED
    shown = await world.get(execution)
    assert (shown.state, shown.audit.resolver) == (Suspension.RESOLUTION_STATE_REJECTED, "system")


async def test_a_callback_that_is_retried_waits_anew(world):
    execution = await world.start("patient")
    assert (await world.ended(execution))[0] == State.FAILED
    states = [(await world.get(execution, number)).state for number in (1, 2, 3)]
    assert states == [Suspension.RESOLUTION_STATE_REJECTED] * 3
    assert (await refused(world.get(execution, 4))).reason == "SUSPENSION_NOT_FOUND"


async def test_a_kept_signal_survives_a_restart_of_the_server(tmp_path):
    async with serving(tmp_path / "data") as stubs:
        world = World(stubs)
        await world.deploy(INTEGRATIONS)
        execution = await world.asking("later")
        await world.signal(execution, "paid", "s1", amount=3)
    async with serving(tmp_path / "data") as stubs:
        world = World(stubs)
        assert (await world.signal(execution, "paid", "s1", amount=4)).duplicate
        await world.signal(execution, "go")
        assert await world.ended(execution) == (State.SUCCEEDED, {"amount": 3})


async def consumed(world, execution):
    """Counts who took a signal, as the history tells."""
    request = execution_service_pb2.ListExecutionEventsRequest(parent=execution, page_size=1_000)
    events = (await world.executions.ListExecutionEvents(request)).events
    return Counter(event.signal_change.task_number for event in events if event.signal_change.task_number)


async def test_of_a_hundred_signals_at_once_each_is_consumed_once(world):
    execution = await world.asking("many")
    answers = await asyncio.gather(*(world.signal(execution, "paid", f"s{number}") for number in range(MANY)))
    tasks = {f"t{number}" for number in range(MANY)}
    assert {answer.task_number for answer in answers} == tasks
    assert (await world.ended(execution))[0] == State.SUCCEEDED
    assert await consumed(world, execution) == Counter(tasks)


async def test_signals_that_race_with_their_callbacks_are_consumed_once_each(world):
    executions = [await world.asking("later") for _ in range(MANY)]
    calls = [
        call
        for number, execution in enumerate(executions)
        for call in (world.signal(execution, "go"), world.signal(execution, "paid", amount=number))[:: (-1) ** number]
    ]
    await asyncio.gather(*calls)
    ended = [await world.ended(execution) for execution in executions]
    assert ended == [(State.SUCCEEDED, {"amount": number}) for number in range(MANY)]
    assert await consumed(world, executions[0]) == Counter({"first": 1, "pay": 1})
