"""The checker passes watches that keep their promises however they are cut, and names the promise that is broken."""

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perdure.testing.checker import INVARIANTS
from perdure.testing.checks.evidence import gather
from perdure.testing.checks.selections import Chronicle, selection_of, told_by
from perdure.testing.logs import Logs, StreamEnded, StreamMessage
from perdure.v1.execution_service_pb2 import WatchExecutionsRequest, WatchResponse
from tests.testing.recorded_run import PROPERTIES, STATE, opened, wire
from tests.testing.watched_world import (
    ALL,
    EVENTS,
    NEWEST,
    OF_STREAMS,
    WATCHES,
    A,
    B,
    broken,
    complete_before,
    events_message,
    last_look,
    left,
    mark,
    recorded,
    request_of,
)

LOOK = list(last_look())
names = st.sampled_from(sorted(WATCHES))


@pytest.mark.parametrize("name", WATCHES)
def test_what_a_watch_has_to_tell_is_derived_from_the_histories(name):
    watched = WATCHES[name]
    chronicle = Chronicle(gather(Logs(tuple(LOOK))).histories)
    told = chronicle.telling(selection_of(request_of(watched))).told
    assert sorted(told) == sorted(told_by(event) for event in watched.told)
    assert [each.revision for each in told] == sorted(each.revision for each in told)


def indexes(watched):
    return st.sets(st.integers(1, len(watched.told) - 1))


@st.composite
def cut_watches(draw):
    """A watch, where its messages end, and where its streams do."""
    watched = WATCHES[draw(names)]
    cuts = draw(indexes(watched))
    return watched, cuts, draw(st.sets(st.sampled_from(sorted(cuts)))) if cuts else set()


@given(cut_watches())
def test_a_watch_may_be_cut_anywhere(cut):
    watched, cuts, streams = cut
    assert broken(recorded(watched, watched.told, cuts, streams)) == set()


@given(cut_watches(), st.data())
def test_a_watcher_may_lose_its_stream_anywhere(cut, data):
    watched, cuts, streams = cut
    records = recorded(watched, watched.told, cuts, streams)
    kept = data.draw(st.integers(1, len(records)))
    assert broken(records[:kept]) == set()


@given(cut_watches(), st.data())
def test_an_event_that_is_left_out_is_missed(cut, data):
    watched, cuts, streams = cut
    index = data.draw(st.integers(0, len(watched.told) - 1))
    found = broken(altered(recorded(watched, watched.told, cuts, streams), index, lambda _: ()))
    assert {"reliable", "bookmarkable"} <= found
    assert not watched.filter or "filterable" in found
    assert not streams or "resumable" in found


@given(cut_watches(), st.data())
def test_an_event_that_comes_again_is_noticed(cut, data):
    watched, cuts, streams = cut
    first = data.draw(st.integers(0, len(watched.told) - 1))
    later = data.draw(st.integers(first, len(watched.told) - 1))
    again = watched.told[first]
    found = broken(altered(recorded(watched, watched.told, cuts, streams), later, lambda event: (event, again)))
    assert "unique" in found
    assert later == first or "ordered" in found or again.store_revision == watched.told[later].store_revision
    assert not streams or "resumable" in found


@given(cut_watches(), st.data())
def test_events_that_change_places_are_noticed(cut, data):
    watched, cuts, streams = cut
    first = data.draw(st.integers(0, len(watched.told) - 2))
    second = data.draw(st.integers(first + 1, len(watched.told) - 1))
    one, two = watched.told[first], watched.told[second]
    # Between executions of one commit the contract names no order.
    assume(one.store_revision != two.store_revision or one.execution == two.execution)
    places = {first: (two,), second: (one,)}
    records = recorded(watched, watched.told, cuts, streams)
    swapped = altered_all(records, lambda index, event: places.get(index, (event,)))
    assert "ordered" in broken(swapped)


@given(cut_watches(), st.data())
def test_an_event_that_comes_a_message_later_is_noticed(cut, data):
    watched, cuts, streams = cut
    assume(cuts)
    border = data.draw(st.sampled_from(sorted(cuts)))
    late = watched.told[border - 1]
    # The message says no more than what came before it was complete, if it ends inside a commit.
    assume(complete_before(watched.told, border) >= late.store_revision)
    places = {border - 1: (), border: (late, watched.told[border])}
    shifted = altered_all(
        recorded(watched, watched.told, cuts, streams), lambda index, event: places.get(index, (event,))
    )
    assert "bookmarkable" in broken(shifted)


@given(cut_watches(), st.data())
def test_an_event_of_something_else_is_noticed(cut, data):
    watched, cuts, streams = cut
    known = {told_by(event) for event in watched.told}
    foreign = [event for event in EVENTS if told_by(event) not in known]
    assume(foreign)
    extra = data.draw(st.sampled_from(foreign))
    index = data.draw(st.integers(0, len(watched.told) - 1))
    found = broken(altered(recorded(watched, watched.told, cuts, streams), index, lambda event: (event, extra)))
    assert "filterable" in found


