"""Parameters between Python objects and messages of the contract."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping

import grpc

from perdure.client.errors import FieldViolation, InvalidRequest, Refusal
from perdure.codec.values import InvalidValue, decode_value, encode_python, message_from_value, value_from_message
from perdure.v1.value_pb2 import ValueType


def to_messages(inputs: Mapping[str, object], field: str = "input_parameters") -> dict[str, ValueType]:
    """Make the parameters of a request.

    Args:
        inputs: By key a `ValueType`, or None, bool, int, float, str, or lists, tuples, dicts and dataclasses
            of them.
        field: The field of the request that they are for, to name it in errors.

    Raises:
        TypeError: The inputs are no mapping.
        InvalidRequest: An object has no form as a value, such as a NaN or a set; all of them are named.
    """
    if not isinstance(inputs, Mapping):
        raise TypeError(f"{field} are given by key, such as {{'a': 1}}, and not as {type(inputs).__name__}")
    messages, violations = {}, []
    reason = ""
    for key, obj in inputs.items():
        try:
            messages[key] = obj if isinstance(obj, ValueType) else message_from_value(encode_python(_plain(obj)))
        except InvalidValue as error:
            violations.append(FieldViolation(f'{field}["{key}"]', error.message))
            reason = reason or error.reason
    if violations:
        message = "; ".join(f"{each.path}: {each.description}" for each in violations)
        raise InvalidRequest(
            Refusal(grpc.StatusCode.INVALID_ARGUMENT, message, reason, field_violations=tuple(violations))
        )
    return messages


def _plain(obj: object) -> object:
    """Take dataclasses apart, wherever they are."""
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        return {field.name: _plain(getattr(obj, field.name)) for field in dataclasses.fields(obj)}
    if isinstance(obj, list | tuple):
        return [_plain(item) for item in obj]
    if isinstance(obj, dict):
        return {key: _plain(value) for key, value in obj.items()}
    return obj


def to_python(message: ValueType) -> object:
    """Make the Python object of one value: str, int, float, bool, a list of one of them, or parsed JSON."""
    return decode_value(value_from_message(message, sys.maxsize))


def all_to_python(parameters: Mapping[str, ValueType]) -> dict[str, object]:
    """Make the Python objects of parameters or outputs."""
    return {key: to_python(message) for key, message in parameters.items()}
