"""The writing task of the SQLite store: batches, refusals, cancelled callers, broken files."""

import asyncio
import inspect
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import aiosqlite
import pytest

from perdure.runtime import failpoints
from perdure.store.errors import StoreBroken, StoreConflict, StoreError, StoreRefused
from perdure.store.queries import ListQuery, Scope
from perdure.store.records import BaseState, ExecutionKey, Origin
from perdure.store.sqlite import writer as writer_module
from perdure.store.sqlite.connection import run
from perdure.store.sqlite.store import SqliteStore
from tests.store.records import PROJECT, Commits, key, new_execution, progressed, request

PROJECT_ROOT = Path(__file__).parents[2]


@pytest.fixture
async def store(tmp_path):
    store = await SqliteStore.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def arm():
    yield lambda value: failpoints.arm_from_environment({failpoints.ENVIRONMENT_VARIABLE: value})
    failpoints.arm_from_environment({})


async def pragma(store, statement):
    return await run(store._database.writer, lambda connection: connection.execute(statement).fetchone())


async def test_the_private_function_of_aiosqlite_still_runs_one_function_on_its_thread(tmp_path):
    assert list(inspect.signature(aiosqlite.Connection._execute).parameters) == ["self", "fn", "args", "kwargs"]
    connection = await aiosqlite.connect(tmp_path / "any.db")
    try:
        first, second = [
            await run(connection, lambda raw, word: (type(raw), word, threading.get_ident()), "x") for _ in range(2)
        ]
    finally:
        await connection.close()
    assert first == second
    assert first[:2] == (sqlite3.Connection, "x")
    assert first[2] != threading.get_ident()


async def test_commits_that_wait_share_a_transaction(store):
    statements: list[str] = []
    await run(store._database.writer, lambda connection: connection.set_trace_callback(statements.append))
    commits = Commits()
    await asyncio.gather(*(store.commit(commits.create(key(f"e{number}"))) for number in range(1_000)))
    assert statements.count("COMMIT") == -(-1_000 // writer_module.BATCH_COMMITS)


async def test_a_batch_ends_where_it_grows_too_large(store):
    statements: list[str] = []
    await run(store._database.writer, lambda connection: connection.set_trace_callback(statements.append))
    commits = Commits()
    large = []
    for number in range(3):
        commit = commits.create(key(f"e{number}"))
        commit.events[0] = type(commit.events[0])(key(f"e{number}"), 1, 1, bytes(writer_module.BATCH_BYTES))
        large.append(store.commit(commit))
    await asyncio.gather(*large)
    assert statements.count("COMMIT") == 3


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param(lambda commit: commit.progressed.append(progressed(key("new"), 1, 2, state=8)), id="state"),
        pytest.param(lambda commit: commit.created.append(new_execution(key("x"), labels=object())), id="type"),
        pytest.param(lambda commit: commit.requests.append(request("\ud800", "new")), id="text"),
        pytest.param(lambda commit: setattr(commit, "revision", 2**62), id="number"),
        pytest.param(lambda commit: commit.events.extend(commit.events * 65_536), id="events"),
    ],
)
async def test_a_poisoned_commit_fails_alone(store, poison):
    commits = Commits()
    before = commits.create(key("before"))
    poisoned = commits.create(key("new"))
    poison(poisoned)
    dependent = commits.move(key("new"), 1)
    after = commits.create(key("after"))
    outcomes = await asyncio.gather(
        *(store.commit(commit) for commit in (before, poisoned, dependent, after)), return_exceptions=True
    )
    assert outcomes[0] is outcomes[3] is None
    assert type(outcomes[1]) is StoreRefused
    assert type(outcomes[2]) is StoreConflict
    assert store.committed_revision() == after.revision


PARAMETERS = ("{}", "{}", '{"n":1}', '{"n":2,"t":"x"}')


