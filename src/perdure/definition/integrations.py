"""Integrations: traced functions, and the definitions that tracing yields."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from perdure.codec.values import message_from_value
from perdure.definition.conversion import encode, kind_of
from perdure.definition.errors import ConversionError, DefinitionError
from perdure.definition.retention import SAVEPOINT_RETENTIONS, SavepointRetention
from perdure.definition.returning import declare_outputs
from perdure.definition.steps import add_inputs, bind_call, outputs_of_task, split_id
from perdure.definition.terms import Term, selected
from perdure.definition.trace import current_trace, recording
from perdure.definition.traced import Traced, to_term
from perdure.domain.limits import TEXT_MAX_CHARACTERS
from perdure.v1 import integration_pb2 as v1
from perdure.v1.task_config_pb2 import TaskConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.duration_pb2 import Duration

    from perdure.definition.arguments import Signature

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class IntegrationOptions:
    """What an integration has besides its graph.

    Attributes:
        trigger: Id of the trigger that starts it.
        max_runtime: Longest run; None for no limit.
        priority: Of its executions unless the call says otherwise, 0 to 999.
        retention: How long its executions are kept; None for as long as the server says.
        searchable: Names of the inputs and outputs by which executions can be found.
        criteria: Yields from traced inputs whether an execution may start; None for always.
        savepoint_retention: Which snapshots of its executions are kept.
    """

    trigger: str
    max_runtime: Duration | None
    priority: int
    labels: Mapping[str, str]
    retention: v1.Integration.Retention | None
    searchable: tuple[str, ...]
    criteria: Callable[..., object] | None
    savepoint_retention: SavepointRetention


class TracedIntegration(Generic[P, R]):
    """A function that is recorded as an integration.

    Calling it inside another integration records a sub-integration, which the caller waits for.

    Attributes:
        id: Its id within a project.
        function: The function itself, called once with traced values.
    """

    def __init__(
        self, integration_id: str, function: Callable[P, R], signature: Signature, options: IntegrationOptions
    ) -> None:
        self.id = integration_id
        self.function = function
        self.signature = signature
        self.options = options

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Record a sub-integration and stand for its outputs. The keyword `id` sets the id of the task.

        Raises:
            TracingError: No integration is being recorded, or it cannot be called like this.
        """
        config = TaskConfig()
        config.sub_integration.integration_id = self.id
        task_id = self._record(config, args, kwargs)
        return cast("R", outputs_of_task(task_id, self.signature.returns))

    def start_detached(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Record a sub-integration that is cut loose: nobody waits for it, and a cancel leaves it alone.

        Raises:
            TracingError: As for a call.
        """
        config = TaskConfig()
        config.sub_integration.integration_id = self.id
        config.sub_integration.wait = False
        self._record(config, args, kwargs)

    @cached_property
    def definition(self) -> v1.Integration:
        """The recorded definition, without a resource name.

        Raises:
            TracingError: The function does what cannot be recorded; the message names the statement.
            DefinitionError: It records no task, its outputs do not go with its annotation, or what is to be
                searchable is neither an input nor an output.
        """
        message = v1.Integration(
            description=_summary(self.function),
            default_priority=self.options.priority,
            labels=self.options.labels,
            triggers=[v1.TriggerConfig(trigger_id=self.options.trigger, criteria=self._criteria())],
            savepoint_retention=SAVEPOINT_RETENTIONS[self.options.savepoint_retention],
            parameters=[self._parameter(name) for name in self.signature.arguments],
        )
        if self.options.max_runtime is not None:
            message.max_runtime.CopyFrom(self.options.max_runtime)
        if self.options.retention is not None:
            message.retention.CopyFrom(self.options.retention)
        function = cast("Callable[..., object]", self.function)
        with recording() as trace:
            returned = function(**self._traced_arguments())
            declare_outputs(message, trace, returned, self.signature)
            trace.write(message)
        if not message.tasks:
            raise DefinitionError(f"{self.signature.name} calls no task")
        self._mark_searchable(message)
        return message

    def _criteria(self) -> str:
        criteria = self.options.criteria
        if criteria is None:
            return ""
        known = self._traced_arguments()
        names = inspect.signature(criteria).parameters
        unknown = ", ".join(name for name in names if name not in known)
        if unknown:
            raise DefinitionError(f"{self.signature.name}: criteria={unknown} is no input")
        holds = criteria(**{name: known[name] for name in names})
        if not isinstance(holds, Traced):
            raise DefinitionError(f"{self.signature.name}: the criteria are known already, whatever the inputs are")
        return to_term(holds).text

    def _mark_searchable(self, message: v1.Integration) -> None:
        parameters = {parameter.key: parameter for parameter in message.parameters}
        for key in self.options.searchable:
            if key not in parameters:
                known = ", ".join(parameters) or "none"
                raise DefinitionError(
                    f"{self.signature.name}: searchable={key!r} is neither an input nor an output; known are: {known}"
                )
            parameters[key].searchable = True

    def _record(self, config: TaskConfig, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        trace = current_trace(f"{self.signature.name}(...)")
        keywords, task_id = split_id(self.signature, kwargs)
        reads = add_inputs(config, self.signature, bind_call(self.signature, args, keywords))
        return trace.record(config, self.id, reads, task_id=task_id)

    def _traced_arguments(self) -> dict[str, Traced]:
        return {
            name: Traced(Term(selected("params", name), argument.annotation))
            for name, argument in self.signature.arguments.items()
        }

    def _parameter(self, name: str) -> v1.IntegrationParameter:
        argument = self.signature.arguments[name]
        message = v1.IntegrationParameter(key=name, input_output_type=v1.IntegrationParameter.INPUT_OUTPUT_TYPE_IN)
        message.data_type = v1.IntegrationParameter.DataType.ValueType(kind_of(argument.annotation))
        if not argument.required:
            try:
                default = encode(argument.default, kind_of(argument.annotation), f"default of {name}")
            except ConversionError as error:
                raise DefinitionError(f"{self.signature.name}: {error}") from None
            message.default_value.CopyFrom(message_from_value(default))
        return message


def _summary(function: Callable[..., object]) -> str:
    """Take the first paragraph of a docstring as one line."""
    text = inspect.getdoc(function) or ""
    return " ".join(text.partition("\n\n")[0].split())[:TEXT_MAX_CHARACTERS]
