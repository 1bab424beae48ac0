"""What one watcher saw, stream after stream: the streams that continue each other, laid end to end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from perdure.testing.checks.selections import selection_of, told_by
from perdure.v1.execution_service_pb2 import WatchExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from perdure.testing.checks.evidence import Stream
    from perdure.testing.checks.selections import Request, Selection, Told
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.execution_service_pb2 import WatchResponse


class Arrival(NamedTuple):
    """A message that arrived on a stream."""

    stream: Stream
    message: WatchResponse


@dataclass(eq=False)
class Stretch:
    """What a watcher saw from one beginning on: from where its first stream began, or from a reset.

    Attributes:
        of: The watcher.
        after: Store revision that it begins behind; None if that is not known, or if states come first that have
            not become complete.
        states_first: Whether it begins with states.
        arrivals: The messages in order. One that is followed by a stream that does not go on from it is left out.
        is_last: Whether nothing follows, so that the end of its last stream is the end of it.
    """

    of: str
    selection: Selection
    after: int | None
    states_first: bool
    arrivals: list[Arrival] = field(default_factory=list)
    is_last: bool = True

    @cached_property
    def told(self) -> list[Told]:
        """All events in the order of their arrival."""
        return [told_by(event) for event in self.events()]

    def events(self) -> Iterator[ExecutionEvent]:
        """Iterate over the events in the order of their arrival."""
        for arrival in self.arrivals:
            yield from arrival.message.events.events

    @cached_property
    def newest(self) -> int:
        """The newest store revision of an event; 0 if there was none."""
        return max((told.revision for told in self.told), default=0)

    @cached_property
    def through(self) -> int:
        """The store revision up to which it must be complete: what it says itself, or just before its last event."""
        claimed = max((arrival.message.store_revision for arrival in self.arrivals), default=0)
        return max(claimed, self.newest - 1)


@dataclass(eq=False)
class Line:
    """The streams of one watcher that continue each other.

    Attributes:
        streams: In the order in which they were opened.
        arrivals: Their messages, those left out that the watcher did not go on from.
    """

    watcher: str
    selection: Selection
    streams: list[Stream]
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def tells_states(self) -> bool:
        """Whether it is about the latest states instead of every event."""
        return self.streams[0].tells_states

    @cached_property
    def stretches(self) -> list[Stretch]:
        """Cut it where the server began anew."""
        first = self.streams[0].request
        stretch = Stretch(self.watcher, self.selection, _start(first), first.initial_state)
        stretches = [stretch]
        for arrival in self.arrivals:
            if arrival.message.HasField("reset"):
                stretch.is_last = False
                stretch = Stretch(self.watcher, self.selection, None, states_first=True)
                stretches.append(stretch)
                continue
            if stretch.after is None:
                stretch.after = _start_seen(stretch, first, arrival.message)
            stretch.arrivals.append(arrival)
        return stretches


def _start(request: Request) -> int | None:
    """Tell the store revision that a watch begins behind, if its request says so."""
    match request.WhichOneof("start"):
        case "from_beginning":
            return 0
        case "after_store_revision":
            return request.after_store_revision.store_revision
        case None if isinstance(request, WatchExecutionRequest) and not request.initial_state:
            return 0
        case _:
            return None


def _start_seen(stretch: Stretch, request: Request, message: WatchResponse) -> int | None:
    """Tell the store revision that a watch begins behind from what it shows first; None if that does not tell."""
    if stretch.states_first:
        return message.store_revision if message.HasField("synced") else None
    if not message.events.events:
        return message.store_revision
    # A cursor of unknown origin may lie inside a commit.
    first = message.events.events[0].store_revision
    return first if request.WhichOneof("start") == "cursor" else first - 1


def draw_lines(streams: Iterable[Stream]) -> list[Line]:
    """Lay the streams of each watcher end to end, as their cursors say."""
    of: dict[str, list[Line]] = defaultdict(list)
    for stream in sorted(streams, key=lambda stream: stream.opened.at):
        lines = of[stream.opened.watcher]
        line = _continued(lines, stream)
        if line is None:
            line = Line(stream.opened.watcher, selection_of(stream.request), [])
        if line not in lines:
            lines.append(line)
        line.streams.append(stream)
        line.arrivals.extend(Arrival(stream, message) for _, message in stream.messages)
    return [line for lines in of.values() for line in lines]


def _continued(lines: Sequence[Line], stream: Stream) -> Line | None:
    """Find the line that a stream continues, or make one if it goes back to a place inside of one."""
    cursor = stream.request.cursor
    if not cursor:
        return None
    selection = selection_of(stream.request)
    for line in reversed(lines):
        if (line.selection, line.tells_states) != (selection, stream.tells_states):
            continue
        for count in range(len(line.arrivals), 0, -1):
            if line.arrivals[count - 1].message.cursor == cursor:
                return line if count == len(line.arrivals) else _up_to(line, count)
    return None


def _up_to(line: Line, count: int) -> Line:
    """Make a line of the first messages of another one."""
    arrivals = line.arrivals[:count]
    known = {arrival.stream.name for arrival in arrivals}
    streams = [stream for stream in line.streams if stream.name in known]
    return Line(line.watcher, line.selection, streams, arrivals)
