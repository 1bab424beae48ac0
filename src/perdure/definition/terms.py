"""Terms: pieces of CEL with what is known about them while an integration is traced.

Types come from annotations. They are needed because CEL, unlike Python, neither adds a whole number to a
double nor divides two whole numbers exactly; where a type is not known, nothing is converted.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from perdure.definition.conversion import ONLY_RESULT, dataclass_type, field_types, to_plain, without_none
from perdure.definition.errors import TracingError

if TYPE_CHECKING:
    from collections.abc import Callable

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED: Final = frozenset(
    {
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
    }
)
_INT_MIN: Final = -(1 << 63)
_INT_MAX: Final = (1 << 63) - 1
_SCALARS: Final = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Term:
    """A piece of CEL.

    Attributes:
        annotation: Python type of the value; `Any` if it is not known.
        tasks: Ids of the tasks whose outputs it reads.
        atomic: Whether it can be an operand without parentheses.
        output: Task and result, if the value is exactly one result of a task; an empty result means all
            results of the task as one object.
        items_wrapped: Whether it is the list that a loop over a task with one result yields, whose elements
            are objects around that result.
    """

    text: str
    annotation: object = Any
    tasks: frozenset[str] = frozenset()
    atomic: bool = True
    output: tuple[str, str] | None = None
    items_wrapped: bool = False

    @property
    def operand(self) -> str:
        """The text, in parentheses where it needs them."""
        return self.text if self.atomic else f"({self.text})"


def selected(text: str, name: str) -> str:
    """Select a name, with a dot where the language allows it."""
    if _IDENTIFIER.fullmatch(name) and name not in _RESERVED:
        return f"{text}.{name}"
    return f"{text}[{json.dumps(name, ensure_ascii=False)}]"


def literal(value: object, term_of: Callable[[object], Term | None]) -> Term:
    """Write a value in CEL; what is traced inside it becomes its expression.

    Args:
        value: Anything that JSON can hold, dataclasses included.
        term_of: Tells a traced value's term; None for any other value.

    Raises:
        TracingError: The value, or one inside it, cannot be written.
    """
    term = term_of(value)
    if term is not None:
        return term
    if isinstance(value, (Enum, datetime)):
        value = to_plain(value, "value")
    if value is None or isinstance(value, _SCALARS):
        return Term(_scalar(value), annotation=type(value))
    if is_dataclass(value) and not isinstance(value, type):
        entries: dict[Any, object] = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        return _map(entries, type(value), term_of)
    if isinstance(value, dict):
        return _map(value, dict, term_of)
    if isinstance(value, (list, tuple)):
        parts = [unwrapped(literal(element, term_of)) for element in value]
        return Term(f"[{', '.join(part.text for part in parts)}]", list, _tasks(*parts))
    raise TracingError(f"{type(value).__qualname__} has no form in an expression")


def binary(operator: str, left: Term, right: Term, annotation: object = None) -> Term:
    """Join two terms; without an annotation the result has the type of the operands."""
    left, right = _alike(operator, unwrapped(left), unwrapped(right))
    if annotation is None:
        annotation = left.annotation if left.annotation == right.annotation else Any
    return Term(f"{left.operand} {operator} {right.operand}", annotation, _tasks(left, right), atomic=False)


def quotient(left: Term, right: Term) -> Term:
    """Divide exactly, as Python does."""
    return binary("/", as_double(left), as_double(right), float)


def unary(operator: str, term: Term) -> Term:
    """Put an operator before a term."""
    return Term(f"{operator}{term.operand}", term.annotation, term.tasks, atomic=False)


def attribute(term: Term, name: str) -> Term:
    """Select a field of a dataclass, or a key of an object of unknown shape.

    Raises:
        TracingError: The type of the term has no such field, or no fields at all.
    """
    annotation = without_none(term.annotation)
    cls = dataclass_type(annotation)
    if cls is not None:
        types = field_types(cls)
        if name not in types:
            raise TracingError(f"{cls.__name__} has no field {name}; it has {', '.join(types)}")
        kind = types[name]
    elif annotation in {Any, object, dict} or get_origin(annotation) is dict:
        kind = _element_type(annotation)
    else:
        raise TracingError(f"{_name(annotation)} has no {name} that an expression can read; let a task work on it")
    of_task = term.output is not None and not term.output[1]
    output = (term.output[0], name) if of_task and term.output else None
    return Term(selected(term.operand, name), kind, term.tasks, output=output)


def item(term: Term, index: object, index_term: Term) -> Term:
    """Select an element of a list, or a key of an object.

    Raises:
        TracingError: The index is negative or a slice, or the type of the term has no elements.
    """
    if isinstance(index, int) and index < 0:
        raise TracingError("an expression cannot count from the end of a list")
    annotation = without_none(term.annotation)
    if dataclass_type(annotation) or annotation in _SCALARS:
        raise TracingError(f"{_name(annotation)} has no elements that an expression can read")
    text = selected(term.operand, index) if isinstance(index, str) else f"{term.operand}[{index_term.text}]"
    if term.items_wrapped:
        text = selected(text, ONLY_RESULT)
    return Term(text, _element_type(annotation), _tasks(term, index_term))


def unwrapped(term: Term) -> Term:
    """Take the single results out of the objects around them, if the term is a loop's list of such.

    The language bounds the work of this: beyond some two thousand items the expression fails in a run.
    """
    if not term.items_wrapped:
        return term
    text = f"{term.operand}.map(one, one == null ? null : one.{ONLY_RESULT})"
    return Term(text, term.annotation, term.tasks)


def as_double(term: Term) -> Term:
    """Make a double of a number."""
    if term.annotation is float:
        return term
    if term.annotation is int and not term.tasks and re.fullmatch(r"-?\d+", term.text):
        return Term(_scalar(float(term.text)), float)
    return Term(f"double({term.text})", float, term.tasks)


def _alike(operator: str, left: Term, right: Term) -> tuple[Term, Term]:
    """Make both numbers doubles if one is."""
    kinds = {left.annotation, right.annotation}
    # Comparing finds its way between numbers whose types only the run tells; arithmetic does not.
    converted = {int} if operator in {"==", "!=", "<", "<=", ">", ">="} else {int, Any}
    if float in kinds and kinds & converted:
        return as_double(left), as_double(right)
    return left, right


def _map(entries: dict[Any, object], annotation: object, term_of: Callable[[object], Term | None]) -> Term:
    if not all(isinstance(key, str) for key in entries):
        raise TracingError("the keys of an object must be plain strings")
    parts = {key: unwrapped(literal(value, term_of)) for key, value in entries.items()}
    inside = ", ".join(f"{_scalar(key)}: {part.text}" for key, part in parts.items())
    return Term(f"{{{inside}}}", annotation, _tasks(*parts.values()))


def _scalar(value: object) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise TracingError("an expression cannot hold a NUL character")
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        raise TracingError("an expression cannot hold NaN or Infinity")
    if isinstance(value, int) and not _INT_MIN <= value <= _INT_MAX:
        raise TracingError("an expression cannot hold an integer of more than 64 bits")
    return json.dumps(value)


def _tasks(*terms: Term) -> frozenset[str]:
    return frozenset().union(*(term.tasks for term in terms))


def _element_type(annotation: object) -> object:
    arguments = get_args(annotation)
    return arguments[-1] if arguments else Any


def _name(annotation: object) -> str:
    return getattr(annotation, "__qualname__", str(annotation))
