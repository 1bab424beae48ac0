"""The pipeline itself, with behaviours that misbehave."""

import asyncio
import logging
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from perdure.domain.errors import LimitReached
from perdure.service import pipeline
from perdure.service.admission import Admission, MethodClass, Places
from perdure.service.call import CALL_ID
from perdure.service.pipeline import Method, Pipeline, Service
from perdure.store.errors import StoreRefused
from tests.service.serving import refusal, refused

SECRET = "password=hunter2"
REQUEST = health_pb2.HealthCheckRequest()


async def list_nothing(_request, _call):
    return health_pb2.HealthListResponse()


async def watch_nothing(_request, _call):
    return
    yield


@asynccontextmanager
async def calling(check, watch=watch_nothing, admission=None, check_class=MethodClass.UNARY, *, writes=False):
    """Serves the health service with other behaviours."""
    methods = {
        "Check": Method(check, check_class),
        "List": Method(list_nothing),
        "Watch": Method(watch, MethodClass.WATCH, writes),
    }
    service = Service(health_pb2.DESCRIPTOR.services_by_name["Health"], methods)
    server = grpc.aio.server(handlers=(Pipeline([service], admission or Admission()),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield HealthStub(channel)
    finally:
        await server.stop(0)


async def test_an_unexpected_exception_stays_in_the_log(caplog):
    async def check(_request, _call):
        raise ValueError(SECRET)

    with caplog.at_level(logging.ERROR, "perdure.service.pipeline"):
        async with calling(check) as health:
            told = await refused(health.Check(REQUEST))
    assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert SECRET not in str(told)
    (record,) = caplog.records
    assert told.metadata["error_id"] in record.getMessage()
    assert SECRET in str(record.exc_info)


async def yield_and_fail(_request, _call):
    yield health_pb2.HealthCheckResponse()
    raise ValueError(SECRET)


async def write_and_fail(_request, call):
    await call.context.write(health_pb2.HealthCheckResponse().SerializeToString())
    raise ValueError(SECRET)


@pytest.mark.parametrize("watch", [yield_and_fail, write_and_fail])
async def test_an_unexpected_exception_of_a_stream_stays_in_the_log(caplog, watch):
    with caplog.at_level(logging.ERROR, "perdure.service.pipeline"):
        async with calling(list_nothing, watch, writes=watch is write_and_fail) as health:
            call = health.Watch(REQUEST)
            await call.read()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
    told = refusal(caught.value)
    assert told.reason == "INTERNAL"
    assert SECRET not in str(told)


async def test_a_store_that_cannot_answer_is_worth_another_try():
    async def check(_request, _call):
        raise StoreRefused("disk full")

    async with calling(check) as health:
        told = await refused(health.Check(REQUEST))
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
    assert "RetryInfo" in told.details
    assert "disk" not in told.message


async def test_every_call_has_an_id_of_its_own():
    seen = []

    async def check(_request, call):
        seen.append((call.id, CALL_ID.get()))
        return health_pb2.HealthCheckResponse()

    async with calling(check) as health:
        await health.Check(REQUEST)
        await health.Check(REQUEST)
    assert [pair[0] for pair in seen] == [pair[1] for pair in seen]
    assert len({pair[0] for pair in seen}) == 2


async def test_a_call_without_a_deadline_gets_one(monkeypatch):
    monkeypatch.setattr(pipeline, "UNARY_DEADLINE_SECONDS", 0.05)
    ended = asyncio.Event()

    async def check(_request, _call):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with calling(check) as health:
        told = await refused(health.Check(REQUEST))
        await ended.wait()
    assert (told.code, told.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_a_full_class_refuses_and_the_others_do_not():
    admission = Admission()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def check(_request, _call):
        begun.set()
        await go_on.wait()
        return health_pb2.HealthCheckResponse()

    places = admission.places(MethodClass.WAITING)
    async with calling(check, admission=admission, check_class=MethodClass.WAITING) as health:
        while places.taken < 4_095:
            places.enter("local")
        first = health.Check(REQUEST)
        await begun.wait()
        told = await refused(health.Check(REQUEST))
        assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS")
        assert {"RetryInfo", "QuotaFailure"} < set(told.details)
        await health.List(health_pb2.HealthListRequest())
        go_on.set()
        await first
        await health.Check(REQUEST)


@pytest.mark.parametrize("writes", [False, True])
async def test_a_watcher_that_goes_away_gives_its_place_back(writes):
    admission = Admission()
    ended = asyncio.Event()

    async def yield_once(_request, _call):
        try:
            yield health_pb2.HealthCheckResponse()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def write_once(_request, call):
        try:
            await call.context.write(health_pb2.HealthCheckResponse().SerializeToString())
            await asyncio.Event().wait()
        finally:
            ended.set()

    watch = write_once if writes else yield_once
    async with calling(list_nothing, watch, admission, writes=writes) as health:
        call = health.Watch(REQUEST)
        await call.read()
        assert admission.places(MethodClass.WATCH).taken == 1
        call.cancel()
        await ended.wait()
    assert admission.places(MethodClass.WATCH).taken == 0


def test_a_principal_has_a_share_of_the_places():
    places = Places(3, 2, "TOO_MANY_WATCHERS")
    places.enter("a")
    places.enter("a")
    with pytest.raises(LimitReached, match="which is the limit"):
        places.enter("a")
    places.enter("b")
    with pytest.raises(LimitReached) as caught:
        places.enter("c")
    assert caught.value.reason_name == "TOO_MANY_WATCHERS"
    places.leave("a")
    places.enter("a")


def test_a_service_without_a_behaviour_for_each_method_is_a_mistake():
    with pytest.raises(KeyError):
        Pipeline([Service(health_pb2.DESCRIPTOR.services_by_name["Health"], {})], Admission())
