"""Handlers as the worker performs them: a function, where it runs, and how values become arguments."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from perdure.v1.value_pb2 import ValueType


class Place(Enum):
    """Where a handler runs."""

    LOOP = "async"
    THREAD = "thread"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Handler:
    """One handler, bound once, so that performing it looks at no signature.

    Attributes:
        name: What the task of an integration calls it.
        function: User code.
        takes_context: Whether the first argument is a `TaskContext`.
        arguments: Names of the other arguments.
        bind: Makes the keyword arguments; raises `ConversionError`.
        outputs: Makes the outputs by name; raises `ConversionError`.
    """

    name: str
    function: Callable[..., Any]
    place: Place
    takes_context: bool
    arguments: Collection[str]
    bind: Callable[[Mapping[str, ValueType]], Mapping[str, Any]]
    outputs: Callable[[Any], Mapping[str, ValueType]]
