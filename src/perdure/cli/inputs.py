"""Inputs of an execution from the command line: `key=value`, read as the type that the integration declares."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from perdure.codec.json_text import InvalidJson, parse_json
from perdure.codec.values import InvalidValue, encode_python, message_from_value
from perdure.domain.value import ValueKind
from perdure.v1.integration_pb2 import IntegrationParameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from perdure.v1.integration_pb2 import Integration
    from perdure.v1.value_pb2 import ValueType

_INPUTS: Final = frozenset({IntegrationParameter.INPUT_OUTPUT_TYPE_IN, IntegrationParameter.INPUT_OUTPUT_TYPE_IN_OUT})
_DIRECTIONS: Final = tuple(IntegrationParameter.InputOutputType.values())
_TRUTHS: Final = {"true": True, "false": False}
_ELEMENT_KINDS: Final = {
    ValueKind.STRING_ARRAY: ValueKind.STRING,
    ValueKind.INT_ARRAY: ValueKind.INT,
    ValueKind.DOUBLE_ARRAY: ValueKind.DOUBLE,
    ValueKind.BOOLEAN_ARRAY: ValueKind.BOOLEAN,
}

HELP: Final = """KEY=VALUE gives an input, read as the type that the integration declares: true or false, numbers, JSON;
a list is written as JSON or by giving its key several times. KEY=@FILE reads the value from a file, and KEY=@@TEXT
stands for @TEXT."""


def read_inputs(
    assignments: Sequence[str], document: str | None, integration: Integration | None
) -> dict[str, ValueType]:
    """Make the inputs of an execution.

    Args:
        assignments: `key=value` each.
        document: A JSON object with inputs by key, or `@FILE` with one; assignments go before it.
        integration: What declares the types. None lets each value be what it looks like.

    Raises:
        click.UsageError: Something cannot be read; all faults are named.
    """
    kinds = None if integration is None else _declared(integration, _INPUTS)
    return _read(assignments, _document(document), kinds, "input")


def read_parameters(assignments: Sequence[str], integration: Integration | None) -> dict[str, ValueType]:
    """Make new values for parameters of an execution, any of which may be given.

    Args:
        assignments: `key=value` each.
        integration: What declares the types. None lets each value be what it looks like.

    Raises:
        click.UsageError: Something cannot be read; all faults are named.
    """
    kinds = None if integration is None else _declared(integration, frozenset(_DIRECTIONS))
    return _read(assignments, {}, kinds, "parameter")


def read_payload(assignments: Sequence[str], document: str | None) -> dict[str, ValueType]:
    """Make values that nothing declares, so that each is what it looks like.

    Args:
        assignments: `key=value` each.
        document: As for `read_inputs`.

    Raises:
        click.UsageError: Something cannot be read; all faults are named.
    """
    return _read(assignments, _document(document), None, "value")


def _read(
    assignments: Sequence[str], document: Mapping[str, object], kinds: Mapping[str, ValueKind] | None, noun: str
) -> dict[str, ValueType]:
    values: dict[str, ValueType] = {}
    faults: list[str] = []
    texts_by_key = _grouped(assignments)
    reading = {key: partial(_from_texts, texts) for key, texts in texts_by_key.items()}
    reading |= {key: partial(_encoded, value) for key, value in document.items() if key not in texts_by_key}
    for key, read in reading.items():
        if kinds is not None and key not in kinds:
            faults.append(f"there is no {noun} {key!r}; the {noun}s are: {', '.join(kinds) or 'none'}")
            continue
        try:
            values[key] = read(None if kinds is None else kinds[key])
        except (InvalidValue, InvalidJson, OSError, UnicodeDecodeError) as error:
            faults.append(f"{noun} {key!r}: {error}")
    if faults:
        raise click.UsageError("\n".join(faults))
    return values


def _declared(integration: Integration, directions: frozenset[int]) -> dict[str, ValueKind]:
    return {
        parameter.key: ValueKind(parameter.data_type)
        for parameter in integration.parameters
        if parameter.input_output_type in directions
    }


def _grouped(assignments: Iterable[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{assignment!r} is not of the form key=value")
        grouped.setdefault(key, []).append(text)
    return grouped


def _document(document: str | None) -> dict[str, object]:
    if document is None:
        return {}
    try:
        parsed = parse_json(_content(document))
    except (InvalidJson, OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--json: {error}") from None
    if not isinstance(parsed, dict):
        raise click.UsageError("--json: expected a JSON object with the inputs by key")
    return parsed


def _from_texts(texts: Sequence[str], kind: ValueKind | None) -> ValueType:
    contents = [_content(text) for text in texts]
    if kind in _ELEMENT_KINDS:
        if len(contents) == 1 and contents[0].lstrip().startswith("["):
            return _encoded(parse_json(contents[0]), kind)
        return _encoded([_scalar(text, _ELEMENT_KINDS[kind]) for text in contents], kind)
    if len(contents) > 1:
        raise InvalidValue("is given several times and is no list")
    if kind is None:
        return _encoded(_guessed(contents[0]), None)
    return _encoded(_scalar(contents[0], kind), kind)


def _content(text: str) -> str:
    if text.startswith("@@"):
        return text[1:]
    return Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text


def _scalar(text: str, kind: ValueKind) -> object:
    try:
        if kind is ValueKind.INT:
            return int(text)
        if kind is ValueKind.DOUBLE:
            return float(text)
    except ValueError:
        raise InvalidValue(f"expected {'a whole number' if kind is ValueKind.INT else 'a number'}") from None
    if kind is ValueKind.BOOLEAN:
        if text.lower() not in _TRUTHS:
            raise InvalidValue("expected true or false")
        return _TRUTHS[text.lower()]
    return parse_json(text) if kind is ValueKind.JSON else text


def _guessed(text: str) -> object:
    """Take a text as JSON if it is any, else as itself."""
    try:
        return parse_json(text)
    except InvalidJson:
        return text


def _encoded(value: object, kind: ValueKind | None) -> ValueType:
    return message_from_value(encode_python(value, kind))
