"""Watchers that behave badly, in a process of their own: `python -m bench.bad_watchers ADDRESS KIND`.

The kinds: `slow` ones read a message a second, `stalled` ones never read, `restless` ones come again every 50
to 500 ms from their last cursor, and `vanished` ones are ordinary until their process is stopped.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import TYPE_CHECKING, Final

import grpc.aio

from bench.fan_out import GROUPS, watch_request
from perdure.v1 import execution_service_pb2_grpc as rpc

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from perdure.v1.execution_service_pb2 import WatchExecutionsRequest

    Behaviour = Callable[[rpc.ExecutionServiceStub, WatchExecutionsRequest], Coroutine[None, None, None]]

COUNTS: Final = {"slow": 20, "stalled": 20, "restless": 10, "vanished": 10}


async def _read_slowly(service: rpc.ExecutionServiceStub, request: WatchExecutionsRequest) -> None:
    async for _ in service.WatchExecutions(request):
        await asyncio.sleep(1.0)


async def _never_read(service: rpc.ExecutionServiceStub, request: WatchExecutionsRequest) -> None:
    stream = service.WatchExecutions(request)
    await stream.wait_for_connection()
    await asyncio.Event().wait()


async def _come_again(service: rpc.ExecutionServiceStub, request: WatchExecutionsRequest) -> None:
    choose = random.Random(request.filter)
    while True:
        try:
            async for message in service.WatchExecutions(request, timeout=choose.uniform(0.05, 0.5)):
                request.cursor = message.cursor
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                raise


async def _read(service: rpc.ExecutionServiceStub, request: WatchExecutionsRequest) -> None:
    async for _ in service.WatchExecutions(request):
        pass


_BEHAVIOURS: Final[
    Mapping[str, Callable[[rpc.ExecutionServiceStub, WatchExecutionsRequest], Coroutine[None, None, None]]]
] = {
    "slow": _read_slowly,
    "stalled": _never_read,
    "restless": _come_again,
    "vanished": _read,
}


async def behave(address: str, kind: str) -> None:
    """Watch badly until the process is ended."""
    async with grpc.aio.insecure_channel(address) as channel:
        service = rpc.ExecutionServiceStub(channel)
        async with asyncio.TaskGroup() as tasks:
            for number in range(COUNTS[kind]):
                tasks.create_task(_BEHAVIOURS[kind](service, watch_request(number % GROUPS)))
            print(f"{kind}: watching {address}", flush=True)


if __name__ == "__main__":
    asyncio.run(behave(*sys.argv[1:]))
