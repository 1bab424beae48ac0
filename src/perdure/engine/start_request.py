"""What a caller wants to have started, and when two such requests are the same."""

from __future__ import annotations

import hashlib
from dataclasses import field, fields
from typing import TYPE_CHECKING, Final

from perdure.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.breakpoints import Breakpoints
    from perdure.domain.integration import SavepointRetention
    from perdure.domain.states import ExecutionMethod
    from perdure.domain.value import Value


@frozen
class StartRequest:
    """An Execute, parsed: sameness of two requests with one `request_id` is sameness of this record.

    Attributes:
        integration: Its id, or `-` for all integrations with the trigger (row 6).
        schedule_time: For SCHEDULE, microseconds since the epoch.
        revision_id: Empty for the latest revision.
        priority: None for the integration's own.
        max_runtime: Microseconds, 0 for none; None for the integration's own.
        breakpoints: None for none.
        savepoint_retention: None for the integration's own.
        request_id, principal, trace_parent, trace_state: Not part of what makes two requests the same.
    """

    project: str
    integration: str
    method: ExecutionMethod
    trigger_id: str = ""
    inputs: Mapping[str, Value] = field(default_factory=dict)
    schedule_time: int | None = None
    user_execution_id: str = ""
    revision_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    priority: int | None = None
    max_runtime: int | None = None
    description: str = ""
    do_not_propagate_error: bool = False
    held_execution_id: str = ""
    breakpoints: Breakpoints | None = None
    development: bool = False
    savepoint_retention: SavepointRetention | None = None
    request_id: str = ""
    principal: str = ""
    trace_parent: str = ""
    trace_state: str = ""

    def digest(self) -> bytes:
        """Hash what the request asks for: maps sorted, the id and the circumstances of the call left out."""
        parts: list[object] = []
        for each in fields(self):
            if each.name in _CIRCUMSTANCES:
                continue
            value = getattr(self, each.name)
            parts.append(sorted(value.items()) if hasattr(value, "items") else value)
        return hashlib.sha256(repr(parts).encode()).digest()


_CIRCUMSTANCES: Final = frozenset({"request_id", "principal", "trace_parent", "trace_state"})
