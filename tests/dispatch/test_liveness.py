"""Deliveries that go astray, workers that fall silent, leases that run out, workers that come back."""

import asyncio

import pytest

from perdure.domain.errors import InvalidRequest, LimitReached, Unavailable, WrongState
from perdure.engine.ports import Stopped
from perdure.v1 import worker_service_pb2 as pb
from perdure.v1.error_reason_pb2 import ErrorReason
from tests.dispatch.harness import Stage, hello, settle


async def given(stage, *tasks, worker_id="w1", acknowledge=True):
    """Connect a worker and give it tasks."""
    peer = await stage.connect(worker_id)
    await peer.credit(work=len(tasks))
    for task in tasks:
        stage.offer(task)
    await settle()
    if acknowledge:
        await peer.acknowledge(*peer.leases)
    return peer


async def test_the_welcome_tells_the_worker_the_times(stage):
    peer = await stage.connect()
    assert peer.welcome.lease_ttl.seconds == 30
    assert peer.welcome.acknowledge_within.seconds == 5
    assert peer.welcome.ping_interval.seconds == 10
    assert peer.welcome.protocol_version == 1


async def test_a_delivery_that_is_not_acknowledged_goes_to_another_worker_as_the_same_attempt(stage):
    deaf = await given(stage, "a", acknowledge=False)
    other = await stage.connect("w2")
    await other.credit(work=1)
    await stage.alarms.advance(4.9)
    assert other.assignments == []
    await stage.alarms.advance(0.2)
    assert [(a.task_number, a.attempt) for a in other.assignments] == [("a", 1)]
    assert other.leases != deaf.leases
    assert stage.ledger.reports == []


async def test_a_deaf_worker_gets_nothing_until_it_answers_a_ping(stage):
    deaf = await given(stage, "a", acknowledge=False)
    await deaf.credit(work=5)
    await stage.alarms.advance(5)
    assert deaf.tasks == ["a"]
    assert len(deaf.all("ping")) == 1
    await deaf.send(drain=None)
    assert deaf.tasks == ["a"]
    await deaf.pong()
    assert deaf.tasks == ["a", "a"]
    assert len(set(deaf.leases)) == 2


async def test_a_late_result_counts_while_nobody_else_was_given_the_attempt(stage):
    slow = await given(stage, "a", acknowledge=False)
    await stage.alarms.advance(6)
    await slow.succeed(slow.leases[0])
    assert slow.acknowledged == [1]
    other = await stage.connect("w2")
    await other.credit(work=1)
    assert other.assignments == []


async def test_a_late_acknowledgement_keeps_the_attempt_while_nobody_else_was_given_it(stage):
    slow = await given(stage, "a", acknowledge=False)
    await stage.alarms.advance(6)
    assert not stage.holds("a")
    await slow.acknowledge(slow.leases[0])
    assert stage.holds("a")
    other = await stage.connect("w2")
    await other.credit(work=1)
    assert other.assignments == []


async def test_a_late_result_is_rejected_once_another_worker_was_given_the_attempt(stage):
    slow = await given(stage, "a", acknowledge=False)
    other = await stage.connect("w2")
    await other.credit(work=1)
    await stage.alarms.advance(5)
    await slow.succeed(slow.leases[0])
    assert slow.rejected == [(1, ErrorReason.LEASE_LOST)]
    await other.succeed(other.leases[0])
    assert other.acknowledged == [1]


async def test_a_result_is_an_acknowledgement_too(stage):
    peer = await given(stage, "a", "b", acknowledge=False)
    stage.ledger.durable.clear()
    await peer.succeed(peer.leases[0])
    await peer.acknowledge(peer.leases[1])
    await stage.alarms.advance(6)
    assert peer.all("ping") == []
    assert stage.holds("a")


async def test_any_message_renews_all_leases(stage):
    peer = await given(stage, "a", "b")
    for _ in range(10):
        await stage.alarms.advance(9)
        await peer.send(credits=pb.WorkRequest.Credits())
    assert stage.holds("a")
    assert stage.holds("b")
    assert stage.ledger.reports == []


