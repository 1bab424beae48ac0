"""Arguments that are one of the values of an enum of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

_Value = TypeVar("_Value", bound=int)


def checked_choice(argument: str, value: _Value, choices: _EnumTypeWrapper[_Value]) -> _Value:
    """Return a value that can be sent, the one that stands for no choice included.

    Args:
        argument: The name of the argument, to name it in the error.
        value: What is given for it.
        choices: The enum.

    Raises:
        ValueError: The enum has no such value.
    """
    if value not in choices.values():
        allowed = ", ".join(name for name, number in choices.items() if number)
        raise ValueError(f"{argument} is {value!r}; it has to be one of {allowed}")
    return value
