"""The ring that watchers share, and the bytes they are sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.domain.events import MessageSet
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.framing import frame_events
from perdure.watch.ring import RING_MAX_BYTES, RING_MAX_EVENTS, Ring


def events(count):
    return [MessageSet("t", str(number)) for number in range(count)]


def test_a_new_ring_covers_nothing():
    ring = Ring()
    assert ring.last == 0
    assert not ring.covers(1)


def test_a_ring_hands_out_what_is_behind_a_sequence():
    ring = Ring()
    ring.add(5, events(3), 1, 10)
    ring.add(8, events(2), 2, 11)
    assert [each.sequence for each in ring.behind(6)] == [7, 8, 9]
    assert [each.store_revision for each in ring.behind(6)] == [10, 11, 11]
    assert not ring.covers(4)
    assert not ring.covers(10)


def test_a_ring_forgets_the_oldest_events():
    ring = Ring()
    ring.add(1, events(RING_MAX_EVENTS + 1), 1, 1)
    assert not ring.covers(1)
    assert ring.covers(2)


def test_a_ring_is_bounded_by_size_and_keeps_the_newest_event():
    ring = Ring()
    ring.add(1, events(3), 1, 1)
    for recent in ring.behind(0):
        ring.keep_encoded(recent, b"e" * RING_MAX_BYTES)
    assert not ring.covers(2)
    assert ring.covers(3)


def test_a_form_of_an_event_that_is_gone_is_not_counted():
    ring = Ring()
    ring.add(1, events(2), 1, 1)
    first, second = ring.behind(0)
    ring.keep_encoded(second, b"e" * (RING_MAX_BYTES + 1))
    assert not ring.covers(1)
    ring.keep_encoded(first, b"e" * RING_MAX_BYTES)
    ring.add(3, events(1), 1, 2)
    ring.keep_encoded(ring.behind(2)[0], b"e")
    assert ring.covers(3)


async def test_everybody_is_woken_once():
    ring = Ring()
    changed = ring.changed
    ring.add(1, events(1), 1, 1)
    assert changed.is_set()
    assert not ring.changed.is_set()


@given(
    st.lists(st.builds(ExecutionEvent, sequence=st.integers(1, 2**40), execution=st.text(max_size=300)), min_size=1),
    st.text(max_size=50),
)
def test_a_framed_message_is_what_serialising_it_would_give(shown, cursor):
    envelope = WatchResponse(cursor=cursor, store_revision=7)
    framed = frame_events([each.SerializeToString() for each in shown], envelope)
    whole = WatchResponse(events=WatchResponse.Events(events=shown), cursor=cursor, store_revision=7)
    assert framed == whole.SerializeToString()


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 2_097_152])
def test_a_frame_holds_events_of_any_size(size):
    event = ExecutionEvent(principal="p" * size)
    framed = frame_events([event.SerializeToString()], WatchResponse())
    assert WatchResponse.FromString(framed).events.events[0] == event
