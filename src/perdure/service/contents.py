"""How much of an execution an answer contains: a view, or the fields of a read mask (rows 21 and 25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.service.fields import Faults
from perdure.service.read_mask import EVERYTHING, Fields, asks_for, fields_of, keep_only, read_paths
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from google.protobuf.field_mask_pb2 import FieldMask
    from google.protobuf.message import Message

    from perdure.v1.execution_service_pb2 import GetExecutionRequest, ListExecutionsRequest

CHILDREN: Final = "direct_sub_executions"
SNAPSHOTS: Final = "execution_details.execution_snapshots"

FULL_ONLY: Final = (
    "request_parameters",
    "response_parameters",
    "current_parameters",
    "errors",
    "error.payload",
    "error.stack_trace",
    CHILDREN,
    SNAPSHOTS,
    "execution_details.task_execution_details",
)
"""What the view FULL has and BASIC has not."""

BEYOND_ROW: Final = (
    *FULL_ONLY,
    "error.context",
    "execution_details.attempt_stats",
    "execution_details.event_execution_snapshots_size",
    "execution_details.rollback",
    "progress.sub_job_count",
    "progress.finished_sub_job_count",
    "replay_info",
    "breakpoints",
    "stopped_at_breakpoint",
    "savepoint_retention",
    "resource_usage",
)
"""What has to be read execution by execution, so that the view BASIC of a list leaves it out."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an answer contains of an execution.

    Attributes:
        key: Equal for equal contents.
        fields: The only fields that are shown; None for all that are there.
        full: Whether anything is wanted that only the view FULL has.
        children: Whether the direct sub-executions are wanted.
        snapshots: Whether the snapshots are wanted.
        params: Whether the snapshots come with their parameters.
        row_suffices: Whether a list can show it without reading the execution.
    """

    key: bytes
    fields: Fields | None
    full: bool
    children: bool
    snapshots: bool
    params: bool
    row_suffices: bool

    def cut(self, shown: Message) -> None:
        """Clear what a mask does not ask for."""
        if self.fields is not None:
            keep_only(shown, self.fields)


BASIC: Final = Contents(b"basic", None, full=False, children=False, snapshots=False, params=False, row_suffices=True)


def read_contents(view: int, mask: FieldMask | None, *, default: int, without_params: bool = False) -> Contents:
    """Read how much is wanted.

    Args:
        view: The field `view` of a request.
        mask: The field `read_mask`; one without paths is none. None if the request has no such field.
        default: The view that is meant where neither is set.
        without_params: Whether snapshots come without their parameters.

    Raises:
        InvalidRequest: Both are set, or one of them names what there is not; every fault of both is told.
    """
    faults = Faults()
    if view not in Execution.View.values():
        faults.add("view", "is no view that this server knows; use VIEW_BASIC or VIEW_FULL")
    if view and mask is not None and mask.paths:
        faults.add("read_mask", "must not be set together with view; leave one of them out")
    with faults.noted():
        paths = () if mask is None else read_paths(mask)
    faults.refuse_if_any()
    if paths and paths != (EVERYTHING,):
        return _masked(paths, without_params)
    if paths or (view or default) == Execution.VIEW_FULL:
        return _full(without_params=without_params)
    return BASIC


def contents_of(request: GetExecutionRequest | ListExecutionsRequest, *, default: int) -> Contents:
    """Read how much of each execution a request wants; see `read_contents`."""
    return read_contents(
        request.view,
        request.read_mask,
        default=default,
        without_params=request.snapshot_metadata_without_params,
    )


def _full(*, without_params: bool) -> Contents:
    key = b"full without params" if without_params else b"full"
    return Contents(key, None, True, True, True, not without_params, row_suffices=False)


def _masked(paths: tuple[str, ...], without_params: bool) -> Contents:
    fields = fields_of(paths)
    snapshots = asks_for(fields, SNAPSHOTS)
    params = snapshots and not without_params
    return Contents(
        key=",".join((*paths, "without params") if snapshots and not params else paths).encode(),
        fields=fields,
        full=any(asks_for(fields, path) for path in FULL_ONLY),
        children=asks_for(fields, CHILDREN),
        snapshots=snapshots,
        params=params,
        row_suffices=not any(asks_for(fields, path) for path in BEYOND_ROW),
    )
