"""Whether every watch shows each event once, in order, and nothing that is not durable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.testing.checks.states import is_terminal_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.testing.checks.evidence import Evidence, Placed, Sight, Stream

_DOCUMENTED_ENDS: Final = frozenset(
    (
        ("NOT_FOUND", "EXECUTION_NOT_FOUND"),
        ("INVALID_ARGUMENT", "CURSOR_INVALID"),
        ("INVALID_ARGUMENT", "CURSOR_FILTER_MISMATCH"),
        ("INVALID_ARGUMENT", "INVALID_NAME"),
        ("INVALID_ARGUMENT", "INVALID_FIELD"),
        ("FAILED_PRECONDITION", "STORE_RESET"),
        ("RESOURCE_EXHAUSTED", "TOO_MANY_WATCHERS"),
        ("RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS"),
        ("UNAVAILABLE", "STORE_UNAVAILABLE"),
        ("UNAVAILABLE", "SHUTTING_DOWN"),
        ("UNAVAILABLE", ""),
        ("CANCELLED", ""),
        ("DEADLINE_EXCEEDED", ""),
    )
)
"""Code and reason; without a reason the status comes from the transport or the caller itself."""


def sequences_are_dense(evidence: Evidence) -> Iterator[str]:
    """I11: the sequences in a history and in one stream have no gap and no repetition, from where it starts."""
    for name, history in evidence.histories.items():
        yield from _gaps(f"history of {name}", 0, [placed.event.sequence for placed in history])
    for stream in evidence.streams.values():
        yield from _gaps(f"stream {stream.opened.stream}", stream.opened.after, _sequences(stream))


def _gaps(where: str, after: int | None, sequences: Sequence[int]) -> Iterator[str]:
    last = after
    for sequence in sequences:
        if last is not None and sequence != last + 1:
            yield f"{where}: {sequence} follows {last}"
        last = sequence


def _sequences(stream: Stream) -> list[int]:
    return [placed.event.sequence for _, placed in stream.events()]


def streams_agree(evidence: Evidence) -> Iterator[str]:
    """I12: any two streams and the history have the same bytes at the same sequence of an execution."""
    wires: dict[tuple[str, int], bytes] = {}
    for placed in _all_events(evidence):
        position = (placed.event.execution, placed.event.sequence)
        if wires.setdefault(position, placed.wire) != placed.wire:
            yield f"{position[0]} has two different events with sequence {position[1]}"


def _all_events(evidence: Evidence) -> Iterator[Placed]:
    for history in evidence.histories.values():
        yield from history
    for stream in evidence.streams.values():
        yield from (placed for _, placed in stream.events())


def resuming_is_exact(evidence: Evidence) -> Iterator[str]:
    """I13: the streams of one watcher, one after the other, hold every event exactly once."""
    for watcher, streams in evidence.watchers().items():
        sequences = [sequence for stream in streams for sequence in _sequences(stream)]
        yield from _gaps(f"watcher {watcher}", streams[0].opened.after, sequences)
        if _ended_well(streams[-1]) and not _is_going_away(streams[-1]):
            history = evidence.histories.get(streams[-1].opened.execution, [])
            if history and (not sequences or sequences[-1] != history[-1].event.sequence):
                seen = sequences[-1] if sequences else 0
                yield f"watcher {watcher} saw up to {seen}, and the history ends at {history[-1].event.sequence}"


def streams_end_as_documented(evidence: Evidence) -> Iterator[str]:
    """I14: a stream that ended OK contained the terminal event or a farewell; any other names a known reason."""
    for stream in evidence.streams.values():
        name = stream.opened.stream
        if _ended_well(stream):
            history = evidence.histories.get(stream.opened.execution, [])
            began_behind_it = bool(history) and stream.opened.after == history[-1].event.sequence
            ended = any(is_terminal_event(placed.event) for _, placed in stream.events())
            if not (ended or began_behind_it or _is_going_away(stream)):
                yield f"stream {name} ended OK before the execution"
        elif stream.ended is not None and (stream.ended.code, stream.ended.reason) not in _DOCUMENTED_ENDS:
            yield f"stream {name} ended with {stream.ended.code} {stream.ended.reason}"


def _ended_well(stream: Stream) -> bool:
    return stream.ended is not None and stream.ended.code == "OK"


def _is_going_away(stream: Stream) -> bool:
    return bool(stream.messages) and stream.messages[-1][1].HasField("going_away")


def nothing_shows_before_it_is_durable(evidence: Evidence) -> Iterator[str]:
    """I16: an event that a stream has shown is in the history for good, and every later read includes it."""
    for stream in evidence.streams.values():
        name = stream.opened.execution
        known = {placed.event.sequence for placed in evidence.histories.get(name, [])}
        sights = evidence.sights.get(name, [])
        for at, placed in stream.events():
            if known and placed.event.sequence not in known:
                yield f"{name}: event {placed.event.sequence} was shown and is not in the history"
            if _is_missing_later(at, placed, sights):
                yield f"{name}: event {placed.event.sequence} was shown, and a later read is older"


def _is_missing_later(at: int, placed: Placed, sights: Sequence[Sight]) -> bool:
    revision = placed.event.store_revision
    return any(sight.began > at and sight.execution.store_revision < revision for sight in sights)


def marks_are_kept(evidence: Evidence) -> Iterator[str]:
    """I17: the store revision of a stream never falls, and nothing up to a progress mark arrives after it."""
    for stream in evidence.streams.values():
        newest, complete = 0, 0
        for _, message in stream.messages:
            if message.store_revision < newest:
                yield f"stream {stream.opened.stream}: store revision {message.store_revision} follows {newest}"
            newest = max(newest, message.store_revision)
            if any(event.store_revision <= complete for event in message.events.events):
                yield f"stream {stream.opened.stream}: an event arrives after the mark {complete} that covers it"
            if message.HasField("progress"):
                complete = message.store_revision