def columns(choose):
    """Columns of a change that are in indexes or lead to terms."""
    return {
        "state": choose.choice((1, 2, 7)),
        "active": choose.random() < 0.5,
        "wake_time": choose.choice((None, 5)),
        "parameters": choose.choice(PARAMETERS),
    }


def valid_commits(choose):
    """Commits that create, move, end and delete executions, each building on the one before."""
    commits = Commits()
    live: dict[ExecutionKey, int] = {}
    for number in range(60):
        count = choose.randrange(1, 3)
        if len(live) < 3 or choose.random() < 0.2:
            name = key(f"e{number}")
            origin = Origin("p", "t", 1, number) if choose.random() < 0.5 else None
            labels = choose.choice(("{}", '{"team":"red"}'))
            commit = commits.create(name, count=count, origin=origin, labels=labels, state=columns(choose))
            live[name] = count
        elif choose.random() < 0.2:
            name = choose.choice(list(live))
            commit = commits.end(name, live.pop(name), parameters=choose.choice(PARAMETERS))
        else:
            name = choose.choice(list(live))
            commit = commits.move(name, live[name], count, **columns(choose))
            live[name] += count
        if choose.random() < 0.1:
            commit.deleted += [key(f"e{choose.randrange(60)}") for _ in range(10)]
        if choose.random() < 0.2:
            commit.base_states.append(BaseState(name, commit.progressed[0].sequence, b"at %d" % number))
            commit.requests.append(request(f"r{number}", name.execution))
        yield commit


def mixed_commits(choose):
    """Commits of which some create twice, some come out of order, and some depend on those."""
    commits = Commits()
    sequences: dict[ExecutionKey, int] = {}
    for _ in range(60):
        name = key(f"e{choose.randrange(8)}")
        sequence = sequences.get(name, 0)
        match choose.randrange(8):
            case 0:
                origin = Origin("p", "t", 1, choose.randrange(4)) if choose.random() < 0.5 else None
                commit = commits.create(name, origin=origin, labels='{"team":"red"}', state=columns(choose))
                sequences.setdefault(name, 1)
            case 1:
                commit = commits.end(name, sequence)
                sequences[name] = sequence + 1
            case 2:
                commit = commits.move(name, choose.randrange(5))
            case 3:
                commit = commits.move(name, sequence)
                commit.requests.append(request(f"r{choose.randrange(6)}", "x"))
                commit.deleted.append(key(f"e{choose.randrange(8)}"))
                commit.forgotten.append((PROJECT, "Execute", f"r{choose.randrange(6)}"))
            case _:
                count = choose.randrange(1, 3)
                commit = commits.move(name, sequence, count, **columns(choose))
                sequences[name] = sequence + count
        yield commit


def content(connection):
    """All that a database holds of executions and requests, less the numbers that order the latter."""
    tables = ("executions", "execution_terms", "events", "base_states", "retention_floors", "head")
    found = {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}
    found["request_ids"] = connection.execute(
        "SELECT project, method, request_id, digest, executions, create_time FROM request_ids ORDER BY number"
    ).fetchall()
    return found


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("make", [valid_commits, mixed_commits])
async def test_a_batch_stores_and_refuses_what_its_commits_one_by_one_would(tmp_path, make, seed):
    together = await SqliteStore.open(tmp_path / "together")
    alone = await SqliteStore.open(tmp_path / "alone", synchronous="NORMAL")
    try:
        batch = list(make(random.Random(seed)))
        outcomes = await asyncio.gather(*(together.commit(commit) for commit in batch), return_exceptions=True)
        expected: list[BaseException | None] = []
        for commit in batch:
            expected += await asyncio.gather(alone.commit(commit), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(outcome) for outcome in expected]
        assert None in outcomes
        assert any(outcomes) == (make is mixed_commits)
        contents = [await run(store._database.writer, content) for store in (together, alone)]
        assert contents[0] == contents[1]
        assert make is mixed_commits or all(contents[0].values())
    finally:
        await together.close()
        await alone.close()


