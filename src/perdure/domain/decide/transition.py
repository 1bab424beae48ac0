"""A transition in the making: the state, what may be used, and what has come out so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final
from zlib import crc32

from perdure.domain.apply import apply
from perdure.domain.expression import ExpressionError, Scope
from perdure.domain.instants import instant_text
from perdure.domain.integration import NextTasksPolicy
from perdure.domain.states import READABLE_TASK_STATES, TaskState
from perdure.domain.value import NO_VALUES

if TYPE_CHECKING:
    from perdure.domain.commands import Context
    from perdure.domain.effects import Effect
    from perdure.domain.events import Event
    from perdure.domain.execution import Execution
    from perdure.domain.states import Failure
    from perdure.domain.task import TaskRun
    from perdure.domain.value import Value


class TaskOutputs(Mapping[str, Mapping[str, "Value"]]):
    """Outputs of the tasks that have succeeded, by task id, without copying them; also of those undone since."""

    def __init__(self, tasks: Mapping[str, TaskRun]) -> None:
        self._tasks = tasks

    def __getitem__(self, task_id: str) -> Mapping[str, Value]:
        run = self._tasks[task_id]
        if run.state not in READABLE_TASK_STATES:
            raise KeyError(task_id)
        return run.outputs

    def __iter__(self) -> Iterator[str]:
        return (task_id for task_id, run in self._tasks.items() if run.state in READABLE_TASK_STATES)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_FACTS: Final[dict[str, Callable[[Execution], str | int | bool]]] = {
    "id": lambda execution: execution.id,
    "integration": lambda execution: execution.created.integration,
    "trigger_id": lambda execution: execution.created.trigger_id,
    "attempt": lambda execution: execution.execution_attempt,
    "priority": lambda execution: execution.priority,
    "create_time": lambda execution: instant_text(execution.create_time),
    "bucket": lambda execution: crc32(execution.id.encode()) % 100,
    "development": lambda execution: execution.development,
}


class ExecutionFacts(Mapping[str, "str | int | bool"]):
    """What expressions know as `execution`, worked out when one reads it; most never do."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def __getitem__(self, name: str) -> str | int | bool:
        return _FACTS[name](self._execution)

    def __iter__(self) -> Iterator[str]:
        return iter(_FACTS)

    def __len__(self) -> int:
        return len(_FACTS)


class Transition:
    """Collects the events and effects of one command.

    Every event is applied as soon as it is emitted, since the rules that follow look at its result.
    """

    def __init__(self, execution: Execution, context: Context) -> None:
        self.execution = execution
        self.context = context
        # Event time never goes back within an execution, whatever the clock does (I18).
        self.now = max(context.now, execution.update_time)
        self.events: list[Event] = []
        self.effects: list[Effect] = []

    def emit(self, event: Event) -> None:
        """Apply an event and keep it."""
        apply(self.execution, event, self.now)
        self.events.append(event)

    def require(self, effect: Effect) -> None:
        """Ask for an effect once the events are durable."""
        self.effects.append(effect)

    def scope(
        self,
        changed: Mapping[str, Value] = NO_VALUES,
        *,
        about: str = "",
        ended: tuple[str, Mapping[str, Value]] | None = None,
        failure: Failure | None = None,
    ) -> Scope:
        """Show the state to an expression.

        Args:
            changed: Parameters that are about to change.
            about: The task to which the expression belongs; tasks of catchers and of the teardown see `error`.
            ended: A task that is about to succeed, with its outputs.
            failure: What `error` means, for the policy of the task.
        """
        execution = self.execution
        outputs: Mapping[str, Mapping[str, Value]] = TaskOutputs(execution.tasks)
        if ended is not None:
            outputs = _WithOne(outputs, *ended)
        return Scope(
            parameters={**execution.parameters, **changed} if changed else execution.parameters,
            task_outputs=outputs,
            execution=ExecutionFacts(execution),
            error=_error(execution, about, failure) if failure or execution.catchers or execution.outcome else None,
            extra=NO_VALUES,
        )


def _error(execution: Execution, about: str, failure: Failure | None) -> Mapping[str, str] | None:
    """Tell what `error` means to a task: its own failure, the one it was started for, or nothing at all."""
    task_id = about
    if failure is None:
        found = failure_for(execution, about)
        if found is None:
            return None
        task_id, failure = found
    return {
        "code": failure.code if failure else "",
        "message": failure.message if failure else "",
        "task": task_id,
    }


def failure_for(execution: Execution, task_id: str) -> tuple[str, Failure | None] | None:
    """Find the failure for which a catcher's or teardown task runs, and the task that failed; None for other tasks."""
    graph = execution.graph
    catcher = graph.catcher_of.get(task_id)
    outcome = execution.outcome
    if outcome is not None and (catcher is not None or task_id in graph.teardown):
        failed = (entry.task_id for entry in execution.errors if entry.failure == outcome.failure)
        return next(failed, ""), outcome.failure
    if catcher is None:
        return None
    caught = (each for each in execution.in_state(TaskState.FAILED) if each[1].config.error_catcher == catcher)
    first = min(caught, key=lambda each: each[1].since, default=None)
    return ("", None) if first is None else (first[0], first[1].failure)


class _WithOne(Mapping[str, Mapping[str, "Value"]]):
    """A mapping of outputs with one task more."""

    def __init__(self, rest: Mapping[str, Mapping[str, Value]], task_id: str, outputs: Mapping[str, Value]) -> None:
        self._rest = rest
        self._task_id = task_id
        self._outputs = outputs

    def __getitem__(self, task_id: str) -> Mapping[str, Value]:
        return self._outputs if task_id == self._task_id else self._rest[task_id]

    def __iter__(self) -> Iterator[str]:
        yield self._task_id
        yield from (task_id for task_id in self._rest if task_id != self._task_id)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def evaluate_edges(run: TaskRun, scope: Scope, context: Context) -> tuple[bool, ...]:
    """Tell which edges of a task are taken: all that match, or the first that matches (row 52).

    Edges are tried in the order written, so RUN_FIRST_MATCH is deterministic here (T13).

    Raises:
        ExpressionError: A condition does not yield a truth value; the message names the edge.
    """
    first_only = run.config.next_tasks_policy is NextTasksPolicy.RUN_FIRST_MATCH
    results: list[bool] = []
    for edge in run.config.edges:
        if first_only and True in results:
            results.append(False)
            continue
        try:
            results.append(not edge.condition or context.evaluator.test(edge.condition, scope))
        except ExpressionError as error:
            raise ExpressionError(f"condition of the edge to {edge.target}: {error}") from error
    return tuple(results)
