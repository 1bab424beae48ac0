"""`CompareExecutionSnapshots`: what differs between two snapshots, of one execution or of two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeVar

from perdure.service.fields import Faults
from perdure.service.paging import PAGE_MAX_BYTES
from perdure.service.pipeline import Method
from perdure.v1.comparison_pb2 import CompareExecutionSnapshotsResponse
from perdure.v1.execution_pb2 import TaskExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from google.protobuf.message import Message

    from perdure.codec.names import SnapshotName
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.snapshot_reading import SnapshotReader
    from perdure.service.views import Views
    from perdure.v1.comparison_pb2 import CompareExecutionSnapshotsRequest
    from perdure.v1.execution_pb2 import ExecutionSnapshot

M = TypeVar("M", bound="Message")

_Field = Literal["resource_usage", "task_attempt_stats", "rollback_attempt_stats", "worker", "suspension"]

_TIME: Final[tuple[_Field, ...]] = ("resource_usage",)
"""What changes of a task while nothing happens; it makes no difference by itself."""
CIRCUMSTANCES: Final[tuple[_Field, ...]] = (
    *_TIME,
    "task_attempt_stats",
    "rollback_attempt_stats",
    "worker",
    "suspension",
)
"""What tells of a task only when and by whom it was performed. Two executions never agree in it, so between two
executions it makes no difference by itself."""


class ComparisonServicer:
    """Compares snapshots."""

    def __init__(self, engine: Engine, names: NameReader, views: Views, snapshots: SnapshotReader) -> None:
        self._names = names
        self._views = views
        self._snapshots = snapshots
        self._store = engine.environment.store

    def methods(self) -> Mapping[str, Method]:
        """Name what performs each method."""
        return {"CompareExecutionSnapshots": Method(self.compare_execution_snapshots)}

    async def compare_execution_snapshots(
        self, request: CompareExecutionSnapshotsRequest, _: Call
    ) -> CompareExecutionSnapshotsResponse:
        """Tell which parameters and tasks differ between two snapshots."""
        name, other = self._read(request)
        store_revision = self._store.committed_revision()
        later, earlier = await self._pair(name, other)
        one_execution = other is None or other.execution == name.execution
        response = CompareExecutionSnapshotsResponse(
            snapshot=later.name, other_snapshot=earlier.name if earlier else "", store_revision=store_revision
        )
        _compare_parameters(earlier, later, response)
        _compare_tasks(earlier, later, response, one_execution=one_execution)
        _cut(response)
        return response

    def _read(self, request: CompareExecutionSnapshotsRequest) -> tuple[SnapshotName, SnapshotName | None]:
        faults = Faults()
        other = None
        with faults.noted():
            name = self._names.snapshot(request.name, "name")
        if request.other:
            with faults.noted():
                other = self._names.snapshot(request.other, "other")
        faults.refuse_if_any()
        if other is not None and other.project != name.project:
            faults.add("other", f"must be a snapshot of project {name.project}, as the one in name")
        faults.refuse_if_any()
        return name, other

    async def _pair(
        self, name: SnapshotName, other: SnapshotName | None
    ) -> tuple[ExecutionSnapshot, ExecutionSnapshot | None]:
        """Read both snapshots; the earlier one is by default the one before that is kept, if there is one."""
        extent = await self._views.extent(name)
        if other is None:
            *former, later = await self._snapshots.with_former(name, extent, name.number - 1)
            return later, former[-1] if former else None
        later = await self._snapshots.one(name, extent)
        return later, await self._snapshots.one(other, await self._views.extent(other))


def _compare_parameters(
    earlier: ExecutionSnapshot | None, later: ExecutionSnapshot, response: CompareExecutionSnapshotsResponse
) -> None:
    former = dict(earlier.params) if earlier else {}
    for key, before, after in _pairs(former, dict(later.params)):
        if before is None or after is None or _bytes(before) != _bytes(after):
            shown = response.parameter_differences.add(key=key, kind=_kind(before, after))
            _put(before, after, shown)


def _compare_tasks(
    earlier: ExecutionSnapshot | None,
    later: ExecutionSnapshot,
    response: CompareExecutionSnapshotsResponse,
    *,
    one_execution: bool,
) -> None:
    former = {task.task_number: task for task in earlier.task_execution_details} if earlier else {}
    latter = {task.task_number: task for task in later.task_execution_details}
    for task_number, before, after in _pairs(former, latter):
        if before is None or after is None or _differ(before, after, one_execution=one_execution):
            shown = response.task_differences.add(task_number=task_number, kind=_kind(before, after))
            _put(before, after, shown)


def _differ(before: TaskExecutionDetails, after: TaskExecutionDetails, *, one_execution: bool) -> bool:
    ignored = _TIME if one_execution else CIRCUMSTANCES
    return _bytes(_without(before, ignored)) != _bytes(_without(after, ignored))


def _without(task: TaskExecutionDetails, fields: Iterable[_Field]) -> TaskExecutionDetails:
    compared = TaskExecutionDetails()
    compared.CopyFrom(task)
    for field in fields:
        compared.ClearField(field)
    return compared


def _pairs(former: Mapping[str, M], latter: Mapping[str, M]) -> Iterator[tuple[str, M | None, M | None]]:
    """Match what has the same key, in the order of the keys."""
    for key in sorted({*former, *latter}):
        yield key, former.get(key), latter.get(key)


def _bytes(message: Message) -> bytes:
    """Make what is equal for equal messages, also where a number is none."""
    return message.SerializeToString(deterministic=True)


def _kind(before: Message | None, after: Message | None) -> CompareExecutionSnapshotsResponse.Kind.ValueType:
    if before is None:
        return CompareExecutionSnapshotsResponse.KIND_ADDED
    if after is None:
        return CompareExecutionSnapshotsResponse.KIND_REMOVED
    return CompareExecutionSnapshotsResponse.KIND_CHANGED


def _put(
    before: M | None,
    after: M | None,
    shown: CompareExecutionSnapshotsResponse.ParameterDifference | CompareExecutionSnapshotsResponse.TaskDifference,
) -> None:
    for field, side in (("before", before), ("after", after)):
        if side is not None:
            getattr(shown, field).CopyFrom(side)


def _cut(response: CompareExecutionSnapshotsResponse) -> None:
    """Leave out both sides of differences, those of the largest first, until the response keeps to its limit."""
    size = response.ByteSize()
    differences = [*response.parameter_differences, *response.task_differences]
    for shown in sorted(differences, key=lambda each: each.ByteSize(), reverse=True):
        if size <= PAGE_MAX_BYTES:
            return
        whole = shown.ByteSize()
        shown.ClearField("before")
        shown.ClearField("after")
        size -= whole - shown.ByteSize()
