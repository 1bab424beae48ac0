"""A server dies, or fails to commit, at every place that the code names for it; no promise is broken."""

import asyncio
import random
import signal

import pytest

import perdure.server  # noqa: F401  # registers every failpoint of a server
from perdure.runtime import failpoints
from perdure.testing.checker import check
from tests.crash.load import Load
from tests.crash.system import System

pytestmark = pytest.mark.slow

POINTS = ("store.before_begin", "store.before_commit", "store.after_commit")
HITS = (1, 2, 3, 30, 100)
LANES = 6
PATIENCE = 180


def test_the_points_to_die_at_are_all_there_are():
    assert {name for name in failpoints.registered() if "." in name and not name.startswith("test.")} == set(POINTS)


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_a_failpoint_breaks_no_promise(tmp_path, point):
    async with asyncio.timeout(PATIENCE), System(tmp_path) as system:
        load = Load(system, random.Random(point))
        async with load.going_on(LANES):
            for hit in HITS:
                code = await system.start_to_die("killed at a failpoint", armed=f"{point}=kill@{hit}")
                assert code == -signal.SIGKILL, f"hit {hit} was not reached"
            await system.start()
        await system.settle()
        assert await system.server.stop() == 0
    assert check(system.logs()) == []
    assert load.done >= LANES


@pytest.mark.parametrize("action", ["error", "full"])
@pytest.mark.parametrize("point", ["store.before_begin", "store.before_commit"])
async def test_a_commit_that_fails_breaks_no_promise(tmp_path, point, action):
    """The server goes on: callers are told UNAVAILABLE, and nobody is told of what was not stored."""
    async with asyncio.timeout(PATIENCE), System(tmp_path) as system:
        load = Load(system, random.Random(point + action))
        await system.start()
        await system.server.stop()
        for hit in (1, 2, 3, 30):
            server = await system.start(armed=f"{point}={action}@{hit}")
            async with load.going_on(LANES):
                await system.more(150)
            assert await server.stop() == 0
            system.bury()
        await system.start()
        await system.settle()
    assert check(system.logs()) == []
    assert "commits refused" in system.server.log.read_text(encoding="utf-8")


async def test_an_unknown_outcome_of_a_commit_stops_the_server(tmp_path):
    """It must not go on with a state that may not be the one on the disk (F15)."""
    async with asyncio.timeout(PATIENCE), System(tmp_path) as system:
        load = Load(system, random.Random(7))
        await system.start()
        async with load.going_on(LANES):
            await system.more(20)
            await system.kill()
            for hit in (20, 60):
                code = await system.start_to_die("outcome unknown", armed=f"store.after_commit=error@{hit}")
                assert code == 70
            await system.start()
        await system.settle()
    assert check(system.logs()) == []
