"""A server dies right after each commit of an execution that is undone, decided or called back; all ends as if not.

The next life is killed one commit later, until one comes to the end: so no commit is left out.
"""

import asyncio
import random
import shutil
import signal

import pytest

from perdure.testing.checker import check
from perdure.testing.logs import History, Logs, RunBegan, RunEnded
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import TaskExecutionDetails
from tests.crash.endings import ENDINGS
from tests.crash.load import Load
from tests.crash.server_process import ServerProcess
from tests.crash.system import System

pytestmark = pytest.mark.slow

PATIENCE = 180
AT_ONCE = 6
FEWEST_COMMITS = {"saga": 20, "decided": 6, "called_back": 5}
UNDONE = ("book", "second", "third", "last")
ROLLEDBACK = TaskExecutionDetails.TaskExecutionState.ROLLEDBACK


async def deployed(directory):
    """Makes the data of a server that has the integrations of the app and nothing else."""
    directory.mkdir()
    async with ServerProcess(directory) as server:
        assert await server.stop() == 0
    return directory / "data"


async def live_through_a_kill(directory, data, job, hit, plant=""):
    """Has a load do a job while the server dies after a commit; returns the logs, and whether it was there to die."""
    directory.mkdir()
    shutil.copytree(data, directory / "data")
    async with System(directory, plant=plant) as system, asyncio.TaskGroup() as group:
        doing = group.create_task(job(Load(system, random.Random(hit)), hit))
        has_died = await dies(system, hit, doing)
        if has_died:
            await system.start()
        await doing
        await system.settle()
        # One that has not died may still do so when its sessions close.
        assert await system.server.stop() in ((0,) if has_died else (0, -signal.SIGKILL))
    return system.logs(), has_died


async def dies(system, hit, doing):
    """Begins a life that ends after a commit; returns whether it did, before the job was done."""
    dying = asyncio.create_task(system.start_to_die("killed after a commit", armed=f"store.after_commit=kill@{hit}"))
    await asyncio.wait({doing, dying}, return_when=asyncio.FIRST_COMPLETED)
    if dying.done():
        assert dying.result() == -signal.SIGKILL
        return True
    dying.cancel()
    return False


async def all_lives(tmp_path, job):
    """Does a job in one life after the other, each killed one commit later than the one before; returns their logs."""
    data = await deployed(tmp_path / "deployed")
    found: list[tuple[Logs, bool]] = []
    async with asyncio.timeout(PATIENCE):
        while not found or all(has_died for _, has_died in found):
            hits = range(len(found) + 1, len(found) + 1 + AT_ONCE)
            found += await asyncio.gather(
                *(live_through_a_kill(tmp_path / f"{job} {hit}", data, ENDINGS[job], hit) for hit in hits)
            )
    return [logs for logs, _ in found]


@pytest.mark.parametrize("job", ["decided", "called_back"])
async def test_what_waits_goes_on_as_if_the_server_had_not_died(tmp_path, job):
    lives = await all_lives(tmp_path, job)
    assert [check(logs) for logs in lives] == [[] for _ in lives]
    assert len(lives) >= FEWEST_COMMITS[job]


async def test_a_saga_undoes_the_same_in_the_same_order_wherever_the_server_dies(tmp_path):
    lives = await all_lives(tmp_path, "saga")
    assert [check(logs) for logs in lives] == [[] for _ in lives]
    assert len(lives) >= FEWEST_COMMITS["saga"]
    for logs in lives:
        done, undone = effects_of(logs, "book"), effects_of(logs, "unbook")
        assert len(done) == len(UNDONE)
        assert undone == {f"{key}/rollback" for key in done}
        order = rolled_back(logs)
        assert sorted(order) == sorted(UNDONE)
        assert (order[0], order[-1]) == ("last", "book")


def effects_of(logs, handler):
    """The idempotency keys under which a handler has succeeded: the effects, where they count once for a key."""
    ended = {record.run for record in logs.records if isinstance(record, RunEnded) and record.succeeded}
    runs = [record for record in logs.records if isinstance(record, RunBegan) and record.handler == handler]
    return {record.key for record in runs if record.run in ended}


def rolled_back(logs):
    """The tasks that the one execution has undone, in the order of the history."""
    (history,) = (record for record in logs.records if isinstance(record, History))
    changes = [ExecutionEvent.FromString(event).task_change for event in history.events]
    return [change.task_number for change in changes if change.state == ROLLEDBACK]
