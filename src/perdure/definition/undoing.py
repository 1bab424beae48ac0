"""How a task is undone, as authors write it: `rollback=release`, or `rollback=Rollback(release, hold=True)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perdure.definition.arguments import output_types
from perdure.definition.errors import DefinitionError
from perdure.definition.lengths import LengthOfTime, duration
from perdure.definition.retries import Exponential, Fixed, Linear, failure_policy
from perdure.v1.task_config_pb2 import RollbackConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.definition.arguments import Signature
    from perdure.definition.tasks import Task


@dataclass(frozen=True, slots=True)
class Rollback:
    """Undo what a task did when its execution fails or is cancelled.

    The handler gets, by name, those inputs of the task that it has arguments for, and then those outputs; an input
    goes before an output of its name.

    Attributes:
        task: Its handler undoes it.
        retry: When an undo that failed is tried again; by default as that task says.
        timeout: Longest time of one attempt; by default as that task says.
        on_unknown_outcome: Whether to undo also when nobody knows what the task did. There are no outputs then.
        hold: Whether the rollback waits for an operator when the undo has failed for good.
    """

    task: Task[..., Any]
    retry: Fixed | Linear | Exponential | None = None
    timeout: LengthOfTime | None = None
    on_unknown_outcome: bool = False
    hold: bool = False


def rollback_message(rollback: Rollback, forward: Signature) -> RollbackConfig:
    """Make the contract's message.

    Args:
        rollback: What was written.
        forward: What the task that is undone takes and returns.

    Raises:
        DefinitionError: The handler has arguments that nothing is given for, or its policy cannot be that of an undo.
    """
    undo = rollback.task
    _check_arguments(undo.signature, forward, unknown=rollback.on_unknown_outcome)
    message = RollbackConfig(task=undo.name, on_unknown_outcome=rollback.on_unknown_outcome)
    retry = undo.options.retry if rollback.retry is None else rollback.retry
    if retry is not None:
        if not isinstance(retry, (Fixed, Linear, Exponential)):
            raise DefinitionError(
                f"{type(retry).__name__} says nothing about an undo: use Fixed, Linear or Exponential"
            )
        message.failure_policy.CopyFrom(failure_policy(retry))
    if rollback.timeout is not None:
        message.timeout.CopyFrom(duration(rollback.timeout))
    elif undo.options.timeout is not None:
        message.timeout.CopyFrom(undo.options.timeout)
    if rollback.hold:
        message.failure_action = RollbackConfig.FAILURE_ACTION_HOLD
    return message


def _check_arguments(undo: Signature, forward: Signature, *, unknown: bool) -> None:
    inputs, outputs = forward.arguments, output_types(forward.returns)
    required = [argument.name for argument in undo.arguments.values() if argument.required]
    missing = [name for name in required if name not in inputs and name not in outputs]
    if missing:
        raise DefinitionError(
            f"{undo.name} cannot undo {forward.name}: nothing is given for {', '.join(missing)}; "
            f"{_names('inputs', inputs)}, {_names('outputs', outputs)}"
        )
    uncertain = [name for name in required if name not in inputs]
    if unknown and uncertain:
        raise DefinitionError(
            f"{undo.name} cannot undo {forward.name} on an unknown outcome, when there are no outputs: "
            f"give {', '.join(uncertain)} a default"
        )


def _names(noun: str, names: Iterable[str]) -> str:
    return f"its {noun} are {', '.join(names) or 'none'}"