async def test_messages_of_an_unknown_kind_are_ignored_and_prove_that_the_worker_lives(stage):
    await given(stage, "a")
    peer = await given(stage, "b", worker_id="w2")
    unknown = pb.WorkRequest.FromString(b"\xfa\x01\x03abc")
    for _ in range(4):
        await stage.alarms.advance(9)
        await peer.session.receive(unknown)
    assert stage.ledger.kinds() == [("lost", "a")]


async def test_a_worker_is_pinged_and_one_that_is_silent_for_two_intervals_gets_no_more(stage):
    peer = await given(stage, "a")
    await peer.credit(work=5)
    await stage.alarms.advance(10)
    assert len(peer.all("ping")) == 1
    await stage.alarms.advance(10)
    stage.offer("b")
    await settle()
    assert peer.tasks == ["a"]
    await peer.pong()
    assert peer.tasks == ["a", "b"]


async def test_the_leases_of_a_silent_worker_run_out_and_its_session_ends(stage):
    peer = await given(stage, "a", "b")
    await stage.alarms.advance(29.9)
    assert stage.ledger.reports == []
    await stage.alarms.advance(0.2)
    assert stage.ledger.kinds() == [("lost", "a"), ("lost", "b")]
    assert peer.ended
    assert stage.ledger.sessions[-1] == ("closed", "default/w1")
    assert stage.stop("a") is Stopped.UNKNOWN


async def test_a_loss_the_store_refused_is_reported_until_it_takes_it(stage):
    await given(stage, "a")
    stage.ledger.refusing = True
    await stage.alarms.advance(33)
    assert stage.ledger.reports == []
    assert not stage.holds("a")
    # Meanwhile the engine may offer the attempt again: it is on its way to be lost.
    stage.offer("a")
    stage.ledger.refusing = False
    await stage.alarms.advance(1)
    assert stage.ledger.kinds() == [("lost", "a")]


async def test_a_worker_that_reconnects_in_time_keeps_its_leases(stage):
    peer = await given(stage, "a", "b")
    peer.session.close()
    await stage.alarms.advance(20)
    back = await stage.connect(held=peer.leases)
    assert sorted(back.welcome.keep) == sorted(peer.leases)
    assert list(back.welcome.drop) == []
    await stage.alarms.advance(20)
    assert stage.ledger.reports == []
    await back.succeed(peer.leases[0])
    assert back.acknowledged == [1]


async def test_a_worker_that_reconnects_too_late_is_told_to_drop_its_leases(stage):
    peer = await given(stage, "a")
    peer.session.close()
    await stage.alarms.advance(31)
    back = await stage.connect(held=[*peer.leases, "nonsense"])
    assert list(back.welcome.keep) == []
    assert list(back.welcome.drop) == [*peer.leases, "nonsense"]


async def test_what_never_arrived_before_a_reconnect_is_given_again(stage):
    peer = await given(stage, "a", "b", acknowledge=False)
    peer.session.close()
    back = await stage.connect(held=peer.leases[:1])
    await back.credit(work=5)
    assert [(a.task_number, a.attempt) for a in back.assignments] == [("b", 1)]
    assert back.leases[0] != peer.leases[1]


async def test_a_session_that_has_ended_is_given_nothing(stage):
    gone = await given(stage, "a")
    await gone.credit(work=5)
    gone.session.close()
    stage.offer("b")
    await settle()
    assert gone.tasks == ["a"]
    other = await stage.connect("w2")
    await other.credit(work=1)
    assert other.tasks == ["b"]


async def test_another_incarnation_loses_what_the_one_before_held(stage):
    peer = await given(stage, "a")
    restarted = await stage.connect(incarnation="i2", held=peer.leases)
    assert list(restarted.welcome.drop) == peer.leases
    assert stage.ledger.kinds() == [("lost", "a")]
    assert peer.ended
    assert stage.ledger.sessions == [
        ("opened", "default/w1", "i1", False),
        ("opened", "default/w1", "i2", False),
    ]


async def test_a_new_session_of_a_worker_takes_the_place_of_the_one_before(stage):
    peer = await given(stage, "a")
    again = await stage.connect(held=peer.leases)
    assert peer.ended
    assert peer.failure is None
    await peer.succeed(peer.leases[0])
    assert stage.ledger.reports == []
    await again.succeed(peer.leases[0])
    assert again.acknowledged == [1]


