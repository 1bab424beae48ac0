"""A watch tells when its server is lost and when it is found again."""

import grpc
import pytest

from perdure.client.errors import Unavailable
from tests.client.scripted_server import ScriptedService, abort, events, scripted

CUT = abort(grpc.StatusCode.UNAVAILABLE)


async def test_an_outage_is_told_with_its_failure_and_so_is_its_end():
    service, told = ScriptedService(), []

    async def cut_until_told(context):
        if not told:
            await CUT(context)

    service.watches.extend([[events(1), CUT], *[[cut_until_told, events(2, final=True)]] * 20])
    async with scripted(service) as client, client.watch("e1", on_outage=told.append) as watch:
        assert [event.sequence async for event in watch] == [1, 2]
    lost, found = told
    assert isinstance(lost, Unavailable)
    assert found is None


async def test_a_stream_that_is_replaced_at_once_is_no_outage():
    service, told = ScriptedService(), []
    service.watches.extend([[events(1), CUT], [CUT], [events(2, final=True)]])
    async with scripted(service) as client, client.watch("e1", on_outage=told.append) as watch:
        assert [event.sequence async for event in watch] == [1, 2]
    assert told == []


async def test_an_outage_longer_than_the_patience_is_an_error_and_has_no_end():
    service, told = ScriptedService(), []
    service.watches.extend([[CUT]] * 30)
    async with scripted(service, watch_patience=3.2) as client, client.watch("e1", on_outage=told.append) as watch:
        with pytest.raises(Unavailable):
            await anext(watch)
    assert [str(each) for each in told] == ["cut"]
