"""The logs of a run, parsed and put in order for the checks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from perdure.testing.checks.definitions import Definition
from perdure.testing.checks.lines import draw_lines
from perdure.testing.checks.selections import Chronicle
from perdure.testing.logs import (
    Defined,
    Fault,
    Got,
    History,
    Listed,
    Operation,
    Outcome,
    RunBegan,
    RunEnded,
    StreamEnded,
    StreamMessage,
    StreamOpened,
)
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import (
    CancelExecutionRequest,
    ExecuteRequest,
    GetExecutionRequest,
    WaitExecutionRequest,
    WatchExecutionRequest,
    WatchExecutionsRequest,
    WatchResponse,
)
from perdure.v1.integration_pb2 import IntegrationRevision
from perdure.v1.intervention_pb2 import PauseExecutionRequest, ResumeExecutionRequest, StepExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.testing.checks.lines import Line
    from perdure.testing.checks.selections import Request
    from perdure.testing.logs import Logs, Record

_ABOUT_ONE: Final[dict[str, Any]] = {
    "GetExecution": GetExecutionRequest,
    "WaitExecution": WaitExecutionRequest,
    "CancelExecution": CancelExecutionRequest,
    "PauseExecution": PauseExecutionRequest,
    "ResumeExecution": ResumeExecutionRequest,
    "StepExecution": StepExecutionRequest,
}
"""The methods that answer with one execution as it is, and the types of their requests."""

_WATCHES: Final[dict[str, Any]] = {
    "WatchExecution": WatchExecutionRequest,
    "WatchExecutions": WatchExecutionsRequest,
}


class Placed(NamedTuple):
    """An event as it was seen, with its bytes."""

    event: ExecutionEvent
    wire: bytes


class Sight(NamedTuple):
    """An execution as one call saw it.

    Attributes:
        began, ended: When the call did; the state is one that held in between.
        view: What was asked for: method and view.
    """

    began: int
    ended: int
    view: str
    execution: Execution


@dataclass(slots=True)
class Start:
    """One call of `Execute`."""

    operation: Operation
    request: ExecuteRequest

    @property
    def integration(self) -> str:
        """The id of the integration, `-` for all."""
        return self.request.name.rpartition("/")[2]

    @property
    def creates(self) -> bool:
        """Whether the call is one that begins a new execution if it succeeds."""
        return not (self.request.execution_id or self.request.validate_only)


@dataclass(slots=True)
class Stream:
    """One stream of a watch, from its opening to its end; `ended` is None if the log stops first."""

    opened: StreamOpened
    request: Request
    messages: list[tuple[int, WatchResponse]] = field(default_factory=list)
    ended: StreamEnded | None = None

    @property
    def name(self) -> str:
        """What it is called in the records."""
        return self.opened.stream

    @property
    def tells_states(self) -> bool:
        """Whether it tells the latest states instead of every event."""
        return self.request.mode == WatchResponse.MODE_LATEST_STATE

    @property
    def ended_well(self) -> bool:
        """Whether the server ended it without an error."""
        return self.ended is not None and self.ended.code == "OK"

    @property
    def is_going_away(self) -> bool:
        """Whether the last that it said is that it is about to end."""
        return bool(self.messages) and self.messages[-1][1].HasField("going_away")

    def events(self) -> Iterator[tuple[int, Placed]]:
        """Iterate over the events with the instant of their arrival."""
        for at, message in self.messages:
            for event in message.events.events:
                yield at, Placed(event, event.SerializeToString(deterministic=True))


@dataclass
class Evidence:
    """Everything that the checks look at.

    Attributes:
        missed: When a call began that was told that an execution does not exist, and the name it used.
        sights: Every answer that showed an execution, by its name, in the order in which the calls began.
        listed: The last full list, by name.
        got: The last Get of each execution that had one: its code, and what it showed.
        list_entries: The names in that list, as often as they were there.
        histories: The last history of each execution that was listed.
        definitions: What integrations are made of, by the name of the integration and the id of the revision.
    """

    settled: bool
    operations: list[Operation] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    missed: list[tuple[int, str]] = field(default_factory=list)
    sights: dict[str, list[Sight]] = field(default_factory=lambda: defaultdict(list))
    streams: dict[str, Stream] = field(default_factory=dict)
    began: dict[str, RunBegan] = field(default_factory=dict)
    ended: dict[str, RunEnded] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    listed: dict[str, Execution] = field(default_factory=dict)
    list_entries: list[str] = field(default_factory=list)
    got: dict[str, tuple[str, Execution]] = field(default_factory=dict)
    histories: dict[str, list[Placed]] = field(default_factory=dict)
    definitions: dict[tuple[str, str], Definition] = field(default_factory=dict)

    def definition_of(self, history: Sequence[Placed]) -> Definition | None:
        """Find what an execution was made from; None if the logs do not tell it.

        An item of a loop has a name as if it were an execution of the integration that the loop is in.
        """
        first = history[0].event if history else ExecutionEvent()
        if first.created.parent.startswith(f"{first.integration}/"):
            return None
        return self.definitions.get((first.integration, first.created.integration_revision_id))

    def acknowledged(self) -> dict[str, Start]:
        """Name every execution whose acceptance a caller was told of, with the first call that told it.

        A call with an unknown outcome has told it too if it still received the name: names are sent when they are
        durable.
        """
        return {name: start for start in reversed(self.starts) if start.creates for name in start.operation.executions}

    @cached_property
    def chronicle(self) -> Chronicle:
        """The histories as one log of commits."""
        return Chronicle(self.histories)

    @cached_property
    def lines(self) -> list[Line]:
        """What each watcher saw, stream after stream."""
        return draw_lines(self.streams.values())


def gather(logs: Logs) -> Evidence:
    """Parse and sort the logs."""
    evidence = Evidence(logs.settled)
    for record in logs.records:
        _place(evidence, record)
    evidence.operations.sort(key=lambda operation: operation.began)
    evidence.starts.sort(key=lambda start: start.operation.began)
    for sights in evidence.sights.values():
        sights.sort(key=lambda sight: sight.began)
    return evidence


def _place(evidence: Evidence, record: Record) -> None:
    match record:
        case Operation():
            _place_operation(evidence, record)
        case StreamOpened():
            request = _WATCHES[record.rpc].FromString(record.request)
            evidence.streams[record.stream] = Stream(record, request)
        case StreamMessage():
            evidence.streams[record.stream].messages.append((record.at, WatchResponse.FromString(record.message)))
        case StreamEnded():
            evidence.streams[record.stream].ended = record
        case RunBegan():
            evidence.began[record.run] = record
        case RunEnded():
            evidence.ended[record.run] = record
        case Fault():
            evidence.faults.append(record)
        case Listed() | Got() | History() | Defined():
            _place_last_look(evidence, record)


def _place_last_look(evidence: Evidence, record: Listed | Got | History | Defined) -> None:
    match record:
        case Defined():
            revision = IntegrationRevision.FromString(record.revision)
            integration, _, revision_id = revision.name.rpartition("/revisions/")
            evidence.definitions[integration, revision_id] = Definition.of(revision.integration)
        case Listed():
            execution = Execution.FromString(record.execution)
            evidence.list_entries.append(execution.name)
            evidence.listed[execution.name] = execution
        case Got():
            evidence.got[record.name] = (record.code, Execution.FromString(record.execution))
        case History():
            placed = [Placed(ExecutionEvent.FromString(wire), wire) for wire in record.events]
            evidence.histories[record.name] = placed


def _place_operation(evidence: Evidence, operation: Operation) -> None:
    evidence.operations.append(operation)
    if operation.rpc == "Execute":
        evidence.starts.append(Start(operation, ExecuteRequest.FromString(operation.request)))
    if operation.rpc not in _ABOUT_ONE:
        return
    request = _ABOUT_ONE[operation.rpc].FromString(operation.request)
    if operation.outcome is Outcome.OK:
        execution = Execution.FromString(operation.response)
        view = f"{operation.rpc}/{getattr(request, 'view', 0)}"
        evidence.sights[execution.name].append(Sight(operation.began, operation.ended, view, execution))
    elif operation.code == "NOT_FOUND":
        evidence.missed.append((operation.began, request.name))
