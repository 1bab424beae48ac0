"""What a list is ordered by, in the syntax of AIP-132: one field, and perhaps `asc` or `desc` (row 24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.store.queries import OrderField

if TYPE_CHECKING:
    from perdure.store.errors import OrderTooWide

SHOWN_CHARACTERS: Final = 40

_ALLOWED: Final = ", ".join(field.value for field in OrderField)


class Order(NamedTuple):
    """An order.

    Attributes:
        descending: Whether the greatest comes first.
    """

    field: OrderField = OrderField.CREATE_TIME
    descending: bool = True


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


_FIELDS: Final = {name: field for field in OrderField for name in (field.value, _camel_case(field.value))}
_DIRECTIONS: Final = {"asc": False, "desc": True}


def read_order(text: str) -> Order:
    """Read the field `order_by` of a request; without one the newest come first.

    Raises:
        InvalidRequest: It is not well formed, or names a field that lists cannot be ordered by (`ORDER_BY_INVALID`).
    """
    if "," in text:
        _refuse("names several fields; use one: equal executions are ordered by create_time, newest first")
    name, *direction = text.split() or [OrderField.CREATE_TIME.value, "desc"]
    field = _FIELDS.get(name)
    if field is None:
        _refuse(f"{_shown(name)} is no field that lists can be ordered by; use one of {_ALLOWED}")
    if len(direction) > 1 or not _DIRECTIONS.keys() >= set(direction):
        _refuse(f"found {_shown(' '.join(direction))} behind {field.value}; use asc, desc or nothing, which means asc")
    return Order(field, any(_DIRECTIONS[each] for each in direction))


def too_wide(order: Order, error: OrderTooWide) -> InvalidRequest:
    """Make the refusal of an order that leaves too many executions to sort (`ORDER_BY_TOO_WIDE`)."""
    description = (
        f"{error}; to order by {order.field.value}, join to the filter a comparison by = of execution_id, state,"
        " labels.KEY, trigger_id, parent, root or parameters.KEY, or a range of create_time, or leave order_by out"
    )
    return InvalidRequest(
        f"order_by: {description}", FieldViolation("order_by", description), reason="ORDER_BY_TOO_WIDE"
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…")


def _refuse(description: str) -> NoReturn:
    violation = FieldViolation("order_by", description)
    raise InvalidRequest(f"order_by: {description}", violation, reason="ORDER_BY_INVALID")
