"""How a task begins to wait: for time, for a decision, for a signal (rows 59 to 61)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import events as ev
from perdure.domain.decide.failing import expression_failure, fail_attempt
from perdure.domain.expression import ExpressionError
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.integration import Callback, SuspensionConfig, Timer


def begin_timer(transition: Transition, task_id: str, timer: Timer) -> bool:
    """Let a task wait for an instant; tells whether that is over already."""
    try:
        due = transition.now + timer.duration
        if timer.until:
            due = transition.context.evaluator.instant(timer.until, transition.scope(about=task_id))
    except ExpressionError as error:
        fail_attempt(transition, task_id, expression_failure(error, "until"))
        return False
    if due <= transition.now:
        return True
    transition.emit(ev.TaskSuspended(task_id, transition.execution.tasks[task_id].attempt, due))
    return False


def open_approval(
    transition: Transition,
    task_id: str,
    config: SuspensionConfig,
    outputs: Mapping[str, Value] = NO_VALUES,
    worker: str = "",
) -> None:
    """Let a task wait for somebody's decision; outputs and worker are those of the handler that ran before."""
    transition.emit(
        ev.SuspensionOpened(
            number=transition.execution.suspension_count + 1,
            task_id=task_id,
            kind=ev.SuspensionKind.APPROVAL,
            expire_time=_after(transition, config.expire_after),
            remind_time=_after(transition, config.remind_after),
            lift_when_expired=config.lift_when_expired,
            who_may_resolve=config.who_may_resolve,
            message=config.message,
            outputs=outputs,
            worker=worker,
        )
    )


def open_callback(transition: Transition, task_id: str, config: Callback) -> None:
    """Let a task wait for a signal."""
    transition.emit(
        ev.SuspensionOpened(
            number=transition.execution.suspension_count + 1,
            task_id=task_id,
            kind=ev.SuspensionKind.CALLBACK,
            expire_time=_after(transition, config.timeout),
            signal=config.signal,
        )
    )


def _after(transition: Transition, length: int) -> int | None:
    return transition.now + length if length else None
