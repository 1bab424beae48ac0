"""Small integrations, a context that holds still, and one execution that tests drive by hand."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from perdure.codec.values import decode_value, encode_python
from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.breakpoints import StepAction
from perdure.domain.decide import create, decide
from perdure.domain.graph import build_graph
from perdure.domain.integration import (
    Edge,
    ErrorCatcher,
    FailurePolicy,
    Integration,
    Parameter,
    RetryStrategy,
    Rollback,
    TaskConfig,
    Trigger,
)
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure, StartedBy, TaskState
from perdure.domain.value import NO_VALUES, Value
from perdure.expression.cel import CelEvaluator
from tests.domain.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution

NOW: Final = 1_800_000_000 * SECOND
PROJECT: Final = "default"
EXECUTION: Final = "e1"
EVALUATOR: Final = CelEvaluator()


class FixedChance:
    """Jitter that a test chooses, and ids that count."""

    def __init__(self, jitter: float = 0.0) -> None:
        self.drawn = jitter
        self._ids = 0

    def jitter(self) -> float:
        """Return the chosen jitter."""
        return self.drawn

    def execution_id(self) -> str:
        """Return child-1, child-2 and so on."""
        self._ids += 1
        return f"child-{self._ids}"


def task(task_id: str, *next_tasks: str | Edge, **settings: Any) -> TaskConfig:
    """Build a task that a worker performs, unless the settings name a built-in."""
    edges = tuple(edge if isinstance(edge, Edge) else Edge(edge) for edge in next_tasks)
    settings.setdefault("handler", "work")
    return TaskConfig(task_id=task_id, edges=edges, **settings)


def when(target: str, condition: str) -> Edge:
    """Build an edge with a condition."""
    return Edge(target, condition)


def integration(
    *tasks: TaskConfig,
    parameters: Iterable[Parameter] = (),
    triggers: Iterable[Trigger] = (),
    catchers: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    **settings: Any,
) -> Integration:
    """Build the first revision of an integration."""
    return Integration(
        name="order",
        revision_id="000001-abc",
        ordinal=1,
        tasks={config.task_id: config for config in tasks},
        parameters={parameter.key: parameter for parameter in parameters},
        triggers={trigger.trigger_id: trigger for trigger in triggers},
        error_catchers={name: ErrorCatcher(name, starts) for name, starts in catchers.items()},
        **settings,
    )


def both_ways(policy: FailurePolicy) -> dict[str, Any]:
    """Set a policy for synchronous and asynchronous executions alike."""
    return {"failure_policy": policy, "synchronous_failure_policy": policy}


UNDO: Final = Rollback("undo")
FATAL: Final = both_ways(FailurePolicy(RetryStrategy.FATAL))
"""Settings of a task whose failure takes the execution down."""


def values(plain: Mapping[str, object]) -> dict[str, Value]:
    """Encode Python values, each in its natural kind."""
    return {key: encode_python(value) for key, value in plain.items()}


def plain(encoded: Mapping[str, Value]) -> dict[str, object]:
    """Decode values for a comparison."""
    return {key: decode_value(value) for key, value in encoded.items()}


def failure(code: str = "BROKEN", *, retryable: bool = True) -> Failure:
    """Build a failure that a handler reports."""
    return Failure(code, f"{code.lower()} on purpose", retryable=retryable)


def creation(definition: Integration, inputs: Mapping[str, Value] = NO_VALUES, **settings: Any) -> ev.ExecutionCreated:
    """Build the first event of an execution: of a synchronous one unless the settings say otherwise."""
    fields: dict[str, Any] = {
        "trigger_id": "",
        "method": ExecutionMethod.POST,
        "state": ExecutionState.PROCESSING,
        "principal": "local",
        "started_by": StartedBy.CALL,
        "root": EXECUTION,
    }
    return ev.ExecutionCreated(
        integration=definition.name,
        revision_id=definition.revision_id,
        ordinal=definition.ordinal,
        inputs=inputs,
        parameters=definition.initial_parameters(inputs),
        **(fields | settings),
    )


QUEUED: Final[dict[str, Any]] = {
    "method": ExecutionMethod.POST_TO_QUEUE,
    "state": ExecutionState.PENDING,
    "schedule_time": NOW,
}
"""Settings of `creation` for an execution that starts at once and whose caller does not wait."""

ON_HOLD: Final[dict[str, Any]] = {"method": ExecutionMethod.SCHEDULE, "state": ExecutionState.PENDING}
"""Settings of `creation` for an execution that waits until it is started by id."""

SUB_EXECUTION: Final[dict[str, Any]] = {
    "parent": "e0",
    "parent_task": "a",
    "started_by": StartedBy.PARENT,
    "root": "e0",
}
"""Settings of `creation` for an execution with a parent."""


class Run:
    """One execution, driven by commands; every transition passes the eyes of a witness.

    Attributes:
        now: What the clock says; tests move it.
        events: Events of the last command.
        effects: Effects of the last command.
    """

    def __init__(
        self,
        *tasks: TaskConfig,
        definition: Integration | None = None,
        inputs: Mapping[str, object] | None = None,
        jitter: float = 0.0,
        implicit: bool = False,
        watched: bool = True,
        **settings: Any,
    ) -> None:
        definition = definition or integration(*tasks)
        self.now = NOW
        self.chance = FixedChance(jitter)
        self.witness = Witness()
        self._watched = watched
        created = creation(definition, values(inputs or {}), **settings)
        graph = build_graph(definition, created.trigger_id, implicit=implicit)
        transition = create(created, graph, EXECUTION, PROJECT, self.context())
        self.execution: Execution = transition.execution
        self.events: list[ev.Event] = []
        self.effects: list[ef.Effect] = []
        self._keep(transition)

    def context(self) -> cmd.Context:
        """Make the context of a command given now."""
        return cmd.Context(self.now, EVALUATOR, self.chance)

    def do(self, command: cmd.Command) -> list[ev.Event]:
        """Give a command and return the events that follow."""
        self._keep(decide(self.execution, command, self.context()))
        return self.events

    def _keep(self, transition: Transition) -> None:
        self.events, self.effects = transition.events, transition.effects
        if self._watched:
            self.witness.see(transition)

    def pass_time(self, seconds: float) -> list[ev.Event]:
        """Let time pass and wake the execution."""
        self.now += int(seconds * SECOND)
        return self.do(cmd.Wake())

    def succeed(self, task_id: str, **outputs: object) -> list[ev.Event]:
        """Report that the current attempt of a task succeeded."""
        return self.do(cmd.ReportSuccess(*self.attempt(task_id), outputs=values(outputs)))

    def fail(self, task_id: str, code: str = "BROKEN", *, retryable: bool = True) -> list[ev.Event]:
        """Report that the current attempt of a task failed."""
        return self.do(cmd.ReportFailure(*self.attempt(task_id), failure=failure(code, retryable=retryable)))

    def stop(self, task_id: str, *, begun: bool = True) -> list[ev.Event]:
        """Report that the current attempt of a task stopped without a result."""
        return self.do(cmd.ReportStopped(*self.attempt(task_id), begun=begun))

    def lose(self, task_id: str, *, blamed: bool = True) -> list[ev.Event]:
        """Report that the worker of the current attempt of a task vanished."""
        return self.do(cmd.ReportLost(*self.attempt(task_id), blamed=blamed))

    def start(self) -> list[ev.Event]:
        """Start the execution by its id."""
        return self.do(cmd.Start())

    def cancel(self, reason: str = "changed my mind", *, force: bool = False) -> list[ev.Event]:
        """Cancel the execution."""
        return self.do(cmd.Cancel(reason, "local", force))

    def pause(self) -> list[ev.Event]:
        """Pause the execution."""
        return self.do(cmd.Pause("lunch", "alice"))

    def resume(self, **parameters: object) -> list[ev.Event]:
        """Resume the execution, perhaps with other parameters."""
        return self.do(cmd.Resume("alice", values(parameters)))

    def step(self, action: StepAction = StepAction.STEP, task_id: str = "", **parameters: object) -> list[ev.Event]:
        """Leave a stop."""
        return self.do(cmd.Step(action, "alice", task_id, values(parameters)))

    def signal(self, name: str, signal_id: str = "", **payload: object) -> list[ev.Event]:
        """Send a signal."""
        return self.do(cmd.SendSignal(name, values(payload), "bank", signal_id))

    def decide(self, number: int, *, lifted: bool = True, resolver: str = "alice") -> list[ev.Event]:
        """Decide a suspension."""
        return self.do(cmd.ResolveSuspension(number, lifted, resolver, "fine"))

    def resolve_undo(self, task_id: str, action: ev.UndoAction) -> list[ev.Event]:
        """Decide on an undo that failed."""
        return self.do(cmd.ResolveUndo(task_id, action, "alice"))

    def child_started(self, task_id: str) -> list[ev.Event]:
        """Report that the sub-execution of a task is durable."""
        child = self.execution.tasks[task_id].child
        return self.do(cmd.ReportChildStarted(*self.attempt(task_id), child=child))

    def child_ended(self, task_id: str, state: ExecutionState, **outputs: object) -> list[ev.Event]:
        """Report that the sub-execution of a task ended."""
        cause = failure("CHILD_BROKEN") if state is ExecutionState.FAILED else None
        report = cmd.ReportChildEnded(
            *self.attempt(task_id),
            child=self.execution.tasks[task_id].child,
            state=state,
            outputs=values(outputs),
            failure=cause,
        )
        return self.do(report)

    def items_ended(self, task_id: str, results: list[object], *, failed: int = 0) -> list[ev.Event]:
        """Report that the items of a `for-each` have ended; a failed one fails the loop."""
        report = cmd.ReportItemsEnded(
            *self.attempt(task_id),
            outputs=values({"results": results}),
            finished=len(results),
            failed=failed,
            failure=failure("ITEM_BROKEN") if failed else None,
        )
        return self.do(report)

    def attempt(self, task_id: str) -> tuple[str, int, int]:
        """Name the current attempt of a task."""
        return task_id, self.execution.execution_attempt, self.execution.tasks[task_id].attempt

    def state(self, task_id: str) -> TaskState:
        """Tell the state of a task."""
        return self.execution.tasks[task_id].state

    def execution_state(self) -> ExecutionState:
        """Tell the state of the execution."""
        return self.execution.state

    def failure_code(self) -> str:
        """Tell the code of the failure that ended the execution; empty if none did."""
        return self.execution.failure.code if self.execution.failure else ""

    def states(self) -> dict[str, TaskState]:
        """Tell the states of all tasks."""
        return {task_id: run.state for task_id, run in self.execution.tasks.items()}

    def event(self, kind: type[ev.Event]) -> Any:
        """Find the one event of a kind that the last command led to."""
        (found,) = [event for event in self.events if isinstance(event, kind)]
        return found

    def parameters(self) -> dict[str, object]:
        """Tell the execution's parameters as Python values."""
        return plain(self.execution.parameters)

    def outputs(self) -> dict[str, object]:
        """Tell what the execution returned as Python values."""
        return plain(self.execution.outputs)
