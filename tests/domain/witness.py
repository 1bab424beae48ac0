"""A witness of one execution: it sees every transition and refuses what must never happen.

It keeps books of its own, from the events and effects alone, so that a rule and its check do not share a fault.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.apply import apply, first_state
from perdure.domain.breakpoints import StepAction
from perdure.domain.decide import pending_effects
from perdure.domain.execution import CatcherState
from perdure.domain.integration import FailurePolicy, JoinStrategy, RetryStrategy
from perdure.domain.states import (
    TERMINAL_EXECUTION_STATES,
    TERMINAL_TASK_STATES,
    ExecutionMethod,
    ExecutionState,
    TaskState,
)
from perdure.domain.transitions import EXECUTION_CHANGES, PHASE_CHANGES, TASK_CHANGES, StateChange
from tests.domain.witness_of_the_end import EndBooks, is_start_task
from tests.domain.witness_of_waits import GateBooks, SuspensionBooks

if TYPE_CHECKING:
    from enum import IntEnum

    from perdure.domain.decide.transition import Transition
    from perdure.domain.events import Event
    from perdure.domain.execution import Execution

CHANGES: tuple[StateChange[IntEnum], ...] = (*EXECUTION_CHANGES, *TASK_CHANGES, *PHASE_CHANGES)
# The type as well, since states of executions and of tasks share their numbers.
PERMITTED = {(type(change.after), change.before, change.after, change.event) for change in CHANGES}
TERMINAL_EVENTS = ev.ExecutionSucceeded | ev.ExecutionFailed | ev.ExecutionCancelled
FORWARD_EVENTS = ev.ExecutionStarted | ev.ExecutionRestarted | ev.TaskStarted | ev.TaskRetried | ev.TaskAttemptLost
TASK_CHANGE_EVENTS = (
    ev.TaskStarted
    | ev.TaskRetried
    | ev.TaskAttemptLost
    | ev.TaskSuspended
    | ev.TaskSkipped
    | ev.TaskSucceeded
    | ev.TaskAttemptFailed
    | ev.TaskCancelled
    | ev.FailureReleased
    | ev.SuspensionOpened
    | ev.UndoStarted
    | ev.UndoAttemptFailed
    | ev.TaskRolledBack
)
CURRENT = {TaskState.IN_PROCESS, TaskState.RETRY_ON_HOLD, TaskState.SUSPENDED, TaskState.ROLLBACK_IN_PROCESS}
ATTEMPT_ENDS = ev.TaskSucceeded | ev.TaskAttemptFailed | ev.TaskCancelled | ev.UndoAttemptFailed | ev.TaskRolledBack
NEVER = float("inf")
FORWARD_EFFECTS = ef.OfferAttempt | ef.RunChild | ef.RunItems
Key = tuple[str, int, int]


class Witness:
    """Watches one execution from its first transition on."""

    def __init__(self) -> None:
        self.history: list[tuple[Event, int]] = []
        self.observed: set[tuple[type, object, object, type]] = set()
        self._shadow: Execution | None = None
        self._execution_attempt = 0
        self._open: dict[Key, list[ef.Effect]] = {}
        self._ended_attempts: set[Key] = set()
        self._offers: Counter[Key] = Counter()
        self._edges: dict[tuple[str, int], bool] = {}
        self._failures: Counter[str] = Counter()
        self._restarts = 0
        self._retry_times: dict[str, float] = {}
        self._restart_time = 0
        self._cancel_requested = False
        self._reports = 0
        self._gate = GateBooks()
        self._waits = SuspensionBooks()
        self._end = EndBooks()

    def see(self, transition: Transition) -> None:
        """Check one transition against everything seen before.

        Raises:
            AssertionError: Something happened that must never happen.
        """
        ended_early = any(isinstance(event, ev.ExecutionFailed | ev.OutcomeDecided) for event in transition.events)
        for event in transition.events:
            self._check_join(event, transition.execution, ended_early=ended_early)
            self._see_event(event, transition.now, transition.execution)
        for effect in transition.effects:
            self._see_effect(effect)
        self.compare(transition.execution)

    def fold(self, execution: Execution) -> Execution:
        """Fold all events seen into a new state, as recovery does."""
        (created, time), *rest = self.history
        assert isinstance(created, ev.ExecutionCreated)
        state = first_state(created, execution.graph, execution.id, execution.project, time)
        for event, event_time in rest:
            apply(state, event, event_time)
        return state

    def compare(self, execution: Execution) -> None:
        """Hold the state in memory to the fold of the events, and to what it says about itself."""
        assert self._shadow is not None
        assert execution == self._shadow, "the state in memory is not the fold of the events"
        assert execution.sequence == len(self.history), "sequences are not dense"
        counts = Counter(run.state for run in execution.tasks.values())
        assert all(execution.count(state) == counts[state] for state in TaskState), "the counts of states are wrong"
        self._compare_current_tasks(execution)
        self._compare_dues(execution)
        self._compare_effects(execution)
        self._waits.compare(execution)
        self._refuse_undecided_joins(execution)
        self._refuse_stuck(execution)

    def _compare_current_tasks(self, execution: Execution) -> None:
        current = [task_id for task_id, run in execution.tasks.items() if run.state in CURRENT]
        if execution.is_terminal:
            ends = {task_id: run.attempts[-1].end_time for task_id, run in execution.tasks.items() if run.attempts}
            last = max((end for end in ends.values() if end is not None), default=None)
            current = [task_id for task_id, end in ends.items() if end == last]
        assert execution.current_tasks == sorted(current), "the current tasks are wrong"

    def _compare_dues(self, execution: Execution) -> None:
        dues = {task_id: run.due for task_id, run in execution.tasks.items() if run.due is not None}
        assert execution.is_terminal or execution.dues == dues, "the dues are not those of the tasks"
        for run in execution.tasks.values():
            waits = run.state in {TaskState.RETRY_ON_HOLD, TaskState.SUSPENDED}
            for_somebody = run.suspension in execution.suspensions or execution.is_gated
            assert not waits or run.due is not None or for_somebody, "a task waits for no instant"
            attempts = [*run.attempts, *(run.undo.attempts if run.undo else ())]
            open_attempts = [attempt for attempt in attempts if attempt.end_time is None]
            assert len(open_attempts) <= 1, "two attempts of one task are open"
            assert not run.is_terminal or not open_attempts, "a terminal task has an open attempt"

    def _compare_effects(self, execution: Execution) -> None:
        expected = Counter(effect for effects in self._open.values() for effect in effects)
        expected.update({ef.ReportToParent(): self._reports})
        assert Counter(pending_effects(execution)) == +expected, "pending effects are not those emitted less those done"

    def _refuse_stuck(self, execution: Execution) -> None:
        on_hold = execution.state is ExecutionState.PENDING
        somebody = bool(execution.pause or execution.stop or execution.suspensions or execution.waits_for_operator)
        moves = bool(pending_effects(execution)) or execution.next_wake() is not None
        assert execution.is_terminal or on_hold or moves or somebody, "nothing will ever move the execution"
        assert execution.is_terminal or execution.is_waiting() or pending_effects(execution), "a task runs nowhere"
        runs = execution.count(TaskState.IN_PROCESS) or execution.undoes
        if execution.state is ExecutionState.PROCESSING and self._end.outcome is None:
            assert runs or execution.is_gated, "it is PROCESSING although nothing runs"
        if execution.state in {ExecutionState.SUSPENDED, ExecutionState.RETRY_ON_HOLD}:
            assert not runs, "it shows that it waits although something runs"

    def _check_join(self, event: Event, execution: Execution, *, ended_early: bool) -> None:
        """Hold the start or the skip of a task to the join rule, by what the events said of its predecessors."""
        if isinstance(event, ev.TaskStarted) and not is_start_task(execution, event.task_id):
            assert self._may_run(event.task_id, execution), f"{event.task_id} starts although its join is not satisfied"
        if isinstance(event, ev.TaskSkipped) and not self._cancel_requested and not ended_early:
            may_run = is_start_task(execution, event.task_id) or self._may_run(event.task_id, execution)
            asked = execution.graph.tasks[event.task_id].precondition
            assert asked or not may_run, f"{event.task_id} is skipped although it may run"

    def _may_run(self, task_id: str, execution: Execution) -> bool:
        assert self._shadow is not None
        incoming = [
            (self._seen_state(p.task_id, self._shadow), self._edges.get((p.task_id, p.edge), False))
            for p in execution.graph.predecessors[task_id]
        ]
        good = [state is TaskState.SUCCEED and taken for state, taken in incoming]
        match execution.graph.tasks[task_id].join:
            case JoinStrategy.WHEN_ANY_SUCCEED:
                return any(good)
            case JoinStrategy.WHEN_ALL_SUCCEED:
                return any(good) and all(state in {TaskState.SUCCEED, TaskState.SKIPPED} for state, _ in incoming)
            case JoinStrategy.WHEN_ALL_TASKS_AND_CONDITIONS_SUCCEED:
                return all(good)

    def _seen_state(self, task_id: str, shadow: Execution) -> TaskState:
        """Tell what successors see of a task: one whose failure is handled is as if it had been skipped (3.5)."""
        state = shadow.tasks[task_id].state
        if state is not TaskState.FAILED:
            return state
        catcher = shadow.graph.tasks[task_id].error_catcher
        if self._end.catchers.get(catcher) is CatcherState.RUNNING:
            return TaskState.RETRY_ON_HOLD
        return TaskState.SKIPPED if task_id in self._end.handled else state

    def _refuse_undecided_joins(self, execution: Execution) -> None:
        waits = execution.restart_due is not None or execution.is_gated or execution.stepped
        if execution.is_terminal or waits or not execution.execution_attempt:
            return
        assert self._shadow is not None
        for task_id, _ in execution.in_state(TaskState.PENDING_EXECUTION):
            if task_id in execution.graph.teardown:
                continue
            before = [self._seen_state(p.task_id, self._shadow) for p in execution.graph.predecessors[task_id]]
            decided = all(state in TERMINAL_TASK_STATES for state in before) or self._may_run(task_id, execution)
            assert not decided, f"{task_id} waits although nothing is left to wait for"

    def _see_event(self, event: Event, time: int, execution: Execution) -> None:
        if self._shadow is None:
            assert isinstance(event, ev.ExecutionCreated), "the first event is not the creation"
            self._shadow = first_state(event, execution.graph, execution.id, execution.project, time)
            self._observe(None, self._shadow.state, event)
            self._execution_attempt = self._shadow.execution_attempt
            self._begin(self._shadow)
        else:
            shadow = self._shadow
            assert shadow.state not in TERMINAL_EXECUTION_STATES, "an event follows the terminal one"
            assert time >= self.history[-1][1], "event time went back"
            assert not (self._cancel_requested and self._goes_forward(event)), "something starts after a cancel"
            self._gate.see(event)
            self._waits.see(event, time)
            self._end.see(event, time, shadow)
            self._check_delays(event, time, execution)
            phase = shadow.phase
            before, tasks = shadow.state, {task_id: run.state for task_id, run in shadow.tasks.items()}
            apply(shadow, event, time)
            self._observe(before, shadow.state, event)
            self._observe(phase, shadow.phase, event)
            for task_id, run in shadow.tasks.items():
                concerned = isinstance(event, TASK_CHANGE_EVENTS) and event.task_id == task_id
                self._observe(tasks.get(task_id), run.state, event, concerned=concerned)
            ended = shadow.state in TERMINAL_EXECUTION_STATES
            assert ended == isinstance(event, TERMINAL_EVENTS), "a terminal state without its terminal event"
        self.history.append((event, time))
        self._keep_books(event)

    def _begin(self, shadow: Execution) -> None:
        """Take over what a replay has copied."""
        for task_id, run in shadow.tasks.items():
            self._edges.update({(task_id, edge): taken for edge, taken in enumerate(run.edges or ())})
            self._observe(None, run.state, shadow.created)

    def _goes_forward(self, event: Event) -> bool:
        held = isinstance(event, ev.TaskAttemptLost) and event.held
        tears_down = self._end.tearing_down and isinstance(event, ev.TaskStarted | ev.TaskRetried | ev.TaskAttemptLost)
        return isinstance(event, FORWARD_EVENTS) and not held and not tears_down

    def _observe(self, before: object, after: object, event: Event, *, concerned: bool = False) -> None:
        if before != after or concerned:
            change = (type(after), before, after, type(event))
            assert change in PERMITTED, f"{change} is not in the table"
            self.observed.add(change)

    def _keep_books(self, event: Event) -> None:
        match event:
            case ev.CancelRequested():
                self._cancel_requested = True
            case ev.ExecutionStarted():
                self._execution_attempt = 1
            case ev.ExecutionRestarted():
                self._execution_attempt += 1
                self._restarts += 1
                self._failures.clear()
                self._edges.clear()
                self._retry_times.clear()
                assert self._shadow is not None
                self._begin(self._shadow)
        if isinstance(event, ev.TaskAttemptFailed):
            self._failures[event.task_id] += 1
        if isinstance(event, ev.TaskSucceeded | ev.TaskAttemptFailed | ev.FailureReleased):
            self._edges.update({(event.task_id, edge): taken for edge, taken in enumerate(event.edges)})
        self._keep_attempts(event)
        if isinstance(event, TERMINAL_EVENTS):
            assert not self._open, f"the execution ended with something open: {self._open}"

    def _keep_attempts(self, event: Event) -> None:
        match event:
            case ev.TaskAttemptLost():
                self._end_attempt(event.task_id, event.attempt - (not event.held))
            case ev.UndoStarted(lost=True):
                self._end_attempt(event.task_id, event.attempt - 1)
            case ev.UndoResolved() | ev.SuspensionOpened():
                assert self._shadow is not None
                self._end_attempt(event.task_id, self._shadow.tasks[event.task_id].attempt)
            case _ if isinstance(event, ATTEMPT_ENDS):
                self._end_attempt(event.task_id, event.attempt)

    def _end_attempt(self, task_id: str, attempt: int) -> None:
        key = (task_id, self._execution_attempt, attempt)
        self._ended_attempts.add(key)
        self._open.pop(key, None)

    def _see_effect(self, effect: ef.Effect) -> None:
        if isinstance(effect, ef.ReportToParent):
            self._reports += 1
            assert self._reports == 1, "the end is reported to the parent twice"
            return
        key = (effect.task_id, effect.execution_attempt, effect.attempt)
        if isinstance(effect, FORWARD_EFFECTS):
            self._offers[key] += 1
            assert self._offers[key] == 1, f"attempt {key} is offered twice"
            belongs = key in self._ended_attempts or self._belongs_to_the_end(effect.task_id)
            assert not self._cancel_requested or belongs, "an attempt is offered after a cancel"
        if key in self._ended_attempts:
            return
        if isinstance(effect, ef.StopAttempt):
            self._open[key] = [effect]
        else:
            self._open.setdefault(key, []).append(effect)

    def _belongs_to_the_end(self, task_id: str) -> bool:
        assert self._shadow is not None
        undone = self._shadow.tasks[task_id].state is TaskState.ROLLBACK_IN_PROCESS
        return undone or task_id in self._shadow.graph.teardown

    def _check_delays(self, event: Event, time: int, execution: Execution) -> None:
        match event:
            case ev.TaskAttemptFailed(resolution=ev.Resolution.HOLD):
                self._retry_times[event.task_id] = NEVER
            case ev.BreakpointLeft(action=StepAction.STEP | StepAction.RETRY):
                self._retry_times[event.task_id] = time
            case ev.TaskAttemptLost(held=True):
                self._retry_times[event.task_id] = time
            case (
                ev.TaskAttemptFailed(resolution=ev.Resolution.RETRY)
                | ev.FailureReleased(resolution=ev.Resolution.RETRY)
            ):
                assert event.retry_time is not None
                released = isinstance(event, ev.FailureReleased)
                retry = self._failures[event.task_id] + (not released)
                shortest = self._shortest_delay(event.task_id, execution, retry)
                assert event.retry_time >= time + shortest, "a retry is planned sooner than its delay"
                self._retry_times[event.task_id] = event.retry_time
            case (
                ev.TaskAttemptFailed(resolution=ev.Resolution.RESTART)
                | ev.FailureReleased(resolution=ev.Resolution.RESTART)
            ):
                assert event.retry_time is not None
                shortest = self._shortest_delay(event.task_id, execution, self._restarts + 1)
                assert event.retry_time >= time + shortest, "a restart is planned sooner than its delay"
                self._restart_time = event.retry_time
            case ev.TaskRetried():
                assert time >= self._retry_times[event.task_id], "a retry starts sooner than its delay"
            case ev.ExecutionRestarted():
                assert time >= self._restart_time, "a restart comes sooner than its delay"

    def _shortest_delay(self, task_id: str, execution: Execution, retry: int) -> int:
        config = execution.graph.tasks[task_id]
        synchronous = execution.created.method is ExecutionMethod.POST
        default = config.synchronous_failure_policy if synchronous else config.failure_policy
        policies = [policy for policy in (*config.conditional_failure_policies, default) if policy is not None]
        delays = [base_delay(policy, retry) for policy in policies if policy.max_retries >= retry]
        assert delays, "a retry that no policy allows"
        return min(delays)


def base_delay(policy: FailurePolicy, retry: int) -> int:
    """Work out the shortest delay that a policy allows before a retry, apart from the rules."""
    factor = {
        RetryStrategy.FIXED_INTERVAL: 1,
        RetryStrategy.LINEAR_BACKOFF: retry,
        RetryStrategy.EXPONENTIAL_BACKOFF: 1 << (retry - 1),
        RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF: 1 << (retry - 1),
    }.get(policy.strategy, 0)
    base = policy.interval * factor
    return min(base, policy.max_interval) if policy.max_interval else base