async def test_callers_cancelled_at_any_moment_leave_no_lock_and_lose_no_commit(store):
    choose = random.Random(7)
    commits = Commits()

    async def cancel_after(caller, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()

    callers = [asyncio.create_task(store.commit(commits.create(key(f"e{number}")))) for number in range(300)]
    await asyncio.sleep(0)
    await asyncio.gather(*(cancel_after(caller, choose.randrange(60)) for caller in callers))
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert any(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)

    async with asyncio.timeout(5):
        await store.commit(commits.create(key("fresh")))
    assert not store._database.writer.in_transaction
    assert len((await store.list_page(ListQuery(Scope(PROJECT), limit=1_000))).rows) == 301


async def test_a_full_disk_refuses_commits_serves_reads_and_passes(store):
    commits = Commits()
    await store.commit(commits.create(key("a")))
    (pages,) = await pragma(store, "PRAGMA page_count")
    await pragma(store, f"PRAGMA max_page_count = {pages}")

    def filling(name):
        commit = commits.create(key(name))
        commit.events[0] = type(commit.events[0])(key(name), 1, 1, bytes(100_000))
        return commit

    outcomes = await asyncio.gather(*(store.commit(filling(f"f{n}")) for n in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreRefused}
    assert await store.get_row(key("a")) is not None
    assert len((await store.list_page(ListQuery(Scope(PROJECT)))).rows) == 1
    assert store.committed_revision() == 1

    await pragma(store, "PRAGMA max_page_count = 1000000")
    await store.commit(filling("b"))
    assert await store.get_row(key("b")) is not None


async def test_a_busy_database_refuses_commits_and_passes(store, tmp_path):
    await pragma(store, "PRAGMA busy_timeout = 0")
    commits = Commits()
    other = sqlite3.connect(tmp_path / "perdure.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreRefused):
        await store.commit(commits.create(key("a")))
    other.execute("ROLLBACK")
    other.close()
    await store.commit(commits.create(key("a")))


@pytest.mark.parametrize("name", ["store.before_begin", "store.before_commit"])
@pytest.mark.parametrize("action", ["error", "full"])
async def test_an_error_before_the_commit_is_a_refusal(store, arm, name, action):
    arm(f"{name}={action}")
    commits = Commits()
    with pytest.raises(StoreRefused):
        await store.commit(commits.create(key("a")))
    assert await store.get_row(key("a")) is None
    await store.commit(commits.create(key("a")))


async def test_an_unknown_outcome_ends_writing_for_good(tmp_path, arm):
    arm("store.after_commit=error@2")
    commits = Commits()
    store = await SqliteStore.open(tmp_path)
    await store.commit(commits.create(key("a")))
    waiting = asyncio.create_task(store.wait_broken())
    doomed = asyncio.create_task(store.commit(commits.create(key("b"))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    queued = asyncio.create_task(store.commit(commits.create(key("c"))))
    outcomes = await asyncio.gather(doomed, queued, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreBroken}
    assert isinstance(await waiting, StoreBroken)
    with pytest.raises(StoreBroken):
        await store.commit(commits.create(key("d")))
    await store.close()

    again = await SqliteStore.open(tmp_path)
    assert await again.get_row(key("b")) is not None
    assert await again.get_row(key("c")) is None
    await again.close()


@pytest.mark.parametrize(("errors", "ending"), [(2, "goes on"), (3, "broken")])
def test_a_failing_write_is_refused_and_the_third_within_a_minute_ends_writing(tmp_path, errors, ending):
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.store.failing_writes", str(tmp_path), str(errors)],
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert outcome.stdout.splitlines() == ["refused"] * errors + [ending]


async def test_every_outcome_is_an_error_of_the_store(store):
    commits = Commits()
    with pytest.raises(StoreError):
        await store.commit(commits.move(key("nobody"), 3))
