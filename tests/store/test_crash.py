"""A process that commits is killed again and again; what it acknowledged is there, and nothing by halves."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from perdure.runtime import failpoints
from perdure.store.queries import ListQuery, Scope
from perdure.store.sqlite.store import SqliteStore
from tests.store.records import PROJECT, Commits, events, key, request

PROJECT_ROOT = Path(__file__).parents[2]
RANDOM_KILLS = 10
POINTS = ("store.before_begin", "store.before_commit", "store.after_commit")


class Acknowledged:
    """What a committing process said was durable."""

    def __init__(self):
        self.revision = 0
        self.sequences = {}

    def read(self, line):
        revision, *moved = line.split()
        self.revision = max(self.revision, int(revision))
        for entry in moved:
            execution, _, sequence = entry.rpartition(":")
            self.sequences[execution] = max(self.sequences.get(execution, 0), int(sequence))


def commit_until_killed(directory, prefix, acknowledged, *, kill_after=None, armed=""):
    """Runs the committing process; kills it after so many acknowledgements unless a failpoint does."""
    environment = {**os.environ, failpoints.ENVIRONMENT_VARIABLE: armed}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.committing", str(directory), prefix],
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        for count, line in enumerate(process.stdout, start=1):
            if line.endswith("\n"):
                acknowledged.read(line)
            if count == kill_after:
                process.kill()
    assert process.returncode == -signal.SIGKILL


async def all_rows(store):
    rows = []
    wanted = ListQuery(Scope(PROJECT), limit=500)
    while True:
        page = await store.list_page(wanted)
        rows += page.rows
        if page.next is None:
            return rows
        wanted = replace(wanted, after=page.next)


async def check(store, acknowledged):
    """Holds what is stored against what was acknowledged, and against itself."""
    rows = {row.created.key.execution: row for row in await all_rows(store)}
    assert store.committed_revision() >= acknowledged.revision
    for execution, sequence in acknowledged.sequences.items():
        assert rows[execution].sequence >= sequence, f"{execution} lost what was acknowledged"
    for execution, row in rows.items():
        assert row.revision <= store.committed_revision()
        stored = await store.event_page(row.created.key, 0, max_records=10_000, max_bytes=1 << 30)
        assert stored, f"{execution} has no events"
        following = 1
        for record in stored:
            assert record.first_sequence == following, f"{execution} has a gap or a repetition"
            assert record.payload == events(row.created.key, record.first_sequence, record.count).payload
            following += record.count
        assert (row.sequence, row.revision) == (following - 1, stored[-1].revision)
        pair, _, _ = execution.rpartition("-")
        twins = (f"{pair}-left", f"{pair}-right")
        assert set(twins) <= rows.keys(), f"{execution} lost its twin"
        used = await store.get_request(PROJECT, "Execute", pair)
        assert used is not None
        assert used.executions == twins


async def checked_after_restart(directory, acknowledged):
    store = await SqliteStore.open(directory)
    try:
        await check(store, acknowledged)
        return store.committed_revision()
    finally:
        await store.close()


def test_the_points_to_be_killed_at_are_all_the_points_of_the_store():
    assert {name for name in failpoints.registered() if name.startswith("store.")} == set(POINTS)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_a_failpoint_loses_nothing_that_was_acknowledged(tmp_path, point):
    acknowledged = Acknowledged()
    for hit in (1, 2, 40):
        commit_until_killed(tmp_path, f"hit{hit}", acknowledged, armed=f"{point}=kill@{hit}")
        await checked_after_restart(tmp_path, acknowledged)


@pytest.mark.slow
async def test_kills_at_random_lose_nothing_that_was_acknowledged(tmp_path):
    choose = random.Random(2)
    acknowledged = Acknowledged()
    for number in range(RANDOM_KILLS):
        commit_until_killed(tmp_path, f"run{number}", acknowledged, kill_after=choose.randrange(1, 600))
        revision = await checked_after_restart(tmp_path, acknowledged)
    assert revision >= acknowledged.revision > 1_000


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM events WHERE first_sequence = 3",
        "UPDATE executions SET sequence = sequence - 1 WHERE execution = 'x-left'",
        "DELETE FROM request_ids",
        "DELETE FROM events WHERE execution = 'x-right'; DELETE FROM executions WHERE execution = 'x-right'",
        "UPDATE head SET revision = 1",
    ],
)
async def test_the_check_sees_planted_damage(tmp_path, damage):
    store = await SqliteStore.open(tmp_path)
    commits = Commits()
    twins = (key("x-left"), key("x-right"))
    creation = commits.create(*twins, count=2)
    creation.requests.append(request("x", "x-left", "x-right"))
    await store.commit(creation)
    await store.commit(commits.move(twins[0], 2, 3))
    acknowledged = Acknowledged()
    acknowledged.read("2 x-left:5 x-right:2")
    await check(store, acknowledged)
    await store.close()

    database = sqlite3.connect(tmp_path / "perdure.db")
    database.executescript(damage)
    database.close()
    with pytest.raises((AssertionError, KeyError)):
        await checked_after_restart(tmp_path, acknowledged)
