"""The client for scripts against a real server, whose loop runs in this thread."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from perdure.client import ExecutionFailed, SyncClient
from perdure.client.errors import NotFound
from perdure.v1.execution_pb2 import ExecutionDetails


@pytest.fixture
async def script(server, client):
    """Runs functions of a blocking client in another thread."""
    sync_client = await asyncio.to_thread(SyncClient, server.address)
    yield lambda work, *arguments: asyncio.to_thread(work, sync_client, *arguments)
    await asyncio.to_thread(sync_client.close)


async def test_a_script_runs_watches_lists_and_counts(script):
    def work(client):
        result = client.execute("total", {"a": 40})
        with pytest.raises(ExecutionFailed):
            client.execute("failing", {"text": "no stock"})
        watched = [event.sequence for event in client.watch(result.name)]
        assert watched == [event.sequence for event in client.events(result.name)]
        assert [execution.name for execution in client.list("total", page_size=1)] == [result.name]
        assert client.count().by_state == {ExecutionDetails.SUCCEEDED: 1, ExecutionDetails.FAILED: 1}
        assert client.wait(result.name).name == client.get(result.name).name == result.name
        assert [snapshot.name for snapshot in client.snapshots(result.name)] == [client.snapshot(result.name, 1).name]
        return list(result.outputs.values())

    assert await script(work) == [42]


async def test_a_script_holds_starts_and_cancels(script, gates):
    def work(client):
        started = client.start("gated", {"n": 1})
        with client.watch(started.name) as watch:
            next(watch)
            client.cancel(started.name, "ordered twice")
            assert list(watch)
        return client.get(started.name).cancel_reason

    assert await script(work) == "ordered twice"


async def test_a_script_reads_deploys_and_deletes_integrations(script, app):
    def work(client):
        assert [each.name.rpartition("/")[2] for each in client.integrations.list()] == ["failing", "gated", "total"]
        client.integrations.delete("failing")
        with pytest.raises(NotFound):
            client.integrations.get("failing")
        (revision,) = client.integrations.revisions("total")
        assert client.integrations.revision("total", revision.name).name == revision.name
        assert client.deploy(app.integrations["failing"]).name.endswith("/failing")
        return client.server_info().location

    assert await script(work) == "local"


async def test_threads_follow_what_another_one_starts(script):
    def work(client):
        with client.watch_all("total") as watch, ThreadPoolExecutor(4) as pool:
            started = set(pool.map(lambda n: client.start("total", {"a": n}).name, range(20)))
            ended: set[str] = set()
            while ended != started:
                event = next(watch)
                if event.HasField("state_change") and event.state_change.state == ExecutionDetails.SUCCEEDED:
                    ended.add(event.execution)
        return len(ended)

    assert await script(work) == 20
