"""Values: Python objects, messages and domain values say the same; what is not sound is refused."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.codec.json_text import JSON_MAX_DEPTH
from perdure.codec.values import (
    InvalidValue,
    coerce,
    decode_value,
    elements,
    encode_python,
    message_from_value,
    value_from_message,
    value_size,
)
from perdure.domain.limits import VALUE_MAX_BYTES
from perdure.domain.value import ValueKind
from perdure.v1.value_pb2 import DoubleParameterArray, ValueType

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | DOUBLES | TEXTS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXTS, children, max_size=4),
    max_leaves=20,
)
TYPED = st.one_of(
    st.tuples(st.just(ValueKind.STRING), TEXTS),
    st.tuples(st.just(ValueKind.INT), INT64),
    st.tuples(st.just(ValueKind.DOUBLE), DOUBLES),
    st.tuples(st.just(ValueKind.BOOLEAN), st.booleans()),
    st.tuples(st.just(ValueKind.STRING_ARRAY), st.lists(TEXTS)),
    st.tuples(st.just(ValueKind.INT_ARRAY), st.lists(INT64)),
    st.tuples(st.just(ValueKind.DOUBLE_ARRAY), st.lists(DOUBLES)),
    st.tuples(st.just(ValueKind.BOOLEAN_ARRAY), st.lists(st.booleans())),
    st.tuples(st.just(ValueKind.JSON), JSON),
)


def accept_json(text):
    return value_from_message(ValueType(json_value=text), VALUE_MAX_BYTES)


@given(TYPED)
def test_every_kind_comes_back_as_it_went_in(typed):
    kind, obj = typed
    value = encode_python(obj, kind)
    decoded = decode_value(value)
    assert value.kind is kind
    assert decoded == obj
    assert type(decoded) is type(obj)


@given(TYPED)
def test_a_value_passes_through_a_message_byte_for_byte(typed):
    value = encode_python(typed[1], typed[0])
    assert value_from_message(message_from_value(value), VALUE_MAX_BYTES) == value


@given(JSON)
def test_an_object_without_a_kind_keeps_its_content(obj):
    wide = isinstance(obj, int) and not -(1 << 63) <= obj < 1 << 63
    assert decode_value(encode_python(obj, ValueKind.JSON if wide else None)) == obj


@given(TYPED)
def test_every_value_becomes_json_without_loss(typed):
    value = encode_python(typed[1], typed[0])
    assert decode_value(coerce(value, ValueKind.JSON)) == decode_value(value)


@given(TYPED.filter(lambda typed: isinstance(typed[1], list)))
def test_a_list_is_taken_apart_in_order(typed):
    assert [decode_value(element) for element in elements(encode_python(typed[1], typed[0]))] == typed[1]


@pytest.mark.parametrize(
    ("obj", "kind"),
    [
        ("a", ValueKind.STRING),
        (True, ValueKind.BOOLEAN),
        (1, ValueKind.INT),
        (1.0, ValueKind.DOUBLE),
        (["a"], ValueKind.STRING_ARRAY),
        ((1, 2), ValueKind.INT_ARRAY),
        ([1.5], ValueKind.DOUBLE_ARRAY),
        ([True, False], ValueKind.BOOLEAN_ARRAY),
        ([], ValueKind.JSON),
        ([1, True], ValueKind.JSON),
        ([1, 2.0], ValueKind.JSON),
        ([1, 1 << 63], ValueKind.JSON),
        ([[1]], ValueKind.JSON),
        ({"a": 1}, ValueKind.JSON),
        (None, ValueKind.JSON),
    ],
)
def test_a_kind_is_chosen_by_type(obj, kind):
    assert encode_python(obj).kind is kind


def test_json_is_written_in_one_way():
    assert message_from_value(encode_python({"b": [1, 2.0], "a": "é"})).json_value == '{"a":"é","b":[1,2.0]}'


def test_json_from_outside_is_kept_as_it_was_written():
    text = '{ "b": 1e2,\n "a": 12345678901234567890123 }'
    value = accept_json(text)
    assert message_from_value(value).json_value == text
    assert decode_value(value) == {"b": 100.0, "a": 12345678901234567890123}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Expecting value at line 1 column 1"),
        ("{'a': 1}", "line 1 column 2"),
        ("[1,\n2", "line 2 column 2"),
        ("NaN", "NaN"),
        ("[-Infinity]", "-Infinity"),
        ("1e999", "beyond the range of a double"),
        ("9" * 5000, "too many digits"),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "the key 'c' twice"),
        ('{"a": 1, "\\u0061": 2}', "the key 'a' twice"),
        ('["\\ud800"]', "half of a surrogate pair"),
        ("[" * 101 + "]" * 101, "deeper than 100"),
        ("[" * 200_000 + "]" * 200_000, "deeper than 100"),
        ('{"a":' * 101 + "1" + "}" * 101, "deeper than 100"),
    ],
    ids=range(13),
)
def test_json_that_readers_would_not_agree_on_is_refused(text, fault):
    with pytest.raises(InvalidValue, match=fault) as caught:
        accept_json(text)
    assert caught.value.reason == "INVALID_JSON"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("[" * JSON_MAX_DEPTH + "]" * JSON_MAX_DEPTH, None),
        ('"\\ud834\\udd1e"', "\U0001d11e"),
        ('"\\\\ud800"', "\\ud800"),
        (' {"a": {"a": {}}} ', {"a": {"a": {}}}),
        ("-0", 0),
    ],
)
def test_json_within_the_rules_is_accepted(text, document):
    decoded = decode_value(accept_json(text))
    assert document is None or decoded == document


@pytest.mark.parametrize(
    ("obj", "fault"),
    [
        ({1: "a"}, "a key that is not a string"),
        ({"a": {1: 1, "1": 2}}, "not made of JSON types"),
        ({1, 2}, "not made of JSON types"),
        ([object()], "not made of JSON types"),
        ([math.nan, "a"], "cannot be written as JSON"),
        (math.inf, "NaN or infinite"),
        ([1.0, math.nan], "NaN or infinite"),
        (1 << 63, "64 bits"),
        (-(1 << 63) - 1, "64 bits"),
        ("\ud800", "surrogate"),
        (["\ud800"], "surrogate"),
        ({"a": "\ud800"}, "surrogate"),
    ],
    ids=range(12),
)
def test_objects_that_no_value_can_hold_are_refused(obj, fault):
    with pytest.raises(InvalidValue, match=fault):
        encode_python(obj)


def test_an_object_that_contains_itself_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(InvalidValue, match="Circular"):
        encode_python(endless)


def test_a_message_without_a_kind_is_refused():
    with pytest.raises(InvalidValue, match="no kind set") as caught:
        value_from_message(ValueType(), VALUE_MAX_BYTES)
    assert caught.value.reason == "INVALID_FIELD"


@pytest.mark.parametrize(
    "message",
    [ValueType(double_value=math.nan), ValueType(double_array=DoubleParameterArray(double_values=[1, -math.inf]))],
)
def test_a_double_that_is_no_number_is_refused(message):
    with pytest.raises(InvalidValue, match="NaN or infinite"):
        value_from_message(message, VALUE_MAX_BYTES)


def test_the_limit_counts_the_bytes_of_the_encoded_value():
    message = ValueType(string_value="é" * 50)
    value = value_from_message(message, 102)
    assert value_size(value) == 102
    with pytest.raises(InvalidValue, match="has 102 bytes, the limit is 101") as caught:
        value_from_message(message, 101)
    assert caught.value.reason == "VALUE_TOO_LARGE"


@pytest.mark.parametrize(
    ("obj", "source", "target", "result"),
    [
        (3, ValueKind.INT, ValueKind.DOUBLE, 3.0),
        (1 << 60, ValueKind.INT, ValueKind.DOUBLE, float(1 << 60)),
        ([1, 2], ValueKind.INT_ARRAY, ValueKind.DOUBLE_ARRAY, [1.0, 2.0]),
        ([1, 2], ValueKind.JSON, ValueKind.INT_ARRAY, [1, 2]),
        ([1, 2.5], ValueKind.JSON, ValueKind.DOUBLE_ARRAY, [1.0, 2.5]),
        (["a"], ValueKind.JSON, ValueKind.STRING_ARRAY, ["a"]),
        ([], ValueKind.JSON, ValueKind.BOOLEAN_ARRAY, []),
        ([True], ValueKind.BOOLEAN_ARRAY, ValueKind.JSON, [True]),
        ("a", ValueKind.STRING, ValueKind.JSON, "a"),
    ],
)
def test_a_value_is_converted_where_nothing_is_lost(obj, source, target, result):
    converted = coerce(encode_python(obj, source), target)
    assert converted.kind is target
    assert json.dumps(decode_value(converted)) == json.dumps(result)


@pytest.mark.parametrize(
    ("obj", "source", "target", "fault"),
    [
        ("a", ValueKind.STRING, ValueKind.INT, "expected INT_VALUE, got STRING_VALUE"),
        (1.0, ValueKind.DOUBLE, ValueKind.INT, "expected INT_VALUE, got DOUBLE_VALUE"),
        (True, ValueKind.BOOLEAN, ValueKind.INT, "expected INT_VALUE, got BOOLEAN_VALUE"),
        ((1 << 53) + 1, ValueKind.INT, ValueKind.DOUBLE, "an integer that no double is equal to"),
        ([1, "a"], ValueKind.JSON, ValueKind.INT_ARRAY, "got JSON_VALUE: expected INT_VALUE, got STRING_VALUE"),
        ([1 << 63], ValueKind.JSON, ValueKind.INT_ARRAY, "64 bits"),
        ([True], ValueKind.JSON, ValueKind.INT_ARRAY, "expected INT_VALUE, got BOOLEAN_VALUE"),
        ({"a": 1}, ValueKind.JSON, ValueKind.STRING_ARRAY, "expected STRING_ARRAY, got dict"),
        ("a", ValueKind.JSON, ValueKind.STRING, "expected STRING_VALUE, got JSON_VALUE"),
        ([1.0], ValueKind.DOUBLE_ARRAY, ValueKind.INT_ARRAY, "expected INT_ARRAY, got DOUBLE_ARRAY"),
    ],
)
def test_a_conversion_that_loses_something_is_refused(obj, source, target, fault):
    with pytest.raises(InvalidValue, match=fault) as caught:
        coerce(encode_python(obj, source), target)
    assert caught.value.reason == "PARAMETER_TYPE_MISMATCH"


def test_elements_of_json_keep_integers_of_any_size():
    parts = elements(encode_python([1 << 70, "a", {"b": 1}], ValueKind.JSON))
    assert [part.kind for part in parts] == [ValueKind.JSON, ValueKind.STRING, ValueKind.JSON]
    assert decode_value(parts[0]) == 1 << 70


def test_a_scalar_cannot_be_taken_apart():
    with pytest.raises(InvalidValue, match="expected a list, got STRING_VALUE"):
        elements(encode_python("abc"))
