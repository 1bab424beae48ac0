"""Many readers page through lists while executions come and go: what stays is seen exactly once by each."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from perdure.store.records import Commit, ExecutionKey
from perdure.store.sqlite.store import SqliteStore
from perdure.v1.execution_service_pb2 import ListExecutionsRequest
from tests.service.serving import ANY, integration, ints, serving
from tests.store.records import START, ended, new_execution

SEEDED = 10_000
READERS = 20
READERS_AT_ONCE = 5
CHANGES_PER_ROUND = 8
SEEDS_PER_COMMIT = 1_000

LISTS: tuple[dict[str, str], ...] = (
    {},
    {"order_by": "create_time"},
    {"parent": integration("order")},
    {"filter": "labels.team = blue"},
    {"filter": "state = SUCCEEDED AND labels.team = blue", "order_by": "execution_id"},
)
"""What the readers list: all of it, both ways; of one integration; by an index; sorted."""


async def seed(directory, count, **changes):
    """Stores executions that have ended, three of which share each create time; returns their names."""
    store = await SqliteStore.open(directory)
    try:
        for first in range(0, count, SEEDS_PER_COMMIT):
            commit = Commit(1 + first // SEEDS_PER_COMMIT)
            for number in range(first, min(first + SEEDS_PER_COMMIT, count)):
                key = ExecutionKey("p", f"seed-{number:06d}")
                labels = f'{{"team":"{"blue" if number % 2 else "red"}"}}'
                commit.created.append(new_execution(key, create_time=START + number // 3, labels=labels, **changes))
                commit.progressed.append(ended(key, 0, 1))
            await store.commit(commit)
    finally:
        await store.close()
    return [f"{integration('order')}/executions/seed-{number:06d}" for number in range(count)]


@dataclass
class Reader:
    """One reader, and what it has to see unless it is deleted meanwhile."""

    number: int
    request: ListExecutionsRequest
    wanted: set[str] | None = None
    seen: list[str] = field(default_factory=list)
    done: bool = False


class Churn:
    """The server, its readers, and what comes and goes meanwhile.

    The blue ones are half of the seeds, and none of those that come later.
    """

    def __init__(self, stubs, names, chance):
        self._stubs = stubs
        self._chance = chance
        self._blue = set(names[1::2])
        self._seeded = set(names)
        self.alive = set(names)
        self.ever = set(names)
        self._mortal = names[::7]
        self.readers = [Reader(number, _request(number)) for number in range(READERS)]

    def _wanted(self, number):
        wanted = LISTS[number % len(LISTS)]
        if "filter" in wanted:
            return self.alive & self._blue
        return self.alive & self._seeded if "parent" in wanted else set(self.alive)

    async def read_page(self, reader):
        if reader.wanted is None:
            reader.wanted = self._wanted(reader.number)
        reader.request.page_size = self._chance.randint(1, 1_000)
        page = await self._stubs.executions.ListExecutions(reader.request)
        reader.seen.extend(each.name for each in page.executions)
        reader.request.page_token = page.next_page_token
        if not page.next_page_token:
            self._check(reader)
            reader.done = True

    def _check(self, reader):
        seen = set(reader.seen)
        assert len(seen) == len(reader.seen), "no execution is shown twice"
        assert reader.wanted <= seen, "what was there all the time is shown"
        assert seen <= self.ever

    async def change(self):
        """Creates an execution or deletes one."""
        if self._chance.random() < 0.5:
            chosen = f"new-{len(self.ever):06d}"
            name = f"{integration('increment')}/executions/{chosen}"
            # A page may show it before the answer is here.
            self.ever.add(name)
            await self._stubs.execute("increment", "POST", input_parameters=ints(x=1), user_execution_id=chosen)
            self.alive.add(name)
            self._mortal.append(name)
            return
        name = self._mortal.pop(self._chance.randrange(len(self._mortal)))
        self.alive.discard(name)
        for reader in self.readers:
            if reader.wanted is not None:
                reader.wanted.discard(name)
        await self._stubs.server.engine.delete([ExecutionKey("p", name.rpartition("/")[2])])


def _request(number):
    mask = FieldMask(paths=["name"] if number % 2 else [])
    return ListExecutionsRequest(**{"parent": ANY, "read_mask": mask, **LISTS[number % len(LISTS)]})


@pytest.mark.slow
async def test_what_is_there_all_the_time_is_seen_exactly_once_by_every_scan(tmp_path):
    names = await seed(tmp_path / "data", SEEDED)
    chance = random.Random(3)
    rounds = 0
    async with serving(tmp_path / "data", "increment") as stubs:
        churn = Churn(stubs, names, chance)
        while reading := [reader for reader in churn.readers if not reader.done]:
            some = chance.sample(reading, min(READERS_AT_ONCE, len(reading)))
            changes = [churn.change() for _ in range(CHANGES_PER_ROUND)]
            await asyncio.gather(*(churn.read_page(reader) for reader in some), *changes)
            rounds += 1
    created, deleted = len(churn.ever) - SEEDED, len(churn.ever) - len(churn.alive)
    assert min(created, deleted) > rounds > READERS


@pytest.mark.slow
async def test_a_page_that_finds_nothing_among_many_has_a_next_one(tmp_path):
    await seed(tmp_path / "data", 21_000)
    async with serving(tmp_path / "data") as stubs:
        request = ListExecutionsRequest(parent=ANY, filter="execution_id = seed-0000*", page_size=10)
        first = await stubs.executions.ListExecutions(request)
        assert not first.executions
        request.page_token = first.next_page_token
        second = await stubs.executions.ListExecutions(request)
        assert [each.name[-6:] for each in second.executions] == [f"{number:06d}" for number in range(99, 89, -1)]
        assert second.store_revision == first.store_revision
