"""An integration as the rules see it: one immutable revision of a graph of tasks.

Names and meaning follow `TaskConfig`, `TriggerConfig` and the policies of semantics.md 1A.7. What only
people read (display names, descriptions) stays in the contract message and is not here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from perdure.domain.value import NO_VALUES, Value, ValueKind

if TYPE_CHECKING:
    from collections.abc import Mapping


class NextTasksPolicy(IntEnum):
    """Which of the edges whose condition is true are taken."""

    RUN_ALL_MATCH = 1
    RUN_FIRST_MATCH = 2


class JoinStrategy(IntEnum):
    """When a task with several predecessors runs (semantics.md 3.4)."""

    WHEN_ALL_SUCCEED = 1
    WHEN_ANY_SUCCEED = 2
    WHEN_ALL_TASKS_AND_CONDITIONS_SUCCEED = 3


class RetryStrategy(IntEnum):
    """What happens when an attempt fails (semantics.md 1A.7, `retryStrategy`)."""

    IGNORE = 1
    NONE = 2
    FATAL = 3
    FIXED_INTERVAL = 4
    LINEAR_BACKOFF = 5
    EXPONENTIAL_BACKOFF = 6
    RESTART_INTEGRATION_WITH_BACKOFF = 7


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """One failure policy of a task.

    Attributes:
        max_retries: Retries after the first attempt, so N retries are N+1 attempts.
        interval: Base delay in microseconds.
        max_interval: Upper bound of the delay before jitter; 0 for none.
        condition: Expression over `error`; only looked at in `conditional_failure_policies`.
    """

    strategy: RetryStrategy
    max_retries: int = 0
    interval: int = 0
    max_interval: int = 0
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """A value that is computed when the task starts."""

    text: str


Source = Value | Expression


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one task to a next one; an empty condition is true."""

    target: str
    condition: str = ""


@dataclass(frozen=True, slots=True)
class OutputMapping:
    """Puts a result of a task into a parameter of the execution."""

    result: str
    parameter: str


@dataclass(frozen=True, slots=True)
class Timer:
    """Built-in `timer`: waits for a length of time, or until the instant that an expression yields."""

    duration: int = 0
    until: str = ""


@dataclass(frozen=True, slots=True)
class Assign:
    """Built-in `assign`: sets execution parameters from expressions, in order."""

    assignments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SubIntegration:
    """Built-in `sub-integration`: runs another integration as a sub-execution.

    Attributes:
        revision_id: Empty for the latest revision at the moment of the start.
        wait: False cuts the child loose as an orphan; the task then succeeds once the child is durable.
    """

    integration: str
    trigger_id: str = ""
    revision_id: str = ""
    wait: bool = True


@dataclass(frozen=True, slots=True)
class ForEach:
    """Built-in `for-each`: one sub-execution for each item, results in the order of the items.

    Attributes:
        items: Expression that yields a list.
        item_parameter: Name under which an item is passed.
        index_parameter: Name under which its position, from 0, is passed; empty for not at all.
        handler: Handler that performs an item in an implicit one-task graph; empty if `target` is set.
        target: Sub-integration that performs an item.
        parallelism: How many items may be live at once.
        continue_on_failure: Whether the other items go on when one has failed.
    """

    items: str
    item_parameter: str
    index_parameter: str = ""
    handler: str = ""
    target: SubIntegration | None = None
    parallelism: int = 16
    continue_on_failure: bool = False


@dataclass(frozen=True, slots=True)
class SuspensionConfig:
    """How a task waits for somebody's decision (semantics.md 1A.6); also the built-in `suspend`.

    Attributes:
        who_may_resolve: Identities that may decide; empty for everybody.
        message: Text for those who decide.
        expire_after: When the decision is made by default, in microseconds after the wait began; 0 for never.
        remind_after: When to remind once, likewise.
        lift_when_expired: Whether expiry lifts the suspension; it rejects it otherwise.
    """

    who_may_resolve: tuple[str, ...] = ()
    message: str = ""
    expire_after: int = 0
    remind_after: int = 0
    lift_when_expired: bool = False


@dataclass(frozen=True, slots=True)
class Callback:
    """Built-in `callback`: waits for a signal, which may have come earlier (row 61).

    Attributes:
        timeout: When the wait fails, in microseconds after it began; 0 for never.
    """

    signal: str
    timeout: int = 0


BuiltIn = Timer | Assign | SubIntegration | ForEach | SuspensionConfig | Callback


class RollbackFailureAction(IntEnum):
    """What becomes of an undo that has failed for good."""

    CONTINUE = 1
    HOLD = 2


