"""A server, its app and a client that has deployed it."""

import pytest

from perdure.client import Client
from tests.client.running_server import Gates, make_app, running


@pytest.fixture
async def gates():
    return Gates()


@pytest.fixture
async def app(gates):
    return make_app(gates)


@pytest.fixture
async def server(tmp_path, app):
    async with running(tmp_path / "data", app) as server:
        yield server


@pytest.fixture
async def client(server, app):
    async with Client(server.address) as client:
        for integration in app.integrations.values():
            await client.deploy(integration)
        yield client
