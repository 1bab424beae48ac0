"""Stored event batches read back as what was written."""

import dataclasses

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from perdure.codec import records
from perdure.codec.record_parts import UnreadableRecord, value_from_encoded
from perdure.codec.records import decode_events, encode_events, first_created
from perdure.domain import events as ev
from perdure.domain.states import ExecutionMethod, ExecutionState, StartedBy
from perdure.domain.value import Value
from perdure.internal.v1 import record_pb2
from tests.codec.histories import EVENT_TYPES, EVENTS, creations, events, instants, values


@given(st.lists(events, max_size=6), instants)
def test_decoding_a_batch_gives_back_its_events_and_their_time(batch: list[ev.Event], time: int):
    assert decode_events(encode_events(batch, time)) == (time, batch)


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.__name__)
@given(data=st.data())
def test_every_type_of_event_can_be_stored(event_type: type, data: st.DataObject):
    event = data.draw(EVENTS[event_type])
    _, (decoded,) = decode_events(encode_events([event], 1))
    assert type(decoded) is event_type
    assert decoded == event


@pytest.mark.parametrize(
    ("event_type", "field"),
    [(event_type, field.name) for event_type in EVENT_TYPES for field in dataclasses.fields(event_type)],
    ids=lambda case: case if isinstance(case, str) else case.__name__,
)
def test_every_field_of_every_event_is_stored(event_type: type, field: str):
    some = settings(phases=(Phase.generate,), database=None, derandomize=True)
    one = find(EVENTS[event_type], lambda _: True, settings=some)
    other = find(EVENTS[event_type], lambda event: getattr(event, field) != getattr(one, field), settings=some)
    _, decoded = decode_events(encode_events([one, other], 1))
    assert [getattr(event, field) for event in decoded] == [getattr(one, field), getattr(other, field)]


def test_the_tables_have_each_type_and_each_stored_kind_once():
    assert set(records._ENCODE) == set(EVENT_TYPES)
    kinds = record_pb2.Event.DESCRIPTOR.oneofs_by_name["kind"].fields
    assert set(records._DECODE) == {field.name for field in kinds}


@given(creations(), st.lists(events, max_size=3))
def test_the_first_event_can_be_read_alone(created: ev.ExecutionCreated, others: list[ev.Event]):
    assert first_created(encode_events([created, *others], 1)) == created


def test_a_batch_that_is_not_the_first_has_no_first_event():
    with pytest.raises(UnreadableRecord, match="not the first"):
        first_created(encode_events([ev.ExecutionStarted()], 1))


@given(values)
def test_an_input_is_stored_once_although_it_is_a_parameter_too(value: Value):
    created = ev.ExecutionCreated(
        integration="order",
        revision_id="000001-a4d",
        ordinal=1,
        trigger_id="",
        method=ExecutionMethod.POST,
        state=ExecutionState.PROCESSING,
        inputs={"given": value},
        parameters={"given": value, "other": value},
        principal="local",
        started_by=StartedBy.CALL,
        root="e1",
    )
    stored = record_pb2.EventBatch.FromString(encode_events([created], 1)).events[0].created
    assert set(stored.inputs) == {"given"}
    assert set(stored.defaults) == {"other"}


@given(values)
def test_the_kind_of_a_value_is_read_from_its_first_byte(value: Value):
    assert value_from_encoded(value.encoded) == value


@pytest.mark.parametrize("encoded", [b"", b"\x00\x00", b"\x52\x00", b"\xff\xff"])
def test_bytes_without_a_known_kind_are_no_value(encoded: bytes):
    with pytest.raises(UnreadableRecord):
        value_from_encoded(encoded)


@pytest.mark.parametrize("number", [0, 2, 99])
def test_a_batch_of_an_unknown_format_is_refused_with_both_numbers(number: int):
    payload = record_pb2.EventBatch(format=number).SerializeToString()
    with pytest.raises(UnreadableRecord, match=f"format {number}, this version reads 1 to 1"):
        decode_events(payload)


def test_a_damaged_batch_is_refused():
    with pytest.raises(UnreadableRecord, match="damaged"):
        decode_events(b"\xff\xff\xff")


def test_an_event_of_an_unknown_kind_is_refused():
    payload = record_pb2.EventBatch(format=1, events=[record_pb2.Event()]).SerializeToString()
    with pytest.raises(UnreadableRecord, match="kind"):
        decode_events(payload)