@dataclass(frozen=True, slots=True)
class Rollback:
    """How a task that was done is undone (row 57).

    Attributes:
        handler: Performs the undo; it gets the inputs and the outputs of the task.
        failure_policy: When an undo that failed is tried again; None for never.
        timeout: Longest time of one attempt in microseconds; 0 for none.
        on_unknown_outcome: Whether to undo also when nobody knows how the last attempt ended.
    """

    handler: str
    failure_policy: FailurePolicy | None = None
    timeout: int = 0
    on_unknown_outcome: bool = False
    failure_action: RollbackFailureAction = RollbackFailureAction.CONTINUE


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """A node of the graph.

    Attributes:
        handler: Name of the handler that performs it, or of the built-in.
        parameters: Inputs, each a constant or an expression.
        timeout: Longest time of one attempt in microseconds, counted from the moment when it is ready for
            a worker; 0 for none.
        checkpoint: Whether a snapshot is taken after it succeeded.
        built_in: Set when the engine itself performs the task.
        precondition: Condition for performing it once its join is satisfied; empty is true (row 64).
        error_catcher: Id of the catcher that takes its failure; empty for none (row 56).
        suspension: Set when the task waits for a decision after its handler succeeded
            (`SuccessPolicy.final_state` SUSPENDED).
    """

    task_id: str
    handler: str
    parameters: Mapping[str, Source] = field(default_factory=dict)
    outputs: tuple[OutputMapping, ...] = ()
    edges: tuple[Edge, ...] = ()
    next_tasks_policy: NextTasksPolicy = NextTasksPolicy.RUN_ALL_MATCH
    join: JoinStrategy = JoinStrategy.WHEN_ALL_SUCCEED
    failure_policy: FailurePolicy | None = None
    synchronous_failure_policy: FailurePolicy | None = None
    conditional_failure_policies: tuple[FailurePolicy, ...] = ()
    timeout: int = 0
    checkpoint: bool = True
    built_in: BuiltIn | None = None
    precondition: str = ""
    error_catcher: str = ""
    rollback: Rollback | None = None
    suspension: SuspensionConfig | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter of an integration (`IntegrationParameter`).

    Attributes:
        is_input: IN or IN_OUT: must be given, or have a default, before the run.
        is_output: OUT or IN_OUT: is returned.
        searchable: Whether executions can be found by its value; only texts, numbers and booleans.
    """

    key: str
    kind: ValueKind
    default: Value | None = None
    is_input: bool = True
    is_output: bool = False
    searchable: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """A named way to start; empty `start_tasks` means the default start tasks.

    Attributes:
        criteria: Condition over the inputs that an execution must meet to be started; empty is true (row 64).
        error_catcher: Id of the catcher for failures of the execution; empty for the integration's own.
    """

    trigger_id: str
    start_tasks: tuple[str, ...] = ()
    criteria: str = ""
    error_catcher: str = ""


@dataclass(frozen=True, slots=True)
class ErrorCatcher:
    """Tasks that run when something failed (row 56); they are among the tasks of the integration."""

    catcher_id: str
    start_tasks: tuple[str, ...]


class SavepointRetention(IntEnum):
    """Which snapshots are kept (row 49)."""

    ALL = 1
    LAST = 2
    NONE = 3


@dataclass(frozen=True, slots=True)
class Retention:
    """How long executions are kept after their end, with their whole tree.

    Attributes:
        max_age: In microseconds after the end; None for the server's own.
        max_count: How many that have ended are kept, sub-executions aside; None for any number.
    """

    max_age: int | None = None
    max_count: int | None = None


@dataclass(frozen=True, slots=True)
class Integration:
    """One revision of an integration.

    Attributes:
        name: Its id within the project.
        ordinal: Position of the revision, from 1.
        max_runtime: Longest run in microseconds; 0 for none.
        retention: None leaves the server's own.
        searchable: Keys of the searchable parameters, in the order in which they are declared.
        error_catcher: Id of the catcher for executions whose trigger names none; empty for none.
        teardown: Run one after the other before every final state (row 58); their ids are not among `tasks`.
    """

    name: str
    revision_id: str
    ordinal: int
    tasks: Mapping[str, TaskConfig]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    triggers: Mapping[str, Trigger] = field(default_factory=dict)
    max_runtime: int = 0
    default_priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    retention: Retention | None = None
    error_catchers: Mapping[str, ErrorCatcher] = field(default_factory=dict)
    error_catcher: str = ""
    teardown: tuple[TaskConfig, ...] = ()
    savepoint_retention: SavepointRetention = SavepointRetention.ALL
    searchable: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Kept, because every commit of every execution asks for it.
        keys = tuple(key for key, parameter in self.parameters.items() if parameter.searchable)
        object.__setattr__(self, "searchable", keys)

    def initial_parameters(self, inputs: Mapping[str, Value]) -> dict[str, Value]:
        """Complete the inputs of a run with the declared defaults."""
        defaults = {key: p.default for key, p in self.parameters.items() if p.default is not None}
        return {**defaults, **inputs}


IMPLICIT_ITEM_TASK = "item"
"""Id of the one task in the implicit graph of a `for-each` over a handler."""


def implicit_integration(integration: Integration, task: TaskConfig) -> Integration:
    """Make the one-task integration that performs an item of a `for-each` over a handler.

    The failure policies of the `for-each` belong to its items; so does its timeout.
    """
    loop = task.built_in
    assert isinstance(loop, ForEach)
    keys = [*task.parameters, loop.item_parameter, *([loop.index_parameter] if loop.index_parameter else [])]
    item = TaskConfig(
        task_id=IMPLICIT_ITEM_TASK,
        handler=loop.handler,
        parameters={key: Expression(f'params["{key}"]') for key in keys},
        failure_policy=task.failure_policy,
        synchronous_failure_policy=task.synchronous_failure_policy,
        conditional_failure_policies=task.conditional_failure_policies,
        timeout=task.timeout,
    )
    return Integration(
        name=integration.name,
        revision_id=integration.revision_id,
        ordinal=integration.ordinal,
        tasks={IMPLICIT_ITEM_TASK: item},
    )


__all__ = [
    "IMPLICIT_ITEM_TASK",
    "NO_VALUES",
    "Assign",
    "BuiltIn",
    "Callback",
    "Edge",
    "ErrorCatcher",
    "Expression",
    "FailurePolicy",
    "ForEach",
    "Integration",
    "JoinStrategy",
    "NextTasksPolicy",
    "OutputMapping",
    "Parameter",
    "Retention",
    "RetryStrategy",
    "Rollback",
    "RollbackFailureAction",
    "SavepointRetention",
    "Source",
    "SubIntegration",
    "SuspensionConfig",
    "TaskConfig",
    "Timer",
    "Trigger",
    "implicit_integration",
]
