"""Plants the bugs that watches are known for into the server, and proves that the checker names each of them."""

import asyncio
import random

import pytest

from perdure.testing.checker import check
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WaitExecutionRequest
from tests.crash.crowd import Crowd, Sizes
from tests.crash.load import Load
from tests.crash.plants import PLANTS
from tests.crash.system import System

pytestmark = pytest.mark.slow

FEW = Sizes(wide=15, restless=10, vanishing=15)
ROOM = ("--max-watchers-per-principal", "1000")
KINDS = ("chain", "side_by_side", "retried", "restarted", "nested")
JOBS = 6
HITS = (25, 40)
"""The batches of commits before which the server dies."""
RECORDS = 60
MESSAGES = 100
PATIENCE = 120

NAMED_BY = {
    "resuming_one_commit_too_early": {"unique", "resumable"},
    "resuming_one_commit_too_late": {"reliable", "resumable"},
    "dropping_what_does_not_fit_into_the_ring": {"reliable"},
    "publishing_before_the_commit": {"I16"},
    "using_a_sequence_again_after_a_crash": {"unique", "I12"},
    "filtering_by_the_newest_facts": {"filterable"},
    "not_telling_that_an_execution_left": {"filterable"},
    "being_synced_too_early": {"bookmarkable"},
}


class Jobs:
    """Executions one after the other, waited for but not watched: a watch may never come to its end here."""

    def __init__(self, system, choose):
        self._system = system
        self._choose = choose
        self._over = asyncio.Event()

    async def go_on(self, lane):
        """Does jobs until it is told to stop."""
        number = lane
        while not self._over.is_set():
            wait = WaitExecutionRequest(name=await self.begin(self._choose.choice(KINDS), number))
            await self._system.insist(lambda calls, wait=wait: calls.wait(wait))
            number += JOBS

    async def begin(self, kind, number):
        """Starts an execution; returns its name."""
        request = Load.request(kind, number, Execution.POST_TO_QUEUE)
        return (await self._system.insist(lambda calls: calls.execute(request))).execution

    def stop(self):
        self._over.set()


async def run_with(plant, directory):
    """Lets a server with a bug be watched and killed; returns what the checker finds."""
    choose = random.Random(plant)
    async with asyncio.timeout(PATIENCE), System(directory, *ROOM, plant=plant) as system:
        await system.start()
        crowd = Crowd(system, choose, FEW, gives_up=True)
        async with crowd.watching(), asyncio.TaskGroup() as group:
            jobs = Jobs(system, choose)
            for lane in range(JOBS):
                group.create_task(jobs.go_on(lane))
            held_up = await jobs.begin("held_up", JOBS * 1_000_000)
            await system.more(RECORDS)
            await system.kill()
            for hit in HITS:
                await system.start_to_die("killed at a failpoint", armed=f"store.before_commit=kill@{hit}")
            await system.start()
            # One execution lives in all lives of the server, and goes on when there are watchers again.
            await crowd.more(MESSAGES)
            await system.insist(lambda calls: calls.cancel(held_up, "seen enough"))
            await system.more(RECORDS)
            jobs.stop()
            crowd.come_to_the_end(await system.newest_revision())
        await system.settle()
    return {violation.invariant for violation in check(system.logs())}


@pytest.mark.parametrize("plant", PLANTS)
async def test_a_bug_that_is_planted_is_named(tmp_path, plant):
    assert NAMED_BY[plant] <= await run_with(plant, tmp_path)


async def test_without_a_bug_nothing_is_named(tmp_path):
    assert await run_with("", tmp_path) == set()
