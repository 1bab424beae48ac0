"""What a witness knows of pauses, stops, steps, suspensions and signals, from the events alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import events as ev
from perdure.domain.breakpoints import Position, StepAction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.events import Event
    from perdure.domain.execution import Execution
    from perdure.domain.value import Value

ATTEMPT_STARTS = ev.TaskStarted | ev.TaskRetried | ev.TaskAttemptLost | ev.UndoStarted


class GateBooks:
    """Pauses, stops and steps."""

    def __init__(self) -> None:
        self.paused = self.stopped = False
        self.stepped = ""
        self.retried_now = ""
        self._started_since: dict[str, bool] = {}

    @property
    def gated(self) -> bool:
        """Whether no attempt may start."""
        return self.paused or self.stopped

    def see(self, event: Event) -> None:
        """Check an event and keep it."""
        if isinstance(event, ATTEMPT_STARTS) and not (isinstance(event, ev.TaskAttemptLost) and event.held):
            assert not self.gated, "an attempt starts while the execution is paused or has stopped"
            first = isinstance(event, ev.TaskStarted)
            assert not (first and self.stepped not in {"", event.task_id}), "a step starts two tasks"
            self._started_since = dict.fromkeys(self._started_since, True)
        self._keep(event)

    def _keep(self, event: Event) -> None:
        match event:
            case ev.ExecutionPaused():
                assert not self.paused, "it is paused twice"
                self.paused = True
            case ev.ExecutionResumed():
                assert self.paused, "it is resumed although it was not paused"
                self.paused = False
            case ev.CancelRequested() | ev.CancelForced():
                self.paused = self.stopped = False
                self.stepped = ""
            case ev.BreakpointHit():
                self._hit(event)
            case ev.BreakpointLeft():
                assert self.stopped, "it leaves a stop at which it does not stand"
                self.stopped = False
                self.stepped = event.task_id if event.action is StepAction.STEP else ""
            case ev.ExecutionUpdated(breakpoints=places) if places and not places.breakpoints:
                self.stepped = self.stepped if places.step_through else ""
            case ev.ExecutionRestarted():
                self.stepped = ""
            case ev.TaskSucceeded():
                self._started_since[event.task_id] = False

    def _hit(self, event: ev.BreakpointHit) -> None:
        assert not self.stopped, "it stops although it has stopped"
        if event.position is Position.AFTER:
            assert not self._started_since.get(event.task_id), "something starts before the stop after a task"
        self.stopped = True
        self.stepped = ""


class SuspensionBooks:
    """Suspensions and signals."""

    def __init__(self) -> None:
        self.open: dict[int, tuple[ev.SuspensionOpened, int]] = {}
        self._opened = 0
        self._reminded: set[int] = set()
        self._rejected_by_system = ""
        self._signals: list[tuple[str, Mapping[str, Value]]] = []
        self._ids: set[str] = set()
        self._payloads: dict[str, Mapping[str, Value]] = {}

    def see(self, event: Event, time: int) -> None:
        """Check an event and keep it."""
        match event:
            case ev.SuspensionOpened():
                self._opened += 1
                assert event.number == self._opened, "the numbers of suspensions are not dense"
                self.open[event.number] = (event, time)
            case ev.SuspensionReminded():
                opened, _ = self.open[event.number]
                assert event.number not in self._reminded, "a reminder comes twice"
                assert opened.remind_time is not None, "a reminder that nobody asked for"
                assert opened.remind_time <= time, "a reminder comes too soon"
                self._reminded.add(event.number)
            case ev.SuspensionResolved():
                self._resolve(event, time)
            case ev.TaskCancelled():
                waits = any(opened.task_id == event.task_id for opened, _ in self.open.values())
                assert not waits, "a task is cancelled and its suspension stays open"
            case _:
                self._see_signal(event)

    def _resolve(self, event: ev.SuspensionResolved, time: int) -> None:
        assert event.number in self.open, "a suspension is resolved twice"
        opened, _ = self.open.pop(event.number)
        if event.expired:
            assert opened.expire_time is not None, "a suspension expires that never does"
            assert opened.expire_time <= time, "a suspension expires too soon"
            assert event.resolver == "system", "who resolved what expired is not the system"
            lifted = opened.lift_when_expired and opened.kind is ev.SuspensionKind.APPROVAL
            assert event.lifted == lifted, "a suspension is lifted that expires, or the other way round"
        elif event.resolver == "system" and opened.kind is ev.SuspensionKind.APPROVAL:
            assert not event.lifted, "the system lifts what nobody decided"
        elif opened.kind is ev.SuspensionKind.APPROVAL:
            allowed = (*opened.who_may_resolve, "local") if opened.who_may_resolve else (event.resolver,)
            assert event.resolver in allowed, "somebody decides who may not"

    def _see_signal(self, event: Event) -> None:
        match event:
            case ev.SignalReceived():
                assert not event.signal_id or event.signal_id not in self._ids, "a signal is received twice"
                self._ids.add(event.signal_id)
                self._signals.append((event.signal, event.payload))
            case ev.SignalConsumed():
                at = next((at for at, (name, _) in enumerate(self._signals) if name == event.signal), None)
                assert at is not None, "a signal is consumed twice"
                self._payloads[event.task_id] = self._signals.pop(at)[1]
            case ev.TaskSucceeded() if event.task_id in self._payloads:
                assert event.outputs == self._payloads.pop(event.task_id), "a task has got another signal than its own"
            case ev.TaskAttemptFailed():
                self._payloads.pop(event.task_id, None)

    def compare(self, execution: Execution) -> None:
        """Hold the state to the books."""
        assert set(execution.suspensions) == set(self.open), "the open suspensions are not those of the events"
        assert [signal.name for signal in execution.signals] == [name for name, _ in self._signals], "signals are lost"
        if execution.is_terminal:
            assert not self.open, "the execution ended with a suspension open"
            return
        waiting = {opened.signal for opened, _ in self.open.values() if opened.signal}
        assert not waiting.intersection(name for name, _ in self._signals), "a task waits for a signal that has come"
