"""Two servers on one data directory would both believe that they own it; the second one refuses to start."""

import asyncio
import signal

import pytest

from tests.crash.server_process import EndedEarly, ServerProcess

pytestmark = pytest.mark.slow


async def test_a_second_server_on_the_same_data_refuses_with_a_clear_error(tmp_path):
    async with asyncio.timeout(60), ServerProcess(tmp_path) as first:
        with pytest.raises(EndedEarly) as refusal:
            await ServerProcess(tmp_path).__aenter__()
        assert refusal.value.code > 0
        assert f"in use by process {first.pid}" in refusal.value.log
        assert "Traceback" not in refusal.value.log
        assert await first.stop() == 0


async def test_the_next_server_may_have_the_data_of_one_that_was_killed(tmp_path):
    async with asyncio.timeout(60):
        async with ServerProcess(tmp_path) as first:
            first.send(signal.SIGKILL)
            await first.ended()
        async with ServerProcess(tmp_path) as second:
            assert await second.stop() == 0
