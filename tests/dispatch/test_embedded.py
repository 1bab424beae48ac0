"""The embedded worker: started, started again, ended, and never left behind."""

import asyncio
import os
import signal
import stat
import sys

import pytest

from perdure.codec.values import decode_value
from perdure.dispatch.embedded import EmbeddedOptions, EmbeddedWorker, EmbeddedWorkerFailed
from perdure.dispatch.private_socket import PATH_MAX_BYTES, PrivateSocket
from tests.dispatch.served import Served, reported

pytestmark = pytest.mark.slow


@pytest.fixture
async def served():
    with PrivateSocket() as socket:
        served = Served(address=socket.target)
        await served.server.start()
        yield served
        await served.stop()


@pytest.fixture
async def embed(served):
    """Make embedded workers; they are stopped at the end."""
    made = []

    def make(app="tests.worker.apps:app", **fields):
        options = EmbeddedOptions(target=served.target, app=app, project="default", **fields)
        worker = EmbeddedWorker(served.stage.dispatcher, served.stage.supervisor, options)
        made.append(worker)
        return worker

    yield make
    for worker in made:
        await worker.stop()


def test_the_socket_is_for_this_user_only_and_its_path_short():
    with PrivateSocket() as socket:
        assert stat.S_IMODE(socket.path.parent.stat().st_mode) == 0o700
        assert len(bytes(socket.path)) <= PATH_MAX_BYTES
    assert not socket.path.parent.exists()


async def test_tasks_are_performed_in_the_process_of_the_worker(served, embed):
    worker = embed()
    await worker.start()
    served.stage.offer("t", "tell_process")
    ((_, _, _, (outputs, _)),) = await reported(served.stage.ledger, "succeeded")
    assert decode_value(outputs["result"]) == worker.pid
    (opened,) = served.stage.ledger.sessions
    assert opened[3] is True


async def test_a_worker_that_is_killed_is_replaced_and_its_leases_are_lost_at_once(served, embed):
    worker = embed()
    await worker.start()
    first = worker.pid
    served.stage.offer("t", "kill_the_process")
    await reported(served.stage.ledger, "lost")
    served.stage.offer("u", "tell_process")
    ((_, _, _, (outputs, _)),) = await reported(served.stage.ledger, "succeeded")
    assert decode_value(outputs["result"]) == worker.pid != first


async def test_stopping_lets_running_tasks_end(served, embed):
    worker = embed()
    await worker.start()
    served.stage.offer("t", "take_a_moment")
    await reported(served.stage.ledger, "progressed")
    await worker.stop()
    assert worker.pid is None
    assert ("succeeded", "t") in served.stage.ledger.kinds()


async def test_stopping_ends_a_worker_whose_task_never_does(served, embed):
    worker = embed(drain_within=0.2, release_within=0.2)
    await worker.start()
    served.stage.offer("t", "hold_the_interpreter")
    await reported(served.stage.ledger, "progressed")
    await worker.stop()
    assert worker.pid is None


async def test_an_app_that_is_not_there_fails_the_start(embed):
    with pytest.raises(EmbeddedWorkerFailed, match="exit code 2"):
        await embed("tests.worker.apps:nothing").start()


async def test_a_killed_server_leaves_no_worker_behind():
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.dispatch.doomed_server",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stderr is not None
    worker = int(await server.stdout.readline())
    os.kill(worker, 0)
    server.send_signal(signal.SIGKILL)
    await server.wait()
    # The worker has the same standard error, which ends when the last process that could write to it has ended.
    async with asyncio.timeout(10):
        await server.stderr.read()
