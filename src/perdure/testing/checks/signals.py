"""Whether signals come once, are taken once, and are taken by those who wait for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from perdure.testing.checks.changes import key_of, opens_suspension
from perdure.testing.logs import Outcome
from perdure.v1.suspension_service_pb2 import SignalExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from perdure.store.records import ExecutionKey
    from perdure.testing.checks.definitions import Definition
    from perdure.testing.checks.evidence import Evidence
    from perdure.v1.event_pb2 import ExecutionEvent


def signals_are_taken_once(evidence: Evidence) -> Iterator[str]:
    """I30: a signal that was acknowledged has come, once for its id, and is taken once if a task waits for it."""
    acknowledged = _acknowledged(evidence)
    for name, history in evidence.histories.items():
        events = [placed.event for placed in history]
        definition = evidence.definition_of(history)
        for fault in (*_wrong_coming(events, acknowledged[key_of(name)]), *_wrong_taking(events)):
            yield f"{name}: {fault}"
        if definition is not None and definition.signals:
            for fault in _waits_in_vain(events, definition):
                yield f"{name}: {fault}"


def _acknowledged(evidence: Evidence) -> Mapping[ExecutionKey, set[str]]:
    """Collect the ids of the signals that were taken over, by the execution that they were sent to."""
    ids: dict[ExecutionKey, set[str]] = defaultdict(set)
    for operation in evidence.operations:
        if operation.rpc == "SignalExecution" and operation.outcome is Outcome.OK:
            request = SignalExecutionRequest.FromString(operation.request)
            ids[key_of(request.name)].add(request.signal_id)
    return ids


def _wrong_coming(events: Sequence[ExecutionEvent], acknowledged: set[str]) -> Iterator[str]:
    came = Counter(event.signal_change.signal_id for event in events if not event.signal_change.task_number)
    del came[""]
    for signal_id, count in came.items():
        if count > 1:
            yield f"the signal with the id {signal_id} comes twice"
    for signal_id in sorted(acknowledged - came.keys() - {""}):
        yield f"the signal with the id {signal_id} was acknowledged, and has not come"


def _wrong_taking(events: Sequence[ExecutionEvent]) -> Iterator[str]:
    kept: Counter[str] = Counter()
    for event in events:
        change = event.signal_change
        if change.signal:
            kept[change.signal] += -1 if change.task_number else 1
            if kept[change.signal] < 0:
                yield f"task {change.task_number} takes signal {change.signal}, and none is there"


def _waits_in_vain(events: Sequence[ExecutionEvent], definition: Definition) -> Iterator[str]:
    """Look for a commit after which a signal is there and a task waits for it."""
    kept: Counter[str] = Counter()
    waiting: set[str] = set()
    for event, following in zip(events, [*events[1:], None], strict=True):
        signal, suspension = event.signal_change, event.suspension_change
        if signal.signal:
            kept[signal.signal] += -1 if signal.task_number else 1
        if opens_suspension(event):
            waiting.add(suspension.task_number)
        elif suspension.task_number and not suspension.reminder:
            waiting.discard(suspension.task_number)
        if following is None or following.store_revision != event.store_revision:
            for task in sorted(waiting):
                name = definition.signals.get(task, "")
                if kept[name] > 0:
                    yield f"task {task} waits at {event.sequence} for signal {name}, which is there"
