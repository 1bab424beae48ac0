"""Values: what parameters, task inputs and task outputs are made of.

The domain carries a value as its kind and its encoded form, and never looks inside: a value is
decoded only where an expression needs it, outside the domain. The encoded form is the serialised
`perdure.v1.ValueType`, so that a value reaches a worker byte for byte as it was accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ValueKind(IntEnum):
    """The nine kinds of a value; the numbers are the field numbers of `ValueType` (1A.3)."""

    STRING = 1
    INT = 2
    DOUBLE = 3
    BOOLEAN = 4
    STRING_ARRAY = 5
    INT_ARRAY = 6
    DOUBLE_ARRAY = 7
    BOOLEAN_ARRAY = 8
    JSON = 9


@dataclass(frozen=True, slots=True)
class Value:
    """One typed value.

    Attributes:
        kind: Which of the nine kinds it is.
        encoded: The serialised `perdure.v1.ValueType` message.
    """

    kind: ValueKind
    encoded: bytes


NO_VALUES: Final[Mapping[str, Value]] = MappingProxyType({})
"""The empty parameter map, shared because most tasks map nothing."""
