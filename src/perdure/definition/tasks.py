"""Tasks: handlers with the options under which they are performed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast

from perdure.definition.retries import failure_policy
from perdure.definition.steps import add_inputs, bind_call, outputs_of_task, split_id
from perdure.definition.trace import current_trace
from perdure.v1.task_config_pb2 import SuccessPolicy, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.duration_pb2 import Duration

    from perdure.definition.arguments import Signature
    from perdure.definition.retries import Retry
    from perdure.v1.task_config_pb2 import FailurePolicy, RollbackConfig, SuspensionConfig

P = ParamSpec("P")
R = TypeVar("R")

Executor = Literal["async", "thread", "process"]
"""Where a handler runs: on the worker's loop, in a thread, or in a process of its own."""


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How a task is performed, wherever it is called.

    Attributes:
        retry: After a failure in a queued or scheduled execution; None fails the task.
        synchronous_retry: After a failure while a caller waits.
        timeout: Longest time of one attempt; None for no limit.
        checkpoint: Whether a snapshot is taken after it succeeded.
        conditional: Policies that are tried in order before the other two.
        rollback: How it is undone; None for not at all.
        suspension: How it waits for a decision after it was performed; None for not at all.
    """

    retry: Retry | None
    synchronous_retry: Retry | None
    timeout: Duration | None
    checkpoint: bool
    conditional: tuple[FailurePolicy, ...] = ()
    rollback: RollbackConfig | None = None
    suspension: SuspensionConfig | None = None

    def apply(self, config: TaskConfig) -> None:
        """Write the options into a task of a definition."""
        for policy in self.conditional:
            config.conditional_failure_policies.failure_policies.append(policy)
        if self.rollback is not None:
            config.rollback.CopyFrom(self.rollback)
        if self.suspension is not None:
            config.success_policy.final_state = SuccessPolicy.FINAL_STATE_SUSPENDED
            config.suspension_config.CopyFrom(self.suspension)
        if self.retry is not None:
            config.failure_policy.CopyFrom(failure_policy(self.retry))
        if self.synchronous_retry is not None:
            config.synchronous_call_failure_policy.CopyFrom(failure_policy(self.synchronous_retry))
        if self.timeout is not None:
            config.timeout.CopyFrom(self.timeout)
        if not self.checkpoint:
            config.checkpoint = False


@dataclass(frozen=True, slots=True, eq=False)
class Task(Generic[P, R]):
    """A handler that integrations can call.

    Calling it inside an integration records a task and yields a traced result; it never runs the handler.
    The keyword `id` sets the id of the task, which is otherwise made from its name.

    Attributes:
        name: Name of the handler, the same in every worker that has it.
        handler: The function itself, to be called by workers and tests.
        signature: What the handler takes and returns.
    """

    name: str
    handler: Callable[..., Any]
    signature: Signature
    executor: Executor
    options: TaskOptions

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Record a task.

        Raises:
            TracingError: No integration is being recorded, or it cannot be called like this.
        """
        keywords, task_id = split_id(self.signature, kwargs)
        return self._record(args, keywords, task_id)

    def with_id(self, task_id: str) -> Callable[P, R]:
        """Hand out the task to be called once, under an id; as the keyword `id`, but known to type checkers."""

        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return self._record(args, kwargs, task_id)

        return call

    def _record(self, args: tuple[Any, ...], keywords: dict[str, Any], task_id: str) -> R:
        trace = current_trace(f"{self.name}(...)")
        config = TaskConfig(task=self.name)
        self.options.apply(config)
        reads = add_inputs(config, self.signature, bind_call(self.signature, args, keywords))
        chosen = trace.record(config, self.name, reads, task_id=task_id)
        return cast("R", outputs_of_task(chosen, self.signature.returns))
