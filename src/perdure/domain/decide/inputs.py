"""What an attempt of a task is given: its inputs, worked out from the state (row 53)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.decide.failing import expression_failure
from perdure.domain.expression import ExpressionError
from perdure.domain.integration import Expression, ForEach
from perdure.domain.limits import FAN_OUT_MAX_ITEMS, PARAMETERS_MAX_BYTES
from perdure.domain.states import Failure
from perdure.domain.value import total_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.value import Value

ITEMS_INPUT: Final = "items"
"""Name of the input of a `for-each` that holds its items."""


class NoInputs(Exception):
    """The inputs of a task cannot be worked out; the attempt fails with `failure`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def work_out_inputs(transition: Transition, task_id: str) -> tuple[Mapping[str, Value], int]:
    """Work out the inputs of a task, and how many items it has if it is a `for-each`.

    Raises:
        NoInputs: An expression cannot be evaluated, or they are too many or too large.
    """
    try:
        inputs = _evaluated(transition, task_id)
        is_loop = isinstance(transition.execution.graph.tasks[task_id].built_in, ForEach)
        sub_job_count = len(transition.context.evaluator.items(inputs[ITEMS_INPUT])) if is_loop else 0
    except ExpressionError as error:
        raise NoInputs(expression_failure(error, "inputs")) from error
    if sub_job_count > FAN_OUT_MAX_ITEMS:
        message = f"{sub_job_count} items, at most {FAN_OUT_MAX_ITEMS} are allowed"
        raise NoInputs(Failure("FAN_OUT_LIMIT", message, retryable=False))
    # What one attempt is given has to fit one message.
    size = total_size(inputs)
    if size > PARAMETERS_MAX_BYTES:
        message = f"the inputs have {size} bytes together, at most {PARAMETERS_MAX_BYTES} are allowed"
        raise NoInputs(Failure("VALUE_TOO_LARGE", message, retryable=False))
    return inputs, sub_job_count


def _evaluated(transition: Transition, task_id: str) -> dict[str, Value]:
    config = transition.execution.graph.tasks[task_id]
    evaluator = transition.context.evaluator
    scope = transition.scope(about=task_id)
    inputs: dict[str, Value] = {}
    for key, source in config.parameters.items():
        try:
            inputs[key] = evaluator.evaluate(source.text, scope) if isinstance(source, Expression) else source
        except ExpressionError as error:
            raise ExpressionError(f"parameter {key}: {error}") from error
    if isinstance(config.built_in, ForEach):
        inputs[ITEMS_INPUT] = evaluator.evaluate(config.built_in.items, scope)
    return inputs
