import pytest

from tests.service.serving import INTEGRATIONS, serving


@pytest.fixture
async def stubs(tmp_path):
    """A server with all integrations deployed."""
    async with serving(tmp_path / "data", *INTEGRATIONS) as served:
        yield served
