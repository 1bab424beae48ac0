"""Row 72: an attempt belongs to whoever holds its lease, as long as that worker is heard of."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest

from perdure.codec.values import encode_python, message_from_value
from perdure.dispatch.settings import DispatchSettings
from perdure.testing.server import local_server
from perdure.v1 import worker_service_pb2 as pb
from perdure.v1.worker_service_pb2_grpc import WorkerServiceStub
from tests.features.feature import feature
from tests.features.observing import SOON_SECONDS, deploy, ended, state

WORK = """
    parameters { key: "n" data_type: DATA_TYPE_INT_VALUE input_output_type: INPUT_OUTPUT_TYPE_OUT }
    tasks { task_id: "work" task: "work" outputs { result: "result" parameter: "n" } }
"""


class Worker:
    """A worker that says nothing unless it is told to."""

    def __init__(self, channel, worker_id):
        self._channel = channel
        self._id = worker_id

    async def connect(self):
        self._session = WorkerServiceStub(self._channel).Work()
        hello = pb.WorkRequest.Hello(
            parent="projects/default/locations/local",
            worker_id=self._id,
            incarnation="1",
            protocol_version=1,
            handlers=[pb.Handler(name="work")],
        )
        await self._session.write(pb.WorkRequest(hello=hello))
        await self._response("welcome")

    async def take(self):
        """Takes the next attempt."""
        credit = pb.WorkRequest.Credits(credits=[pb.Credit(handler="work", count=1)])
        await self._session.write(pb.WorkRequest(credits=credit))
        (assignment,) = (await self._response("assignments")).assignments
        return assignment

    async def succeed(self, assignment, n):
        """Reports a result; tells whether it counts."""
        outputs = {"result": message_from_value(encode_python(n))}
        succeeded = pb.TaskResult.Succeeded(outputs=outputs)
        result = pb.TaskResult(result_number=1, lease=assignment.lease, succeeded=succeeded)
        await self._session.write(pb.WorkRequest(results=pb.WorkRequest.Results(results=[result])))
        return not (await self._response("result_acks")).rejected_results

    async def fall_silent(self):
        """Says nothing until the server gives it up."""
        async with asyncio.timeout(SOON_SECONDS):
            while await self._session.read() is not grpc.aio.EOF:
                pass

    async def _response(self, kind):
        async with asyncio.timeout(SOON_SECONDS):
            while True:
                response = await self._session.read()
                assert isinstance(response, pb.WorkResponse), "the session has ended"
                if response.HasField(kind):
                    return getattr(response, kind)


@asynccontextmanager
async def two_workers():
    """Serves with leases that last half a second, and starts an execution for two workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("perdure.server.DispatchSettings", lambda location: DispatchSettings(location, lease_ttl=0.5))
        async with local_server() as server, grpc.aio.insecure_channel(server.address) as channel:
            await deploy(server.client, "one", WORK)
            execution = (await server.client.start("one")).name
            yield server.client, execution, Worker(channel, "first"), Worker(channel, "second")


def without_expiry(patch):
    patch.setattr("perdure.dispatch.leases.Leases.lose", lambda *_: None)


@feature(72, without=without_expiry)
async def test_the_attempt_of_a_worker_that_falls_silent_is_given_to_another_one():
    async with two_workers() as (client, execution, first, second):
        await first.connect()
        assert (await first.take()).attempt == 1
        await first.fall_silent()
        await second.connect()
        assignment = await second.take()
        assert assignment.attempt == 2
        assert await second.succeed(assignment, 2)
        assert state(await ended(client, execution)) == "SUCCEEDED"


def without_current_attempts(patch):
    patch.setattr(
        "perdure.domain.decide.reports._known", lambda transition, report: transition.execution.tasks[report.task_id]
    )


@feature(72, without=without_current_attempts)
async def test_a_worker_that_has_lost_its_lease_cannot_report_any_more():
    async with two_workers() as (client, execution, first, second):
        await first.connect()
        stale = await first.take()
        await first.fall_silent()
        await second.connect()
        current = await second.take()
        await first.connect()
        assert not await first.succeed(stale, 1)
        assert await second.succeed(current, 2)
        assert (await ended(client, execution)).response_parameters["n"].int_value == 2
