"""Servers and workers are killed at random under a mixed load, and no promise is broken.

The seed is printed; CRASH_TESTS_SEED repeats one, CRASH_TESTS_KILLS sets the number of kills.
"""

import os
import random
import time

import pytest

from perdure.testing.checker import check
from perdure.testing.logs import Fault, History, Operation, Outcome, RunBegan, RunEnded, StreamOpened
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_service_pb2 import WatchExecutionRequest
from tests.crash.storm import recorded_storm

KILLS = int(os.environ.get("CRASH_TESTS_KILLS", "50"))
SEED = int(os.environ.get("CRASH_TESTS_SEED") or time.time_ns() % 1_000_000)

HARD = {
    "cancel_requested",
    "rollback_change",
    "teardown_change",
    "error_catcher_change",
    "suspension_change",
    "signal_change",
    "pause_change",
    "breakpoint_change",
}
"""The kinds of event of which every run has some."""


@pytest.mark.slow
async def test_kills_at_random_break_no_promise(tmp_path):
    print(f"CRASH_TESTS_SEED={SEED}")  # noqa: T201  # shown when the test fails
    logs, load = await recorded_storm(tmp_path, random.Random(SEED), KILLS)
    assert check(logs) == []
    met_the_hard_cases(logs.records)
    assert load.done > KILLS


def met_the_hard_cases(records):
    """Asserts that what is hard did happen; a run without it would prove nothing."""
    faults = [record.what for record in records if isinstance(record, Fault)]
    assert len(faults) - faults.count("worker lost") == KILLS
    assert set(faults) == {"server killed", "worker killed", "worker lost"}
    unknown = [record for record in records if isinstance(record, Operation) and record.outcome is Outcome.UNKNOWN]
    assert len(unknown) > KILLS, "few calls were cut off"
    resumed = [record for record in records if isinstance(record, StreamOpened) and is_resumed(record)]
    assert len(resumed) > KILLS, "few watches were resumed"
    undos = [record for record in records if isinstance(record, RunBegan) and record.key.endswith("/rollback")]
    ended = {record.run for record in records if isinstance(record, RunEnded)}
    assert len(undos) > KILLS, "little was undone"
    assert any(record.run not in ended for record in undos), "no worker died while it undid something"
    happened = {kind for record in records if isinstance(record, History) for kind in kinds_of(record)}
    assert happened >= HARD, f"these did not happen: {HARD - happened}"
    repeated = [record for record in records if isinstance(record, RunBegan) and record.attempt > 1]
    assert len(repeated) > KILLS, "few attempts were repeated"


def kinds_of(history):
    """What kinds of event are in a history."""
    return {ExecutionEvent.FromString(event).WhichOneof("change") for event in history.events}


def is_resumed(opened):
    return bool(WatchExecutionRequest.FromString(opened.request).cursor)
