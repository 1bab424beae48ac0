"""What all recorded steps share: their inputs as sources, and their results as traced values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from perdure.codec.values import message_from_value
from perdure.definition.arguments import output_types
from perdure.definition.conversion import ONLY_RESULT, dataclass_type, encode, kind_of, unwraps, without_none
from perdure.definition.errors import ConversionError, TracingError
from perdure.definition.terms import Term, selected, unwrapped
from perdure.definition.traced import Traced, is_traced, to_term

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.definition.arguments import Signature
    from perdure.v1.task_config_pb2 import TaskConfig


def split_id(signature: Signature, keywords: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Take the id of the task out of the arguments, unless the function has an argument of that name."""
    rest = dict(keywords)
    task_id = rest.pop("id", "") if "id" not in signature.arguments else ""
    if not isinstance(task_id, str):
        raise TracingError("the id of a task is a plain str")
    return rest, task_id


def bind_call(signature: Signature, values: tuple[object, ...], keywords: Mapping[str, Any]) -> dict[str, object]:
    """Name the arguments of a call.

    Raises:
        TracingError: The function cannot be called like this.
    """
    try:
        return dict(signature.python.bind(*values, **keywords).arguments)
    except TypeError as error:
        raise TracingError(f"{signature.name}: {error}") from None


def add_inputs(config: TaskConfig, signature: Signature, values: Mapping[str, object]) -> frozenset[str]:
    """Write the arguments of a call into a task, and say which tasks' results they read.

    Raises:
        TracingError: A value has no form as an input.
    """
    reads: frozenset[str] = frozenset()
    for name, value in values.items():
        if is_traced(value):
            term = _for_argument(to_term(value), signature.arguments[name].annotation)
            config.parameters[name].expression = term.text
            reads |= term.tasks
        else:
            try:
                constant = encode(value, kind_of(signature.arguments[name].annotation), f"argument {name}")
            except ConversionError as error:
                raise TracingError(str(error)) from None
            config.parameters[name].constant.CopyFrom(message_from_value(constant))
    return reads


def outputs_of_task(task_id: str, annotation: object) -> Traced | None:
    """Stand for the results of a task; None if it has none."""
    if not output_types(annotation):
        return None
    text = f"{selected('tasks', task_id)}.outputs"
    reads = frozenset({task_id})
    if dataclass_type(annotation):
        return Traced(Term(text, annotation, reads, output=(task_id, "")))
    return Traced(Term(selected(text, ONLY_RESULT), annotation, reads, output=(task_id, ONLY_RESULT)))


def _for_argument(term: Term, annotation: object) -> Term:
    """Leave it to the worker to unwrap the items of a loop where it can tell; an expression is bounded."""
    elements = get_args(without_none(annotation))
    return term if elements and unwraps(elements[0]) else unwrapped(term)
