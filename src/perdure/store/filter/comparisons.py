"""Makes the typed comparison of a field, a comparator and a constant, or says why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.store.filter.constants import plain_number, read_parameter
from perdure.store.filter.fields import KEYED
from perdure.store.filter.scanner import refuse, shown
from perdure.store.filter.tree import Comparison, Not, Operator, parameter_text

if TYPE_CHECKING:
    from perdure.store.filter.constants import Kind, Operand
    from perdure.store.filter.scanner import Constant
    from perdure.store.filter.tree import AnyField, Condition

_ORDERS: Final = {
    "<": Operator.LESS,
    "<=": Operator.LESS_OR_EQUAL,
    ">": Operator.GREATER,
    ">=": Operator.GREATER_OR_EQUAL,
}


@dataclass(frozen=True, slots=True)
class Place:
    """What is compared.

    Attributes:
        offset: Where it is named, in characters from 0.
        kind: What it is compared with; None for a parameter, which can be of several kinds.
        key: Of the label or the parameter; empty if none was given, and for other fields.
    """

    offset: int
    field: AnyField
    kind: Kind | None
    key: str = ""

    @property
    def name(self) -> str:
        """The field and the key, for people."""
        return f'{self.field.value}."{shown(self.key)}"' if self.key else self.field.value


def compare(place: Place, comparator: str, at: int, constant: Constant) -> Condition:
    """Make a comparison.

    Args:
        place: What is compared.
        comparator: As it was written; `:` is `=` but for labels and parameters without a key, where it asks
            for the key.
        at: Where the comparator stands, in characters from 0.
        constant: What it is compared with.

    Raises:
        InvalidRequest: There is no such comparison (`FILTER_INVALID`).
    """
    if constant.star is not None:
        refuse(constant.star, "a * stands for more characters at the end of a text only; \\* in quotes is a plain one")
    if place.field in KEYED and not place.key:
        return _presence_of_key(place, comparator, at, constant)
    operator = _ORDERS.get(comparator)
    if operator is not None:
        return _ordered(place, operator, at, constant)
    if constant.any_value:
        found = Comparison(place.field, Operator.SET, None, place.key)
    elif constant.prefix:
        found = _prefix(place, constant)
    else:
        found = Comparison(place.field, Operator.EQUAL, _equal_operand(place, constant), place.key)
    return Not(found) if comparator == "!=" else found


def _presence_of_key(place: Place, comparator: str, at: int, constant: Constant) -> Comparison:
    """Read `labels:KEY`."""
    name = place.field.value
    if comparator != ":":
        refuse(at, f"{name} has a value for each key; write {name}.KEY to compare one, or {name}:KEY to ask for a key")
    if constant.prefix or not constant.text:
        refuse(constant.offset, f"a key is expected behind {name}: and written out; in quotes, \\* is the character *")
    return Comparison(place.field, Operator.SET, None, constant.text)


def _ordered(place: Place, operator: Operator, at: int, constant: Constant) -> Comparison:
    if place.kind is not None and not place.kind.ordered:
        refuse(at, f"{place.name} has no order; compare it by = or !=")
    if constant.prefix:
        refuse(constant.offset, f"a * at the end goes with =, != and : only, not with {operator.value}")
    if place.kind is not None:
        return Comparison(place.field, operator, _operand(place, place.kind, constant), place.key)
    value = _parameter_value(constant)
    if isinstance(value, bool):
        refuse(at, "true and false have no order; compare by = or !=, or quote a text")
    return Comparison(place.field, operator, value if isinstance(value, str) else plain_number(value), place.key)


def _prefix(place: Place, constant: Constant) -> Comparison:
    if place.kind is not None and not place.kind.prefixes:
        refuse(constant.offset, f"found {shown(constant.text)}*; {place.name} {place.kind.allowed}")
    return Comparison(place.field, Operator.PREFIX, constant.text, place.key)


def _equal_operand(place: Place, constant: Constant) -> Operand:
    if place.kind is None:
        return parameter_text(_parameter_value(constant))
    return _operand(place, place.kind, constant)


def _operand(place: Place, kind: Kind, constant: Constant) -> Operand:
    operand = kind.read(constant.text)
    if operand is None and not constant.text:
        refuse(constant.offset, f"found an empty text; write NOT {place.name}:* to find what has no {place.name}")
    if operand is None:
        refuse(constant.offset, f"found {shown(constant.text)}; {place.name} {kind.allowed}")
    return operand


def _parameter_value(constant: Constant) -> Operand:
    """Read what a parameter is compared with: in quotes always a text."""
    if constant.quoted:
        return constant.text
    try:
        value = read_parameter(constant.text)
    except OverflowError:
        refuse(constant.offset, f"the number {shown(constant.text)} is too large; quote it if it is a text")
    return constant.text if value is None else value
