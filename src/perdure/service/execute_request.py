"""Reading an `ExecuteRequest`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from perdure.codec.message_parts import METHODS
from perdure.codec.names import WILDCARD, IntegrationName, parse_id
from perdure.domain.integration import SavepointRetention
from perdure.domain.states import ExecutionMethod
from perdure.engine.start_request import StartRequest
from perdure.service.breakpoint_fields import read_breakpoints
from perdure.service.fields import (
    Faults,
    read_instant,
    read_labels,
    read_length,
    read_priority,
    read_request_id,
    read_text,
    read_trigger_id,
    read_values,
)
from perdure.v1 import execution_pb2

if TYPE_CHECKING:
    from perdure.service.call import Call
    from perdure.v1.execution_service_pb2 import ExecuteRequest

LARGE_REQUEST_BYTES: Final = 64 << 10
"""A request beyond this size is read off the loop, which checking its values would hold up."""

_METHODS: Final[dict[int, ExecutionMethod]] = {
    0: ExecutionMethod.POST,
    **{number: method for method, number in METHODS.items()},
}
_ALLOWED_WITH_EXECUTION_ID: Final = frozenset({"name", "request_id", "execution_id"})
_TRACE_PARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TRACE_STATE_MAX_CHARACTERS: Final = 512


def read_execute(request: ExecuteRequest, name: IntegrationName, call: Call) -> StartRequest:
    """Turn an Execute into what the engine starts.

    Args:
        request: The request, whose name is taken apart already.
        name: That name.
        call: Whose principal and trace context the execution gets.

    Raises:
        InvalidRequest: With all faults at once.
    """
    faults = Faults()
    if request.execution_id:
        return _read_held(request, name, call, faults)
    method = _METHODS.get(request.execution_method)
    if method is None:
        faults.add("execution_method", "is no method that this server knows")
    _check_schedule(request, method, faults)
    _check_wildcard(request, name, faults)
    trace_parent, trace_state = read_trace(call)
    start = StartRequest(
        project=name.project,
        integration=name.integration,
        method=method or ExecutionMethod.POST,
        trigger_id=read_trigger_id("trigger_id", request.trigger_id, faults),
        inputs=read_values("input_parameters", request.input_parameters, faults),
        schedule_time=_optional_instant(request, faults),
        user_execution_id=request.user_execution_id and parse_id(request.user_execution_id, "user_execution_id"),
        revision_id=request.revision_id and parse_id(request.revision_id, "revision_id"),
        labels=read_labels("labels", request.labels, faults),
        priority=read_priority("priority", request.priority, faults) if request.HasField("priority") else None,
        max_runtime=(
            read_length("max_runtime", request.max_runtime, faults) if request.HasField("max_runtime") else None
        ),
        description=read_text("description", request.description, faults),
        do_not_propagate_error=request.do_not_propagate_error,
        breakpoints=(
            read_breakpoints("breakpoints", request.breakpoints, faults) if request.HasField("breakpoints") else None
        ),
        development=request.development,
        savepoint_retention=_read_retention(request, faults),
        request_id=read_request_id("request_id", request.request_id, faults),
        principal=call.principal,
        trace_parent=trace_parent,
        trace_state=trace_state,
    )
    faults.refuse_if_any()
    return start


def read_trace(call: Call) -> tuple[str, str]:
    """Read the W3C trace context of a call; anything malformed is as good as none."""
    trace_parent = call.metadata("traceparent")
    if not _TRACE_PARENT.fullmatch(trace_parent):
        return "", ""
    trace_state = call.metadata("tracestate")
    return trace_parent, trace_state if len(trace_state) <= _TRACE_STATE_MAX_CHARACTERS else ""


def _read_held(request: ExecuteRequest, name: IntegrationName, call: Call, faults: Faults) -> StartRequest:
    """Read the start of an execution that is on hold (row 9)."""
    for field, _ in request.ListFields():
        if field.name not in _ALLOWED_WITH_EXECUTION_ID:
            faults.add(field.name, "must be empty when execution_id is set")
    start = StartRequest(
        project=name.project,
        integration=name.integration,
        method=ExecutionMethod.POST_TO_QUEUE,
        held_execution_id=parse_id(request.execution_id, "execution_id"),
        request_id=read_request_id("request_id", request.request_id, faults),
        principal=call.principal,
    )
    faults.refuse_if_any()
    return start


def _check_schedule(request: ExecuteRequest, method: ExecutionMethod | None, faults: Faults) -> None:
    if method is ExecutionMethod.SCHEDULE and not request.HasField("schedule_time"):
        faults.add("schedule_time", "must be set for the method SCHEDULE", "REQUIRED_FIELD_MISSING")
    elif method is not ExecutionMethod.SCHEDULE and request.HasField("schedule_time"):
        faults.add("schedule_time", "must be empty unless the method is SCHEDULE")


def _check_wildcard(request: ExecuteRequest, name: IntegrationName, faults: Faults) -> None:
    """Check what goes with `-` (row 6)."""
    if name.integration != WILDCARD:
        return
    if not request.trigger_id:
        faults.add("trigger_id", "must be set when the integration is '-'", "REQUIRED_FIELD_MISSING")
    for path in ("user_execution_id", "revision_id"):
        if getattr(request, path):
            faults.add(path, "must be empty when the integration is '-'")


def _read_retention(request: ExecuteRequest, faults: Faults) -> SavepointRetention | None:
    if request.savepoint_retention not in execution_pb2.Execution.SavepointRetention.values():
        faults.add("savepoint_retention", "is no setting that this server knows")
        return None
    return SavepointRetention(request.savepoint_retention) if request.savepoint_retention else None


def _optional_instant(request: ExecuteRequest, faults: Faults) -> int | None:
    if not request.HasField("schedule_time"):
        return None
    return read_instant("schedule_time", request.schedule_time, faults)
