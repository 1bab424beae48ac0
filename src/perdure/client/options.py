"""The options of what starts or changes an execution, by the names of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.client.choices import checked_choice
from perdure.client.values import to_messages
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from perdure.v1.breakpoint_pb2 import Breakpoints
    from perdure.v1.execution_service_pb2 import ExecuteRequest, UpdateExecutionRequest
    from perdure.v1.replay_pb2 import ReplayExecutionRequest


class ExecuteOptions(TypedDict, total=False):
    """What a caller may say about an execution; each may be left out.

    Attributes:
        trigger_id: Which trigger chooses the start tasks; needed with `-`.
        request_id: Makes the call idempotent beyond this client's own tries; made up otherwise.
        user_execution_id: The id of the execution.
        revision_id: The revision to run instead of the latest.
        labels: Labels, which go before those of the integration.
        priority: 0 to 999, higher first.
        max_runtime: How long it may run; zero is no limit.
        description: A text for people.
        do_not_propagate_error: True makes a failed synchronous execution an answer with `ErrorInfo` as output.
        validate_only: True only checks the request.
        breakpoints: Where it stops.
        development: True puts it into development mode.
        savepoint_retention: Which snapshots are kept, in place of what the integration says.
    """

    trigger_id: str
    request_id: str
    user_execution_id: str
    revision_id: str
    labels: Mapping[str, str]
    priority: int
    max_runtime: timedelta
    description: str
    do_not_propagate_error: bool
    validate_only: bool
    breakpoints: Breakpoints
    development: bool
    savepoint_retention: Execution.SavepointRetention.ValueType


class ReplayOptions(TypedDict, total=False):
    """What a caller may say about a replay; each may be left out.

    Attributes:
        mode: Where the new execution begins; at the beginning, or at the snapshot if one is given.
        snapshot: The number of the snapshot of the original to begin from.
        modified_parameters: Parameters with other values than the original has there, by key, as for `execute`.
        only_modified: True: these are all parameters there are, and defaults fill the rest, in place of the original.
        use_latest_revision: True runs the latest revision of the integration and not that of the original.
        cancel_original: True cancels the original in the same commit, unless it has ended.
        request_id: Makes the call idempotent beyond this client's own tries; made up otherwise.
        user_execution_id: The id of the new execution.
        do_not_propagate_error: True makes a failed synchronous replay an answer with `ErrorInfo` as output.
        validate_only: True only checks the request.
        breakpoints: Where the new execution stops.
        development: True puts the new execution into development mode.
    """

    mode: Execution.ReplayMode.ValueType
    snapshot: int
    modified_parameters: Mapping[str, object]
    only_modified: bool
    use_latest_revision: bool
    cancel_original: bool
    request_id: str
    user_execution_id: str
    do_not_propagate_error: bool
    validate_only: bool
    breakpoints: Breakpoints
    development: bool


class UpdateOptions(TypedDict, total=False):
    """What is changed of an execution; what is left out stays.

    Attributes:
        priority: 0 to 999, higher first.
        labels: All labels from now on.
        description: A text for people.
        deadline: When it fails unless it has ended, with a time zone; None takes the deadline away.
        breakpoints: All breakpoints from now on; None takes them away.
        development: False ends the development mode.
    """

    priority: int
    labels: Mapping[str, str]
    description: str
    deadline: datetime | None
    breakpoints: Breakpoints | None
    development: bool


def set_options(request: ExecuteRequest, options: ExecuteOptions) -> None:
    """Write the options that are given into a request.

    Raises:
        ValueError: The contract has no such retention.
    """
    for field in ("trigger_id", "request_id", "user_execution_id", "revision_id", "description"):
        setattr(request, field, options.get(field, ""))
    request.labels.update(options.get("labels", {}))
    if "priority" in options:
        request.priority = options["priority"]
    if "max_runtime" in options:
        duration = Duration()
        duration.FromTimedelta(options["max_runtime"])
        request.max_runtime.CopyFrom(duration)
    request.do_not_propagate_error = options.get("do_not_propagate_error", False)
    request.validate_only = options.get("validate_only", False)
    if "breakpoints" in options:
        request.breakpoints.CopyFrom(options["breakpoints"])
    request.development = options.get("development", False)
    if "savepoint_retention" in options:
        retention = options["savepoint_retention"]
        request.savepoint_retention = checked_choice("savepoint_retention", retention, Execution.SavepointRetention)


def set_replay_options(request: ReplayExecutionRequest, options: ReplayOptions) -> None:
    """Write the options that are given into a request, whose name is complete.

    Raises:
        TypeError: The parameters are no mapping.
        InvalidRequest: A parameter has no form as a value.
    """
    if "snapshot" in options:
        request.snapshot = f"{request.name}/snapshots/{options['snapshot']}"
        request.replay_mode = Execution.REPLAY_MODE_FROM_SNAPSHOT
    if "mode" in options:
        request.replay_mode = options["mode"]
    modified = to_messages(options.get("modified_parameters", {}), "modified_parameters")
    for key, value in modified.items():
        request.modified_parameters[key].CopyFrom(value)
    if not options.get("only_modified", False):
        request.update_mask.paths.extend(modified)
    for field in ("use_latest_revision", "cancel_original", "do_not_propagate_error", "validate_only", "development"):
        setattr(request, field, options.get(field, False))
    for field in ("request_id", "user_execution_id"):
        setattr(request, field, options.get(field, ""))
    if "breakpoints" in options:
        request.breakpoints.CopyFrom(options["breakpoints"])


def set_update_options(request: UpdateExecutionRequest, options: UpdateOptions) -> None:
    """Write what is to be changed into a request, with its mask.

    Raises:
        ValueError: The deadline has no time zone.
    """
    request.update_mask.paths.extend(options)
    execution = request.execution
    execution.labels.update(options.get("labels", {}))
    execution.priority = options.get("priority", 0)
    execution.description = options.get("description", "")
    execution.development = options.get("development", False)
    deadline, breakpoints = options.get("deadline"), options.get("breakpoints")
    if deadline is not None:
        execution.deadline.CopyFrom(timestamp_of(deadline))
    if breakpoints is not None:
        execution.breakpoints.CopyFrom(breakpoints)


def timestamp_of(instant: datetime) -> Timestamp:
    """Make the message of an instant.

    Raises:
        ValueError: The instant has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp
