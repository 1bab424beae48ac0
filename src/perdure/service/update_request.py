"""Reading an `UpdateExecutionRequest`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.domain.breakpoints import Breakpoints
from perdure.domain.commands import Update
from perdure.service.breakpoint_fields import read_breakpoints
from perdure.service.fields import Faults, read_instant, read_labels, read_priority, read_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.codec.names import ExecutionName
    from perdure.service.names import NameReader
    from perdure.v1.execution_pb2 import Execution
    from perdure.v1.execution_service_pb2 import UpdateExecutionRequest

NO_DEADLINE: Final = 0
"""What takes a deadline away, see `ExecutionUpdated`."""


def read_update(
    request: UpdateExecutionRequest, names: NameReader, principal: str, now: int
) -> tuple[ExecutionName, Update]:
    """Read what is to change, and of which execution.

    Args:
        request: The request.
        names: Reads the name.
        principal: Who asks.
        now: Microseconds since the epoch; a deadline has to be later.

    Raises:
        InvalidRequest: With all faults at once.
    """
    faults = Faults()
    with faults.noted():
        name = names.execution(request.execution.name, "execution.name")
    paths = dict.fromkeys(request.update_mask.paths)
    if not paths:
        faults.add("update_mask", f"must name at least one of: {', '.join(_READS)}", "REQUIRED_FIELD_MISSING")
    for path in paths:
        if path not in _READS:
            faults.add("update_mask", f"{path[:40]} cannot be changed; use: {', '.join(_READS)}")
    read = {path: _READS[path](request.execution, faults, now) for path in paths if path in _READS}
    faults.refuse_if_any()
    return name, Update(principal, **read)


def _read_deadline(execution: Execution, faults: Faults, now: int) -> int:
    if not execution.HasField("deadline"):
        return NO_DEADLINE
    deadline = read_instant("execution.deadline", execution.deadline, faults)
    if deadline <= now:
        faults.add("execution.deadline", "must be in the future")
    return deadline


def _read_breakpoints(execution: Execution, faults: Faults, _: int) -> Breakpoints:
    if not execution.HasField("breakpoints"):
        return Breakpoints()
    return read_breakpoints("execution.breakpoints", execution.breakpoints, faults)


_READS: Final[dict[str, Callable[[Execution, Faults, int], Any]]] = {
    "priority": lambda execution, faults, _: read_priority("execution.priority", execution.priority, faults),
    "labels": lambda execution, faults, _: read_labels("execution.labels", execution.labels, faults),
    "description": lambda execution, faults, _: read_text("execution.description", execution.description, faults),
    "deadline": _read_deadline,
    "breakpoints": _read_breakpoints,
    "development": lambda execution, _, __: execution.development,
}
"""What can be changed, by its path in the mask; the names are those of `Update`."""
