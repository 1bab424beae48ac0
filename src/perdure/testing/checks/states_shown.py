"""Whether the states that a watch shows are those of the executions at the commits that it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.testing.checks.evidence import Evidence
    from perdure.testing.checks.lines import Stretch
    from perdure.testing.checks.selections import Telling, Told
    from perdure.v1.execution_pb2 import Execution
    from perdure.v1.execution_service_pb2 import WatchResponse


class _View:
    """What a reader of states knows: the store revision of each execution's state.

    Attributes:
        revisions: By the name of the execution; those that left are gone.
        newest: The newest ever, of those that left too.
    """

    def __init__(self) -> None:
        self.revisions: dict[str, int] = {}
        self.newest: dict[str, int] = {}

    def take(self, message: WatchResponse) -> None:
        for execution in message.executions.executions:
            self.revisions[execution.name] = execution.store_revision
            self.newest[execution.name] = max(self.newest.get(execution.name, 0), execution.store_revision)
        for name in message.executions.left:
            self.revisions.pop(name, None)


def synced_too_early(stretch: Stretch, telling: Telling) -> Iterator[str]:
    """Find where the states before `synced` are not those of all that match as of its store revision."""
    view = _View()
    for stream, message in stretch.arrivals:
        view.take(message)
        if not message.HasField("synced"):
            continue
        expected = telling.matching_at(message.store_revision)
        for name in sorted(view.revisions.keys() | expected.keys()):
            if view.revisions.get(name) != expected.get(name):
                shown, true = view.revisions.get(name, "missing"), expected.get(name, "not among those that match")
                yield f"stream {stream.name}: synced at {message.store_revision}: {name} is {shown}, and was {true}"
        return


def are_latest(evidence: Evidence) -> Iterator[str]:
    """latest: a watch of states shows none older than one before, and by each mark none older than the mark."""
    for line in evidence.lines:
        for stretch in line.stretches:
            telling = evidence.chronicle.telling(stretch.selection)
            yield from _wrong_states(evidence, stretch, telling)
            if line.tells_states:
                yield from _stale_states(stretch, telling)


def _wrong_states(evidence: Evidence, stretch: Stretch, telling: Telling) -> Iterator[str]:
    """Find states that are not those of a commit after which the execution matches."""
    for stream, message in stretch.arrivals:
        for execution in message.executions.executions:
            where = f"stream {stream.name}: {execution.name} at store revision {execution.store_revision}"
            if not telling.matches(execution.name, execution.store_revision):
                yield f"{where} does not match, or has no commit there"
            elif not _is_true(evidence, execution):
                yield f"{where} is shown in another state than that of the history"


def _is_true(evidence: Evidence, execution: Execution) -> bool:
    change = evidence.chronicle.change(execution.name, execution.store_revision)
    assert change is not None, "what matches has a commit there"
    told = (execution.execution_details.state, execution.update_time.ToMicroseconds())
    return told == (change.facts.state, change.facts.update_time)


def _stale_states(stretch: Stretch, telling: Telling) -> Iterator[str]:
    view = _View()
    complete = stretch.after
    # Before `synced` a state may come again as it was a moment ago.
    is_synced = not stretch.states_first
    for stream, message in stretch.arrivals:
        for execution in message.executions.executions:
            if is_synced and execution.store_revision < view.newest.get(execution.name, 0):
                yield f"stream {stream.name}: {execution.name} is shown older than before"
        view.take(message)
        is_synced = is_synced or message.HasField("synced")
        if not is_synced or complete is None:
            continue
        for told in _last_of_each(telling, complete, message.store_revision):
            if _is_stale(view, told, telling):
                yield f"stream {stream.name}: {told.execution} has changed by the mark {message.store_revision}"
        complete = max(complete, message.store_revision)


def _last_of_each(telling: Telling, after: int, through: int) -> Iterator[Told]:
    last = {told.execution: told for told in telling.between(after, through)}
    yield from last.values()


def _is_stale(view: _View, told: Told, telling: Telling) -> bool:
    shown = view.revisions.get(told.execution)
    if told.left:
        return shown is not None and shown <= told.revision
    if shown is not None and shown >= told.revision:
        return False
    # A watch that is behind may know already that the execution leaves later, and wait for that.
    later = telling.between(told.revision, telling.told[-1].revision)
    return not any(each.left and each.execution == told.execution for each in later)
