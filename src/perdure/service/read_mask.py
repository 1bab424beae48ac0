"""Read masks (AIP-157): which fields of an execution an answer has.

A mask gives exactly the fields that it names, so `name` comes only if it is asked for, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from google.protobuf.field_mask_pb2 import FieldMask

from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

EVERYTHING: Final = "*"
PATH_SHOWN_CHARACTERS: Final = 40

Fields = dict[str, "Fields"]
"""Fields by name, each with those of its own fields that are wanted; none means all of it."""


def read_paths(mask: FieldMask) -> tuple[str, ...]:
    """Read the paths of a mask: sorted, and without those that others hold already.

    Raises:
        InvalidRequest: A path names no field of an execution.
    """
    paths = set(mask.paths)
    if EVERYTHING in paths:
        return (EVERYTHING,)
    for path in paths:
        _check(path)
    canonical = FieldMask()
    canonical.CanonicalFormFromMask(FieldMask(paths=paths))
    return tuple(canonical.paths)


def fields_of(paths: tuple[str, ...]) -> Fields:
    """Arrange paths, of which none holds another, by the messages that they lead through."""
    fields: Fields = {}
    for path in paths:
        level = fields
        for name in path.split("."):
            level = level.setdefault(name, {})
    return fields


def asks_for(fields: Fields, path: str) -> bool:
    """Whether the field at a path is among the fields, alone or with what holds it."""
    for name in path.split("."):
        if name not in fields:
            return False
        fields = fields[name]
        if not fields:
            return True
    return True


def keep_only(message: Message, fields: Fields) -> None:
    """Clear all other fields of a message."""
    for field, value in message.ListFields():
        wanted = fields.get(field.name)
        if wanted is None:
            message.ClearField(field.name)
        elif wanted:
            keep_only(value, wanted)


def _check(path: str) -> None:
    """Follow a path from message to message.

    Raises:
        InvalidRequest: It leads nowhere.
    """
    message: Descriptor | None = Execution.DESCRIPTOR
    above = ""
    for name in path.split("."):
        if message is None:
            _refuse(path, f"nothing below {above} can be asked for; ask for {above} as a whole")
        field = message.fields_by_name.get(name)
        if field is None:
            allowed = ", ".join(each.name for each in message.fields)
            _refuse(path, f"{above} has: {allowed}" if above else f"besides * there are: {allowed}")
        above = f"{above}.{name}" if above else name
        message = _message_of(field)


def _message_of(field: FieldDescriptor) -> Descriptor | None:
    """Tell whose fields a path can go on with: not those of elements of lists and maps."""
    return None if field.is_repeated else field.message_type


def _refuse(path: str, allowed: str) -> NoReturn:
    short = path if len(path) <= PATH_SHOWN_CHARACTERS else path[:PATH_SHOWN_CHARACTERS] + "…"
    description = f"{short!r} names no field; {allowed}"
    raise InvalidRequest(f"read_mask: {description}", FieldViolation("read_mask", description))
