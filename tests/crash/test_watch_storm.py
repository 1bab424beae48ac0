"""A hundred watchers of every kind, the bad ones included, while the server is killed again and again.

The seed is printed; CRASH_TESTS_SEED repeats one, CRASH_TESTS_KILLS sets the number of kills.
"""

import asyncio
import os
import random
import time

import pytest

from perdure.testing.checker import check
from perdure.testing.logs import Fault, History, StreamMessage, StreamOpened
from perdure.v1.execution_service_pb2 import WatchResponse
from tests.crash.crowd import A_HUNDRED, Crowd
from tests.crash.storm import Storm
from tests.crash.system import System

KILLS = int(os.environ.get("CRASH_TESTS_KILLS", "50"))
SEED = int(os.environ.get("CRASH_TESTS_SEED") or time.time_ns() % 1_000_000)
JOBS = 6
MOST_RECORDS_BEFORE_A_KILL = 50
FEWEST_EVENTS_COMPARED = 1_000
ROOM = ("--max-watchers", "2000", "--max-watchers-per-principal", "2000")


@pytest.mark.slow
async def test_watchers_of_every_kind_see_what_happened_and_nothing_else(tmp_path):
    print(f"CRASH_TESTS_SEED={SEED}")  # noqa: T201  # shown when the test fails
    choose = random.Random(SEED)
    async with asyncio.timeout(120 + 8 * KILLS), System(tmp_path, *ROOM) as system:
        await system.start()
        crowd = Crowd(system, choose, A_HUNDRED)
        async with crowd.watching():
            storm = Storm(system, choose, KILLS, jobs=JOBS, most_records=MOST_RECORDS_BEFORE_A_KILL)
            await storm.rage()
            crowd.come_to_the_end(await system.newest_revision())
        await system.settle()
        assert await system.server.stop() == 0
    logs = system.logs()
    assert check(logs) == []
    compared_much(logs.records)


def compared_much(records):
    """Asserts that the run would have shown something, and says how much it was."""
    # A worker that a handler takes with it is no kill.
    faults = [record for record in records if isinstance(record, Fault) and record.what != "worker lost"]
    streams = [record for record in records if isinstance(record, StreamOpened)]
    messages = [WatchResponse.FromString(record.message) for record in records if isinstance(record, StreamMessage)]
    happened = sum(len(record.events) for record in records if isinstance(record, History))
    compared = sum(len(message.events.events) for message in messages)
    shown = sum(len(message.executions.executions) for message in messages)
    print(  # noqa: T201
        f"{len(faults)} kills, {len(streams)} streams, {len(messages)} messages; "
        f"{happened} events happened, {compared} were compared, and {shown} states"
    )
    assert len(faults) == KILLS
    assert min(happened, compared) >= FEWEST_EVENTS_COMPARED
