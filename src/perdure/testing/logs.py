"""What is recorded about a run: calls, watches, handlers, faults, and a last look at everything.

Instants are nanoseconds of the machine's monotonic clock, which all processes on it share. Messages of the
contract are kept as the bytes that went over the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a caller knows after a call (reliability.md, outcome classes).

    Attributes:
        OK: It happened, and is durable.
        REFUSED: Nothing happened.
        UNKNOWN: It may have happened, or may still happen.
    """

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a unary method.

    Attributes:
        client: Who called.
        rpc: Name of the method, without its service.
        code: Name of the gRPC status code.
        reason: Reason of the error; empty with OK and where the server did not choose the status.
        executions: Names of the executions that the answer, or the error, speaks of.
        response: Empty unless the code is OK.
    """

    client: str
    rpc: str
    began: int
    ended: int
    outcome: Outcome
    code: str
    reason: str
    executions: tuple[str, ...]
    request: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """A stream of a watch began.

    Attributes:
        stream: Unique among all streams.
        watcher: Whose stream it is; one that begins with a cursor of another one of the watcher continues that one.
        rpc: `WatchExecution` or `WatchExecutions`.
        request: What was asked for: the parent, the filter, the mode, the start.
    """

    stream: str
    watcher: str
    rpc: str
    request: bytes
    at: int


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A `WatchResponse` arrived."""

    stream: str
    at: int
    message: bytes


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """A watch ended; the reason is empty where the server did not choose the status."""

    stream: str
    at: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunBegan:
    """A handler began to perform an attempt.

    Attributes:
        run: Unique among all runs.
        key: The idempotency key.
        execution: Name of the execution.
        task: Number of the task in the execution.
        handler: Name of the handler; every run of a handler that occurs in the logs is recorded.
    """

    run: str
    key: str
    execution: str
    task: str
    execution_attempt: int
    attempt: int
    handler: str
    at: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A handler returned or raised. A run that was killed has no end."""

    run: str
    at: int
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """Something was broken on purpose between two instants: a process killed, a connection cut."""

    what: str
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of the last full list: an `Execution` in the BASIC view."""

    execution: bytes


@dataclass(frozen=True, slots=True)
class Got:
    """The last answer about one execution: an `Execution` in the FULL view, empty unless the code is OK."""

    name: str
    code: str
    execution: bytes


@dataclass(frozen=True, slots=True)
class History:
    """The whole history of one execution as it was listed last: serialised `ExecutionEvent`s in order."""

    name: str
    events: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Defined:
    """An integration as it was in one revision: an `IntegrationRevision`."""

    revision: bytes


Record = (
    Operation
    | StreamOpened
    | StreamMessage
    | StreamEnded
    | RunBegan
    | RunEnded
    | Fault
    | Listed
    | Got
    | History
    | Defined
)


@dataclass(frozen=True, slots=True)
class Logs:
    """All records of one run.

    Attributes:
        records: In any order but for those of one stream, which are in the order of their arrival.
        settled: Whether the last look was taken after faults had stopped and nothing moved any more.
    """

    records: tuple[Record, ...]
    settled: bool = True
