"""`WorkerService` on gRPC: a stream of the worker on one side, a session on the other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import grpc

from perdure.domain.errors import PerdureError
from perdure.v1.worker_service_pb2_grpc import WorkerServiceServicer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.dispatch.dispatcher import Dispatcher
    from perdure.dispatch.session import Session
    from perdure.runtime.supervisor import Supervisor
    from perdure.v1.worker_service_pb2 import WorkRequest, WorkResponse

_logger = logging.getLogger(__name__)


class WorkerServicer(WorkerServiceServicer):
    """Carries sessions of workers over gRPC."""

    def __init__(self, dispatcher: Dispatcher, supervisor: Supervisor) -> None:
        self._dispatcher = dispatcher
        self._supervisor = supervisor

    async def Work(  # noqa: N802  # the name in the contract
        self,
        request_iterator: AsyncIterator[WorkRequest],
        context: grpc.aio.ServicerContext[AsyncIterator[WorkRequest], AsyncIterator[WorkResponse]],
    ) -> AsyncIterator[WorkResponse]:
        """Run one session; how it ends tells the worker nothing that it must not survive.

        Raises:
            PerdureError: The session ends with an error.
        """
        session = self._dispatcher.open_session()
        reader = self._supervisor.spawn(_read(session, request_iterator), "read a session")
        try:
            async for response in session.responses():
                yield response
        finally:
            # However the stream ended; a handler whose peer has vanished may end with any exception.
            session.close()
            reader.cancel()


async def _read(session: Session, requests: AsyncIterator[WorkRequest]) -> None:
    """Hand the worker's messages to the session until either of them ends."""
    try:
        async for request in requests:
            await session.receive(request)
    except PerdureError as error:
        session.fail(error)
    except grpc.RpcError:
        _logger.debug("the stream of a worker broke", exc_info=True)
    except Exception as error:
        # The end of the session carries it to where unexpected errors are handled.
        session.fail(error)
    finally:
        session.close()
