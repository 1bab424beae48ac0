"""What many watches of the same cost: one look at each change, and one wake-up for all changes of a batch."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from perdure.codec.tokens import TokenCodec
from perdure.store.filter.filter import Filter
from perdure.store.filter.parse import parse_filter
from perdure.store.sqlite.store import SqliteStore
from perdure.testing.chance import ScriptedChance
from perdure.testing.clock import FakeClock
from perdure.watch.envelope import Envelope
from perdure.watch.hub import WatchHub
from perdure.watch.subject import Subject
from tests.engine.harness import ONE, Bench
from tests.watch.harness import ALL

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from perdure.store.records import Facts, NewExecution
    from perdure.watch.selection import Selection

EXECUTIONS = 7
STREAMS = 5


class Asked:
    """A filter that counts how often it is asked."""

    def __init__(self, text: str) -> None:
        chosen = parse_filter(text)
        assert chosen is not None
        self.times = 0
        self._answer = chosen.matches
        self.filter = Filter(chosen.condition, self._matches)

    def _matches(self, created: NewExecution, facts: Facts) -> bool:
        self.times += 1
        return self._answer(created, facts)


class Stream:
    """A stream that sends nothing and counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        """Count."""
        self.woken += 1


@pytest.fixture
async def bench(tmp_path):
    """An engine that has started some executions, and what became durable."""
    store = await SqliteStore.open(tmp_path / "data")
    bench = Bench(store, FakeClock(), ScriptedChance())
    try:
        await bench.engine.start(bench.workers, 30.0)
        await bench.deploy("one", ONE)
        for _ in range(EXECUTIONS):
            await bench.start("one")
        yield bench
    finally:
        bench.engine.close()
        await bench.supervisor.close()
        await store.close()


def follow(hub: WatchHub, bench: Bench, chosen: Filter, stream: Stream) -> AbstractContextManager[Selection]:
    """Have a stream woken by what matches a filter."""
    subject = Subject(ALL, chosen, latest=False)
    tokens = TokenCodec(bench.store.identity.token_keys)
    return hub.follow(subject, Envelope(tokens, bench.clock, "store", "p", subject.digest), stream)


async def batch(hub: WatchHub, bench: Bench) -> None:
    """Publish all changes as one batch of commits does: in one turn of the loop."""
    for change in bench.published.changes:
        hub.publish(change)
    await asyncio.sleep(0)


async def test_a_filter_is_asked_once_of_each_change_however_many_watch_by_it(bench):
    hub, one, other = WatchHub(0, "local"), Asked("priority >= 0"), Asked("priority >= 1")
    with ExitStack() as open_streams:
        for text in ["priority >= 0", "priority>=0"] * STREAMS:
            again = parse_filter(text)
            assert again == one.filter
            open_streams.enter_context(follow(hub, bench, one.filter, Stream()))
        open_streams.enter_context(follow(hub, bench, other.filter, Stream()))
        await batch(hub, bench)
    assert len(bench.published.changes) >= EXECUTIONS
    assert one.times == len(bench.published.changes)
    # What does not match now is asked a second time, of the facts before, unless the change created it.
    assert other.times <= 2 * len(bench.published.changes)


async def test_a_batch_of_commits_wakes_each_stream_that_it_concerns_once_and_no_other(bench):
    hub = WatchHub(0, "local")
    concerned, others = [Stream() for _ in range(STREAMS)], [Stream() for _ in range(STREAMS)]
    with ExitStack() as open_streams:
        for text, streams in (("priority >= 0", concerned), ("priority >= 1", others)):
            for stream in streams:
                open_streams.enter_context(follow(hub, bench, Asked(text).filter, stream))
        await batch(hub, bench)
        assert [stream.woken for stream in (*concerned, *others)] == [1] * STREAMS + [0] * STREAMS
        await batch(hub, bench)
        assert [stream.woken for stream in concerned] == [2] * STREAMS
