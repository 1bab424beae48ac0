"""Whether a watch of every event keeps what watches promise (contract, "Watch"): one check for each property.

What was delivered is held against what the recorded histories say that the watch had to tell.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from perdure.testing.checks.states_shown import synced_too_early

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.testing.checks.evidence import Evidence
    from perdure.testing.checks.lines import Line, Stretch
    from perdure.testing.checks.selections import Telling, Told
    from perdure.v1.event_pb2 import ExecutionEvent


def are_ordered(evidence: Evidence) -> Iterator[str]:
    """ordered: over the streams of a watcher no sequence of an execution falls, and no store revision does."""
    for line in evidence.lines:
        complete = 0
        for stream, message in line.arrivals:
            if message.store_revision < complete:
                yield f"stream {stream.name}: store revision {message.store_revision} follows {complete}"
            complete = max(complete, message.store_revision)
        for stretch in line.stretches:
            yield from _disorder(stretch)


def _disorder(stretch: Stretch) -> Iterator[str]:
    last: dict[str, int] = {}
    revision = 0
    for told in stretch.told:
        if told.revision < revision:
            yield f"watcher {stretch.of}: an event of store revision {told.revision} follows one of {revision}"
        if told.sequence < last.get(told.execution, 0):
            yield f"watcher {stretch.of}: {told.execution}: {told.sequence} follows {last[told.execution]}"
        revision = told.revision
        last[told.execution] = told.sequence


def are_unique(evidence: Evidence) -> Iterator[str]:
    """unique: over the streams of a watcher no event comes twice."""
    for stretch in _stretches(evidence):
        for (execution, sequence), count in Counter((told.execution, told.sequence) for told in stretch.told).items():
            if count > 1:
                yield f"watcher {stretch.of}: {execution}: event {sequence} came {count} times"


def are_reliable(evidence: Evidence) -> Iterator[str]:
    """reliable: no event is missing between where a watcher began and what it saw last."""
    for stretch in _stretches(evidence):
        for told in _missing(stretch, _telling(evidence, stretch)):
            yield f"watcher {stretch.of}: {_shown(told)} is missing"


def are_atomic(evidence: Evidence) -> Iterator[str]:
    """atomic: the events of one commit come one right after the other and all of them, up to a clean end too."""
    for line in _of_events(evidence):
        for stretch in line.stretches:
            yield from _torn(stretch, _telling(evidence, stretch), _ends_cleanly(line, stretch))


def _torn(stretch: Stretch, telling: Telling, ends_cleanly: bool) -> Iterator[str]:
    runs = [(revision, set(group)) for revision, group in groupby(stretch.told, key=lambda told: told.revision)]
    seen: set[int] = set()
    for index, (revision, run) in enumerate(runs):
        if revision in seen:
            yield f"watcher {stretch.of}: the events of store revision {revision} are torn apart"
        seen.add(revision)
        is_over = index < len(runs) - 1 or ends_cleanly
        if is_over and not run.issuperset(telling.between(revision - 1, revision)):
            yield f"watcher {stretch.of}: only some of the events of store revision {revision} came"


def _ends_cleanly(line: Line, stretch: Stretch) -> bool:
    return stretch.is_last and line.streams[-1].ended_well and not line.streams[-1].is_going_away


def are_resumable(evidence: Evidence) -> Iterator[str]:
    """resumable: the streams of a watcher, laid end to end at their cursors, are what one stream would have been."""
    for line in _of_events(evidence):
        for stretch in line.stretches:
            if len({arrival.stream.name for arrival in stretch.arrivals}) > 1:
                yield from _deviation(stretch, _telling(evidence, stretch))


def _deviation(stretch: Stretch, telling: Telling) -> Iterator[str]:
    """Find where a watcher saw something else for the first time."""
    if stretch.after is None:
        return
    expected = _in_commits(telling.between(stretch.after, max(stretch.through, stretch.newest)))
    seen = _in_commits(stretch.told)
    for has_come, should_have in zip(seen, expected, strict=False):
        if has_come != should_have and (has_come.revision, should_have.revision) != (stretch.newest,) * 2:
            yield f"watcher {stretch.of}: {_shown(has_come)} came where {_shown(should_have)} follows"
            return
    if len(seen) > len(expected):
        yield f"watcher {stretch.of}: {_shown(seen[len(expected)])} came where nothing follows"
    elif len(seen) < len(expected) and expected[len(seen)].revision <= stretch.through:
        yield f"watcher {stretch.of}: nothing came where {_shown(expected[len(seen)])} follows"


def _in_commits(told: Sequence[Told]) -> list[Told]:
    """Bring the events of each commit into one order; between executions the contract names none."""
    return [each for _, group in groupby(told, key=lambda each: each.revision) for each in sorted(group)]


def are_bookmarkable(evidence: Evidence) -> Iterator[str]:
    """bookmarkable: what a message says it is complete up to has come by then, and nothing of it comes later."""
    for line in evidence.lines:
        for stretch in line.stretches:
            if not line.tells_states:
                yield from _false_marks(stretch, _telling(evidence, stretch))
            yield from synced_too_early(stretch, _telling(evidence, stretch))


def _false_marks(stretch: Stretch, telling: Telling) -> Iterator[str]:
    if stretch.after is None:
        return
    complete = stretch.after
    seen: set[tuple[str, int]] = set()
    for stream, message in stretch.arrivals:
        for event in message.events.events:
            seen.add((event.execution, event.sequence))
            if event.store_revision <= complete:
                yield f"stream {stream.name}: an event comes after the mark {complete} that covers it"
        for told in telling.between(complete, message.store_revision):
            if (told.execution, told.sequence) not in seen:
                yield f"stream {stream.name}: {_shown(told)} has not come by the mark {message.store_revision}"
        complete = max(complete, message.store_revision)


def are_filterable(evidence: Evidence) -> Iterator[str]:
    """filterable: a filter selects just the commits after which it holds, and marks the one that ends a match."""
    for stretch in _stretches(evidence):
        telling = _telling(evidence, stretch)
        for event, told in zip(stretch.events(), stretch.told, strict=True):
            if told not in telling.all:
                yield f"watcher {stretch.of}: {_shown(told)} does not belong to {_described(stretch)}"
            elif told.left and not _is_true(evidence, event):
                yield f"watcher {stretch.of}: {_shown(told)} shows another state than the history"
        if stretch.selection.filter:
            for told in _missing(stretch, telling):
                yield f"watcher {stretch.of}: {_shown(told)} belongs to {_described(stretch)} and is missing"


def _is_true(evidence: Evidence, event: ExecutionEvent) -> bool:
    """Whether the mark that an execution left says what its history says of the commit."""
    change = evidence.chronicle.change(event.execution, event.store_revision)
    if change is None:
        return False
    told = (event.left_filter.state, event.event_time.ToMicroseconds())
    return told == (change.facts.state, change.facts.update_time)


def _described(stretch: Stretch) -> str:
    return f"{stretch.selection.filter!r}" if stretch.selection.filter else "the executions that are watched"


def _of_events(evidence: Evidence) -> Iterator[Line]:
    """Choose the watches of every event."""
    return (line for line in evidence.lines if not line.tells_states)


def _stretches(evidence: Evidence) -> Iterator[Stretch]:
    for line in _of_events(evidence):
        yield from line.stretches


def _telling(evidence: Evidence, stretch: Stretch) -> Telling:
    return evidence.chronicle.telling(stretch.selection)


def _missing(stretch: Stretch, telling: Telling) -> Iterator[Told]:
    """Find what should have come and has not, inside of a commit that was begun last too."""
    if stretch.after is None:
        return
    seen = set(stretch.told)
    begun = {told.execution: told.sequence for told in stretch.told if told.revision > stretch.through}
    for told in telling.between(stretch.after, stretch.newest if begun else stretch.through):
        is_due = told.revision <= stretch.through or told.sequence < begun.get(told.execution, 0)
        if is_due and told not in seen:
            yield told


def _shown(told: Told) -> str:
    what = "the mark that it left" if told.left else f"event {told.sequence}"
    return f"{told.execution}: {what} at store revision {told.revision}"
