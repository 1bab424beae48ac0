"""`grpc.health.v1`, service by service; it goes through the same pipeline as everything else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from grpc_health.v1 import health_pb2

from perdure.domain.errors import NotFound
from perdure.service.admission import MethodClass
from perdure.service.pipeline import Method, Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from perdure.service.call import Call

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """Tells which services can be called.

    The empty name stands for the process, which is up for as long as it answers.
    """

    def __init__(self) -> None:
        self._statuses: dict[str, int] = {"": SERVING}
        self._changed = asyncio.Event()
        self._closed = False

    def set_serving(self, services: Iterable[str], *, serving: bool) -> None:
        """Set the status of services by their full names."""
        self._statuses.update(dict.fromkeys(services, SERVING if serving else NOT_SERVING))
        self._wake()

    def close(self) -> None:
        """Let those who watch know the last status, and end their streams."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def service(self) -> Service:
        """Put the service together."""
        return Service(
            health_pb2.DESCRIPTOR.services_by_name["Health"],
            {
                "Check": Method(self.check, MethodClass.URGENT),
                "List": Method(self.list, MethodClass.URGENT),
                "Watch": Method(self.watch, MethodClass.URGENT),
            },
        )

    async def check(self, request: health_pb2.HealthCheckRequest, _: Call) -> health_pb2.HealthCheckResponse:
        """Tell the status of one service."""
        status = self._statuses.get(request.service)
        if status is None:
            raise NotFound("service", request.service, reason="UNIMPLEMENTED_METHOD")
        return health_pb2.HealthCheckResponse(status=status)

    async def list(self, _request: health_pb2.HealthListRequest, _: Call) -> health_pb2.HealthListResponse:
        """Tell the statuses of all services."""
        return health_pb2.HealthListResponse(
            statuses={name: health_pb2.HealthCheckResponse(status=status) for name, status in self._statuses.items()}
        )

    async def watch(
        self, request: health_pb2.HealthCheckRequest, _: Call
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Tell the status of one service, and every change of it."""
        told: int | None = None
        while True:
            changed = self._changed
            status = self._statuses.get(request.service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
            if status != told:
                told = status
                yield health_pb2.HealthCheckResponse(status=status)
                continue  # It may have changed while this one was written.
            if self._closed:
                return
            await changed.wait()
