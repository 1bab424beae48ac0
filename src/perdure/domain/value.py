"""Values: what parameters, task inputs and task outputs are made of.

The domain carries a value as its kind and its encoded form, and never looks inside: a value is
decoded only where an expression needs it, outside the domain. The encoded form is the serialised
`perdure.v1.ValueType`, so that a value reaches a worker byte for byte as it was accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final

from perdure.domain.frozen import frozen


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


@frozen
class Value:
    """One typed value.

    Attributes:
        kind: Which of the nine kinds it is.
        encoded: The serialised `perdure.v1.ValueType` message.
    """

    kind: ValueKind
    encoded: bytes


class _NoValues(Mapping[str, Value]):
    """The empty map; hashable, so that it can be the default of a field of a record."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Value:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NO_VALUES: Final[Mapping[str, Value]] = _NoValues()
"""The empty parameter map, shared because most tasks map nothing."""


def total_size(values: Mapping[str, Value]) -> int:
    """Add up the encoded sizes of values, in bytes."""
    return sum([len(value.encoded) for value in values.values()]) if values else 0
