"""The check of required fields, compiled from the `field_behavior` annotations of a request.

Only the request's own fields are looked at: the faults inside a definition are reported together with all
its other faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api import field_behavior_pb2

from perdure.domain.errors import FieldViolation, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message


def required_fields(descriptor: Descriptor) -> tuple[str, ...]:
    """List the required fields of a message, in the order of their declaration."""
    return tuple(
        field.name
        for field in descriptor.fields
        if field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    )


def check_of(descriptor: Descriptor) -> Callable[[Message], None]:
    """Make the check of one type of request; the check raises `InvalidRequest` and names every field."""
    names = required_fields(descriptor)
    present = frozenset(name for name in names if descriptor.fields_by_name[name].has_presence)

    def check(request: Message) -> None:
        missing = [
            name for name in names if not (request.HasField(name) if name in present else getattr(request, name))
        ]
        if missing:
            violations = [FieldViolation(name, "must be set") for name in missing]
            message = f"must be set: {', '.join(missing)}"
            raise InvalidRequest(message, *violations, reason="REQUIRED_FIELD_MISSING")

    return check
