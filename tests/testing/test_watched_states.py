"""The checker passes watches that show states as they were, and sees the ones that do not."""

import pytest

from perdure.testing.logs import StreamMessage
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WatchExecutionsRequest, WatchResponse
from tests.testing.recorded_run import STATE, opened, wire
from tests.testing.watched_world import ALL, EVENTS, NEWEST, A, B, C, D, broken, events_message, mark

STATES_AT = {
    5: {A: (5, STATE.PROCESSING), B: (4, STATE.PROCESSING), C: (3, STATE.PENDING)},
    8: {A: (8, STATE.PROCESSING), B: (7, STATE.FAILED), C: (6, STATE.PROCESSING)},
    12: {
        A: (11, STATE.SUCCEEDED),
        B: (7, STATE.FAILED),
        C: (9, STATE.SUCCEEDED),
        D: (12, STATE.CANCELLED),
    },
}
"""The executions as of some store revisions: that of the last commit, and the state."""


def state(name, revision, number):
    execution = Execution(name=name, store_revision=revision)
    execution.execution_details.state = number
    time = next(event for event in EVENTS if event.store_revision == revision).event_time
    execution.update_time.CopyFrom(time)
    return execution


def states_message(stream, at, states, complete, gone=()):
    message = WatchResponse(store_revision=complete, cursor=f"{stream}@{at}")
    message.executions.executions.extend(state(name, *what) for name, what in states.items())
    message.executions.left.extend(gone)
    return StreamMessage(stream, at, wire(message))


def synced(records_before, after, chosen=""):
    """A watch with an initial state, and what follows it."""
    request = WatchExecutionsRequest(parent=ALL, filter=chosen, initial_state=True)
    return [opened("s1", "w", request, 100), *records_before, *after]


def test_an_initial_state_and_what_follows_it():
    first = states_message("s1", 110, STATES_AT[5], 5)
    rest = events_message("s1", 130, [event for event in EVENTS if event.store_revision > 5], NEWEST)
    assert broken(synced([first, mark("synced", "s1", 120, 5)], [rest])) == set()


def test_an_initial_state_may_catch_up_before_it_is_complete():
    early = states_message("s1", 110, STATES_AT[5], 5)
    later = states_message("s1", 115, STATES_AT[8], 8)
    rest = events_message("s1", 130, [event for event in EVENTS if event.store_revision > 8], NEWEST)
    assert broken(synced([early, later, mark("synced", "s1", 120, 8)], [rest])) == set()


@pytest.mark.parametrize("name", [A, B, C])
def test_an_initial_state_that_lacks_an_execution_is_noticed(name):
    states = {each: what for each, what in STATES_AT[5].items() if each != name}
    first = states_message("s1", 110, states, 5)
    assert broken(synced([first, mark("synced", "s1", 120, 5)], [])) == {"bookmarkable"}


def test_an_initial_state_that_is_too_old_is_noticed():
    first = states_message("s1", 110, STATES_AT[5], 5)
    assert broken(synced([first, mark("synced", "s1", 120, 8)], [])) == {"bookmarkable"}


def test_an_initial_state_that_is_ahead_of_its_mark_is_noticed():
    first = states_message("s1", 110, STATES_AT[8], 5)
    assert broken(synced([first, mark("synced", "s1", 120, 5)], [])) == {"bookmarkable"}


def test_a_state_that_does_not_match_is_noticed():
    first = states_message("s1", 110, STATES_AT[8], 8)
    found = broken(synced([first, mark("synced", "s1", 120, 8)], [], chosen="state = PROCESSING"))
    assert found == {"latest", "bookmarkable"}


def test_a_reset_makes_everything_before_it_void():
    first = states_message("s1", 110, {A: (2, STATE.PROCESSING)}, 2)
    anew = [mark("reset", "s1", 115, 5), states_message("s1", 116, STATES_AT[5], 5), mark("synced", "s1", 120, 5)]
    rest = events_message("s1", 130, [event for event in EVENTS if event.store_revision > 5], NEWEST)
    assert broken(synced([first], [*anew, rest])) == set()


def latest_watch(*messages, chosen=""):
    request = WatchExecutionsRequest(
        parent=ALL, filter=chosen, from_beginning=True, mode=WatchResponse.MODE_LATEST_STATE
    )
    return [opened("s1", "w", request, 100), *messages]


def test_latest_states_may_leave_out_what_lies_between():
    assert broken(latest_watch(states_message("s1", 110, STATES_AT[12], 12))) == set()
    assert (
        broken(
            latest_watch(
                states_message("s1", 110, STATES_AT[5], 5),
                states_message("s1", 120, STATES_AT[8], 8),
                states_message("s1", 130, STATES_AT[12], 12),
            )
        )
        == set()
    )


@pytest.mark.parametrize("name", [A, B, C, D])
def test_a_latest_state_that_is_missing_at_the_end_is_noticed(name):
    states = {each: what for each, what in STATES_AT[12].items() if each != name}
    assert broken(latest_watch(states_message("s1", 110, states, 12))) == {"latest"}


def test_a_latest_state_that_is_old_at_the_end_is_noticed():
    states = STATES_AT[12] | {A: (8, STATE.PROCESSING)}
    assert broken(latest_watch(states_message("s1", 110, states, 12))) == {"latest"}


def test_a_latest_state_that_goes_back_is_noticed():
    records = latest_watch(
        states_message("s1", 110, STATES_AT[8], 3),
        states_message("s1", 120, STATES_AT[5], 5),
        states_message("s1", 130, STATES_AT[12], 12),
    )
    assert broken(records) == {"latest"}


def test_a_latest_state_that_was_none_is_noticed():
    states = STATES_AT[12] | {A: (11, STATE.FAILED)}
    assert broken(latest_watch(states_message("s1", 110, states, 12))) == {"latest"}


def test_latest_states_tell_what_left():
    at_work = {A: (8, STATE.PROCESSING), C: (6, STATE.PROCESSING)}
    before = states_message("s1", 110, at_work, 8)
    told = states_message("s1", 120, {}, 12, gone=(A, C))
    assert broken(latest_watch(before, told, chosen="state = PROCESSING")) == set()
    untold = states_message("s1", 120, {}, 12, gone=(A,))
    assert broken(latest_watch(before, untold, chosen="state = PROCESSING")) == {"latest"}
