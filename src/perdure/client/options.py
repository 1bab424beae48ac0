"""The options of Execute, by the names of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from google.protobuf.duration_pb2 import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from perdure.v1.execution_service_pb2 import ExecuteRequest


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


def set_options(request: ExecuteRequest, options: ExecuteOptions) -> None:
    """Write the options that are given into a request."""
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
