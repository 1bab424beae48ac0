"""The stage on which the dispatcher's scenarios are played."""

import pytest

from tests.dispatch.harness import Stage


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    await stage.supervisor.close()
