"""The entries of the error list and the places of snapshots within a base state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.record_parts import decode_failure, put_failure
from perdure.domain.execution import ErrorEntry, SnapshotMarker
from perdure.domain.states import Severity

if TYPE_CHECKING:
    from perdure.internal.v1 import record_pb2


def put_error_entry(entry: ErrorEntry, target: record_pb2.ErrorEntry) -> None:
    """Write an entry of the error list into its record."""
    put_failure(entry.failure, target.failure)
    target.task_id = entry.task_id
    target.attempt = entry.attempt
    target.execution_attempt = entry.execution_attempt
    target.severity = entry.severity
    target.handled = entry.handled
    target.time = entry.time


def decode_error_entry(stored: record_pb2.ErrorEntry) -> ErrorEntry:
    """Read an entry of the error list from its record."""
    return ErrorEntry(
        failure=decode_failure(stored.failure),
        task_id=stored.task_id,
        attempt=stored.attempt,
        execution_attempt=stored.execution_attempt,
        severity=Severity(stored.severity),
        handled=stored.handled,
        time=stored.time,
    )


def put_marker(marker: SnapshotMarker, target: record_pb2.SnapshotMarker) -> None:
    """Write where a snapshot can be read into its record."""
    target.number = marker.number
    target.sequence = marker.sequence
    target.task_id = marker.task_id
    target.handler = marker.handler
    target.execution_attempt = marker.execution_attempt
    target.attempt = marker.attempt
    target.time = marker.time
    target.parameter_bytes = marker.parameter_bytes


def decode_marker(stored: record_pb2.SnapshotMarker) -> SnapshotMarker:
    """Read where a snapshot can be read from its record."""
    return SnapshotMarker(
        number=stored.number,
        sequence=stored.sequence,
        task_id=stored.task_id,
        handler=stored.handler,
        execution_attempt=stored.execution_attempt,
        attempt=stored.attempt,
        time=stored.time,
        parameter_bytes=stored.parameter_bytes,
    )
