"""An execution in memory, and what one command on it adds to a commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from perdure.codec.base_state import encode_base_state
from perdure.codec.records import encode_events
from perdure.domain import events as ev
from perdure.domain.limits import SECOND
from perdure.engine.facts import facts_of, summary_of
from perdure.engine.ports import Change
from perdure.store.queries import log_position
from perdure.store.records import (
    BaseState,
    EventRecord,
    ExecutionKey,
    Progressed,
)
from perdure.store.suspensions import SuspensionChange, SuspensionKey, SuspensionRecord, SuspensionState

if TYPE_CHECKING:
    from perdure.domain.decide.transition import Transition
    from perdure.domain.effects import Effect
    from perdure.domain.execution import Execution
    from perdure.engine.flight import Flight
    from perdure.store.records import Commit, Facts, NewExecution

BASE_STATE_EVERY: Final = 64
"""Events between two base states, so that reading an execution folds at most so many."""

BASE_STATE_WORTH: Final = 16
"""An execution that leaves memory gets a base state if at least so many events came since the last."""

KEEP_IN_MEMORY: Final = 5 * SECOND
"""An execution that has to be woken within this time stays in memory, in microseconds."""


@dataclass(slots=True, eq=False)
class Live:
    """An execution in memory.

    Attributes:
        created: What never changes of it.
        submitted: Sequence of the last event given to the store.
        base_sequence: Sequence of the last base state given to the store.
        revision: Store revision of the newest commit given to the store.
        facts: Facts as of that commit; None before the first.
        in_flight: Commits that are not durable yet.
        newest: The newest commit given to the store.
        dropped: Whether a commit was refused, which makes this state void.
    """

    created: NewExecution
    execution: Execution
    submitted: int = 0
    base_sequence: int = 0
    revision: int = 0
    facts: Facts | None = None
    in_flight: int = 0
    newest: Flight | None = None
    dropped: bool = False

    @property
    def key(self) -> ExecutionKey:
        """Which execution it is."""
        return self.created.key


@dataclass(slots=True)
class Step:
    """What one command on an execution adds to a commit.

    Attributes:
        change: What watchers are told once it is durable.
        effects: What is then to be done.
        leaves: Whether the execution leaves memory with it.
        wake_time: When it then has to be loaded again.
    """

    live: Live
    change: Change
    effects: list[Effect] = field(default_factory=list)
    leaves: bool = False
    wake_time: int | None = None


def record(live: Live, transition: Transition, commit: Commit, now: int) -> Step:
    """Add the outcome of a command to a commit: events, columns and, now and then, a base state.

    Args:
        live: The execution, to which the events have been applied.
        transition: The outcome, with at least one event.
        commit: Takes the outcome.
        now: Microseconds since the epoch; what has to be woken soon after it stays in memory.
    """
    execution = live.execution
    wake_time = execution.next_wake()
    far = wake_time is None or wake_time > now + KEEP_IN_MEMORY
    leaves = execution.is_terminal or (far and execution.is_waiting())
    change = _record_events(live, transition, commit)
    _record_suspensions(live, transition, commit)
    commit.progressed.append(
        Progressed(
            live.key,
            live.submitted,
            execution.sequence,
            not leaves,
            wake_time if leaves else None,
            change.facts,
            change.summary,
        )
    )
    since = execution.sequence - live.base_sequence
    if since >= BASE_STATE_EVERY or (leaves and since >= BASE_STATE_WORTH):
        commit.base_states.append(BaseState(live.key, execution.sequence, encode_base_state(execution)))
        live.base_sequence = execution.sequence
    live.submitted = execution.sequence
    live.revision = commit.revision
    live.facts = change.facts
    return Step(live, change, transition.effects, leaves, wake_time)


def _record_events(live: Live, transition: Transition, commit: Commit) -> Change:
    """Add the events to a commit, and say what they changed while the state is just that."""
    execution = live.execution
    events = transition.events
    payload = encode_events(events, transition.now)
    first_sequence = live.submitted + 1
    place = len(commit.events)
    commit.events.append(EventRecord(live.key, first_sequence, len(events), payload))
    return Change(
        live.created,
        execution,
        live.facts,
        facts_of(execution),
        summary_of(execution),
        execution.sequence,
        first_sequence,
        events,
        transition.now,
        log_position(commit.revision, place),
        len(payload),
    )


def _record_suspensions(live: Live, transition: Transition, commit: Commit) -> None:
    """Add the suspensions that began, and what became of others."""
    for event in transition.events:
        match event:
            case ev.SuspensionOpened():
                commit.suspensions.append(_begun(live, event, transition.now))
            case ev.SuspensionReminded():
                key = SuspensionKey(*live.key, event.number)
                commit.suspension_changes.append(SuspensionChange(key, transition.now))
            case ev.SuspensionResolved():
                key = SuspensionKey(*live.key, event.number)
                state = SuspensionState.LIFTED if event.lifted else SuspensionState.REJECTED
                change = SuspensionChange(key, transition.now, state, event.resolver, event.result)
                commit.suspension_changes.append(change)


def _begun(live: Live, event: ev.SuspensionOpened, now: int) -> SuspensionRecord:
    return SuspensionRecord(
        SuspensionKey(*live.key, event.number),
        live.created.integration,
        event.task_id,
        event.kind,
        now,
        event.expire_time,
        event.remind_time,
        event.lift_when_expired,
        event.who_may_resolve,
        event.message,
        event.signal,
    )
