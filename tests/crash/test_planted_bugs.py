"""The checker sees a bug in the logs of a real run: the logs are changed as the bug would have changed them."""

import asyncio
import dataclasses
import random

import pytest

from perdure.testing.checker import check
from perdure.testing.logs import Fault, History, Listed, Logs, Operation, Outcome, RunBegan, RunEnded, StreamMessage
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_service_pb2 import WatchResponse
from tests.crash.storm import recorded_storm

pytestmark = pytest.mark.slow

KILLS = 3


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What was recorded of a short storm that broke no promise."""
    logs, _ = asyncio.run(recorded_storm(tmp_path_factory.mktemp("storm"), random.Random(1), KILLS))
    assert check(logs) == []
    return list(logs.records)


def broken(records):
    return {violation.invariant for violation in check(Logs(tuple(records)))}


def with_messages(records, change):
    """The records with the events of one message of a stream changed, one that has several."""
    for index, record in enumerate(records):
        if isinstance(record, StreamMessage):
            message = WatchResponse.FromString(record.message)
            if len(message.events.events) > 2:
                change(message.events.events)
                wire = message.SerializeToString(deterministic=True)
                return [*records[:index], dataclasses.replace(record, message=wire), *records[index + 1 :]]
    raise AssertionError("no message has several events")


def with_history(records, change):
    """The records with the longest history changed."""
    index = max(
        (index for index, record in enumerate(records) if isinstance(record, History)),
        key=lambda index: len(records[index].events),
    )
    changed = dataclasses.replace(records[index], events=tuple(change(list(records[index].events))))
    return [*records[:index], changed, *records[index + 1 :]]


def test_an_event_that_a_stream_leaves_out_is_seen(records):
    def leave_out(events):
        del events[1]

    assert {"I11", "I13"} <= broken(with_messages(records, leave_out))


def test_an_event_that_a_stream_shows_twice_is_seen(records):
    def show_twice(events):
        events.insert(1, events[0])

    assert {"I11", "I13"} <= broken(with_messages(records, show_twice))


def test_an_event_that_a_stream_numbers_otherwise_is_seen(records):
    def renumber(events):
        events[1].sequence += 1

    assert {"I11", "I12"} <= broken(with_messages(records, renumber))


def test_an_event_that_a_stream_shows_otherwise_is_seen(records):
    def misreport(events):
        events[1].principal = "somebody else"

    assert "I12" in broken(with_messages(records, misreport))


def test_an_event_that_is_missing_from_a_history_is_seen(records):
    assert "I11" in broken(with_history(records, lambda events: events[:3] + events[4:]))


def test_a_history_that_lost_its_end_is_seen(records):
    assert {"I10", "I16"} & broken(with_history(records, lambda events: events[:-1]))


def test_a_second_end_is_seen(records):
    def end_again(events):
        again = ExecutionEvent.FromString(events[-1])
        again.sequence += 1
        return [*events, again.SerializeToString(deterministic=True)]

    assert "I8" in broken(with_history(records, end_again))


def test_an_acknowledged_execution_that_is_lost_is_seen(records):
    lost = next(record.executions[0] for record in records if isinstance(record, Operation) and record.executions)
    kept = [
        record
        for record in records
        if not (isinstance(record, Listed) and lost.encode() in record.execution)
        and getattr(record, "name", "") != lost
    ]
    assert {"I1", "I4"} <= broken(kept)


def test_a_request_that_is_answered_twice_is_seen(records):
    acknowledged = [
        index
        for index, record in enumerate(records)
        if isinstance(record, Operation) and record.rpc == "Execute" and record.outcome is Outcome.OK
    ]
    first, second = acknowledged[0], acknowledged[-1]
    mixed_up = dataclasses.replace(records[first], executions=records[second].executions)
    assert "I3" in broken([*records, mixed_up]) or "I5" in broken([*records, mixed_up])


def test_an_attempt_that_runs_twice_is_seen(records):
    begun = next(record for record in records if isinstance(record, RunBegan))
    again = dataclasses.replace(begun, run="again", at=begun.at + 1)
    assert "I23" in broken([record for record in records if not isinstance(record, Fault)] + [again])


def test_a_result_that_nobody_reported_is_seen(records):
    assert "I21" in broken(record for record in records if not isinstance(record, RunEnded))
