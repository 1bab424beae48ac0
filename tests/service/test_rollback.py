"""What was done is undone: in which order, with what, how often, and what is told of it (row 57; P13)."""

import grpc
import pytest

from perdure import PermanentError
from tests.service.played import playing, state_of
from tests.service.serving import refused

UNDONE = 'rollback { task: "undo" }'
CHAIN = """
    tasks { task_id: "a" task: "work" %(a)s parameters { key: "n" value { constant { int_value: 1 } } }
            next_tasks { task_id: "b" } }
    tasks { task_id: "b" task: "work" %(b)s parameters { key: "n" value { constant { int_value: 2 } } }
            next_tasks { task_id: "c" } }
    tasks { task_id: "c" task: "work" %(c)s }
"""
DIAMOND = """
    tasks { task_id: "a" task: "work" rollback { task: "undo" }
            next_tasks { task_id: "b" } next_tasks { task_id: "c" } }
    tasks { task_id: "b" task: "work" rollback { task: "undo" } next_tasks { task_id: "d" } }
    tasks { task_id: "c" task: "work" rollback { task: "undo" } next_tasks { task_id: "d" } }
    tasks { task_id: "d" task: "work" }
"""


def chain(a=UNDONE, b=UNDONE, c=""):
    return CHAIN % {"a": a, "b": b, "c": c}


def rollback(**fields):
    return f"rollback {{ task: 'undo' {' '.join(f'{key}: {value}' for key, value in fields.items())} }}"


RETRIED = (
    "rollback { task: 'undo' failure_policy { retry_strategy: RETRY_STRATEGY_FIXED_INTERVAL max_retries: 2 "
    "interval { nanos: 1000000 } } }"
)
HELD = "rollback { task: 'undo' failure_action: FAILURE_ACTION_HOLD }"


@pytest.fixture
async def world(tmp_path):
    async with playing(tmp_path) as world:
        yield world


async def test_what_was_done_is_undone_after_a_failure_last_first_with_what_it_was_done_with(world):
    await world.deploy("chain", chain())
    world.script.fail("c", PermanentError("no"))
    name = await world.start("chain", development=True)
    ended = await world.ended(name)
    assert state_of(ended) == "FAILED"
    assert world.script.calls == ["a", "b", "c", "undo b", "undo a"]
    assert world.script.given["undo a"] == {"n": 1, "result": 2}
    context = world.script.contexts["undo b"]
    assert (context.rollback.inputs, context.rollback.outputs) == ({"n": 2}, {"result": 3})
    assert (context.attempt, context.development, context.rollback.outcome_unknown) == (2, True, False)
    assert context.idempotency_key == f"{world.script.contexts['b'].idempotency_key}/rollback"
    assert world.script.contexts["b"].rollback is None
    told = ended.execution_details.rollback
    assert told.Outcome.Name(told.outcome) == "OUTCOME_COMPLETE"
    assert not told.not_undone_tasks
    assert await world.task_states(name, "a") == [
        "IN_PROCESS",
        "SUCCEED",
        "ROLLBACK_IN_PROCESS",
        "ROLLEDBACK",
    ]


async def test_siblings_are_undone_at_once_and_what_they_rest_on_waits_for_both(world):
    await world.deploy("diamond", DIAMOND)
    world.script.fail("d", PermanentError("no"))
    world.script.hold("undo b", "undo c")
    name = await world.start("diamond")
    await world.script.begun("undo b")
    await world.script.begun("undo c")
    world.script.release("undo b")
    await world.until_task(name, "b", "ROLLEDBACK")
    assert "undo a" not in world.script.calls
    assert list((await world.get(name)).execution_details.rollback.pending_tasks) == ["a", "c"]
    world.script.release("undo c")
    assert state_of(await world.ended(name)) == "FAILED"
    assert world.script.calls[-1] == "undo a"


async def test_nothing_is_undone_after_a_success_or_where_nothing_declares_it(world):
    await world.deploy("chain", chain())
    await world.deploy("bare", chain(a="", b=""))
    succeeded = await world.ended(await world.start("chain"))
    world.script.fail("c", PermanentError("no"))
    failed = await world.ended(await world.start("bare"))
    assert (state_of(succeeded), state_of(failed)) == ("SUCCEEDED", "FAILED")
    assert not [call for call in world.script.calls if call.startswith("undo")]


async def test_an_undo_is_tried_again_by_its_own_policy(world):
    await world.deploy("chain", chain(b=RETRIED))
    world.script.fail("c", PermanentError("no"))
    world.script.fail("undo b", ValueError("not yet"), ValueError("not yet"))
    ended = await world.ended(await world.start("chain"))
    assert world.script.calls[3:] == ["undo b", "undo b", "undo b", "undo a"]
    assert not ended.execution_details.rollback.not_undone_tasks
    assert [world.script.contexts["undo b"].attempt, world.script.contexts["undo a"].attempt] == [4, 2]


async def test_what_cannot_be_undone_is_told_and_does_not_keep_the_rest_from_being_undone(world):
    await world.deploy("chain", chain())
    world.script.fail("c", PermanentError("no"))
    world.script.fail("undo b", PermanentError("stuck"))
    ended = await world.ended(await world.start("chain"))
    told = ended.execution_details.rollback
    assert (told.Outcome.Name(told.outcome), list(told.not_undone_tasks)) == ("OUTCOME_INCOMPLETE", ["b"])
    assert world.script.calls[-1] == "undo a"
    assert ended.error.message == "no"


