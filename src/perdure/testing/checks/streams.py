"""Whether every stream shows each event once, in order, ends as documented, and shows nothing that is not durable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.testing.checks.changes import key_of
from perdure.testing.checks.states import is_terminal, is_terminal_event
from perdure.v1.execution_service_pb2 import WatchExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from perdure.testing.checks.evidence import Evidence, Placed, Sight, Stream
    from perdure.testing.checks.lines import Line
    from perdure.v1.execution_service_pb2 import WatchResponse

_DOCUMENTED_ENDS: Final = frozenset(
    (
        ("NOT_FOUND", "EXECUTION_NOT_FOUND"),
        ("NOT_FOUND", "INTEGRATION_NOT_FOUND"),
        ("INVALID_ARGUMENT", "CURSOR_INVALID"),
        ("INVALID_ARGUMENT", "CURSOR_FILTER_MISMATCH"),
        ("INVALID_ARGUMENT", "FILTER_INVALID"),
        ("INVALID_ARGUMENT", "INVALID_NAME"),
        ("INVALID_ARGUMENT", "INVALID_FIELD"),
        ("OUT_OF_RANGE", "CURSOR_EXPIRED"),
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
    """I11: the sequences in a history and in a stream of one execution have no gap and no repetition."""
    for name, history in evidence.histories.items():
        yield from _gaps(f"history of {name}", 0, [placed.event.sequence for placed in history])
    for stream in evidence.streams.values():
        if _is_of_one(stream):
            yield from _gaps(f"stream {stream.name}", None, _sequences(stream))


def _gaps(where: str, after: int | None, sequences: Sequence[int]) -> Iterator[str]:
    last = after
    for sequence in sequences:
        if last is not None and sequence != last + 1:
            yield f"{where}: {sequence} follows {last}"
        last = sequence


def _sequences(stream: Stream) -> list[int]:
    return [event.sequence for _, message in stream.messages for event in message.events.events]


def _is_of_one(stream: Stream) -> bool:
    """Whether a stream is about one execution, without those below it."""
    return isinstance(stream.request, WatchExecutionRequest) and not stream.request.include_sub_executions


def streams_agree(evidence: Evidence) -> Iterator[str]:
    """I12: any two streams and the history have the same bytes at the same sequence of an execution."""
    wires: dict[tuple[str, int, bool], bytes] = {}
    for placed in _all_events(evidence):
        event = placed.event
        # A mark that an execution left stands beside the event that it takes the sequence of.
        position = (event.execution, event.sequence, event.HasField("left_filter"))
        if wires.setdefault(position, placed.wire) != placed.wire:
            yield f"{event.execution} has two different events with sequence {event.sequence}"


def _all_events(evidence: Evidence) -> Iterator[Placed]:
    for history in evidence.histories.values():
        yield from history
    for stream in evidence.streams.values():
        yield from (placed for _, placed in stream.events())


def resuming_is_exact(evidence: Evidence) -> Iterator[str]:
    """I13: the streams of one execution of one watcher, one after the other, hold every event exactly once."""
    for line in evidence.lines:
        if not _is_of_one(line.streams[0]) or line.tells_states:
            continue
        stretch = line.stretches[-1]
        sequences = [told.sequence for told in stretch.told]
        yield from _gaps(f"watcher {line.watcher}", 0 if stretch.after == 0 else None, sequences)
        if line.streams[-1].ended_well and not line.streams[-1].is_going_away:
            end = _last_sequence(evidence, line)
            if sequences and end is not None and sequences[-1] != end:
                yield f"watcher {line.watcher} saw up to {sequences[-1]}, and the history ends at {end}"


def _last_sequence(evidence: Evidence, line: Line) -> int | None:
    changes = evidence.chronicle.telling(line.selection).changes
    return changes[-1].events[-1].sequence if changes else None


def streams_end_as_documented(evidence: Evidence) -> Iterator[str]:
    """I14: a stream that ended OK contained the terminal event or a farewell; any other names a known reason."""
    for line in evidence.lines:
        has_ended = _begins_unknown(line.streams[0])
        for stream in line.streams:
            has_ended = has_ended or _shows_end(stream)
            if stream.ended_well:
                if not (has_ended or stream.is_going_away):
                    yield f"stream {stream.name} ended OK before the execution"
            elif stream.ended is not None and (stream.ended.code, stream.ended.reason) not in _DOCUMENTED_ENDS:
                yield f"stream {stream.name} ended with {stream.ended.code} {stream.ended.reason}"


def _begins_unknown(first: Stream) -> bool:
    """Whether the end may lie before the start."""
    return first.request.WhichOneof("start") in ("cursor", "from_now", "after_store_revision")


def _shows_end(stream: Stream) -> bool:
    """Whether a stream tells what allows it to end without an error."""
    request = stream.request
    if not isinstance(request, WatchExecutionRequest):
        # That nothing is left that could match is for the server to know.
        return request.until_terminal
    if request.HasField("until_terminal") and not request.until_terminal:
        return False
    return any(_tells_end(message, request.name) for _, message in stream.messages)


def _tells_end(message: WatchResponse, name: str) -> bool:
    key = key_of(name)
    return any(is_terminal_event(event) and key_of(event.execution) == key for event in message.events.events) or any(
        is_terminal(execution) and key_of(execution.name) == key for execution in message.executions.executions
    )


def nothing_shows_before_it_is_durable(evidence: Evidence) -> Iterator[str]:
    """I16: an event that a stream has shown is in the history for good, and every later read includes it."""
    known = {
        name: {(placed.event.sequence, placed.event.store_revision) for placed in history}
        for name, history in evidence.histories.items()
    }
    for stream in evidence.streams.values():
        for at, message in stream.messages:
            for event in message.events.events:
                name = event.execution
                # Without a last look there is nothing to hold events against.
                if known and (event.sequence, event.store_revision) not in known.get(name, ()):
                    yield f"{name}: event {event.sequence} was shown and is not in the history"
                if _is_missing_later(at, event.store_revision, evidence.sights, name):
                    yield f"{name}: event {event.sequence} was shown, and a later read is older"


def _is_missing_later(at: int, revision: int, sights: Mapping[str, Sequence[Sight]], name: str) -> bool:
    return any(sight.began > at and sight.execution.store_revision < revision for sight in sights.get(name, ()))


def marks_are_kept(evidence: Evidence) -> Iterator[str]:
    """I17: the store revision of a stream never falls, and nothing up to a progress mark arrives after it."""
    for stream in evidence.streams.values():
        newest, complete = 0, 0
        for _, message in stream.messages:
            if message.store_revision < newest:
                yield f"stream {stream.name}: store revision {message.store_revision} follows {newest}"
            newest = max(newest, message.store_revision)
            if any(event.store_revision <= complete for event in message.events.events):
                yield f"stream {stream.name}: an event arrives after the mark {complete} that covers it"
            if message.HasField("progress"):
                complete = message.store_revision
