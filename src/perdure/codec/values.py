"""Values between their three forms: Python objects, `perdure.v1.ValueType` messages, domain values.

A value is checked when it is made, by `encode_python` or `value_from_message`; what the domain holds is
therefore always whole and readable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from perdure.codec.json_text import InvalidJson, parse_json, write_json
from perdure.domain.value import Value, ValueKind
from perdure.v1.value_pb2 import (
    BooleanParameterArray,
    DoubleParameterArray,
    IntParameterArray,
    StringParameterArray,
    ValueType,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KIND_NAMES: Final = {kind: kind.name if kind.name.endswith("ARRAY") else f"{kind.name}_VALUE" for kind in ValueKind}
"""The names of the kinds in the contract (`IntegrationParameter.data_type`)."""

_INT_MIN: Final = -(1 << 63)
_INT_MAX: Final = (1 << 63) - 1

_KIND_OF_FIELD: Final = {
    "string_value": ValueKind.STRING,
    "int_value": ValueKind.INT,
    "double_value": ValueKind.DOUBLE,
    "boolean_value": ValueKind.BOOLEAN,
    "string_array": ValueKind.STRING_ARRAY,
    "int_array": ValueKind.INT_ARRAY,
    "double_array": ValueKind.DOUBLE_ARRAY,
    "boolean_array": ValueKind.BOOLEAN_ARRAY,
    "json_value": ValueKind.JSON,
}
_ELEMENT_KINDS: Final = {
    ValueKind.STRING_ARRAY: ValueKind.STRING,
    ValueKind.INT_ARRAY: ValueKind.INT,
    ValueKind.DOUBLE_ARRAY: ValueKind.DOUBLE,
    ValueKind.BOOLEAN_ARRAY: ValueKind.BOOLEAN,
}
_WIDENINGS: Final = {(ValueKind.INT, ValueKind.DOUBLE), (ValueKind.INT_ARRAY, ValueKind.DOUBLE_ARRAY)}
_ARRAY_KINDS: Final = {element: array for array, element in _ELEMENT_KINDS.items()}


class InvalidValue(ValueError):
    """A value that is refused; the message says why and never repeats the content.

    Attributes:
        reason: The value of `ErrorReason` that tells it.
    """

    def __init__(self, message: str, reason: str = "INVALID_FIELD") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


def decode_value(value: Value) -> object:
    """Make the Python object: str, int, float, bool, a list of one of them, or parsed JSON."""
    return _DECODERS[value.kind](ValueType.FromString(value.encoded))


def encode_python(obj: object, kind: ValueKind | None = None) -> Value:
    """Make a value of a Python object.

    Args:
        obj: None, bool, int, float, str, and lists, tuples and dicts of them.
        kind: The kind it must have. Without one, a scalar gets its own kind, a list that is not empty and
            of one scalar type the array kind, and everything else is JSON.

    Raises:
        InvalidValue: The object does not fit the kind, is out of range, or is no JSON.
    """
    chosen = _natural_kind(obj) if kind is None else kind
    fitting = _fit(obj, chosen)
    try:
        message = _ENCODERS[chosen](fitting)
    except UnicodeEncodeError:
        raise InvalidValue("holds one half of a surrogate pair") from None
    except InvalidJson as error:
        raise InvalidValue(str(error), "INVALID_JSON") from None
    return Value(chosen, message.SerializeToString(deterministic=True))


def value_from_message(message: ValueType, max_bytes: int) -> Value:
    """Accept a value from outside; JSON text is kept as it was written.

    Args:
        message: The value as received.
        max_bytes: Limit of the encoded value.

    Raises:
        InvalidValue: No kind is set, it is too large, a double is not finite, or the JSON is refused.
    """
    field = message.WhichOneof("value")
    if field is None:
        raise InvalidValue("has no kind set")
    size = message.ByteSize()
    if size > max_bytes:
        raise InvalidValue(f"has {size} bytes, the limit is {max_bytes}", "VALUE_TOO_LARGE")
    kind = _KIND_OF_FIELD[field]
    if kind is ValueKind.JSON:
        try:
            parse_json(message.json_value)
        except InvalidJson as error:
            raise InvalidValue(str(error), "INVALID_JSON") from None
    elif kind is ValueKind.DOUBLE:
        _finite(message.double_value)
    elif kind is ValueKind.DOUBLE_ARRAY:
        for number in message.double_array.double_values:
            _finite(number)
    return Value(kind, message.SerializeToString(deterministic=True))


def message_from_value(value: Value) -> ValueType:
    """Make the contract message."""
    return ValueType.FromString(value.encoded)


def value_size(value: Value) -> int:
    """Count the bytes that limits are measured in: those of the encoded value."""
    return len(value.encoded)


def coerce(value: Value, kind: ValueKind) -> Value:
    """Turn a value into a declared kind where nothing is lost.

    Allowed are int to double if the double is exact, an array of ints to one of doubles likewise, a JSON
    list to an array that its elements fit, and anything to JSON.

    Raises:
        InvalidValue: The kinds differ and no such way leads from one to the other.
    """
    if value.kind is kind:
        return value
    from_json_list = value.kind is ValueKind.JSON and kind in _ELEMENT_KINDS
    widening = (value.kind, kind) in _WIDENINGS
    if not (from_json_list or widening or kind is ValueKind.JSON):
        raise _mismatch(kind, KIND_NAMES[value.kind])
    try:
        return encode_python(decode_value(value), kind)
    except InvalidValue as error:
        raise _mismatch(kind, f"{KIND_NAMES[value.kind]}: {error}") from None


def elements(value: Value) -> list[Value]:
    """Take a list apart: each element becomes a value of its own kind.

    Raises:
        InvalidValue: The value is no list.
    """
    decoded = decode_value(value)
    if not isinstance(decoded, list):
        raise InvalidValue(f"expected a list, got {_type_name(decoded)}", "PARAMETER_TYPE_MISMATCH")
    kind = _ELEMENT_KINDS.get(value.kind)
    return [encode_python(element, kind or _element_kind(element)) for element in decoded]


def _element_kind(element: object) -> ValueKind:
    """Choose as `_natural_kind` does, but keep an integer of JSON that has more than 64 bits."""
    wide = isinstance(element, int) and not _INT_MIN <= element <= _INT_MAX
    return ValueKind.JSON if wide else _natural_kind(element)


def _natural_kind(obj: object) -> ValueKind:
    scalar = _scalar_kind(obj)
    if scalar is not None:
        return scalar
    if isinstance(obj, (list, tuple)) and obj:
        first = _scalar_kind(obj[0])
        if first is not None and all(_scalar_kind(element) is first for element in obj):
            # JSON has integers of any size, an int array has not.
            wide = first is ValueKind.INT and not all(_INT_MIN <= element <= _INT_MAX for element in obj)
            return ValueKind.JSON if wide else _ARRAY_KINDS[first]
    return ValueKind.JSON


def _scalar_kind(obj: object) -> ValueKind | None:
    if isinstance(obj, str):
        return ValueKind.STRING
    if isinstance(obj, bool):  # before int, because a Python bool is one
        return ValueKind.BOOLEAN
    if isinstance(obj, int):
        return ValueKind.INT
    if isinstance(obj, float):
        return ValueKind.DOUBLE
    return None


def _fit(obj: object, kind: ValueKind) -> object:
    """Check that an object has a kind, and hand it out as what the message takes."""
    if kind is ValueKind.JSON:
        return obj
    element_kind = _ELEMENT_KINDS.get(kind)
    if element_kind is None:
        return _fit_scalar(obj, kind)
    if not isinstance(obj, (list, tuple)):
        raise _mismatch(kind, _type_name(obj))
    return [_fit_scalar(element, element_kind) for element in obj]


def _fit_scalar(obj: object, kind: ValueKind) -> object:
    own_kind = _scalar_kind(obj)
    if own_kind is ValueKind.INT and kind is ValueKind.DOUBLE:
        return _exact_double(obj)
    if own_kind is not kind:
        raise _mismatch(kind, _type_name(obj))
    if isinstance(obj, int) and not _INT_MIN <= obj <= _INT_MAX:
        raise InvalidValue("holds an integer out of the range of 64 bits")
    if isinstance(obj, float):
        _finite(obj)
    return obj


def _exact_double(obj: object) -> float:
    assert isinstance(obj, int)
    try:
        number = float(obj)
    except OverflowError:
        number = math.inf
    if number != obj:
        raise InvalidValue("holds an integer that no double is equal to")
    return number


def _type_name(obj: object) -> str:
    kind = _scalar_kind(obj)
    return type(obj).__name__ if kind is None else KIND_NAMES[kind]


def _mismatch(expected: ValueKind, got: str) -> InvalidValue:
    return InvalidValue(f"expected {KIND_NAMES[expected]}, got {got}", "PARAMETER_TYPE_MISMATCH")


def _finite(number: float) -> None:
    if not math.isfinite(number):
        raise InvalidValue("holds a double that is NaN or infinite")


_DECODERS: Final[dict[ValueKind, Callable[[ValueType], object]]] = {
    ValueKind.STRING: lambda message: message.string_value,
    ValueKind.INT: lambda message: message.int_value,
    ValueKind.DOUBLE: lambda message: message.double_value,
    ValueKind.BOOLEAN: lambda message: message.boolean_value,
    ValueKind.STRING_ARRAY: lambda message: list(message.string_array.string_values),
    ValueKind.INT_ARRAY: lambda message: list(message.int_array.int_values),
    ValueKind.DOUBLE_ARRAY: lambda message: list(message.double_array.double_values),
    ValueKind.BOOLEAN_ARRAY: lambda message: list(message.boolean_array.boolean_values),
    ValueKind.JSON: lambda message: parse_json(message.json_value),
}

# `_fit` has checked the objects; the messages' own checks of types would refuse anything else.
_ENCODERS: Final[dict[ValueKind, Callable[..., ValueType]]] = {
    ValueKind.STRING: lambda text: ValueType(string_value=text),
    ValueKind.INT: lambda number: ValueType(int_value=number),
    ValueKind.DOUBLE: lambda number: ValueType(double_value=number),
    ValueKind.BOOLEAN: lambda truth: ValueType(boolean_value=truth),
    ValueKind.STRING_ARRAY: lambda texts: ValueType(string_array=StringParameterArray(string_values=texts)),
    ValueKind.INT_ARRAY: lambda numbers: ValueType(int_array=IntParameterArray(int_values=numbers)),
    ValueKind.DOUBLE_ARRAY: lambda numbers: ValueType(double_array=DoubleParameterArray(double_values=numbers)),
    ValueKind.BOOLEAN_ARRAY: lambda truths: ValueType(boolean_array=BooleanParameterArray(boolean_values=truths)),
    ValueKind.JSON: lambda document: ValueType(json_value=write_json(document)),
}
