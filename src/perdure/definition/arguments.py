"""Handlers' arguments and results, and the typed values that they travel as.

Tracing and the worker share this module, so that what one records the other can read.
"""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from perdure.codec.values import InvalidValue, decode_value, message_from_value, value_from_message
from perdure.definition.conversion import (
    ONLY_RESULT,
    dataclass_type,
    encode,
    field_types,
    kind_of,
    plain_annotation,
    reader,
    without_none,
)
from perdure.definition.errors import ConversionError, DefinitionError
from perdure.domain.limits import VALUE_MAX_BYTES
from perdure.domain.validation import PARAMETER_KEY, PARAMETER_KEY_RULE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from perdure.v1.value_pb2 import ValueType

_EMPTY = inspect.Parameter.empty
_PLAIN_PARAMETERS = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
_CONTEXT_CLASS = "TaskContext"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a function.

    Attributes:
        annotation: Its type, resolved; `Any` if it has none.
        required: Whether it has no default.
        default: Meaningless if it is required.
    """

    name: str
    annotation: object
    required: bool
    default: object


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and returns, in the order written.

    Attributes:
        name: Of the function, for messages.
        context: Name of the parameter that receives the `TaskContext`; empty if none does.
        returns: The type of its result, resolved; `Any` if it says nothing.
        python: The signature less the context, to bind calls to.
    """

    name: str
    arguments: Mapping[str, Argument]
    context: str
    returns: object
    python: inspect.Signature


def signature_of(function: Callable[..., object]) -> Signature:
    """Read the signature of a handler or of an integration.

    The context is the first parameter if it is annotated as `TaskContext`, or is named `ctx` and has no
    annotation.

    Raises:
        DefinitionError: It has parameters that cannot be filled by name, names that no input can have,
            annotations that do not resolve or for which no value can be read.
    """
    name = function.__qualname__
    python = inspect.signature(function)
    parameters = list(python.parameters.values())
    context = parameters[0].name if parameters and _is_context(parameters[0]) else ""
    arguments: dict[str, Argument] = {}
    for parameter in parameters[1:] if context else parameters:
        where = f"argument {parameter.name} of {name}"
        if parameter.kind not in _PLAIN_PARAMETERS:
            raise DefinitionError(f"{where} cannot be filled by its name; tasks and integrations have named arguments")
        if not PARAMETER_KEY.fullmatch(parameter.name):
            raise DefinitionError(f"{where} cannot be the name of an input: {PARAMETER_KEY_RULE}")
        annotation = _resolve(function, parameter.annotation, where)
        _check_readable(annotation, where)
        required = parameter.default is _EMPTY
        arguments[parameter.name] = Argument(
            parameter.name, annotation, required, None if required else parameter.default
        )
    returns = _resolve(function, python.return_annotation, f"the result of {name}")
    bound = python.replace(parameters=[python.parameters[argument] for argument in arguments])
    return Signature(name, arguments, context, returns, bound)


def bind_inputs(signature: Signature, inputs: Mapping[str, ValueType]) -> dict[str, Any]:
    """Make the keyword arguments of a call, less the context.

    Raises:
        ConversionError: An input is missing, unknown, or does not fit; the message names the argument.
    """
    unknown = inputs.keys() - signature.arguments.keys()
    if unknown:
        raise ConversionError(f"{signature.name} has no argument {', '.join(sorted(unknown))}")
    keywords: dict[str, Any] = {}
    for name, argument in signature.arguments.items():
        if name in inputs:
            path = f"argument {name}"
            keywords[name] = reader(argument.annotation)(_decode(inputs[name], path), path)
        elif argument.required:
            raise ConversionError(f"argument {name}: nothing is given for it")
    return keywords


class Outputs:
    """Makes the outputs of a task from what its handler returned; the annotation is looked at once.

    A dataclass yields one output for each field, None none unless the annotation is of the form `X | None`,
    and everything else yields the output `result`.

    Args:
        annotation: What the handler says it returns.
    """

    def __init__(self, annotation: object) -> None:
        self._annotation = annotation
        self._keeps_none = _is_optional_value(annotation)
        self._allows_none = annotation in {None, type(None), Any} or (
            without_none(annotation) is not plain_annotation(annotation)
        )
        self._has_one = not dataclass_type(annotation) and bool(output_types(annotation))
        self._kind = kind_of(annotation)

    def of(self, result: object) -> dict[str, ValueType]:
        """Make the outputs.

        Raises:
            ConversionError: The result does not fit the annotation, or has no form as a value.
        """
        if result is None and not self._keeps_none:
            if self._allows_none:
                return {}
            raise ConversionError(f"result: expected {_name(self._annotation)}, got nothing")
        if is_dataclass(result) and not isinstance(result, type):
            kinds = field_types(type(result))
            named = {field.name: getattr(result, field.name) for field in fields(result) if field.name in kinds}
            return {name: message_from_value(encode(one, kind_of(kinds[name]), name)) for name, one in named.items()}
        if not self._has_one:
            raise ConversionError(f"result: expected {_name(self._annotation)}, got {type(result).__qualname__}")
        return {ONLY_RESULT: message_from_value(encode(result, self._kind, ONLY_RESULT))}


def output_types(annotation: object) -> dict[str, object]:
    """Name the outputs that a function with this return annotation has, with their types."""
    cls = dataclass_type(annotation)
    if cls is not None:
        return dict(field_types(cls))
    return {} if annotation is None or annotation is type(None) else {ONLY_RESULT: plain_annotation(annotation)}


def _is_optional_value(annotation: object) -> bool:
    """Whether None is a value of its own here, other than for a dataclass, which would have no fields then."""
    return without_none(annotation) is not plain_annotation(annotation) and dataclass_type(annotation) is None


def _decode(message: ValueType, path: str) -> object:
    try:
        return decode_value(value_from_message(message, VALUE_MAX_BYTES))
    except InvalidValue as error:
        raise ConversionError(f"{path}: {error}") from None


def _is_context(parameter: inspect.Parameter) -> bool:
    if parameter.annotation is _EMPTY:
        return parameter.name == "ctx"
    annotation = parameter.annotation
    # Often only imported for type checkers, so that the name does not resolve here.
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return name.strip("\"'").rpartition(".")[2] == _CONTEXT_CLASS


def _resolve(function: Callable[..., object], annotation: object, where: str) -> object:
    if annotation is _EMPTY:
        return Any
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    written = inspect.unwrap(function)  # the names of a wrapped function belong to its own module
    try:
        namespace = {**getattr(written, "__globals__", {}), **inspect.getclosurevars(written).nonlocals}
        return typing.get_type_hints(holder, namespace, include_extras=True)["it"]
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise DefinitionError(f"the annotation of {where} cannot be resolved: {error}") from None


def _check_readable(annotation: object, where: str) -> None:
    try:
        reader(annotation)
    except (DefinitionError, TypeError) as error:
        raise DefinitionError(f"{where}: {error}") from None


def _name(annotation: object) -> str:
    return getattr(annotation, "__qualname__", str(annotation))
