"""The process of the embedded worker: `python -m perdure.worker.embedded FD`.

FD is the reading end of a pipe from the server. Its first line says what to do, as JSON; after that the pipe
stays silent until the server has gone, however it went, and then this process goes too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from dataclasses import asdict, dataclass
from typing import Final

from perdure.runtime.logs import log_to_stderr
from perdure.worker.app_path import AppNotFound, load_app
from perdure.worker.errors import WorkerRefused
from perdure.worker.registry import collect_handlers
from perdure.worker.signals import run_until_signalled
from perdure.worker.wire import GrpcTransport
from perdure.worker.worker import Worker, WorkerOptions

_logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 1.0
"""How long user code has to end once the server is gone."""

EXIT_UNUSABLE: Final = 2
"""Exit code when the app cannot be used, or the server refuses the worker: a restart does not help."""


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """What the server tells its worker.

    Attributes:
        target: Where the server listens.
        app: `MODULE:NAME`.
        log_level: From which level of `logging` up Perdure itself is heard.
    """

    target: str
    app: str
    project: str
    location: str
    worker_id: str
    concurrency: int
    log_level: int

    def to_line(self) -> bytes:
        """Write it as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> EmbeddedConfig:
        """Read what `to_line` wrote."""
        return cls(**json.loads(line))


async def _work(config: EmbeddedConfig, server_gone: threading.Event) -> None:
    """Work until told to end, or until the server is gone."""
    handlers = collect_handlers([load_app(config.app)])
    options = WorkerOptions(
        project=config.project,
        location=config.location,
        worker_id=config.worker_id,
        concurrency=config.concurrency,
    )
    worker = Worker(handlers, GrpcTransport(config.target), options)
    loop = asyncio.get_running_loop()

    def stop_when_gone() -> None:
        server_gone.wait()
        loop.call_soon_threadsafe(worker.stop)
        # User code may hold on to its thread, or to the interpreter's exit.
        threading.Event().wait(GRACE_SECONDS)
        os._exit(0)

    threading.Thread(target=stop_when_gone, name="perdure-lifeline-end", daemon=True).start()
    await run_until_signalled(worker, interrupt=False)


def _watch(pipe: int, server_gone: threading.Event) -> None:
    while os.read(pipe, 4096):
        pass
    server_gone.set()


def main() -> int:
    """Run the process; returns its exit code."""
    pipe = int(sys.argv[1])
    with os.fdopen(os.dup(pipe), "rb", buffering=0) as lines:
        config = EmbeddedConfig.from_line(lines.readline())
    log_to_stderr(config.log_level)
    server_gone = threading.Event()
    threading.Thread(target=_watch, args=(pipe, server_gone), name="perdure-lifeline", daemon=True).start()
    try:
        asyncio.run(_work(config, server_gone))
    except AppNotFound as error:
        _logger.critical("the embedded worker has nothing to perform: %s", error)
        return EXIT_UNUSABLE
    except WorkerRefused as error:
        _logger.critical("the server refused the embedded worker: %s", error)
        return EXIT_UNUSABLE
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by way of the interpreter, which would wait for threads of user code that never end.
    os._exit(code)
