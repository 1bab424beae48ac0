import pytest

from tests.service.serving import serving


@pytest.fixture
async def stubs(tmp_path):
    """A server with integrations that end at once, and with some that do not."""
    async with serving(tmp_path / "data", "increment", "wait", "divide", "idle") as served:
        yield served
