"""The collection of tasks and integrations that a program deploys and a worker performs."""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from perdure.codec.integrations.reading import BUILT_IN_NAMES
from perdure.definition.arguments import signature_of
from perdure.definition.errors import DefinitionError
from perdure.definition.integrations import IntegrationOptions, TracedIntegration
from perdure.definition.lengths import duration
from perdure.definition.retention import SAVEPOINT_RETENTIONS, Retention, SavepointRetention, retention_message
from perdure.definition.retries import Retry, conditional_policy
from perdure.definition.suspending import check_beside_decision, suspension_message
from perdure.definition.tasks import Executor, Task, TaskOptions
from perdure.definition.undoing import Rollback, rollback_message
from perdure.domain.limits import PRIORITY_MAX
from perdure.domain.validation import (
    HANDLER_NAME,
    HANDLER_NAME_RULE,
    RESOURCE_ID,
    RESOURCE_ID_RULE,
    TRIGGER_ID,
    TRIGGER_ID_RULE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from perdure.definition.arguments import Signature
    from perdure.definition.lengths import LengthOfTime
    from perdure.definition.retries import RetryIf
    from perdure.definition.suspending import Suspension
    from perdure.v1.task_config_pb2 import RollbackConfig
    from perdure.worker.context import TaskContext

P = ParamSpec("P")
R = TypeVar("R")

_EXECUTORS = ("async", "thread", "process")


class _TaskDecorator(Protocol):
    """Makes a task of a handler, with or without a context, async or not."""

    @overload
    def __call__(self, handler: Callable[Concatenate[TaskContext, P], Coroutine[Any, Any, R]]) -> Task[P, R]: ...
    @overload
    def __call__(self, handler: Callable[Concatenate[TaskContext, P], R]) -> Task[P, R]: ...
    @overload
    def __call__(self, handler: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, R]: ...
    @overload
    def __call__(self, handler: Callable[P, R]) -> Task[P, R]: ...


class App:
    """Tasks and integrations that belong together.

    Attributes:
        name: For people and logs.
    """

    def __init__(self, name: str) -> None:
        """Make an empty app.

        Raises:
            DefinitionError: The name has other characters than resource ids.
        """
        if not RESOURCE_ID.fullmatch(name):
            raise DefinitionError(f"{name!r} cannot be the name of an app: {RESOURCE_ID_RULE}")
        self.name = name
        self._tasks: dict[str, Task[..., Any]] = {}
        self._integrations: dict[str, TracedIntegration[..., Any]] = {}

    @property
    def tasks(self) -> Mapping[str, Task[..., Any]]:
        """The tasks by name."""
        return MappingProxyType(self._tasks)

    @property
    def integrations(self) -> Mapping[str, TracedIntegration[..., Any]]:
        """The integrations by id."""
        return MappingProxyType(self._integrations)

    @overload
    def task(self, handler: Callable[Concatenate[TaskContext, P], Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def task(self, handler: Callable[Concatenate[TaskContext, P], R], /) -> Task[P, R]: ...
    @overload
    def task(self, handler: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def task(self, handler: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def task(
        self,
        *,
        name: str = "",
        retry: Retry | None = None,
        synchronous_retry: Retry | None = None,
        timeout: LengthOfTime | None = None,
        checkpoint: bool = True,
        executor: Executor | None = None,
        retry_if: Sequence[RetryIf] = (),
        rollback: Task[..., Any] | Rollback | None = None,
        suspend_after: Suspension | None = None,
    ) -> _TaskDecorator: ...
    def task(  # noqa: PLR0913 - named options, each of which most tasks leave out
        self,
        handler: Callable[..., Any] | None = None,
        *,
        name: str = "",
        retry: Retry | None = None,
        synchronous_retry: Retry | None = None,
        timeout: LengthOfTime | None = None,
        checkpoint: bool = True,
        executor: Executor | None = None,
        retry_if: Sequence[RetryIf] = (),
        rollback: Task[..., Any] | Rollback | None = None,
        suspend_after: Suspension | None = None,
    ) -> Task[..., Any] | _TaskDecorator:
        """Make a task of a handler: `@app.task`, or `@app.task(retry=...)` with options.

        Args:
            handler: The function, when there are no options.
            name: Of the handler; by default that of the function.
            retry: What follows a failure; by default the task fails.
            synchronous_retry: The same while a caller waits for the execution; by default as `retry`.
            timeout: Longest time of one attempt; by default without limit.
            checkpoint: Whether a snapshot is taken after it succeeded.
            executor: Where the handler runs; by default `async` for a coroutine function, else `thread`.
            retry_if: What follows certain failures, tried in order before `retry` and `synchronous_retry`.
            rollback: The task that undoes it when its execution fails or is cancelled; by default none does.
            suspend_after: How it waits for a person after it was performed; by default it does not. `decision_of` tells
                what was decided.

        Raises:
            DefinitionError: The decorator raises it for a name that is taken or not allowed, a signature
                that no inputs can fill, and options that do not go with the function.
        """
        options = TaskOptions(
            retry=_checked(retry),
            synchronous_retry=_checked(retry if synchronous_retry is None else synchronous_retry),
            timeout=None if timeout is None else duration(timeout),
            checkpoint=checkpoint,
            conditional=tuple(conditional_policy(one) for one in retry_if),
            suspension=None if suspend_after is None else suspension_message(suspend_after),
        )

        def make(function: Callable[..., Any]) -> Task[..., Any]:
            chosen = name or function.__name__
            if not HANDLER_NAME.fullmatch(chosen) or chosen in BUILT_IN_NAMES.values():
                raise DefinitionError(f"{chosen!r} cannot be the name of a task: {HANDLER_NAME_RULE}, and no built-in")
            if chosen in self._tasks:
                raise DefinitionError(f"the app has a task {chosen} already")
            runs_in = _executor(function, executor)
            signature = signature_of(function)
            if suspend_after is not None:
                check_beside_decision(signature)
            undone = replace(options, rollback=None if rollback is None else self._undoing(rollback, signature))
            task: Task[..., Any] = Task(chosen, function, signature, runs_in, undone)
            self._tasks[chosen] = task
            return task

        return cast("_TaskDecorator", make) if handler is None else make(handler)

    def _undoing(self, rollback: Task[..., Any] | Rollback, forward: Signature) -> RollbackConfig:
        whole = rollback if isinstance(rollback, Rollback) else Rollback(rollback)
        if not isinstance(whole.task, Task):
            raise DefinitionError(f"{rollback!r} undoes nothing: name a task, as in rollback=release")
        if self._tasks.get(whole.task.name) is not whole.task:
            raise DefinitionError(f"{whole.task.name} cannot undo {forward.name}: it is no task of the app {self.name}")
        return rollback_message(whole, forward)

    @overload
    def integration(self, function: Callable[P, R], /) -> TracedIntegration[P, R]: ...
    @overload
    def integration(
        self,
        *,
        id: str = "",
        trigger: str = "",
        max_runtime: LengthOfTime | None = None,
        priority: int = 0,
        labels: Mapping[str, str] | None = None,
        retention: Retention | None = None,
        searchable: Sequence[str] = (),
        criteria: Callable[..., object] | None = None,
        savepoint_retention: SavepointRetention = "all",
    ) -> Callable[[Callable[P, R]], TracedIntegration[P, R]]: ...
    def integration(  # noqa: PLR0913 - named options, each of which most integrations leave out
        self,
        function: Callable[P, R] | None = None,
        *,
        id: str = "",  # noqa: A002 - the word of the contract
        trigger: str = "",
        max_runtime: LengthOfTime | None = None,
        priority: int = 0,
        labels: Mapping[str, str] | None = None,
        retention: Retention | None = None,
        searchable: Sequence[str] = (),
        criteria: Callable[..., object] | None = None,
        savepoint_retention: SavepointRetention = "all",
    ) -> TracedIntegration[P, R] | Callable[[Callable[P, R]], TracedIntegration[P, R]]:
        """Make an integration of a function that calls tasks: `@app.integration`, or with options.

        Args:
            function: The function, when there are no options.
            id: Within the project; by default the name of the function.
            trigger: Id of the trigger that starts it; by default `api_trigger/` and the id.
            max_runtime: Longest run of an execution; by default without limit.
            priority: Of executions unless the call says otherwise, 0 to 999.
            labels: Inherited by executions.
            retention: How long executions are kept after their end; by default as long as the server says.
            searchable: Inputs and outputs by whose values executions can be found, at most 16 texts, numbers or
                truth values; `result` is the output of a function that returns no dataclass.
            criteria: Is called once with those inputs that it has arguments for, and yields whether an execution may
                start, such as `lambda amount: amount > 0`; by default every one may.
            savepoint_retention: Which snapshots of an execution are kept unless the call says otherwise: `all`, the
                `last`, or `none`.

        Raises:
            DefinitionError: The decorator raises it for an id that is taken or not allowed, for a
                signature that no inputs can fill, and for options that cannot be meant.
        """
        if not 0 <= priority <= PRIORITY_MAX:
            raise DefinitionError(f"priority {priority} is out of range, 0 to {PRIORITY_MAX} are allowed")
        if savepoint_retention not in SAVEPOINT_RETENTIONS:
            raise DefinitionError(f"{savepoint_retention!r} keeps nothing; one of {', '.join(SAVEPOINT_RETENTIONS)}")
        if isinstance(searchable, str):
            raise DefinitionError(f"searchable is a list of names; write searchable=[{searchable!r}]")

        def make(function: Callable[P, R]) -> TracedIntegration[P, R]:
            chosen = id or function.__name__
            options = IntegrationOptions(
                trigger=trigger or f"api_trigger/{chosen}",
                max_runtime=None if max_runtime is None else duration(max_runtime),
                priority=priority,
                labels=dict(labels or {}),
                retention=None if retention is None else retention_message(retention),
                searchable=tuple(searchable),
                criteria=criteria,
                savepoint_retention=savepoint_retention,
            )
            return self._keep(chosen, function, options)

        return make if function is None else make(function)

    def _keep(self, chosen: str, function: Callable[P, R], options: IntegrationOptions) -> TracedIntegration[P, R]:
        if not RESOURCE_ID.fullmatch(chosen):
            raise DefinitionError(f"{chosen!r} cannot be the id of an integration: {RESOURCE_ID_RULE}")
        if chosen in self._integrations:
            raise DefinitionError(f"the app has an integration {chosen} already")
        if not TRIGGER_ID.fullmatch(options.trigger):
            raise DefinitionError(f"{options.trigger!r} cannot be the id of a trigger: {TRIGGER_ID_RULE}")
        if inspect.iscoroutinefunction(function):
            raise DefinitionError(f"{chosen} is recorded, not run: write `def`, not `async def`")
        signature = signature_of(function)
        if signature.context:
            raise DefinitionError(f"{chosen} is recorded, not run: it has no TaskContext")
        integration = TracedIntegration(chosen, function, signature, options)
        self._integrations[chosen] = integration
        return integration


def _checked(retry: Retry | None) -> Retry | None:
    if retry is not None and not isinstance(retry, Retry):
        raise DefinitionError(f"{retry!r} says nothing about retries; use Exponential(max_retries=3, interval='1s')")
    return retry


def _executor(handler: Callable[..., Any], executor: Executor | None) -> Executor:
    is_async = inspect.iscoroutinefunction(handler)
    chosen = executor or ("async" if is_async else "thread")
    if chosen not in _EXECUTORS:
        raise DefinitionError(f"{chosen!r} is no executor; one of {', '.join(_EXECUTORS)}")
    if is_async is not (chosen == "async"):
        raise DefinitionError(f"{handler.__qualname__}: only coroutine functions run as async, and only there")
    return chosen
