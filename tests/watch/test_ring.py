"""The ring that watches share, what a subject is, and the bytes that watchers are sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.codec.tokens import TokenCodec
from perdure.store.filter.parse import parse_filter
from perdure.store.queries import Scope, log_position
from perdure.store.records import Facts, Summary
from perdure.testing.clock import FakeClock
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.envelope import Envelope, Frame, Place, complete_revision, just_before
from perdure.watch.framing import MESSAGE_MAX_BYTES, EventBatch, frame_events
from perdure.watch.ring import ENTRY_BYTES, Entry, Ring
from perdure.watch.selection import FRAMES_KEPT, KEPT_MAX_BYTES, Match, Selection
from perdure.watch.subject import Kind, Subject, places_of
from tests.store.records import key, new_execution

FACTS = Facts(state=2, update_time=1)


def entry(revision, size=0):
    created = new_execution(key("a"))
    return Entry(log_position(revision, 0), created, None, FACTS, Summary(), 1, events=(b"e" * size,))


def selection(floor=0):
    subject = Subject(Scope("default"), None, latest=False)
    envelope = Envelope(TokenCodec({0: b"k" * 32}), FakeClock(), "store", "default", subject.digest)
    return Selection(subject, envelope, floor)


def add(ring, selection, *entries):
    for each in entries:
        selection.add(Match(each, Kind.MATCHES))
        ring.add(each)


def test_a_ring_forgets_the_oldest_entries_and_says_so():
    ring, sharing = Ring(max_entries=2), selection()
    entries = [entry(revision) for revision in range(1, 5)]
    add(ring, sharing, *entries)
    assert len(ring) == 2
    assert [match.entry for match in sharing.after(entries[1].position)] == entries[2:]
    assert sharing.covers(entries[1].position)
    assert not sharing.covers(entries[1].position - 1)


def test_a_ring_is_bounded_by_bytes_and_always_keeps_the_newest():
    ring, sharing = Ring(max_bytes=10 * ENTRY_BYTES), selection()
    add(ring, sharing, *(entry(revision, ENTRY_BYTES) for revision in range(1, 20)))
    assert len(ring) == 4
    add(ring, sharing, entry(20, 100 * ENTRY_BYTES))
    assert len(ring) == 1
    assert len(sharing.after(0)) == 1


def test_what_one_selection_has_lost_another_may_still_have():
    ring, busy, quiet = Ring(max_entries=2), selection(), selection()
    add(ring, busy, *(entry(revision) for revision in range(1, 5)))
    assert not busy.covers(0)
    assert quiet.covers(0)


def test_messages_are_kept_until_the_next_change_and_only_some_of_them():
    ring, sharing = Ring(), selection()
    sharing.streams = {object(), object()}
    frames = [(Frame(b"m", Place(number)),) for number in range(FRAMES_KEPT + 1)]
    for number, frame in enumerate(frames):
        sharing.keep(number, frame)
    assert sharing.kept(0) is None
    assert [sharing.kept(number) for number in range(1, FRAMES_KEPT + 1)] == frames[1:]
    add(ring, sharing, entry(1))
    assert sharing.kept(1) is None


def test_messages_are_kept_only_for_others_and_only_if_they_are_small():
    sharing = selection()
    assert sharing.keep(1, (Frame(b"m", Place(1)),))
    sharing.streams = {object(), object()}
    assert sharing.keep(2, (Frame(b"m" * (KEPT_MAX_BYTES + 1), Place(1)),))
    assert sharing.kept(1) is sharing.kept(2) is None


def test_an_entry_costs_more_the_more_hold_it():
    ring = Ring(max_bytes=20 * ENTRY_BYTES)
    many = [selection() for _ in range(50)]
    for revision in range(1, 20):
        each = entry(revision)
        for holder in many:
            holder.add(Match(each, Kind.MATCHES))
        ring.add(each)
    assert len(ring) == 3


SCOPES = [
    Scope("default"),
    Scope("default", integration="order"),
    Scope("default", integration="order", with_sub_executions=True),
    Scope("default", execution="a"),
    Scope("default", tree="a"),
    Scope("other"),
]
EXECUTIONS = [
    new_execution(key("a"), root_integration="order"),
    new_execution(key("b"), root_integration="order"),
    new_execution(key("c"), root="a", ancestors=("a",), integration="ship", root_integration="order"),
    new_execution(key("d"), root="a", ancestors=("a", "c"), integration="ship", root_integration="order"),
    new_execution(key("e"), root="b", ancestors=("b",), integration="order", root_integration="ship"),
    new_execution(key("a", "other"), root_integration="order"),
]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_subject_is_found_exactly_where_its_scope_holds_the_execution(scope):
    places = list(Subject(scope, None, latest=False).places())
    for created in EXECUTIONS:
        found = sum(place in places for place in places_of(created))
        assert found == scope.holds(created), "found once, or not at all"


def test_the_digest_tells_scopes_and_filters_apart_and_nothing_else():
    texts = ["", "state = FAILED", "state = SUCCEEDED", 'execution_id = "a"']
    digests = {Subject(scope, parse_filter(text), latest=False).digest for scope in SCOPES for text in texts}
    assert len(digests) == len(SCOPES) * len(texts)
    one = Subject(SCOPES[0], parse_filter("state=FAILED  priority>1"), latest=False)
    another = Subject(SCOPES[0], parse_filter('state = "FAILED" AND priority > 1'), latest=True)
    assert one.digest == another.digest


def test_the_digest_stays_the_same_from_one_version_to_the_next():
    subject = Subject(Scope("p", integration="order", with_sub_executions=True), parse_filter("state = FAILED"), False)
    assert subject.digest.hex() == "bba9d09fae111903b841cafb1debf0d3"


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (2, 2, Kind.MATCHES),
        (2, 4, Kind.LEFT),
        (4, 2, Kind.MATCHES),
        (4, 4, None),
        (None, 2, Kind.MATCHES),
        (None, 4, None),
    ],
)
def test_what_a_commit_means_follows_from_the_facts_before_and_after(before, after, kind):
    subject = Subject(Scope("default"), parse_filter("state = PROCESSING"), latest=False)
    created = new_execution(key("a"))
    facts = FACTS._replace(state=after)
    assert subject.kind(created, None if before is None else FACTS._replace(state=before), facts) is kind


def test_a_place_is_complete_up_to_the_commit_before_unless_it_is_behind_its_last_record():
    assert complete_revision(log_position(7)) == 7
    assert complete_revision(log_position(7, 3)) == 6
    assert just_before(log_position(7, 0)) == log_position(6)


@given(
    st.lists(st.lists(st.integers(0, 40_000), min_size=1, max_size=5), min_size=1, max_size=12),
    st.integers(0, 3),
)
def test_messages_of_any_events_are_small_complete_and_in_order(records, skipped):
    sizes = [
        (
            log_position(number, 0),
            [ExecutionEvent(principal=f"{number}{'e' * size}").SerializeToString() for size in events],
        )
        for number, events in enumerate(records, 1)
    ]
    envelope = selection().envelope
    batch = EventBatch(Place(log_position(0), skipped))
    frames = []
    for position, events in sizes:
        while not batch.take(position, events, stirs=False, ends=False):
            frames.append(batch.frame(envelope))
            batch = EventBatch(frames[-1].place)
    frames.append(batch.frame(envelope, log_position(len(records))))
    taken = [
        event for frame in frames if frame.message for event in _raw_events(WatchResponse.FromString(frame.message))
    ]
    whole = [event for _, events in sizes for event in events]
    assert taken == sizes[0][1][skipped:] + whole[len(sizes[0][1]) :]
    places = [frame.place for frame in frames]
    assert places == sorted(places)
    for frame in frames:
        assert (
            len(frame.message) < MESSAGE_MAX_BYTES + 40_000
            or len(_raw_events(WatchResponse.FromString(frame.message))) == 1
        )


def _raw_events(message):
    return [event.SerializeToString() for event in message.events.events]


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