@given(cut_watches(), st.data())
def test_a_message_that_claims_too_much_is_noticed(cut, data):
    watched, cuts, streams = cut
    assume(cuts)
    records = recorded(watched, watched.told, cuts, streams)
    index = data.draw(
        st.sampled_from([i for i, record in enumerate(records[:-1]) if isinstance(record, StreamMessage)])
    )
    assume(any(isinstance(record, StreamMessage) for record in records[index + 1 :]))
    message = WatchResponse.FromString(records[index].message)
    end = sum(len(events_of(record)) for record in records[: index + 1])
    message.store_revision = watched.told[end].store_revision
    claimed = [*records[:index], dataclasses.replace(records[index], message=wire(message)), *records[index + 1 :]]
    assert "bookmarkable" in broken(claimed)


def events_of(record):
    return WatchResponse.FromString(record.message).events.events if isinstance(record, StreamMessage) else ()


def altered(records, index, change):
    """The records of a watch with one of its events replaced by what a function makes of it."""
    return altered_all(records, lambda each, event: change(event) if each == index else (event,))


def altered_all(records, change):
    """The records of a watch with each event replaced by what a function makes of its index and itself."""
    altered, index = [], 0
    for record in records:
        if not isinstance(record, StreamMessage):
            altered.append(record)
            continue
        message = WatchResponse.FromString(record.message)
        events = []
        for event in message.events.events:
            events.extend(change(index, event))
            index += 1
        del message.events.events[:]
        message.events.SetInParent()
        message.events.events.extend(events)
        altered.append(dataclasses.replace(record, message=wire(message)))
    return altered


def left_as(**changes):
    """The watch by state with the mark that B left changed."""
    watched = WATCHES["state"]
    told = list(watched.told)
    index = next(i for i, event in enumerate(told) if event.execution == B and event.HasField("left_filter"))
    told[index] = left(B, 7, changes.get("state", STATE.FAILED))
    told[index].event_time.FromMicroseconds(told[index].event_time.ToMicroseconds() + changes.get("late", 0))
    told[index].sequence += changes.get("sequence", 0)
    return recorded(watched, told, (3, 6))


def test_a_mark_with_the_wrong_state_is_noticed():
    assert broken(left_as()) == set()
    assert broken(left_as(state=STATE.PROCESSING)) == {"filterable"}
    assert broken(left_as(late=1)) == {"filterable"}
    assert "filterable" in broken(left_as(sequence=-1))


def test_the_events_of_the_commit_that_ends_a_match_are_not_told():
    watched = WATCHES["state"]
    told = [
        next(each for each in EVENTS if (each.execution, each.store_revision) == (B, 7))
        if event.execution == B and event.HasField("left_filter")
        else event
        for event in watched.told
    ]
    assert broken(recorded(watched, told, (3, 6))) == {"filterable", "reliable", "atomic"}


def test_a_stream_that_ends_cleanly_does_not_end_inside_a_commit():
    watched = WATCHES["all"]
    request = request_of(watched)
    request.until_terminal = True
    inside = [
        opened("s1", "w", request, 100),
        events_message("s1", 110, EVENTS[:2], EVENTS[1].store_revision - 1),
        StreamEnded("s1", 120, "OK", ""),
    ]
    assert broken(inside) == {"atomic"}
    cut_off = [*inside[:-1], StreamEnded("s1", 120, "UNAVAILABLE", "")]
    assert broken(cut_off) == set()
    farewell = mark("going_away", "s1", 115, EVENTS[1].store_revision - 1)
    assert broken([*inside[:-1], farewell, inside[-1]]) == set()


def test_a_stream_of_many_that_is_to_go_on_does_not_end():
    records = recorded(WATCHES["all"], WATCHES["all"].told, (4,))
    assert broken([*records, StreamEnded("s1", 900, "OK", "")]) == {"I14"}


def test_events_torn_apart_by_another_commit_are_noticed():
    told = list(EVENTS)
    told[2], told[3] = told[3], told[2]
    assert "atomic" in broken(recorded(WATCHES["all"], told, ()))


def test_an_event_that_no_history_knows_was_not_durable():
    ghost = type(EVENTS[0])()
    ghost.CopyFrom(EVENTS[0])
    ghost.execution = f"{A}-ghost"
    assert {"I16", "filterable"} <= broken(recorded(WATCHES["all"], [ghost, *EVENTS], ()))


def test_a_watcher_that_goes_back_to_an_earlier_cursor_sees_the_same_again():
    watched = WATCHES["all"]
    records = recorded(watched, watched.told, (4, 8))
    back = request_of(watched, WatchResponse.FromString(records[1].message).cursor)
    again = [opened("s9", "w", back, 500), events_message("s9", 510, watched.told[4:], NEWEST)]
    assert broken([*records, *again]) == set()
    skipped = [again[0], events_message("s9", 510, watched.told[5:], NEWEST)]
    assert {"resumable", "reliable"} <= broken([*records, *skipped])


def test_a_watch_from_now_is_held_to_what_follows_what_it_saw_first():
    watched = WATCHES["all"]
    request = WatchExecutionsRequest(parent=ALL, from_now=True)
    late = [opened("s1", "w", request, 100), events_message("s1", 110, watched.told[6:], NEWEST)]
    assert broken(late) == set()
    gap = [late[0], events_message("s1", 110, [watched.told[6], *watched.told[8:]], NEWEST)]
    assert "reliable" in broken(gap)


def test_every_property_is_checked():
    assert set(INVARIANTS) >= PROPERTIES | OF_STREAMS
