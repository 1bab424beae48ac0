"""From an assignment to a result: arguments, outputs, failures, places."""

import asyncio
import os
import select

import pytest

from perdure.codec.values import decode_value
from tests.dispatch.harness import settle

ANY_RESULT = "argument result: nothing is given for it"


async def outcome(stage):
    """Wait for the next end of an attempt, and return its kind and what was reported."""
    while True:
        for report in stage.ledger.reports:
            if report[0] != "progressed":
                stage.ledger.reports.remove(report)
                return report[0], report[3]
        stage.ledger.changed.clear()
        await stage.ledger.changed.wait()


async def outputs(stage):
    kind, what = await outcome(stage)
    assert kind == "succeeded", what
    return {name: decode_value(value) for name, value in what[0].items()}


async def failure(stage):
    kind, what = await outcome(stage)
    assert kind == "failed", what
    return what[0]


@pytest.mark.parametrize("shared_loop", [False, True])
async def test_an_async_handler_gets_its_arguments_and_returns_its_result(stage, start_worker, shared_loop):
    await start_worker(shared_loop=shared_loop)
    stage.offer("t", "add", a=2, b=3)
    assert await outputs(stage) == {"result": 5}
    stage.offer("u", "add", a=2)
    assert await outputs(stage) == {"result": 3}


async def test_a_dataclass_becomes_one_output_a_field_and_the_context_knows_the_attempt(stage, start_worker):
    await start_worker()
    stage.offer("t", "receipt", attempt=4, number=7)
    assert await outputs(stage) == {"number": 7, "text": "t/4/e1/1/t"}


async def test_an_undo_gets_those_inputs_and_outputs_that_it_names_and_may_look_at_all(stage, start_worker):
    await start_worker()
    stage.offer("t", "forget", sku="x", count=2, undo={"result": 7, "sku": "other"})
    everything = "{'count': 2, 'sku': 'x'} and {'result': 7, 'sku': 'other'}, False"
    assert await outputs(stage) == {"result": f"x/7/none of {everything}"}
    stage.offer("u", "forget", sku="x", note="fragile", undo={"result": 7})
    assert (await outputs(stage))["result"].startswith("x/7/fragile of ")


async def test_an_undo_that_needs_what_is_not_known_has_failed_for_good(stage, start_worker):
    await start_worker()
    stage.offer("t", "forget", sku="x", undo={})
    told = await failure(stage)
    assert (told.code, told.message, told.retryable) == ("INVALID_INPUT", ANY_RESULT, False)


async def test_a_task_that_is_performed_has_nothing_to_undo(stage, start_worker):
    await start_worker()
    stage.offer("t", "forget", sku="x", result=1)
    assert (await failure(stage)).message.startswith("AssertionError")


@pytest.mark.slow
async def test_a_process_knows_what_it_undoes(stage, start_worker):
    await start_worker(processes=1)
    stage.offer("t", "forget_in_process", sku="x", undo={"result": 7})
    expected = "RollbackFacts(inputs={'sku': 'x'}, outputs={'result': 7}, outcome_unknown=False)"
    assert await outputs(stage) == {"result": f"x True {expected}"}


async def test_a_blocking_handler_runs_in_a_thread(stage, start_worker, gates):
    await start_worker()
    stage.offer("t", "add_in_thread", a=2, b=3)
    assert await outputs(stage) == {"result": 5}
    assert gates.threads[0].startswith("perdure-task")


@pytest.mark.slow
async def test_a_handler_can_run_in_a_process_and_a_process_that_dies_is_replaced(stage, start_worker):
    await start_worker(processes=1)
    stage.offer("t", "add_in_process", a=2, b=3)
    first = await outputs(stage)
    assert first["number"] == 5
    stage.offer("u", "die_in_process")
    died = await failure(stage)
    assert (died.code, died.retryable) == ("HANDLER_ERROR", True)
    stage.offer("v", "add_in_process", a=2, b=4)
    again = await outputs(stage)
    assert again["number"] == 6
    assert again["text"].split()[-1] != first["text"].split()[-1]


