"""Servers and workers are killed at random under a mixed load, and no promise is broken.

The seed is printed; CRASH_TESTS_SEED repeats one, CRASH_TESTS_KILLS sets the number of kills.
"""

import os
import random
import time

import pytest

from perdure.testing.checker import check
from perdure.testing.logs import Fault
from tests.crash.storm import recorded_storm

KILLS = int(os.environ.get("CRASH_TESTS_KILLS", "50"))
SEED = int(os.environ.get("CRASH_TESTS_SEED") or time.time_ns() % 1_000_000)


@pytest.mark.slow
async def test_kills_at_random_break_no_promise(tmp_path):
    print(f"CRASH_TESTS_SEED={SEED}")  # noqa: T201  # shown when the test fails
    logs, load = await recorded_storm(tmp_path, random.Random(SEED), KILLS)
    assert check(logs) == []
    faults = [record.what for record in logs.records if isinstance(record, Fault)]
    # A run that met none of the hard cases would prove nothing.
    assert len(faults) == KILLS
    assert set(faults) == {"server killed", "worker killed"}
    assert load.done > KILLS
