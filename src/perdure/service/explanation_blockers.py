"""What an execution waits for, worked out from its state and from where its attempts are (product.md, point 7).

Every kind of `Blocker` is made here, with its sentence. What only the store knows, the state of sub-executions, is left
open: `Open` names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from perdure.codec.errors import put_error
from perdure.codec.message_parts import put_instant
from perdure.codec.names import suspension_name
from perdure.codec.stops import put_stop
from perdure.dispatch.attempt import AttemptKey
from perdure.dispatch.whereabouts import InQueue, WithWorker
from perdure.domain.breakpoints import Position
from perdure.domain.events import SuspensionKind
from perdure.domain.execution import generation
from perdure.domain.integration import ForEach, SubIntegration
from perdure.domain.states import ExecutionState, Phase, TaskState
from perdure.service.explanation_text import at, counted, listed, seconds, told
from perdure.store.records import ExecutionKey
from perdure.v1.explanation_pb2 import Blocker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from perdure.dispatch.whereabouts import Whereabouts
    from perdure.domain.execution import Execution, OpenSuspension
    from perdure.domain.task import TaskRun

_POSITIONS = {Position.AFTER: "after", Position.ON_FAILURE: "at a failure of"}


class Open(NamedTuple):
    """A task that waits for sub-executions, of which the store knows more.

    Attributes:
        generation: The attempt of the task, as its children's origin names it.
        child: Id of the sub-execution; empty for a `for-each`.
        items: Items of the `for-each`.
        integration: Id of the integration that the sub-executions run.
    """

    blocker: Blocker
    task_id: str
    generation: int
    child: str
    items: int
    integration: str


class Explained(NamedTuple):
    """Everything that an execution waits for."""

    blockers: list[Blocker]
    open: list[Open]


def worker_attempts(execution: Execution) -> list[AttemptKey]:
    """Name the attempts that wait for a worker, or that a worker performs."""
    key = ExecutionKey(execution.project, execution.id)
    runs = [
        *((task_id, run) for task_id, run in execution.in_state(TaskState.IN_PROCESS) if run.config.built_in is None),
        *((task_id, run) for task_id, run in execution.in_state(TaskState.ROLLBACK_IN_PROCESS) if run.is_being_undone),
    ]
    return [AttemptKey(key, task_id, execution.execution_attempt, run.attempt) for task_id, run in runs]


def explain(execution: Execution, where: Mapping[AttemptKey, Whereabouts], *, now: int, location: str) -> Explained:
    """List what an execution waits for, what concerns the whole of it first, then by task id.

    Args:
        execution: Its state.
        where: Where its attempts are, as far as that is known.
        now: Microseconds since the epoch.
        location: The server's location.
    """
    if execution.is_terminal:
        return Explained([], [])
    of_tasks = _Tasks(execution, where, now, location)
    for task_id in execution.current:
        of_tasks.add(task_id, execution.tasks[task_id])
    return Explained([*_of_execution(execution), *of_tasks.blockers], of_tasks.open)


def _blocker(message: str, since: int, task_id: str = "") -> Blocker:
    blocker = Blocker(task_number=task_id, message=message)
    put_instant(since, blocker.since_time)
    return blocker


def _of_execution(execution: Execution) -> Iterator[Blocker]:
    if execution.cancel_time is not None and _is_cancelling(execution):
        yield _cancelling(execution, execution.cancel_time)
    if execution.pause is not None:
        yield _paused(execution)
    if execution.stop is not None:
        yield _stopped(execution)
    if execution.state is ExecutionState.PENDING:
        yield _not_started(execution)
    elif execution.restart_due is not None:
        ends = [attempt.end_time for attempt in execution.attempts if attempt.end_time is not None]
        blocker = _blocker(f"it failed and begins anew at {at(execution.restart_due)}", max(ends))
        put_instant(execution.restart_due, blocker.restart.restart_time)
        yield blocker


def _is_cancelling(execution: Execution) -> bool:
    """Whether a cancel is what moves it; one that came after its outcome was settled is only recorded."""
    outcome = execution.outcome
    return execution.is_stopping or outcome is None or outcome.state is ExecutionState.CANCELLED


def _cancelling(execution: Execution, since: int) -> Blocker:
    stages = {Phase.ROLLBACK: "what it has done is being undone", Phase.TEARDOWN: "its teardown tasks run"}
    text = stages.get(execution.phase, "what still runs was asked to stop")
    if execution.cancel_due is not None:
        text += f" and counts as stopped at {at(execution.cancel_due)}"
    reason = f" ({execution.cancel_reason})" if execution.cancel_reason else ""
    blocker = _blocker(f"it was cancelled{reason}: {text}", since)
    blocker.cancelling.reason = execution.cancel_reason
    if execution.cancel_due is not None:
        put_instant(execution.cancel_due, blocker.cancelling.force_time)
    blocker.cancelling.SetInParent()
    return blocker


def _paused(execution: Execution) -> Blocker:
    pause = execution.pause
    assert pause is not None
    reason = f" ({pause.reason})" if pause.reason else ""
    blocker = _blocker(f"{pause.principal} paused it at {at(pause.time)}{reason}", pause.time)
    blocker.paused.principal = pause.principal
    blocker.paused.reason = pause.reason
    put_instant(pause.time, blocker.paused.pause_time)
    return blocker


def _stopped(execution: Execution) -> Blocker:
    stop = execution.stop
    assert stop is not None
    place = f"{_POSITIONS.get(stop.position, 'before')} task {stop.task_id}"
    blocker = _blocker(f"it stopped {place} and goes on by itself at {at(stop.due)}", stop.time)
    put_stop(stop.task_id, stop.position, blocker.breakpoint)
    put_instant(stop.time, blocker.breakpoint.stop_time)
    put_instant(stop.due, blocker.breakpoint.expire_time)
    return blocker


def _not_started(execution: Execution) -> Blocker:
    if execution.schedule_due is None:
        blocker = _blocker("it is on hold and waits for Execute with its id", execution.create_time)
        blocker.on_hold.SetInParent()
        return blocker
    blocker = _blocker(f"it is scheduled for {at(execution.schedule_due)}", execution.create_time)
    put_instant(execution.schedule_due, blocker.schedule.start_time)
    return blocker


class _Tasks:
    """Collects what single tasks wait for."""

    def __init__(self, execution: Execution, where: Mapping[AttemptKey, Whereabouts], now: int, location: str) -> None:
        self._execution = execution
        self._key = ExecutionKey(execution.project, execution.id)
        self._where = where
        self._now = now
        self._location = location
        self.blockers: list[Blocker] = []
        self.open: list[Open] = []

    def add(self, task_id: str, run: TaskRun) -> None:
        """Tell what a task waits for."""
        self.blockers.append(self._of_task(task_id, run))

    def _of_task(self, task_id: str, run: TaskRun) -> Blocker:
        if run.state is TaskState.RETRY_ON_HOLD:
            return self._retry(task_id, run)
        if run.state is TaskState.SUSPENDED:
            suspension = self._execution.suspensions.get(run.suspension)
            return self._timer(task_id, run) if suspension is None else self._suspension(suspension, run)
        if run.state is TaskState.ROLLBACK_IN_PROCESS:
            return self._undo(task_id, run)
        if isinstance(run.config.built_in, SubIntegration | ForEach):
            return self._sub_executions(task_id, run)
        return self._attempt(task_id, run, run.config.handler, f"task {task_id}")

    def _retry(self, task_id: str, run: TaskRun) -> Blocker:
        lost = run.failure is None
        what = f"the worker of task {task_id} vanished" if lost else f"task {task_id} failed ({told(run.failure)})"
        if run.due is None:
            text = f"{what}; the execution stopped there before its failure policy acts"
        elif self._execution.is_gated:
            text = f"{what}; the next attempt begins at {at(run.due)}, but not before the execution goes on"
        else:
            text = f"{what}; the next attempt begins at {at(run.due)}"
        blocker = _blocker(text, run.since, task_id)
        retry = blocker.retry
        retry.attempt = run.attempt + 1
        if run.due is not None:
            put_instant(run.due, retry.retry_time)
        if run.failure is not None:
            put_error(run.failure, retry.error)
        return blocker

    def _timer(self, task_id: str, run: TaskRun) -> Blocker:
        assert run.due is not None, "a timer has an end"
        blocker = _blocker(f"task {task_id} waits until {at(run.due)}", run.since, task_id)
        put_instant(run.due, blocker.timer.end_time)
        return blocker

    def _suspension(self, suspension: OpenSuspension, run: TaskRun) -> Blocker:
        task_id = suspension.task_id
        name = suspension_name(
            self._key.project,
            self._location,
            self._execution.created.integration,
            self._execution.id,
            suspension.number,
        )
        if suspension.kind is SuspensionKind.CALLBACK:
            limit = f", at most until {at(suspension.expire_time)}" if suspension.expire_time is not None else ""
            blocker = _blocker(f"task {task_id} waits for the signal {suspension.signal}{limit}", run.since, task_id)
            blocker.callback.suspension = name
            blocker.callback.signal = suspension.signal
            if suspension.expire_time is not None:
                put_instant(suspension.expire_time, blocker.callback.expire_time)
            return blocker
        who = f" of {listed(suspension.who_may_resolve)}" if suspension.who_may_resolve else ""
        text = f"task {task_id} waits for the decision{who} on suspension {suspension.number}"
        if suspension.expire_time is not None:
            outcome = "lifted" if suspension.lift_when_expired else "rejected"
            text += f", which is {outcome} by itself at {at(suspension.expire_time)}"
        blocker = _blocker(text, run.since, task_id)
        blocker.suspension.suspension = name
        blocker.suspension.who_may_resolve.extend(suspension.who_may_resolve)
        if suspension.expire_time is not None:
            put_instant(suspension.expire_time, blocker.suspension.expire_time)
        return blocker

    def _undo(self, task_id: str, run: TaskRun) -> Blocker:
        rollback, undo = run.config.rollback, run.undo
        assert rollback is not None, "only a task that declares a rollback is undone"
        assert undo is not None, "an undo under way has begun"
        if not undo.waits:
            return self._attempt(task_id, run, rollback.handler, f"the undo of task {task_id}")
        what = f"the undo of task {task_id} failed ({told(undo.failure)})"
        if run.due is None:
            blocker = _blocker(f"{what}; somebody has to decide what becomes of it", run.since, task_id)
            blocker.rollback_held.task = rollback.handler
            if undo.failure is not None:
                put_error(undo.failure, blocker.rollback_held.error)
            return blocker
        blocker = _blocker(f"{what}; the next attempt begins at {at(run.due)}", run.since, task_id)
        blocker.retry.attempt = run.attempt + 1
        put_instant(run.due, blocker.retry.retry_time)
        if undo.failure is not None:
            put_error(undo.failure, blocker.retry.error)
        return blocker

    def _sub_executions(self, task_id: str, run: TaskRun) -> Blocker:
        built_in = run.config.built_in
        integration = self._execution.created.integration
        if isinstance(built_in, SubIntegration):
            integration = built_in.integration
        elif isinstance(built_in, ForEach) and built_in.target is not None:
            integration = built_in.target.integration
        blocker = _blocker("", run.since, task_id)
        number = generation(self._execution.execution_attempt, run.attempt)
        self.open.append(Open(blocker, task_id, number, run.child, run.sub_job_count, integration))
        return blocker

    def _attempt(self, task_id: str, run: TaskRun, handler: str, what: str) -> Blocker:
        name = AttemptKey(self._key, task_id, self._execution.execution_attempt, run.attempt)
        match self._where.get(name):
            case InQueue() as place:
                return _queued(task_id, run, handler, what, place)
            case WithWorker() as place:
                return self._with_worker(task_id, run, handler, what, place)
            case _:
                return _unheard(task_id, run, what)

    def _with_worker(self, task_id: str, run: TaskRun, handler: str, what: str, place: WithWorker) -> Blocker:
        heard = self._now - place.heard_ago
        if place.silent:
            text = (
                f"worker {place.worker_id}, which performs {what}, was not heard of for {seconds(place.heard_ago)};"
                f" unless it is, another worker gets the task in {seconds(place.lease_left)}"
            )
            blocker = _blocker(text, run.since, task_id)
            silent = blocker.worker_silent
            silent.worker = place.worker_id
            put_instant(heard, silent.last_heard_time)
            put_instant(self._now + place.lease_left, silent.lease_end_time)
            return blocker
        stopping = " and was asked to stop" if place.stopping else ""
        text = (
            f"worker {place.worker_id} performs {what} (handler {handler}, attempt {run.attempt}){stopping};"
            f" it was last heard of {seconds(place.heard_ago)} ago"
        )
        blocker = _blocker(text, run.since, task_id)
        working = blocker.worker_working
        working.worker = place.worker_id
        working.handler = handler
        put_instant(run.since, working.start_time)
        put_instant(heard, working.last_heard_time)
        return blocker


def _queued(task_id: str, run: TaskRun, handler: str, what: str, place: InQueue) -> Blocker:
    if not place.workers:
        text = f"{what} waits for a worker that offers the handler {handler}; none is connected"
        blocker = _blocker(text, run.since, task_id)
        blocker.no_worker.handler = handler
        return blocker
    text = (
        f"{what} waits for a worker: {counted(place.ahead, 'attempt comes', 'attempts come')} before it, and"
        f" {counted(place.workers, 'worker offers', 'workers offer')} the handler {handler}"
    )
    blocker = _blocker(text, run.since, task_id)
    blocker.queued.handler = handler
    blocker.queued.ahead = place.ahead
    blocker.queued.workers = place.workers
    return blocker


def _unheard(task_id: str, run: TaskRun, what: str) -> Blocker:
    """Tell of an attempt from before a restart, which its worker may still be performing."""
    text = f"{what} began before the server was restarted; unless its worker comes back, another one gets it soon"
    blocker = _blocker(text, run.since, task_id)
    blocker.worker_silent.SetInParent()
    return blocker
