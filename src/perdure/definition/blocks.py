"""What integrations are written with besides calls: branches, `parallel`, `for_each` and `timer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from perdure.definition.arguments import output_types
from perdure.definition.conversion import dataclass_type, unwraps, without_none
from perdure.definition.errors import DefinitionError, TracingError
from perdure.definition.integrations import TracedIntegration
from perdure.definition.lengths import duration
from perdure.definition.steps import add_inputs, split_id
from perdure.definition.tasks import Task
from perdure.definition.terms import Term, selected, unwrapped
from perdure.definition.trace import current_trace
from perdure.definition.traced import Traced, to_term
from perdure.v1.task_config_pb2 import TaskConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from perdure.definition.arguments import Signature
    from perdure.definition.lengths import LengthOfTime

R = TypeVar("R")

_RESULTS = "results"


def when(condition: object) -> AbstractContextManager[None]:
    """Run the statements of the block only if a condition holds; what follows the block runs anyway.

    Raises:
        TracingError: The condition is not traced, so that nothing is left to decide in a run.
    """
    trace = current_trace("when(...)")
    if not isinstance(condition, Traced):
        raise TracingError("the condition is known already: use a plain `if`")
    return trace.when(to_term(condition))


def parallel() -> AbstractContextManager[None]:
    """Run the statements of the block side by side; the statement after it waits for all of them.

    A statement that uses the result of another in the block runs after that one.
    """
    return current_trace("parallel()").parallel()


def first_match() -> AbstractContextManager[None]:
    """Take the first of the `when` blocks inside whose condition holds, or the `otherwise` block if none does.

    What follows runs in any case.
    """
    return current_trace("first_match()").first_match()


def otherwise() -> AbstractContextManager[None]:
    """Run the statements of the block if no `when` block before it in `first_match` was taken."""
    return current_trace("otherwise()").otherwise()


def timer(length: LengthOfTime | None = None, *, until: object = None, id: str = "") -> None:  # noqa: A002
    """Wait, at the cost of a row and no memory.

    Args:
        length: How long, counted from the end of the statement before.
        until: An instant as RFC 3339 text or datetime, traced or not; one in the past ends the wait at once.
        id: Id of the task.

    Raises:
        TracingError: Not exactly one of length and until is given.
    """
    trace = current_trace("timer(...)")
    if (length is None) is (until is None):
        raise TracingError("a timer has either a length or an instant until which it waits")
    config = TaskConfig()
    reads: frozenset[str] = frozenset()
    if length is not None:
        try:
            config.timer.delay.CopyFrom(duration(length))
        except DefinitionError as error:
            raise TracingError(str(error)) from None
    else:
        term = to_term(until)
        config.timer.until_expression, reads = term.text, term.tasks
    trace.record(config, "timer", reads, task_id=id)


def for_each(
    target: Task[..., R] | TracedIntegration[..., R],
    items: Iterable[Any],
    parallelism: int = 16,
    *,
    continue_on_failure: bool = False,
    **fixed: object,
) -> list[R]:
    """Run a task or an integration once for each item, and yield the results in the order of the items.

    An item becomes the first argument that is not fixed. Retries and timeout of a task are those of each item.

    Args:
        target: What performs an item.
        items: At most 10,000, traced or not.
        parallelism: Items at work at once, 1 to 1,000.
        continue_on_failure: Whether the others go on when an item has failed; its result is then None.
        fixed: Arguments that are the same for all items; `id` is the id of the task.

    Raises:
        TracingError: The target cannot be called like this, or returns a value of no declared shape.
    """
    trace = current_trace("for_each(...)")
    if not isinstance(target, (Task, TracedIntegration)):
        raise TracingError("name the task or integration first and the items second: for_each(task, items)")
    values, task_id = split_id(target.signature, fixed)
    config = TaskConfig()
    loop = config.for_each
    loop.item_parameter = _item_parameter(target.signature, values)
    if isinstance(target, Task):
        _check_item_options(target)
        loop.task = target.name
        target.options.apply(config)
    else:
        loop.sub_integration.integration_id = target.id
    if parallelism != 16:
        loop.parallelism = parallelism
    loop.continue_on_failure = continue_on_failure
    term = to_term(items if isinstance(items, Traced) else list(items))
    if not unwraps(target.signature.arguments[loop.item_parameter].annotation):
        term = unwrapped(term)
    loop.items = term.text
    reads = term.tasks | add_inputs(config, target.signature, values)
    name = target.name if isinstance(target, Task) else target.id
    chosen = trace.record(config, f"{name}_each", reads, task_id=task_id)
    return cast("list[R]", _loop_result(chosen, target.signature))


def _check_item_options(task: Task[..., Any]) -> None:
    """Refuse options that need the inputs of one item, which the task of the loop does not have."""
    for option, name in ((task.options.rollback, "rollback"), (task.options.suspension, "suspend_after")):
        if option is not None:
            raise TracingError(
                f"{task.name} has {name}=, which a loop over it has not: call it in an integration and loop over that"
            )


def _item_parameter(signature: Signature, fixed: Mapping[str, object]) -> str:
    unknown = fixed.keys() - signature.arguments.keys()
    if unknown:
        raise TracingError(f"{signature.name} has no argument {', '.join(sorted(unknown))}")
    free = [argument for argument in signature.arguments.values() if argument.name not in fixed]
    if not free:
        raise TracingError(f"{signature.name} has no argument left for the item")
    missing = [argument.name for argument in free[1:] if argument.required]
    if missing:
        raise TracingError(f"{signature.name} needs {', '.join(missing)} too")
    return free[0].name


def _loop_result(task_id: str, signature: Signature) -> Traced:
    returns = signature.returns
    is_object = dataclass_type(returns) is not None or not output_types(returns)
    if not is_object and not unwraps(returns):
        raise TracingError(
            f"{signature.name} must return a dataclass, or a type such as str or list[int], to be looped over"
        )
    text = selected(f"{selected('tasks', task_id)}.outputs", _RESULTS)
    annotation: Any = without_none(returns) if is_object else returns
    return Traced(
        Term(text, list[annotation], frozenset({task_id}), output=(task_id, _RESULTS), items_wrapped=not is_object)
    )