async def test_after_a_restart_of_the_server_a_held_lease_of_the_current_attempt_is_kept(stage):
    peer = await given(stage, "a", "b")
    after = Stage(ledger=stage.ledger, first_grant=1_700_000_100_000_000)
    stage.ledger.gone.add(next(iter(peer.session.worker.leases.values())).name)
    back = await after.connect(held=peer.leases)
    assert list(back.welcome.keep) == peer.leases[1:]
    assert list(back.welcome.drop) == peer.leases[:1]
    assert after.holds("b")
    after.offer("b")
    other = await after.connect("w2")
    await other.credit(work=5)
    assert other.assignments == []
    await back.succeed(peer.leases[1])
    assert back.acknowledged == [1]
    await after.supervisor.close()


async def test_a_worker_that_vanishes_while_its_leases_are_looked_at_keeps_none(stage):
    peer = await given(stage, "a")
    again = Stage(ledger=stage.ledger, first_grant=1_700_000_100_000_000)
    looking, go_on, look = asyncio.Event(), asyncio.Event(), stage.ledger.is_current

    async def look_slowly(*name):
        looking.set()
        await go_on.wait()
        return await look(*name)

    stage.ledger.is_current = look_slowly
    session = again.dispatcher.open_session()
    joining = asyncio.create_task(session.receive(pb.WorkRequest(hello=hello(held=peer.leases))))
    await looking.wait()
    session.close()
    go_on.set()
    await joining
    # Nobody would ever notice that the lease of a forgotten worker has run out.
    assert not again.holds("a")
    back = await again.connect(held=peer.leases)
    assert list(back.welcome.keep) == peer.leases
    await again.supervisor.close()


async def test_after_a_restart_only_one_of_two_claims_to_an_attempt_is_kept(stage):
    slow = await given(stage, "a", acknowledge=False)
    other = await stage.connect("w2")
    await other.credit(work=1)
    await stage.alarms.advance(5)
    after = Stage(ledger=stage.ledger, first_grant=1_700_000_100_000_000)
    first = await after.connect("w2", held=other.leases)
    second = await after.connect("w1", held=slow.leases)
    assert list(first.welcome.keep) == other.leases
    assert list(second.welcome.drop) == slow.leases
    await after.supervisor.close()


async def test_a_result_after_a_restart_counts_although_the_attempt_was_queued_again(stage):
    peer = await given(stage, "a")
    after = Stage(ledger=stage.ledger, first_grant=1_700_000_100_000_000)
    after.offer("a")
    back = await after.connect()
    await back.succeed(peer.leases[0])
    assert back.acknowledged == [1]
    await back.credit(work=1)
    assert back.assignments == []
    await after.supervisor.close()


async def test_a_lease_from_before_a_restart_that_is_released_is_lost(stage):
    peer = await given(stage, "a")
    after = Stage(ledger=stage.ledger, first_grant=1_700_000_100_000_000)
    back = await after.connect(held=peer.leases)
    await back.release(peer.leases[0])
    assert stage.ledger.kinds() == [("lost", "a")]
    await after.supervisor.close()


async def test_a_released_task_goes_to_another_worker_as_the_same_attempt(stage):
    peer = await given(stage, "a")
    other = await stage.connect("w2")
    await other.credit(work=1)
    await peer.release(peer.leases[0])
    assert [(a.task_number, a.attempt) for a in other.assignments] == [("a", 1)]
    await peer.succeed(peer.leases[0])
    assert peer.rejected == [(1, ErrorReason.LEASE_LOST)]


async def test_a_cancel_is_pushed_to_the_worker(stage):
    peer = await given(stage, "a")
    assert stage.stop("a") is Stopped.TOLD
    assert stage.stop("a") is Stopped.TOLD
    await settle()
    (cancel,) = peer.cancels
    assert (cancel.lease, cancel.cancel_reason, cancel.grace.seconds) == (peer.leases[0], "no longer wanted", 10)
    await peer.result(peer.leases[0], cancelled=pb.TaskResult.Cancelled())
    assert stage.ledger.kinds() == [("stopped", "a")]
    assert peer.acknowledged == [1]


async def test_a_cancel_that_was_missed_follows_the_welcome(stage):
    peer = await given(stage, "a")
    peer.session.close()
    assert stage.stop("a") is Stopped.TOLD
    back = await stage.connect(held=peer.leases)
    assert [cancel.lease for cancel in back.cancels] == peer.leases


