"""A real `perdure serve` and a real `perdure worker` in processes of their own, to be killed."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import grpc

from perdure.runtime import failpoints
from perdure.testing.logs import Fault
from perdure.testing.recorder import Recorder
from tests.crash.app import LEDGER_VARIABLE
from tests.crash.plants import PLANT_VARIABLE

PROJECT_ROOT = Path(__file__).parents[2]
APP = "tests.crash.ending_app:app"
PLANTED_APP = "tests.crash.planted_app:app"
LEDGER = "ledger.jsonl"
START_SECONDS = 60
COMMAND = (sys.executable, "-m", "perdure")


class EndedEarly(Exception):
    """A process ended before it was of use."""

    def __init__(self, code, log):
        super().__init__(f"exit code {code}; its log ends with: {log}")
        self.code = code
        self.log = log


class CommandProcess:
    """One run of a command that serves the app; used with `async with`, which kills what is left of it.

    Attributes:
        first_line: What it printed first.
    """

    first_line: str

    def __init__(self, directory, *command, armed="", plant=""):
        self.directory = directory
        self._command = [*COMMAND, *command, "--app", PLANTED_APP if plant else APP]
        self._environment = {
            # The settings of a server may come from the environment; here they must not.
            **{name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")},
            "PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]),
            "PYTHONFAULTHANDLER": "1",
            LEDGER_VARIABLE: str(directory / LEDGER),
            failpoints.ENVIRONMENT_VARIABLE: armed,
            PLANT_VARIABLE: plant,
        }

    async def __aenter__(self):
        """Starts it and waits until it says that it is of use.

        Raises:
            EndedEarly: It ended before.
        """
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, cwd=PROJECT_ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            self.first_line = (await self.process.stdout.readline()).decode()
        if not self.first_line:
            raise EndedEarly(await self.ended(), self.log_tail())
        return self

    async def __aexit__(self, *_):
        self.send(signal.SIGKILL)
        await self.ended()

    @property
    def log(self):
        return self.directory / f"{self._command[len(COMMAND)]}.log"

    def log_tail(self):
        return self.log.read_text(errors="replace")[-4_000:]

    @property
    def pid(self):
        return self.process.pid

    def send(self, number):
        """Sends it a signal, unless it has ended.

        The method of the process object would look whether it has ended, and so take its exit code from whoever waits.
        """
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def ended(self):
        """Waits for its end; returns the exit code."""
        await self.process.communicate()
        return self.process.returncode

    async def stop(self):
        """Asks it to drain and to end; returns the exit code."""
        self.send(signal.SIGTERM)
        return await self.ended()


class ServerProcess(CommandProcess):
    """One life of a server on a data directory."""

    def __init__(self, directory, *options, listen="127.0.0.1:0", **settings):
        super().__init__(
            directory, "serve", "--data", str(directory / "data"), "--listen", listen, *options, **settings
        )

    @property
    def address(self):
        """Where it listens."""
        found = re.fullmatch(r"perdure: listening on (\S+)\n", self.first_line)
        assert found, f"no address in {self.first_line!r}"
        return found[1]

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def channel(self, address=""):
        """A connection that shares nothing: an earlier server may have had the same port, and failures there count."""
        return grpc.aio.insecure_channel(address or self.address, options=[("grpc.use_local_subchannel_pool", 1)])

    async def kill(self, recorder: Recorder):
        """Kills it as a crash does; returns when it is gone."""
        await killed(recorder, "server", self.pid, self.ended())

    async def kill_worker(self, recorder: Recorder):
        """Kills a worker process that it has started, if there is one now; returns whether there was."""
        workers = children(self.pid)
        if workers:
            await killed(recorder, "worker", workers[0], gone(workers[0]))
        return bool(workers)


class WorkerProcess(CommandProcess):
    """A worker that no server has started."""

    def __init__(self, directory, address):
        super().__init__(directory, "worker", "--server", address)


async def killed(recorder, what, pid, ending):
    began = asyncio.get_running_loop().time()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    await ending
    ended = asyncio.get_running_loop().time()
    # The loop's clock is the monotonic one that all records use.
    recorder.write(Fault(f"{what} killed", int(began * 1e9), int(ended * 1e9)))


def children(pid):
    """The pids of the processes that a process has started and that are alive."""
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in tasks.read_text().split()]
    return sorted(found)


async def gone(pid):
    """Waits until a process that is not ours has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    # Such a descriptor becomes readable when the process ends.
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
