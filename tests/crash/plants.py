"""Bugs, most of them such as watches are known for elsewhere, to be planted into a server process.

The variable CRASH_TESTS_PLANT names the one that is planted when this is imported. Nothing but the planted app does.
"""

import asyncio
import dataclasses
import functools
import os

from perdure.engine import active, queries
from perdure.store.queries import POSITIONS_PER_COMMIT
from perdure.store.records import Commit
from perdure.store.sqlite import writer
from perdure.watch import hub, ring, selection, start, stream, subject

PLANT_VARIABLE = "CRASH_TESTS_PLANT"

TURNS_BEFORE_A_COMMIT = 50
"""Turns of the loop in which what is not durable yet can get out."""
SMALL_RING = 2


def replace(owner, name, replacement):
    """Puts something else in the place of a part of the product."""
    setattr(owner, name, replacement)


def resuming_one_commit_too_early():
    _shift_cursors(-POSITIONS_PER_COMMIT)


def resuming_one_commit_too_late():
    _shift_cursors(POSITIONS_PER_COMMIT)


def _shift_cursors(positions):
    read = start.StartReader._cursor

    def plant(self, token, watched):
        place = read(self, token, watched)
        return place._replace(position=max(place.position + positions, 0))

    replace(start.StartReader, "_cursor", plant)


def dropping_what_does_not_fit_into_the_ring():
    """A stream that falls off the ring goes on where the ring begins."""

    def plant(self):
        self._matches.popleft()

    replace(selection.Selection, "drop_oldest", plant)
    replace(hub, "Ring", functools.partial(ring.Ring, max_entries=SMALL_RING))


def publishing_before_the_commit():
    submit, publish, store = active.ActiveSet._submit, hub.WatchHub.publish, writer.Writer._store
    published = set()

    def submit_and_publish(self, steps, commit):
        flight = submit(self, steps, commit)
        for step in steps:
            self._publisher.publish(step.change)
        return flight

    def publish_once(self, change):
        if change.position not in published:
            published.add(change.position)
            publish(self, change)

    async def store_later(self, batch):
        for _ in range(TURNS_BEFORE_A_COMMIT):
            await asyncio.sleep(0)
        await store(self, batch)

    replace(active.ActiveSet, "_submit", submit_and_publish)
    replace(hub.WatchHub, "publish", publish_once)
    replace(writer.Writer, "_store", store_later)


def using_a_sequence_again_after_a_crash():
    """What happens to an execution that was taken up again begins with the number of its last event."""
    adopt, publish = active.ActiveSet.adopt, hub.WatchHub.publish
    adopted = set()

    async def adopt_and_forget(self, stored):
        adopted.add(stored.row.created.key)
        return await adopt(self, stored)

    def publish_again(self, change):
        if change.created.key in adopted:
            first, last = change.first_sequence - 1, change.sequence - 1
            change = dataclasses.replace(change, first_sequence=first, sequence=last)
        publish(self, change)

    replace(active.ActiveSet, "adopt", adopt_and_forget)
    replace(hub.WatchHub, "publish", publish_again)


def filtering_by_the_newest_facts():
    log_page = queries.Queries.log_page

    async def plant(self, *where, **bounds):
        page = await log_page(self, *where, **bounds)
        newest = {record.created.key: record.facts for record in page.records}
        records = []
        for record in page.records:
            facts = newest[record.created.key]
            records.append(dataclasses.replace(record, facts=facts, before=record.before and facts))
        return dataclasses.replace(page, records=records)

    replace(queries.Queries, "log_page", plant)


def not_telling_that_an_execution_left():
    kind = subject.Subject.kind

    def plant(self, created, before, facts):
        found = kind(self, created, before, facts)
        return None if found is subject.Kind.LEFT else found

    replace(subject.Subject, "kind", plant)


def being_synced_too_early():
    """What changes while the states are listed is passed over; here something always does."""

    async def plant(self):
        await self._wait()
        self._place = self._place._replace(position=self._hub.position)

    replace(stream.Stream, "_catch_up", plant)


def keeping_request_ids_in_a_commit_of_their_own():
    create = active.ActiveSet.create

    def plant(self, created, request):
        landing = create(self, created, None)
        if request is not None:
            landing.add_done_callback(lambda _: self._store.submit(Commit(self._next_revision(), requests=[request])))
        return landing

    replace(active.ActiveSet, "create", plant)


PLANTS = {
    plant.__name__: plant
    for plant in (
        resuming_one_commit_too_early,
        resuming_one_commit_too_late,
        dropping_what_does_not_fit_into_the_ring,
        publishing_before_the_commit,
        using_a_sequence_again_after_a_crash,
        filtering_by_the_newest_facts,
        not_telling_that_an_execution_left,
        being_synced_too_early,
    )
}


OTHER_PLANTS = {plant.__name__: plant for plant in (keeping_request_ids_in_a_commit_of_their_own,)}
"""Bugs that are not about watches."""


def plant_what_is_asked_for():
    """Plants the bug that the environment names."""
    {**PLANTS, **OTHER_PLANTS}[os.environ[PLANT_VARIABLE]]()
