"""Which attempt goes to which worker, and when."""

import pytest

from perdure.codec.values import decode_value
from perdure.domain.errors import InvalidRequest
from perdure.domain.value import Value, ValueKind
from perdure.engine.ports import Stopped
from tests.dispatch.harness import settle


async def test_an_assignment_carries_what_the_handler_needs(stage):
    peer = await stage.connect()
    await peer.credit(work=1)
    stage.offer("a", sku="x", count=3)
    await settle()
    (assignment,) = peer.assignments
    assert assignment.execution == "projects/default/locations/local/integrations/order/executions/e1"
    assert assignment.task_number == "a"
    assert (assignment.attempt, assignment.execution_attempt) == (1, 1)
    assert assignment.idempotency_key == "e1/1/a"
    assert assignment.deadline.ToMicroseconds() == 1_700_000_000_123_456
    assert decode_value(Value(ValueKind.INT, assignment.inputs["count"].SerializeToString())) == 3


async def test_an_assignment_to_undo_carries_what_the_task_was_given_and_returned(stage):
    peer = await stage.connect()
    await peer.credit(work=3)
    stage.offer("a", sku="x", undo={"count": 3})
    stage.offer("b", sku="x", undo={})
    stage.offer("c", sku="x")
    await settle()
    undo, unknown, forward = peer.assignments
    assert (undo.rollback, undo.forward_outcome_unknown, undo.development) == (True, False, True)
    assert (undo.inputs["sku"].string_value, undo.forward_outputs["count"].int_value) == ("x", 3)
    assert (unknown.rollback, unknown.forward_outcome_unknown, dict(unknown.forward_outputs)) == (True, True, {})
    assert not forward.rollback
    assert not forward.forward_outcome_unknown
    assert not forward.development


async def test_an_attempt_that_waits_is_queued_by_the_priority_of_its_newest_offer(stage):
    stage.offer("late", order=9)
    stage.offer("early", order=2)
    stage.offer("late", order=9, priority=1)
    peer = await stage.connect()
    await peer.credit(work=1)
    stage.offer("late", order=9, priority=0)
    await peer.credit(work=1)
    assert peer.tasks == ["late", "early"]
    await peer.credit(work=1)
    assert peer.tasks == ["late", "early"]


async def test_without_credit_nothing_is_assigned(stage):
    peer = await stage.connect()
    stage.offer("a")
    await settle()
    assert peer.assignments == []


async def test_credits_are_used_up_one_by_one_and_add_up(stage):
    peer = await stage.connect()
    for task in "abcde":
        stage.offer(task)
    await peer.credit(work=1)
    await peer.credit(work=2)
    assert peer.tasks == ["a", "b", "c"]


async def test_tasks_that_are_ready_together_travel_in_one_message(stage):
    peer = await stage.connect()
    await peer.credit(work=10)
    for task in "abc":
        stage.offer(task)
    await settle()
    assert len(peer.all("assignments")) == 1
    assert peer.tasks == ["a", "b", "c"]


async def test_tasks_that_one_message_cannot_hold_travel_in_several(stage):
    peer = await stage.connect()
    await peer.credit(work=10)
    for task in "abcd":
        stage.offer(task, text="x" * 1_000_000)
    await settle()
    assert [len(message.assignments) for message in peer.all("assignments")] == [3, 1]
    assert peer.tasks == ["a", "b", "c", "d"]


async def test_a_higher_priority_goes_first_and_equal_ones_in_order_of_creation(stage):
    peer = await stage.connect()
    stage.offer("late", priority=5, order=9)
    stage.offer("low", priority=1, order=1)
    stage.offer("early", priority=5, order=2)
    stage.offer("urgent", priority=900, order=99)
    await peer.credit(work=4)
    assert peer.tasks == ["urgent", "early", "late", "low"]


async def test_a_slow_handler_does_not_starve_another_one(stage):
    peer = await stage.connect("w1", "slow", "quick")
    await peer.credit(slow=2, quick=1)
    for task in ("s1", "s2", "s3", "s4"):
        stage.offer(task, "slow", priority=900)
    stage.offer("q1", "quick")
    await settle()
    assert peer.tasks == ["s1", "s2", "q1"]


async def test_a_worker_gets_only_tasks_of_its_handlers_and_its_project(stage):
    peer = await stage.connect()
    await peer.credit(work=10)
    stage.offer("other handler", "else")
    stage.offer("other project", project="alien")
    stage.offer("mine")
    await settle()
    assert peer.tasks == ["mine"]


async def test_a_worker_of_all_projects_gets_the_best_of_all(stage):
    stage.offer("a", project="p1", priority=1)
    stage.offer("b", project="p2", priority=2)
    stage.offer("c", project="p1", priority=3)
    peer = await stage.connect(parent="projects/-/locations/local")
    await peer.credit(work=2)
    stage.offer("d", project="p3")
    await peer.credit(work=2)
    assert peer.tasks == ["c", "b", "a", "d"]


async def test_sessions_with_credit_take_turns(stage):
    first = await stage.connect("w1")
    second = await stage.connect("w2")
    await first.credit(work=10)
    await second.credit(work=10)
    for task in "abcd":
        stage.offer(task)
    await settle()
    assert (first.tasks, second.tasks) == (["a", "c"], ["b", "d"])


async def test_an_offer_that_is_repeated_is_assigned_once(stage):
    peer = await stage.connect()
    await peer.credit(work=10)
    for _ in range(2):
        stage.offer("a")
        stage.offer("a")
        await settle()
    assert peer.tasks == ["a"]


async def test_a_queued_attempt_is_withdrawn_without_anybody_noticing(stage):
    stage.offer("a")
    stage.offer("b")
    assert stage.stop("a") is Stopped.WITHDRAWN
    assert stage.stop("a") is Stopped.UNKNOWN
    peer = await stage.connect()
    await peer.credit(work=2)
    assert peer.tasks == ["b"]


async def test_a_queue_that_many_have_left_still_gives_the_rest_in_order(stage):
    for number in range(300):
        stage.offer(f"t{number}")
    for number in range(290):
        stage.stop(f"t{number}")
    peer = await stage.connect()
    await peer.credit(work=300)
    assert peer.tasks == [f"t{number}" for number in range(290, 300)]


async def test_credit_for_a_handler_that_was_not_named_is_refused(stage):
    peer = await stage.connect()
    with pytest.raises(InvalidRequest):
        await peer.credit(unknown=1)


@pytest.mark.parametrize("count", [0, -1, 10_001])
async def test_a_count_of_credits_that_makes_no_sense_is_refused(stage, count):
    peer = await stage.connect()
    with pytest.raises(InvalidRequest):
        await peer.credit(work=count)


async def test_the_log_says_which_handler_no_worker_has(stage, caplog):
    await stage.connect()
    stage.offer("a")
    stage.offer("b", handler="nobody")
    await stage.alarms.advance(11)
    assert [record.getMessage() for record in caplog.records if "performs" in record.getMessage()] == [
        "no connected worker performs 'nobody'; its tasks wait until one does"
    ]