async def test_a_withdrawn_attempt_that_comes_back_is_not_given_again(stage):
    peer = await given(stage, "a", "b", acknowledge=False)
    stage.stop("a")
    stage.stop("b")
    await peer.credit(work=5)
    await peer.release(peer.leases[0])
    await stage.alarms.advance(5)
    assert stage.ledger.kinds() == [("stopped", "a"), ("stopped", "b")]
    assert peer.tasks == ["a", "b"]


async def test_a_draining_worker_gets_nothing_more_and_its_session_ends_with_its_last_task(stage):
    peer = await given(stage, "a", "b")
    await peer.credit(work=5)
    await peer.drain()
    stage.offer("c")
    await settle()
    assert peer.tasks == ["a", "b"]
    await peer.succeed(peer.leases[0])
    assert not peer.ended
    await peer.release(peer.leases[1])
    assert peer.ended
    assert peer.acknowledged == [1]
    assert stage.ledger.sessions[-1] == ("closed", "default/w1")


async def test_a_server_that_drains_sends_its_workers_away_and_lets_no_other_in(stage):
    peer = await given(stage, "a")
    stage.dispatcher.drain()
    await settle()
    assert peer.all("go_away")[0].reconnect_after.ToMilliseconds() == 1_000
    assert peer.ended
    assert peer.failure is None
    with pytest.raises(Unavailable) as refused:
        await stage.connect("w2")
    assert refused.value.reason_name == "SHUTTING_DOWN"
    # The worker still has its lease and will bring it to the next server.
    assert ("closed", "default/w1") not in stage.ledger.sessions


async def test_the_leases_of_a_worker_that_died_are_lost_at_once(stage):
    stage.dispatcher.expect_embedded("default", "w1")
    peer = await given(stage, "a")
    assert stage.ledger.sessions == [("opened", "default/w1", "i1", True)]
    stage.dispatcher.worker_died("default", "w1")
    await settle()
    assert stage.ledger.kinds() == [("lost", "a")]
    assert peer.ended


async def test_a_session_is_stored_before_it_is_welcomed(stage):
    stage.ledger.refusing = True
    with pytest.raises(Unavailable):
        await stage.connect()
    stage.ledger.refusing = False
    peer = await stage.connect()
    assert peer.welcome


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"worker_id": ""}, "REQUIRED_FIELD_MISSING"),
        ({"worker_id": "Upper"}, "INVALID_NAME"),
        ({"incarnation": ""}, "REQUIRED_FIELD_MISSING"),
        ({"incarnation": "x" * 129}, "INVALID_FIELD"),
        ({"parent": "projects/default"}, "INVALID_NAME"),
        ({"parent": "projects/default/locations/mars"}, "INVALID_NAME"),
        ({"version": 0}, "REQUIRED_FIELD_MISSING"),
        ({"held": ["x"] * 10_001}, "INVALID_FIELD"),
    ],
)
async def test_a_hello_with_a_fault_is_refused(stage, fields, reason):
    worker_id = fields.pop("worker_id", "w1")
    with pytest.raises(InvalidRequest) as refused:
        await stage.connect(worker_id, **fields)
    assert refused.value.reason_name == reason
    assert refused.value.violations


async def test_a_hello_with_too_many_handlers_is_refused(stage):
    with pytest.raises(InvalidRequest):
        await stage.connect("w1", *[f"h{number}" for number in range(1_001)])


async def test_a_worker_that_speaks_no_version_of_ours_is_refused(stage):
    with pytest.raises(WrongState) as refused:
        await stage.connect(version=-1)
    assert refused.value.reason_name == "PROTOCOL_VERSION_UNSUPPORTED"


async def test_hello_comes_first_and_once(stage):
    session = stage.dispatcher.open_session()
    with pytest.raises(InvalidRequest):
        await session.receive(pb.WorkRequest(pong=pb.WorkRequest.Pong()))
    peer = await stage.connect()
    with pytest.raises(InvalidRequest):
        await peer.send(hello=hello())


async def test_there_is_a_limit_to_the_workers(stage):
    for number in range(1_000):
        session = stage.dispatcher.open_session()
        await session.receive(pb.WorkRequest(hello=hello(f"w{number}")))
    with pytest.raises(LimitReached):
        await stage.connect("one-more")
