"""What several messages of the contract are made of: instants, lengths of time, values, enums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.integration import SavepointRetention
from perdure.domain.states import ExecutionMethod, ExecutionState, ReplayMode, Severity, StartedBy, TaskState
from perdure.v1 import error_pb2, execution_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.internal.containers import MessageMap
    from google.protobuf.timestamp_pb2 import Timestamp

    from perdure.domain.task import Attempt
    from perdure.domain.value import Value
    from perdure.v1.value_pb2 import ValueType

# Looked up by name, so that a name that the two sides do not share shows at import.
EXECUTION_STATES: Final = {state: execution_pb2.ExecutionDetails.State.Value(state.name) for state in ExecutionState}
TASK_STATES: Final = {
    state: execution_pb2.TaskExecutionDetails.TaskExecutionState.Value(state.name) for state in TaskState
}
METHODS: Final = {method: execution_pb2.Execution.ExecutionMethod.Value(method.name) for method in ExecutionMethod}
STARTED_BY: Final = {
    starter: execution_pb2.Execution.StartedBy.Value(f"STARTED_BY_{starter.name}") for starter in StartedBy
}
REPLAY_MODES: Final = {
    mode: execution_pb2.Execution.ReplayMode.Value(f"REPLAY_MODE_{mode.name}") for mode in ReplayMode
}
SAVEPOINT_RETENTIONS: Final = {
    kept: execution_pb2.Execution.SavepointRetention.Value(f"SAVEPOINT_RETENTION_{kept.name}")
    for kept in SavepointRetention
}
SEVERITIES: Final = {
    severity: error_pb2.ErrorEntry.Severity.Value(f"SEVERITY_{severity.name}") for severity in Severity
}


def put_instant(instant: int, target: Timestamp) -> None:
    """Write an instant, in microseconds since the epoch."""
    seconds, micros = divmod(instant, 1_000_000)
    target.seconds = seconds
    target.nanos = micros * 1_000


def put_length(length: int, target: Duration) -> None:
    """Write a length of time in microseconds, not negative."""
    seconds, micros = divmod(length, 1_000_000)
    target.seconds = seconds
    target.nanos = micros * 1_000


def instant_of(timestamp: Timestamp) -> int:
    """Read an instant in microseconds since the epoch; what is finer is cut off."""
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000


def put_value_messages(source: Mapping[str, Value], target: MessageMap[str, ValueType]) -> None:
    """Write values into a message's map."""
    for key, value in source.items():
        target[key].MergeFromString(value.encoded)


def put_labels(source: Mapping[str, str], target: MutableMapping[str, str]) -> None:
    """Write labels into a message's map."""
    for key, text in source.items():
        target[key] = text


def put_attempt(attempt: Attempt, target: execution_pb2.AttemptStats) -> None:
    """Write when an attempt began, or will, and when it ended."""
    put_instant(attempt.start_time, target.start_time)
    if attempt.end_time is not None:
        put_instant(attempt.end_time, target.end_time)
