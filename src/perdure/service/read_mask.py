"""Read masks (AIP-157): which fields of an execution an answer has.

A mask gives exactly the fields that it names, and `name` always: without it nobody could tell whose fields they are.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.field_mask_pb2 import FieldMask

from perdure.service.fields import Faults
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

EVERYTHING: Final = "*"
NAME: Final = "name"
PATH_SHOWN_CHARACTERS: Final = 40
WRONG_PATHS_SHOWN: Final = 20
"""So many paths that name no field are told at once; what is sent in a mask is not bounded otherwise."""

Fields = dict[str, "Fields"]
"""Fields by name, each with those of its own fields that are wanted; none means all of it."""


def read_paths(mask: FieldMask) -> tuple[str, ...]:
    """Read the paths of a mask: sorted, with `name`, and without those that others hold already.

    Returns:
        Nothing for a mask without paths, which is as good as none.

    Raises:
        InvalidRequest: Paths name no field of an execution; each of them is told.
    """
    # In the order of the request, so that its faults are.
    paths = dict.fromkeys(mask.paths)
    if not paths:
        return ()
    if EVERYTHING in paths:
        return (EVERYTHING,)
    _check(paths)
    canonical = FieldMask()
    canonical.CanonicalFormFromMask(FieldMask(paths=(NAME, *paths)))
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


def _check(paths: Iterable[str]) -> None:
    """Follow each path from message to message.

    Raises:
        InvalidRequest: Some lead nowhere.
    """
    faults = Faults()
    wrong = ((path, end) for path in paths if (end := _dead_end(path)) is not None)
    told: set[str] = set()
    for path, end in islice(wrong, WRONG_PATHS_SHOWN):
        short = path if len(path) <= PATH_SHOWN_CHARACTERS else path[:PATH_SHOWN_CHARACTERS] + "…"
        # What is allowed is told once for each place: a status has little room.
        allowed = "" if end.above in told else f"; {_allowed(end)}"
        faults.add("read_mask", f"{short!r} names no field{allowed}")
        told.add(end.above)
    faults.refuse_if_any()


class _DeadEnd(NamedTuple):
    """Where a path goes wrong.

    Attributes:
        above: The last field that it names, empty for the execution itself.
        message: Whose fields it could go on with; None if there are none.
    """

    above: str
    message: Descriptor | None


def _dead_end(path: str) -> _DeadEnd | None:
    message: Descriptor | None = Execution.DESCRIPTOR
    above = ""
    for name in path.split("."):
        field = None if message is None else message.fields_by_name.get(name)
        if field is None:
            return _DeadEnd(above, message)
        above = f"{above}.{name}" if above else name
        message = _message_of(field)
    return None


def _allowed(end: _DeadEnd) -> str:
    if end.message is None:
        return f"nothing below {end.above} can be asked for; ask for {end.above} as a whole"
    names = ", ".join(each.name for each in end.message.fields)
    return f"{end.above} has: {names}" if end.above else f"besides * there are: {names}"


def _message_of(field: FieldDescriptor) -> Descriptor | None:
    """Tell whose fields a path can go on with: not those of elements of lists and maps."""
    return None if field.is_repeated else field.message_type
