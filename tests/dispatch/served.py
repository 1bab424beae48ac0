"""A stage behind an address, for workers that are really elsewhere."""

import grpc

from perdure.dispatch.servicer import WorkerServicer
from perdure.domain.errors import PerdureError
from perdure.v1.worker_service_pb2_grpc import add_WorkerServiceServicer_to_server
from tests.dispatch.harness import Ledger, Stage

CODES = {
    "INVALID_NAME": grpc.StatusCode.INVALID_ARGUMENT,
    "SHUTTING_DOWN": grpc.StatusCode.UNAVAILABLE,
    "STORE_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
}


class Statuses(grpc.aio.ServerInterceptor):
    """Gives errors their codes; the server has an interceptor of its own for that."""

    async def intercept_service(self, continuation, handler_call_details):
        handler = await continuation(handler_call_details)

        async def work(requests, context):
            try:
                async for response in handler.stream_stream(requests, context):
                    yield response
            except PerdureError as error:
                await context.abort(CODES[error.reason_name], error.message)

        return grpc.stream_stream_rpc_method_handler(work, handler.request_deserializer, handler.response_serializer)


class Served:
    """A stage behind an address."""

    def __init__(self, ledger=None, address="127.0.0.1:0", first_grant=None, **settings):
        self.stage = Stage(ledger=ledger or Ledger(), first_grant=first_grant, **settings)
        self.server = grpc.aio.server(interceptors=[Statuses()], options=[("grpc.so_reuseport", 0)])
        servicer = WorkerServicer(self.stage.dispatcher, self.stage.supervisor)
        add_WorkerServiceServicer_to_server(servicer, self.server)
        port = self.server.add_insecure_port(address)
        self.target = f"127.0.0.1:{port}" if address.startswith("127.") else address

    async def stop(self):
        await self.server.stop(None)
        await self.stage.supervisor.close()


async def reported(ledger, kind, count=1):
    """Wait until so many reports of a kind have come, and return them."""
    while True:
        found = [report for report in ledger.reports if report[0] == kind]
        if len(found) >= count:
            return found
        ledger.changed.clear()
        await ledger.changed.wait()
