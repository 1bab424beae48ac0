"""A watch tells when its server is lost and when it is found again, and gives up when its patience is over."""

import asyncio

import grpc
import pytest

from perdure.client.errors import CallFailed, Unavailable
from tests.client.scripted_server import Held, ScriptedService, abort, events, scripted
from tests.client.test_watch_all_script import EVENTS, POINT, take, updates_in

CUT = abort(grpc.StatusCode.UNAVAILABLE)


async def test_an_outage_is_told_with_its_failure_and_so_is_its_end():
    service = ScriptedService()
    told: list[CallFailed | None] = []

    async def cut_until_told(context):
        if not told:
            await CUT(context)

    service.watches.append([events(1), CUT])
    service.watches.extend([[cut_until_told, events(2, final=True)]] * 20)
    async with scripted(service) as client, client.watch("e1", on_outage=told.append) as watch:
        assert [event.sequence async for event in watch] == [1, 2]
    lost, found = told
    assert isinstance(lost, Unavailable)
    assert found is None


async def test_a_stream_that_is_replaced_at_once_is_no_outage():
    service = ScriptedService()
    told: list[CallFailed | None] = []
    service.watches.extend([[events(1), CUT], [CUT], [events(2, final=True)]])
    async with scripted(service) as client, client.watch("e1", on_outage=told.append) as watch:
        assert [event.sequence async for event in watch] == [1, 2]
    assert told == []


async def test_an_outage_longer_than_the_patience_is_an_error_and_has_no_end():
    service = ScriptedService()
    told: list[CallFailed | None] = []
    service.watches.extend([[CUT]] * 30)
    async with scripted(service, watch_patience=3.2) as client, client.watch("e1", on_outage=told.append) as watch:
        with pytest.raises(Unavailable):
            await anext(watch)
    assert [str(each) for each in told] == ["cut"]


async def test_patience_is_counted_from_each_break_and_not_from_the_last_message():
    service, idle = ScriptedService(), asyncio.Event()

    async def be_idle(context):
        asyncio.get_running_loop().call_later(0.5, idle.set)
        await idle.wait()

    service.watches.extend([[EVENTS[0], CUT], [EVENTS[2], be_idle, CUT], [*EVENTS[3:], Held()]])
    async with scripted(service, watch_patience=0.4) as client, client.watch_all(after=POINT) as watch:
        assert await take(watch, 6) == updates_in(EVENTS)


async def test_a_server_that_stays_away_exhausts_the_patience():
    service = ScriptedService()
    service.watches.extend([[CUT]] * 20)
    async with scripted(service, watch_patience=0.1) as client, client.watch_all(after=POINT) as watch:
        with pytest.raises(Unavailable):
            await anext(watch)
