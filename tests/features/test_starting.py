"""Rows 1 to 20: how executions are started."""

from perdure import App
from perdure.testing.server import local_server
from tests.features.feature import feature

app = App("starting")


@app.task()
async def double(n: int) -> int:
    return 2 * n


@app.integration(trigger="api/double")
def doubled(n: int = 21) -> int:
    return double(n)


def without_defaults(patch):
    patch.setattr("perdure.domain.integration.Integration.initial_parameters", lambda _, inputs: dict(inputs))


@feature(12, without=without_defaults)
async def test_a_missing_input_has_its_default():
    async with local_server(app) as server:
        result = await server.client.execute("doubled")
        assert result.outputs == {"result": 42}
