"""Where the dispatcher says that attempts are."""

from perdure.dispatch.attempt import AttemptKey
from perdure.dispatch.whereabouts import InQueue, WithWorker
from tests.dispatch.harness import key_of, settle


def name_of(task_id, attempt=1, project="default"):
    """Names an attempt as the engine does."""
    return AttemptKey(key_of(project), task_id, 1, attempt)


def located(stage, *tasks):
    """Asks for several attempts at once, and lists what is known of each."""
    found = stage.dispatcher.locate([name_of(task) for task in tasks])
    return [found.get(name_of(task)) for task in tasks]


async def test_attempts_in_a_queue_know_who_comes_before_them(stage):
    for task, priority in (("low", 0), ("high", 9), ("lower", 0), ("other", 5)):
        stage.offer(task, priority=priority)
    stage.offer("elsewhere", handler="rest")
    stage.offer("stranger", project="other", priority=99)
    await settle()
    assert located(stage, "lower", "low", "high", "other", "elsewhere") == [
        InQueue(3, 0),
        InQueue(2, 0),
        InQueue(0, 0),
        InQueue(1, 0),
        InQueue(0, 0),
    ]


async def test_whoever_left_the_queue_does_not_come_before_anybody(stage):
    stage.offer("gone")
    stage.offer("here")
    stage.dispatcher.stop(*name_of("gone"), "not wanted", 0)
    assert located(stage, "here", "gone") == [InQueue(0, 0), None]


async def test_only_connected_workers_that_still_take_tasks_are_counted(stage):
    stage.offer("a")
    first, second = await stage.connect("one"), await stage.connect("two")
    assert located(stage, "a") == [InQueue(0, 2)]
    await first.drain()
    assert located(stage, "a") == [InQueue(0, 1)]
    second.session.close()
    await settle()
    assert located(stage, "a") == [InQueue(0, 0)]


async def test_a_worker_is_silent_once_it_has_not_answered_two_pings(stage):
    peer = await stage.connect()
    await peer.credit(work=1)
    stage.offer("a")
    await settle()
    await peer.acknowledge(*peer.leases)
    await stage.alarms.advance(4.0)
    (held,) = located(stage, "a")
    assert held == WithWorker(peer.session.worker.worker_id, 4_000_000, 26_000_000, silent=False, stopping=False)
    await stage.alarms.advance(16.0)
    (held,) = located(stage, "a")
    assert (held.silent, held.heard_ago, held.lease_left) == (True, 20_000_000, 10_000_000)
    await peer.pong()
    (held,) = located(stage, "a")
    assert (held.silent, held.heard_ago) == (False, 0)


async def test_a_worker_without_a_session_is_silent_at_once(stage):
    peer = await stage.connect()
    await peer.credit(work=1)
    stage.offer("a")
    await settle()
    await peer.acknowledge(*peer.leases)
    peer.session.close()
    await settle()
    (held,) = located(stage, "a")
    assert held.silent
    assert held.lease_left == 30_000_000


async def test_an_attempt_that_was_asked_to_stop_says_so(stage):
    peer = await stage.connect()
    await peer.credit(work=1)
    stage.offer("a")
    await settle()
    stage.dispatcher.stop(*name_of("a"), "not wanted", 1_000_000)
    (held,) = located(stage, "a")
    assert held.stopping


async def test_an_attempt_that_nobody_has_is_not_located(stage):
    assert located(stage, "nothing") == [None]
