"""The first message of a session, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from perdure.codec.names import parse_id, parse_location
from perdure.dispatch.ready_queue import ALL_PROJECTS
from perdure.dispatch.settings import HANDLERS_MAX, LEASES_MAX
from perdure.domain.errors import FieldViolation, InvalidRequest, WrongState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.v1.worker_service_pb2 import WorkRequest

PROTOCOL_VERSION: Final = 1
"""The newest version of the worker protocol that this server speaks; it is the oldest one, too."""

TEXT_MAX: Final = 128
"""Longest incarnation or handler name, in characters."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who a session belongs to.

    Attributes:
        project: Whose tasks the worker performs; `-` for those of all projects.
        handlers: What it can do.
        held_leases: What it was given in earlier sessions and has not ended.
    """

    project: str
    worker_id: str
    incarnation: str
    handlers: frozenset[str]
    held_leases: tuple[str, ...]


def read_hello(hello: WorkRequest.Hello, location: str) -> Greeting:
    """Check a hello.

    Raises:
        InvalidRequest: A field is missing, malformed or too long.
        WrongState: The worker speaks no version of the protocol that this server does.
    """
    for field in ("parent", "worker_id", "incarnation", "protocol_version", "handlers"):
        if not getattr(hello, field):
            violation = FieldViolation(f"hello.{field}", "must be set")
            raise InvalidRequest(f"hello.{field} must be set", violation, reason="REQUIRED_FIELD_MISSING")
    if hello.protocol_version < PROTOCOL_VERSION:
        raise WrongState(
            f"this server speaks version {PROTOCOL_VERSION} of the worker protocol and none before",
            reason="PROTOCOL_VERSION_UNSUPPORTED",
        )
    handlers = [handler.name for handler in hello.handlers]
    _bound("hello.incarnation", [hello.incarnation], most=1)
    _bound("hello.handlers", handlers, most=HANDLERS_MAX)
    if len(hello.held_leases) > LEASES_MAX:
        refuse("hello.held_leases", f"at most {LEASES_MAX} are allowed")
    return Greeting(
        project=_read_project(hello.parent, location),
        worker_id=parse_id(hello.worker_id, "hello.worker_id"),
        incarnation=hello.incarnation,
        handlers=frozenset(handlers),
        held_leases=tuple(dict.fromkeys(hello.held_leases)),
    )


def refuse(path: str, description: str) -> NoReturn:
    """Refuse a message because of one field.

    Raises:
        InvalidRequest: Always.
    """
    raise InvalidRequest(f"{path}: {description}", FieldViolation(path, description))


def _bound(path: str, texts: Sequence[str], most: int) -> None:
    if len(texts) > most:
        refuse(path, f"at most {most} are allowed")
    if not all(0 < len(text) <= TEXT_MAX for text in texts):
        refuse(path, f"each has 1 to {TEXT_MAX} characters")


def _read_project(parent: str, location: str) -> str:
    if parent == f"projects/{ALL_PROJECTS}/locations/{location}":
        return ALL_PROJECTS
    name = parse_location(parent, "hello.parent")
    if name.location != location:
        violation = FieldViolation("hello.parent", f"this server serves the location {location}")
        raise InvalidRequest(f"hello.parent: {violation.description}", violation, reason="INVALID_NAME")
    return name.project
