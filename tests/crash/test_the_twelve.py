"""The twelve bugs that such a service is known for: each is planted, and a test that passes without it sees it.

Most of them are planted where what they break is tested; the table says where. The others are planted here. The
twelfth, a write without a check of the epoch, needs two servers that own one store: here a second one is refused.
"""

import asyncio
from typing import Any

import pytest

from perdure.codec.tokens import InvalidToken
from perdure.dispatch.attempt import AttemptKey
from perdure.dispatch.leases import Leases
from perdure.engine.flight import Flight
from perdure.engine.request_ids import RequestIds
from perdure.runtime import clock
from perdure.store.records import ExecutionKey
from perdure.testing.checker import check
from perdure.v1.execution_pb2 import ExecutionDetails
from tests.crash import plants, test_planted_watch_bugs, test_second_server
from tests.crash.test_every_commit import deployed, live_through_a_kill
from tests.dispatch import test_results
from tests.dispatch.harness import Stage, settle
from tests.domain import planted_in_the_end, planted_in_the_graph, test_planted_bugs
from tests.engine import test_starting

pytestmark = pytest.mark.slow

HOUR = 3_600_000_000
HITS = range(1, 7)
"""The commits after which a server dies that forgets its requests: one of them is that of the execution."""


# Planted here, into one process


def acknowledging_before_the_commit(patch):
    async def plant(_):
        return None

    patch.setattr(Flight, "landing", plant)


def accepting_a_stale_lease(patch):
    """Any lease of a live attempt is as good as the newest one, whoever has it."""

    def plant(self, _, lease):
        try:
            token = self._tokens.open_lease(lease)
        except InvalidToken:
            return None
        execution = ExecutionKey(token.project, token.execution)
        name = AttemptKey(execution, token.task, token.execution_attempt, token.attempt)
        return self._attempts.get(name, name)

    patch.setattr(Leases, "find", plant)


def waiting_by_the_wall_clock_as_it_was(patch):
    patch.setattr(clock._SystemCall, "_look", lambda call: call._callback())


def carrying_on_after_being_cancelled(patch):
    once = RequestIds.once

    async def plant(self, request, work):
        try:
            return await once(self, request, work)
        except asyncio.CancelledError:
            return await self.recent(request)

    patch.setattr(RequestIds, "once", plant)


# What sees them


class SetClock(clock.SystemClock):
    """A clock of the machine that a test sets."""

    def __init__(self):
        self.instant = 0

    def now(self):
        return self.instant


async def see_what_is_acknowledged(tmp_path):
    await test_starting.test_an_accepted_execution_is_durable_before_its_task_is_offered(tmp_path)


async def see_who_reports(_):
    stage = Stage()
    peer = await stage.connect()
    await peer.credit(work=1)
    stage.offer("a")
    await settle()
    await test_results.test_a_lease_of_another_worker_is_rejected(stage, peer)
    await stage.supervisor.close()


async def see_a_clock_that_is_set(_):
    """A call is made when the clock says so, whatever it said before, and a jump ahead is noticed soon."""
    wall, made = SetClock(), []
    call = clock._SystemCall(wall, wall.instant + HOUR, lambda: made.append("made"))
    call.wait()
    assert call._handle is not None
    assert call._handle.when() - asyncio.get_running_loop().time() <= clock.LONGEST_WAIT_SECONDS
    wall.instant -= HOUR
    call._look()
    assert made == []
    wall.instant += 2 * HOUR
    call._look()
    assert made == ["made"]
    call.cancel()


async def see_a_caller_that_goes_away(tmp_path):
    await test_starting.test_a_caller_that_goes_away_leaves_the_start_running(tmp_path)


PLANTED_HERE = {
    acknowledging_before_the_commit: see_what_is_acknowledged,
    accepting_a_stale_lease: see_who_reports,
    waiting_by_the_wall_clock_as_it_was: see_a_clock_that_is_set,
    carrying_on_after_being_cancelled: see_a_caller_that_goes_away,
}


@pytest.mark.parametrize(("bug", "see"), PLANTED_HERE.items(), ids=[bug.__name__ for bug in PLANTED_HERE])
async def test_a_bug_is_seen_by_a_test_that_passes_without_it(tmp_path, monkeypatch, bug, see):
    (tmp_path / "without").mkdir()
    (tmp_path / "with").mkdir()
    await see(tmp_path / "without")
    bug(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await see(tmp_path / "with")


# Planted here, into a server process


async def execute_once(load, number):
    """Sends a request until it is answered; when a server has died it is the same request."""
    name = await load.begin("one_task", number)
    await load.expect(name, ExecutionDetails.State.SUCCEEDED, 8)


@pytest.mark.parametrize("plant", ["", plants.keeping_request_ids_in_a_commit_of_their_own.__name__])
async def test_a_request_that_dies_between_two_commits_is_executed_twice(tmp_path, plant):
    data = await deployed(tmp_path / "deployed")
    lives = await asyncio.gather(
        *(live_through_a_kill(tmp_path / str(hit), data, execute_once, hit, plant) for hit in HITS)
    )
    broken = {violation.invariant for logs, _ in lives for violation in check(logs)}
    assert ("I3" in broken) == bool(plant)
    assert broken <= {"I3", "I4", "I5"}


# All of them

WATCH = (test_planted_watch_bugs.test_a_bug_that_is_planted_is_named, test_planted_watch_bugs.NAMED_BY)
DOMAIN = (test_planted_bugs.test_a_planted_bug_is_seen, test_planted_bugs.BUGS)
HERE = (test_a_bug_is_seen_by_a_test_that_passes_without_it, PLANTED_HERE)
SERVER = (test_a_request_that_dies_between_two_commits_is_executed_twice, plants.OTHER_PLANTS)

THE_TWELVE: dict[str, Any] = {
    "ack before commit": (HERE, [acknowledging_before_the_commit]),
    "publish event before commit": (WATCH, ["publishing_before_the_commit"]),
    "reuse sequence after crash": (WATCH, ["using_a_sequence_again_after_a_crash"]),
    "resume off by one (both ways)": (WATCH, ["resuming_one_commit_too_early", "resuming_one_commit_too_late"]),
    "drop on full watcher queue": (WATCH, ["dropping_what_does_not_fit_into_the_ring"]),
    "no epoch check": ((test_second_server.test_a_second_server_on_the_same_data_refuses_with_a_clear_error, ()), []),
    "accept stale lease token": (HERE, [accepting_a_stale_lease]),
    "dedupe record not in the same transaction": (SERVER, ["keeping_request_ids_in_a_commit_of_their_own"]),
    # No wait lies between the look at an execution and the change: what such a race does is planted instead.
    "cancel check-then-act race": (
        DOMAIN,
        [
            planted_in_the_graph.starting_a_task_after_a_cancel,
            planted_in_the_graph.accepting_a_report_about_a_task_that_has_ended,
        ],
    ),
    "compensation order forward": (DOMAIN, [planted_in_the_end.undoing_in_forward_order]),
    "timer by wall clock": (HERE, [waiting_by_the_wall_clock_as_it_was]),
    "catch CancelledError and carry on": (HERE, [carrying_on_after_being_cancelled]),
}
"""Each bug with the test that plants it, what that test plants, and which of that is meant."""


@pytest.mark.parametrize("bug", THE_TWELVE)
def test_each_of_the_twelve_is_planted(bug):
    (test, planted), meant = THE_TWELVE[bug]
    assert callable(test)
    assert set(meant) <= set(planted)
    assert meant or bug == "no epoch check"


def test_there_are_twelve():
    assert len(THE_TWELVE) == 12
