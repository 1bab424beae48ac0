"""A server with an embedded worker, to be killed: it says the worker's process id on standard output and waits."""

import asyncio
import sys

from perdure.dispatch.embedded import EmbeddedOptions, EmbeddedWorker
from perdure.dispatch.private_socket import PrivateSocket
from tests.dispatch.served import Served


async def serve():
    with PrivateSocket() as socket:
        served = Served(address=socket.target)
        await served.server.start()
        options = EmbeddedOptions(target=socket.target, app="tests.worker.apps:app", project="default")
        worker = EmbeddedWorker(served.stage.dispatcher, served.stage.supervisor, options)
        await worker.start()
        served.stage.offer("t", "hold_the_interpreter")
        sys.stdout.write(f"{worker.pid}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


asyncio.run(serve())