@pytest.mark.slow
async def test_progress_comes_back_from_a_process(stage, start_worker, tmp_path):
    await start_worker(processes=1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    stage.offer("t", "read_in_process", path=str(pipe))
    while not any(kind == "progressed" and what[1] == 50 for kind, _, _, what in stage.ledger.reports):
        stage.ledger.changed.clear()
        await stage.ledger.changed.wait()
    await asyncio.to_thread(pipe.write_text, "go on")
    assert await outputs(stage) == {"result": "go on"}


@pytest.mark.slow
async def test_stopping_ends_a_process_whatever_it_does(stage, start_worker, tmp_path):
    worker, task = await start_worker(processes=1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    stage.offer("t", "read_in_process", path=str(pipe))
    # Opening returns once the handler has opened the other end; writing fails once its process has gone.
    writing = await asyncio.to_thread(os.open, pipe, os.O_WRONLY)
    worker.stop()
    await task
    poll = select.poll()
    poll.register(writing, 0)
    events = await asyncio.to_thread(poll.poll, 10_000)
    os.close(writing)
    assert events == [(writing, select.POLLERR)]
    assert stage.stop("t").name == "WITHDRAWN"


async def test_a_failure_carries_code_payload_and_stack_trace(stage, start_worker):
    await start_worker()
    stage.offer("t", "fail", code="OUT_OF_STOCK")
    failed = await failure(stage)
    assert (failed.code, failed.message, failed.payload) == ("OUT_OF_STOCK", "no luck", '{"left": 0}')
    assert "raise TaskError" in failed.stack_trace
    assert "handler fail" in failed.context
    assert failed.retryable


async def test_outputs_that_no_message_could_hold_fail_the_attempt(stage, start_worker):
    await start_worker()
    stage.offer("t", "fill", count=3)
    failed = await failure(stage)
    assert (failed.code, failed.retryable) == ("VALUE_TOO_LARGE", False)


async def test_a_payload_that_no_message_could_hold_is_left_out(stage, start_worker):
    await start_worker()
    stage.offer("t", "fail_at_length")
    failed = await failure(stage)
    assert (failed.message, failed.payload) == ("no luck", "")


async def test_a_permanent_failure_is_not_retryable(stage, start_worker):
    await start_worker()
    stage.offer("t", "fail_for_good")
    assert not (await failure(stage)).retryable


async def test_any_exception_is_a_failure_of_the_handler(stage, start_worker):
    await start_worker()
    stage.offer("t", "crash")
    failed = await failure(stage)
    assert failed.code == "HANDLER_ERROR"
    assert failed.message.startswith("KeyError")
    stage.offer("u", "leave")
    assert (await failure(stage)).code == "HANDLER_ERROR"


@pytest.mark.parametrize(("inputs", "word"), [({"a": "text"}, "a"), ({}, "a"), ({"a": 1, "c": 2}, "c")])
async def test_inputs_that_do_not_fit_fail_the_attempt_for_good(stage, start_worker, inputs, word):
    await start_worker()
    stage.offer("t", "add", **inputs)
    failed = await failure(stage)
    assert (failed.code, failed.retryable) == ("INVALID_INPUT", False)
    assert word in failed.message


async def test_progress_is_gathered_and_comes_before_the_result(stage, start_worker):
    await start_worker()
    stage.offer("t", "report_progress")
    while ("succeeded", "t") not in stage.ledger.kinds():
        stage.ledger.changed.clear()
        await stage.ledger.changed.wait()
    assert stage.ledger.kinds() == [("progressed", "t"), ("succeeded", "t")]
    assert stage.ledger.reports[0][3] == ("done", 100)


async def test_a_cancelled_async_handler_is_interrupted(stage, start_worker, gates):
    await start_worker()
    stage.offer("t", "wait_for_gate")
    await asyncio.to_thread(gates.started.acquire)
    stage.stop("t")
    assert await outcome(stage) == ("stopped", None)
    assert gates.cancelled.is_set()


async def test_a_cancelled_blocking_handler_sees_it_in_its_context(stage, start_worker, gates):
    await start_worker()
    stage.offer("t", "block_until_gate")
    await asyncio.to_thread(gates.started.acquire)
    stage.stop("t")
    assert (await failure(stage)).message == "gave up"
    assert gates.cancelled.is_set()


async def test_a_handler_that_has_not_begun_is_cancelled_without_beginning(stage, start_worker, gates):
    await start_worker(threads=1)
    stage.offer("t", "block_until_gate")
    await asyncio.to_thread(gates.started.acquire)
    stage.offer("u", "block_until_gate")
    await settle()
    assert stage.holds("u")
    stage.stop("u")
    assert await outcome(stage) == ("stopped", None)
    assert not gates.started.acquire(blocking=False)


async def test_no_more_attempts_of_a_handler_run_than_its_concurrency_allows(stage, start_worker, gates):
    await start_worker(handler_concurrency={"wait_for_gate": 2})
    for number in range(5):
        stage.offer(f"t{number}", "wait_for_gate")
    stage.offer("quick", "add", a=1)
    assert await outputs(stage) == {"result": 2}
    assert [stage.holds(f"t{number}") for number in range(5)] == [True, True, False, False, False]
    gates.go_on.open()
    for _ in range(5):
        assert (await outcome(stage))[0] == "succeeded"
    assert gates.calls == 5


async def test_a_handler_that_hogs_its_loop_does_not_stop_the_worker_from_answering(stage, start_worker, gates):
    await start_worker()
    stage.offer("t", "hog_the_loop")
    await asyncio.to_thread(gates.started.acquire)
    for _ in range(6):
        await stage.alarms.advance(10)
    assert stage.ledger.reports == []
    gates.go_on.open()
    assert (await outcome(stage))[0] == "succeeded"


async def test_draining_finishes_what_runs_and_takes_nothing_more(stage, start_worker, gates):
    worker, task = await start_worker()
    stage.offer("t", "wait_for_gate")
    await asyncio.to_thread(gates.started.acquire)
    worker.drain()
    await settle()
    stage.offer("late", "add", a=1)
    gates.go_on.open()
    await task
    assert stage.ledger.kinds() == [("succeeded", "t")]
    assert stage.stop("late").name == "WITHDRAWN"


async def test_stopping_gives_back_what_runs_as_the_same_attempt(stage, start_worker, gates):
    worker, task = await start_worker()
    stage.offer("t", "wait_for_gate")
    await asyncio.to_thread(gates.started.acquire)
    worker.stop()
    await task
    assert stage.ledger.reports == []
    assert stage.stop("t").name == "WITHDRAWN"
