"""Integrations in YAML 1.2: exactly the proto3 JSON of `perdure.v1.Integration`, with places in all errors.

A definition is data, so that what makes YAML more than data is refused: anchors, aliases, tags, several
documents in one file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from perdure.definition.errors import DefinitionError
from perdure.v1.integration_pb2 import Integration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

YAML_MAX_BYTES: Final = 1 << 20
YAML_MAX_DEPTH: Final = 64

_SHOWN_CHARACTERS: Final = 40

_STEP: Final = re.compile(r'\.([a-z_0-9]+)|\[(\d+)\]|\["([^"]*)"\]')
_HALF_PAIR: Final = re.compile(r"[\ud800-\udfff]")
_DURATION: Final = "google.protobuf.Duration"
_TIMESTAMP: Final = "google.protobuf.Timestamp"
_TAG: Final = "tag:yaml.org,2002:"
_NOUNS: Final = {
    "str": "text",
    "timestamp": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "map": "a mapping",
    "seq": "a list",
}
_INTEGERS: Final = ("int", "str")
_EXPECTED: Final = {
    FieldDescriptor.CPPTYPE_STRING: (("str", "timestamp"), "text"),
    FieldDescriptor.CPPTYPE_BOOL: (("bool",), "true or false"),
    FieldDescriptor.CPPTYPE_INT32: (_INTEGERS, "a whole number"),
    FieldDescriptor.CPPTYPE_INT64: (_INTEGERS, "a whole number"),
    FieldDescriptor.CPPTYPE_DOUBLE: (("int", "float", "str"), "a number"),
}


class _Node(Protocol):
    """What ruamel.yaml makes of a piece of text: `value` is its text, its elements, or pairs of key and value."""

    tag: object
    value: Any
    start_mark: Any


class YamlError(DefinitionError):
    """A YAML text is no definition of an integration.

    Attributes:
        faults: One line for each fault: `file:line:column: path: what is wrong`.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def load_integration(text: str, filename: str) -> Integration:
    """Read a definition.

    Args:
        text: YAML of at most 1 MiB.
        filename: Named in errors.

    Raises:
        YamlError: It is no YAML, or not the proto3 JSON of an integration; all faults of the second kind at once.
        DefinitionError: The extra `yaml` is not installed.
    """
    if len(text.encode(errors="replace")) > YAML_MAX_BYTES:
        raise YamlError([f"{filename}:1:1: the text has more than {YAML_MAX_BYTES} bytes, the limit"])
    root = _compose(text, filename)
    message = Integration()
    reading = _Reading(filename)
    reading.read_message(root, message, "")
    if reading.faults:
        raise YamlError(reading.faults)
    return message


def place_of(text: str, filename: str, path: str) -> str:
    """Say where a field stands that a server found a fault in: `file:line:column`.

    Args:
        text: What `load_integration` has read.
        filename: As it was given there.
        path: Of the field, such as `integration.tasks[3].next_tasks[0].task_id`. Of one that is not written the
            nearest around it is meant.

    Raises:
        YamlError: The text is no YAML.
    """
    node = _compose(text, filename)
    for name, position, key in _STEP.findall(path.removeprefix("integration")):
        found = _child(node, name, position, key)
        if found is None:
            break
        node = found
    return f"{filename}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _child(node: _Node, name: str, position: str, key: str) -> _Node | None:
    if position:
        inside = node.value if _kind(node) == "seq" else []
        return inside[int(position)] if int(position) < len(inside) else None
    head, *rest = name.split("_")
    wanted = {name, head + "".join(map(str.capitalize, rest))} if name else {key}
    entries = node.value if _kind(node) == "map" else []
    return next((value for one, value in entries if one.value in wanted), None)


def _compose(text: str, filename: str) -> _Node:
    """Parse, refusing what is more than data before anything is built of it."""
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415 - only who writes YAML needs it
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415
    except ImportError:
        raise DefinitionError("reading YAML needs ruamel.yaml: install perdure[yaml]") from None
    try:
        _check_events(YAML(typ="safe", pure=True).parse(text), filename)
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise YamlError([f"{filename}:{place}: {error.problem or error.context}"]) from None
    except YAMLError as error:
        raise YamlError([f"{filename}:1:1: {str(error).partition(chr(10))[0]}"]) from None
    if root is None:
        raise YamlError([f"{filename}:1:1: the text holds no definition"])
    node: _Node = root
    return node


def _check_events(events: Iterator[Any], filename: str) -> None:
    depth = documents = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        documents += kind == "DocumentStartEvent"
        problem = ""
        if getattr(event, "anchor", None) is not None:
            problem = "anchors and aliases are not allowed; write the value out"
        elif getattr(event, "tag", None) is not None:
            problem = "tags are not allowed"
        elif _HALF_PAIR.search(str(getattr(event, "value", ""))):
            problem = "holds one half of a surrogate pair"
        elif depth > YAML_MAX_DEPTH:
            problem = f"nests deeper than {YAML_MAX_DEPTH} levels"
        elif documents > 1:
            problem = "a second document; one file holds one integration"
        if problem:
            mark = event.start_mark
            raise YamlError([f"{filename}:{mark.line + 1}:{mark.column + 1}: {problem}"])