@pytest.mark.parametrize(
    ("action", "calls", "left"),
    [
        ("ACTION_RETRY", ["undo b", "undo b", "undo a"], []),
        ("ACTION_SKIP", ["undo b", "undo a"], ["b"]),
        ("ACTION_MARK_DONE", ["undo b", "undo a"], []),
    ],
)
async def test_a_held_undo_waits_for_what_an_operator_decides(world, action, calls, left):
    await world.deploy("chain", chain(b=HELD))
    world.script.fail("c", PermanentError("no"))
    world.script.fail("undo b", PermanentError("stuck"))
    name = await world.start("chain")
    held = await world.until(name, lambda execution: state_of(execution) == "SUSPENDED")
    assert list(held.execution_details.rollback.pending_tasks) == ["a", "b"]
    answer = await world.ask("ResolveRollback", name=name, task_number="b", action=action, reason="by hand")
    assert answer.name == name
    ended = await world.ended(name)
    assert world.script.calls[3:] == calls
    assert list(ended.execution_details.rollback.not_undone_tasks) == left


async def test_an_undo_that_waits_for_its_retry_can_be_decided_upon_too(world):
    slow = RETRIED.replace("nanos: 1000000", "seconds: 3600")
    await world.deploy("chain", chain(b=slow))
    world.script.fail("c", PermanentError("no"))
    world.script.fail("undo b", ValueError("not yet"))
    name = await world.start("chain")
    await world.until_event(name, lambda event: event.task_change.HasField("retry_time"))
    await world.ask("ResolveRollback", name=name, task_number="b", action="ACTION_RETRY")
    assert state_of(await world.ended(name)) == "FAILED"
    assert world.script.calls[3:] == ["undo b", "undo b", "undo a"]


async def test_decisions_on_undos_that_do_not_wait_are_refused(world):
    await world.deploy("chain", chain())
    world.script.hold("undo b")
    world.script.fail("c", PermanentError("no"))
    name = await world.start("chain")
    await world.script.begun("undo b")
    resolve = {"name": name, "action": "ACTION_SKIP"}
    told = await refused(world.ask("ResolveRollback", task_number="b", **resolve))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ROLLBACK_NOT_HELD")
    told = await refused(world.ask("ResolveRollback", task_number="x", **resolve))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND")
    told = await refused(world.ask("ResolveRollback", name=name, task_number="b", action=77))
    assert (told.reason, told.fields) == ("INVALID_FIELD", ["action"])
    told = await refused(world.ask("ResolveRollback", name=name))
    assert (told.reason, told.fields) == ("REQUIRED_FIELD_MISSING", ["task_number", "action"])
    world.script.release("undo b")
    await world.ended(name)
    told = await refused(world.ask("ResolveRollback", task_number="b", **resolve))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_ENDED")


async def test_a_cancel_undoes_what_was_done_and_does_not_stop_an_undo(world):
    await world.deploy("chain", chain())
    world.script.hold("c", "undo b")
    name = await world.start("chain")
    await world.script.begun("c")
    await world.cancel(name, cancel_reason="enough")
    await world.script.begun("undo b")
    again = await world.cancel(name, cancel_reason="more than enough")
    assert (state_of(again), again.cancel_reason) == ("PROCESSING", "enough")
    assert not world.script.contexts["undo b"].cancelled
    world.script.release("undo b")
    ended = await world.ended(name)
    assert (state_of(ended), ended.cancel_reason) == ("CANCELLED", "enough")
    assert world.script.calls[3:] == ["undo b", "undo a"]


async def test_a_forced_cancel_gives_up_what_is_not_undone(world):
    await world.deploy("chain", chain())
    world.script.hold("c", "undo b")
    name = await world.start("chain")
    await world.script.begun("c")
    await world.cancel(name)
    await world.script.begun("undo b")
    await world.cancel(name, force=True)
    ended = await world.ended(name)
    assert state_of(ended) == "CANCELLED"
    assert list(ended.execution_details.rollback.not_undone_tasks) == ["a", "b"]
    assert "undo a" not in world.script.calls
    assert {entry.error.code for entry in ended.errors} >= {"CANCELLED_BY_FORCE"}
    assert state_of(await world.cancel(name, force=True)) == "CANCELLED"


async def test_nobody_knows_what_a_cancelled_attempt_did_so_it_is_undone_where_that_is_wanted(world):
    await world.deploy("known", chain(c=rollback(on_unknown_outcome="false")))
    await world.deploy("asked", chain(c=rollback(on_unknown_outcome="true")))
    for name, calls in (("known", ["undo b", "undo a"]), ("asked", ["undo c", "undo b", "undo a"])):
        world.script.calls.clear()
        world.script.hold("c")
        execution = await world.start(name)
        await world.script.begun("c")
        await world.cancel(execution)
        ended = await world.ended(execution)
        assert list(ended.execution_details.rollback.unknown_outcome_tasks) == ["c"]
        assert world.script.calls[3:] == calls
    context = world.script.contexts["undo c"]
    assert (context.rollback.outcome_unknown, context.rollback.outputs) == (True, {})


async def test_an_attempt_that_no_worker_had_is_no_unknown_outcome(world):
    await world.deploy("queued", 'tasks { task_id: "w" task: "nobody" rollback { task: "undo" } }')
    name = await world.start("queued")
    await world.until_task(name, "w", "IN_PROCESS")
    await world.cancel(name)
    ended = await world.ended(name)
    assert not ended.execution_details.rollback.unknown_outcome_tasks
    assert world.script.calls == []
