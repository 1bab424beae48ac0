"""Reading a `ReplayExecutionRequest`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.message_parts import METHODS
from perdure.codec.names import WILDCARD, ExecutionName, parse_id
from perdure.domain.states import ExecutionMethod, ReplayMode
from perdure.engine.replaying import ReplayRequest
from perdure.service.breakpoint_fields import read_breakpoints
from perdure.service.execute_request import read_trace
from perdure.service.fields import Faults, read_request_id, read_text, read_values
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.v1.replay_pb2 import ReplayExecutionRequest

_MODES: Final = {
    Execution.REPLAY_MODE_UNSPECIFIED: ReplayMode.FROM_BEGINNING,
    Execution.REPLAY_MODE_FROM_BEGINNING: ReplayMode.FROM_BEGINNING,
    Execution.REPLAY_MODE_POINT_OF_FAILURE: ReplayMode.POINT_OF_FAILURE,
    Execution.REPLAY_MODE_FROM_SNAPSHOT: ReplayMode.FROM_SNAPSHOT,
}
_METHODS: Final[dict[int, ExecutionMethod]] = {number: method for method, number in METHODS.items()}
_KEY_MAX_CHARACTERS: Final = 63
"""As much of an unknown key as a fault repeats."""


def read_replay(request: ReplayExecutionRequest, name: ExecutionName, names: NameReader, call: Call) -> ReplayRequest:
    """Turn a ReplayExecution into what the engine replays.

    Args:
        request: The request, whose name is taken apart already.
        name: That name.
        names: Reads the name of the snapshot.
        call: Whose principal and trace context the new execution gets.

    Raises:
        InvalidRequest: With all faults at once.
    """
    faults = Faults()
    mode = _MODES.get(request.replay_mode)
    if mode is None:
        faults.add("replay_mode", "is no mode that this server knows")
    method = _read_method(request, faults)
    user_execution_id = ""
    with faults.noted():
        user_execution_id = request.user_execution_id and parse_id(request.user_execution_id, "user_execution_id")
    snapshot_number, integration = _read_snapshot(request, mode, name, names, faults)
    trace_parent, trace_state = read_trace(call)
    replay = ReplayRequest(
        project=name.project,
        integration=integration,
        method=method or ExecutionMethod.POST,
        same_method=method is None,
        inputs=read_values("modified_parameters", request.modified_parameters, faults),
        user_execution_id=user_execution_id,
        do_not_propagate_error=request.do_not_propagate_error,
        breakpoints=(
            read_breakpoints("breakpoints", request.breakpoints, faults) if request.HasField("breakpoints") else None
        ),
        development=request.development,
        request_id=read_request_id("request_id", request.request_id, faults),
        principal=call.principal,
        trace_parent=trace_parent,
        trace_state=trace_state,
        original=name.execution,
        mode=mode or ReplayMode.FROM_BEGINNING,
        reason=read_text("replay_reason", request.replay_reason, faults),
        snapshot_number=snapshot_number,
        replaced=_read_mask(request, faults),
        use_latest_revision=request.use_latest_revision,
        cancel_original=request.cancel_original,
    )
    faults.refuse_if_any()
    return replay


def _read_method(request: ReplayExecutionRequest, faults: Faults) -> ExecutionMethod | None:
    """Read when to answer; None if the original decides."""
    if not request.execution_method:
        return None
    method = _METHODS.get(request.execution_method)
    if method is None:
        faults.add("execution_method", "is no method that this server knows")
    elif method is ExecutionMethod.SCHEDULE:
        faults.add("execution_method", "must be POST or POST_TO_QUEUE: a replay begins now")
    return method


def _read_snapshot(
    request: ReplayExecutionRequest, mode: ReplayMode | None, name: ExecutionName, names: NameReader, faults: Faults
) -> tuple[int, str]:
    """Read the number of the snapshot, and the integration that the two names tell."""
    number, integration = 0, name.integration
    if mode is not ReplayMode.FROM_SNAPSHOT:
        if request.snapshot:
            faults.add("snapshot", "must be empty unless the mode is REPLAY_MODE_FROM_SNAPSHOT")
    elif not request.snapshot:
        faults.add("snapshot", "must be set for the mode REPLAY_MODE_FROM_SNAPSHOT", "REQUIRED_FIELD_MISSING")
    else:
        with faults.noted():
            snapshot = names.snapshot(request.snapshot, "snapshot")
            integrations = {snapshot.integration, name.integration} - {WILDCARD}
            if (snapshot.project, snapshot.execution) != (name.project, name.execution) or len(integrations) > 1:
                faults.add("snapshot", "must be a snapshot of the execution in name")
            number, integration = snapshot.number, max(integrations, default=WILDCARD)
    return number, integration


def _read_mask(request: ReplayExecutionRequest, faults: Faults) -> tuple[str, ...] | None:
    """Read which parameters are replaced: just those that are given; a mask without paths is none (row 46)."""
    if not request.update_mask.paths:
        return None
    paths = tuple(dict.fromkeys(request.update_mask.paths))
    for key in paths:
        if key not in request.modified_parameters:
            description = f'names "{key[:_KEY_MAX_CHARACTERS]}", which modified_parameters does not have'
            faults.add("update_mask", description)
    for key in request.modified_parameters:
        if key not in paths:
            faults.add(f'modified_parameters["{key[:_KEY_MAX_CHARACTERS]}"]', "is not named by update_mask")
    return paths
