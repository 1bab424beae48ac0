"""What an integration returns, as outputs of its executions.

A result of a task becomes an output by a mapping, as soon as the task succeeds. Everything else is computed
by an `assign` after the last statement.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from perdure.definition.arguments import output_types
from perdure.definition.conversion import dataclass_type, kind_of
from perdure.definition.errors import DefinitionError
from perdure.definition.terms import Term, as_double, attribute, selected, unwrapped
from perdure.definition.traced import Traced, to_term
from perdure.v1 import integration_pb2 as v1
from perdure.v1.task_config_pb2 import AssignConfig, TaskConfig

if TYPE_CHECKING:
    from perdure.definition.arguments import Signature
    from perdure.definition.trace import Trace

_OUT = v1.IntegrationParameter.INPUT_OUTPUT_TYPE_OUT
_IN_OUT = v1.IntegrationParameter.INPUT_OUTPUT_TYPE_IN_OUT


def declare_outputs(message: v1.Integration, trace: Trace, returned: object, signature: Signature) -> None:
    """Declare the outputs of a traced function, and have them set.

    Raises:
        TracingError: An output is computed from what may not have run.
        DefinitionError: What it returns does not go with its annotation.
    """
    inputs = {parameter.key: parameter for parameter in message.parameters}
    assignments: list[tuple[str, Term]] = []
    for name, (term, annotation) in _outputs(returned, signature).items():
        if name in inputs:
            _make_in_out(inputs[name], annotation, signature)
            if term.text != selected("params", name):
                assignments.append((name, unwrapped(term)))
            continue
        output = message.parameters.add(key=name, input_output_type=_OUT)
        output.data_type = v1.IntegrationParameter.DataType.ValueType(kind_of(annotation))
        if term.output is not None and term.output[1] and not term.items_wrapped:
            task_id, result = term.output
            trace.task(task_id).outputs.add(result=result, parameter=name)
        else:
            assignments.append((name, unwrapped(term)))
    if assignments:
        _assign(assignments, trace, signature)


def _outputs(returned: object, signature: Signature) -> dict[str, tuple[Term, object]]:
    annotation = signature.returns
    if annotation is Any and returned is not None:
        raise DefinitionError(f"{signature.name} returns a value: annotate its type, which tells the outputs")
    types = output_types(None if returned is None else annotation)
    if (returned is None) is not (not output_types(annotation) or annotation is Any):
        raise DefinitionError(f"what {signature.name} returns does not go with its annotation")
    cls = dataclass_type(annotation)
    terms: dict[str, Term] = {}
    for name, kind in types.items():
        if cls is None:
            term = to_term(returned)
        elif isinstance(returned, Traced):
            term = attribute(to_term(returned), name)
        elif is_dataclass(returned):
            term = to_term(getattr(returned, name))
        else:
            raise DefinitionError(f"{signature.name} must return {cls.__name__}, made of it or of its fields")
        terms[name] = as_double(term) if kind is float and term.annotation is int else term
    return {name: (term, types[name]) for name, term in terms.items()}


def _make_in_out(parameter: v1.IntegrationParameter, annotation: object, signature: Signature) -> None:
    if parameter.data_type != v1.IntegrationParameter.DataType.ValueType(kind_of(annotation)):
        raise DefinitionError(f"{signature.name}: input and output {parameter.key} have different types")
    parameter.input_output_type = _IN_OUT


def _assign(assignments: list[tuple[str, Term]], trace: Trace, signature: Signature) -> None:
    """Set outputs at the end, in order; each assignment sees what those before it have set."""
    config = TaskConfig(assign=AssignConfig())
    reads: frozenset[str] = frozenset()
    for position, (name, term) in enumerate(assignments):
        for changed, _ in assignments[:position]:
            if selected("params", changed) in term.text:
                raise DefinitionError(f"{signature.name}: output {name} needs input {changed}, which is an output too")
        config.assign.assignments.add(parameter=name, expression=term.text)
        reads |= term.tasks
    trace.record(config, "outputs", reads)