@dataclass(slots=True)
class _Reading:
    """One pass over the nodes of a text, from the root to the leaves."""

    filename: str
    faults: list[str] = field(default_factory=list)

    def read_message(self, node: _Node, message: Message, path: str) -> None:
        """Fill a message from a mapping."""
        fields = _fields(message)
        filled: dict[str, str] = {}
        for name, key, value in self._entries(node, path):
            where = f"{path}.{name}" if path else name
            if name not in fields:
                known = ", ".join(sorted({one.json_name for one in fields.values()}))
                self._fault(key, where, f"there is no such field; the fields here are {known}")
                continue
            descriptor = fields[name]
            slot = descriptor.containing_oneof.name if descriptor.containing_oneof else descriptor.name
            if slot in filled:
                self._fault(key, where, f"only one of {filled[slot]} and {name} can be set, and only once")
                continue
            filled[slot] = name
            if _kind(value) != "null":
                self._read_field(value, message, descriptor, where)

    def _read_field(self, node: _Node, message: Message, descriptor: FieldDescriptor, path: str) -> None:
        if descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
            self._read_map(node, message, descriptor, path)
        elif descriptor.is_repeated:
            for position, element in enumerate(self._elements(node, path)):
                where = f"{path}[{position}]"
                if descriptor.message_type is not None:
                    self.read_message(element, getattr(message, descriptor.name).add(), where)
                else:
                    self._read_leaf(element, message, descriptor, where)
        elif descriptor.message_type is None or descriptor.message_type.full_name in {_DURATION, _TIMESTAMP}:
            self._read_leaf(node, message, descriptor, path)
        else:
            inner = getattr(message, descriptor.name)
            inner.SetInParent()
            self.read_message(node, inner, path)

    def _read_map(self, node: _Node, message: Message, descriptor: FieldDescriptor, path: str) -> None:
        assert descriptor.message_type is not None
        value_field = descriptor.message_type.fields_by_name["value"]
        seen: set[str] = set()
        for name, key, value in self._entries(node, path):
            where = f'{path}["{name}"]'
            if name in seen:
                self._fault(key, where, "is set already")
            elif value_field.message_type is not None:
                self.read_message(value, getattr(message, descriptor.name)[name], where)
            else:
                for plain in self._plain(value, value_field, where):
                    getattr(message, descriptor.name)[name] = plain
            seen.add(name)

    def _read_leaf(self, node: _Node, message: Message, descriptor: FieldDescriptor, path: str) -> None:
        for plain in self._plain(node, descriptor, path):
            content = [plain] if descriptor.is_repeated else plain
            read = type(message)()
            try:
                json_format.ParseDict({descriptor.json_name: content}, read)
            except json_format.ParseError:
                shown = str(node.value)[:_SHOWN_CHARACTERS]
                self._fault(node, path, f'"{shown}" is not {_expected(descriptor)[1]} that this field can hold')
            else:
                message.MergeFrom(read)

    def _plain(self, node: _Node, descriptor: FieldDescriptor, path: str) -> tuple[object, ...]:
        """Hand out what JSON would hold for a leaf, or nothing if its type is wrong."""
        kind = _kind(node)
        if descriptor.enum_type is not None:
            allowed = [value.name for value in descriptor.enum_type.values]
            if node.value not in allowed:
                self._fault(node, path, f"expected one of {', '.join(allowed)}")
                return ()
            return (node.value,)
        kinds, expected = _expected(descriptor)
        if kind not in kinds:
            hint = "; put it in quotes" if "int" not in kinds and kind in {"int", "float", "bool"} else ""
            self._fault(node, path, f"expected {expected}, got {_NOUNS.get(kind, kind)}{hint}")
            return ()
        if kind == "bool":
            return (node.value.lower() == "true",)
        return (_number(node.value) if kind in {"int", "float"} else node.value,)

    def _entries(self, node: _Node, path: str) -> Iterator[tuple[str, _Node, _Node]]:
        if _kind(node) != "map":
            self._fault(node, path, f"expected a mapping, got {_NOUNS.get(_kind(node), _kind(node))}")
            return
        for key, value in node.value:
            if _kind(key) in {"map", "seq"}:
                self._fault(key, path, "a key must be a plain text")
            else:
                yield str(key.value), key, value

    def _elements(self, node: _Node, path: str) -> list[_Node]:
        if _kind(node) != "seq":
            self._fault(node, path, f"expected a list, got {_NOUNS.get(_kind(node), _kind(node))}")
            return []
        return list(node.value)

    def _fault(self, node: _Node, path: str, description: str) -> None:
        mark = node.start_mark
        at = f"{path}: " if path else ""
        self.faults.append(f"{self.filename}:{mark.line + 1}:{mark.column + 1}: {at}{description}")


def _expected(descriptor: FieldDescriptor) -> tuple[tuple[str, ...], str]:
    if descriptor.message_type is None:
        return _EXPECTED[descriptor.cpp_type]
    of_time = descriptor.message_type.full_name == _DURATION
    return ("str", "timestamp"), 'a length of time such as "30s"' if of_time else "an instant in RFC 3339 text"


def _fields(message: Message) -> dict[str, FieldDescriptor]:
    """Collect the fields by both of their names, as proto3 JSON allows."""
    return {
        name: cast("FieldDescriptor", one) for one in message.DESCRIPTOR.fields for name in (one.name, one.json_name)
    }


def _kind(node: _Node) -> str:
    return str(node.tag).removeprefix(_TAG)


def _number(text: str) -> int | float | str:
    """Read a number; text that only YAML takes for one is left to the parser of JSON to refuse."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
