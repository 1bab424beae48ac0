"""Traced values: stand for what a run will yield, and record what is done with them as expressions."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, NoReturn

from perdure.definition import terms
from perdure.definition.errors import TracingError

if TYPE_CHECKING:
    from perdure.definition.terms import Term


class Traced:
    """A value that only a run will have.

    Attributes, items, comparisons, arithmetic, `&`, `|` and `~` make further traced values. Whatever would
    need the value now raises `TracingError`.
    """

    __slots__ = ("_perdure_term",)

    def __init__(self, term: Term) -> None:
        self._perdure_term = term

    def __repr__(self) -> str:
        return f"<traced {self._perdure_term.text}>"

    def __getattr__(self, name: str) -> Traced:
        if name.startswith("__"):
            raise AttributeError(name)
        return Traced(terms.attribute(self._perdure_term, name))

    def __getitem__(self, index: object) -> Traced:
        if isinstance(index, slice):
            raise TracingError("an expression cannot slice; let a task do it")
        plain = index if isinstance(index, (int, str)) else None
        return Traced(terms.item(self._perdure_term, plain, to_term(index)))

    def __eq__(self, other: object) -> Traced:  # type: ignore[override]
        return _joined("==", self, other, bool)

    def __ne__(self, other: object) -> Traced:  # type: ignore[override]
        return _joined("!=", self, other, bool)

    def __lt__(self, other: object) -> Traced:
        return _joined("<", self, other, bool)

    def __le__(self, other: object) -> Traced:
        return _joined("<=", self, other, bool)

    def __gt__(self, other: object) -> Traced:
        return _joined(">", self, other, bool)

    def __ge__(self, other: object) -> Traced:
        return _joined(">=", self, other, bool)

    def __add__(self, other: object) -> Traced:
        return _joined("+", self, other)

    def __radd__(self, other: object) -> Traced:
        return _joined("+", other, self)

    def __sub__(self, other: object) -> Traced:
        return _joined("-", self, other)

    def __rsub__(self, other: object) -> Traced:
        return _joined("-", other, self)

    def __mul__(self, other: object) -> Traced:
        return _joined("*", self, other)

    def __rmul__(self, other: object) -> Traced:
        return _joined("*", other, self)

    def __truediv__(self, other: object) -> Traced:
        return Traced(terms.quotient(to_term(self), to_term(other)))

    def __rtruediv__(self, other: object) -> Traced:
        return Traced(terms.quotient(to_term(other), to_term(self)))

    def __and__(self, other: object) -> Traced:
        return _joined("&&", self, other, bool)

    def __rand__(self, other: object) -> Traced:
        return _joined("&&", other, self, bool)

    def __or__(self, other: object) -> Traced:
        return _joined("||", self, other, bool)

    def __ror__(self, other: object) -> Traced:
        return _joined("||", other, self, bool)

    def __invert__(self) -> Traced:
        return Traced(terms.unary("!", self._perdure_term))

    def __neg__(self) -> Traced:
        return Traced(terms.unary("-", self._perdure_term))

    def __bool__(self) -> NoReturn:
        raise TracingError("is true or false only in a run: use `with when(...)`, and `&`, `|`, `~` for and, or, not")

    def __iter__(self) -> NoReturn:
        raise TracingError("has its elements only in a run: use for_each to run a task for each of them")

    def __len__(self) -> NoReturn:
        raise TracingError("has its length only in a run: let a task count")

    def __contains__(self, _: object) -> NoReturn:
        raise TracingError("has its elements only in a run: let a task search them")

    def __hash__(self) -> NoReturn:
        raise TracingError("has its value only in a run, so it cannot be a key or an element of a set")

    def __str__(self) -> NoReturn:
        raise TracingError("has its text only in a run: join texts with +, or let a task format them")

    def __format__(self, _: str) -> NoReturn:
        raise TracingError("has its text only in a run: join texts with +, or let a task format them")

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse: the value has no methods."""
        raise TracingError("cannot be called: an expression has no methods, let a task do it")

    def __int__(self) -> NoReturn:
        raise TracingError("has its number only in a run")

    def __float__(self) -> NoReturn:
        raise TracingError("has its number only in a run")

    def __index__(self) -> NoReturn:
        raise TracingError("has its number only in a run")


def to_term(value: object) -> Term:
    """Take the term of a traced value, or write any other value as one.

    Raises:
        TracingError: The value cannot be written in an expression.
    """
    return terms.literal(value, _own_term)


def is_traced(value: object) -> bool:
    """Whether a value is traced or has traced values inside."""
    if isinstance(value, Traced):
        return True
    if isinstance(value, dict):
        return any(is_traced(element) for element in value.values())
    if isinstance(value, (list, tuple)):
        return any(is_traced(element) for element in value)
    if is_dataclass(value) and not isinstance(value, type):
        return any(is_traced(getattr(value, field.name)) for field in fields(value))
    return False


def _own_term(value: object) -> Term | None:
    return value._perdure_term if isinstance(value, Traced) else None  # noqa: SLF001 - the module's own class


def _joined(operator: str, left: object, right: object, annotation: object = None) -> Traced:
    return Traced(terms.binary(operator, to_term(left), to_term(right), annotation))
