"""Snapshots of executions, made by folding their histories (row 29), as far as they are kept (row 49)."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.codec.lineage import Ancestor
from perdure.codec.revisions import decode_revision
from perdure.codec.snapshots import NewestSnapshots, SnapshotFold
from perdure.domain.errors import NotFound
from perdure.domain.events import ExecutionCreated
from perdure.domain.integration import ForEach, SavepointRetention
from perdure.store.records import ExecutionKey, IntegrationKey

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from perdure.codec.names import SnapshotName
    from perdure.domain.graph import Graph
    from perdure.engine.engine import Engine
    from perdure.v1.execution_pb2 import ExecutionSnapshot

FOLDED_AT_A_TIME: Final = 200
"""Events that are folded before the loop gets its turn."""

KEPT_MAX_BYTES: Final = 32 << 20
"""Size of the snapshots of ended executions that are kept."""


class Extent(NamedTuple):
    """How far an execution had come when it was looked at.

    Attributes:
        sequence: Of its last event.
        snapshots: How many of its snapshots were kept.
        final: Whether it had ended, so that there will be no more.
        create_time: Tells it from an earlier one of the same id that was deleted.
    """

    sequence: int
    snapshots: int
    final: bool
    create_time: int


class _Wanted(NamedTuple):
    """What was asked for when snapshots were kept.

    Attributes:
        create_time: See `Extent`.
        max_bytes: Room that there was for them.
        with_params: Whether they have their parameters.
    """

    key: ExecutionKey
    create_time: int
    max_bytes: int
    with_params: bool


class SnapshotReader:
    """Reads snapshots; the FULL views of ended executions are kept, since they never change (decision 11)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._location = engine.environment.location
        self._kept: OrderedDict[_Wanted, list[ExecutionSnapshot]] = OrderedDict()
        self._kept_bytes = 0

    async def newest(
        self, key: ExecutionKey, extent: Extent, max_bytes: int, *, with_params: bool
    ) -> list[ExecutionSnapshot]:
        """Read all snapshots for the FULL view, newest first, as far as they fit."""
        if not extent.snapshots:
            return []
        wanted = _Wanted(key, extent.create_time, max_bytes, with_params)
        kept = self._kept.get(wanted)
        if kept is not None:
            self._kept.move_to_end(wanted)
            return kept
        collected = NewestSnapshots(max_bytes)
        async with aclosing(self.oldest_first(key, extent, 1, with_params=with_params)) as snapshots:
            async for _, snapshot in snapshots:
                collected.add(snapshot)
        newest = collected.shown()
        if extent.final:
            self._keep(wanted, newest)
        return newest

    async def some(
        self, key: ExecutionKey, extent: Extent, first: int, last: int, *, with_params: bool
    ) -> list[ExecutionSnapshot]:
        """Read snapshots by their places among those that are kept, `first` to `last` from 1, oldest first."""
        found: list[ExecutionSnapshot] = []
        async with aclosing(self.oldest_first(key, extent, first, with_params=with_params)) as snapshots:
            async for _, snapshot in snapshots:
                found.append(snapshot)
                if len(found) > last - first:
                    break
        return found

    async def one(self, name: SnapshotName, extent: Extent) -> ExecutionSnapshot:
        """Read one snapshot.

        Raises:
            NotFound: It was never taken, or is not kept.
        """
        return (await self.with_former(name, extent, name.number))[-1]

    async def with_former(self, name: SnapshotName, extent: Extent, first: int) -> list[ExecutionSnapshot]:
        """Read a snapshot and those that are kept before it, from the number `first` on, oldest first.

        Raises:
            NotFound: It was never taken, or is not kept.
        """
        found: list[ExecutionSnapshot] = []
        key = ExecutionKey(name.project, name.execution)
        async with aclosing(self.oldest_first(key, extent, first, with_params=True)) as snapshots:
            async for number, snapshot in snapshots:
                found.append(snapshot)
                if number == name.number:
                    return found
        raise NotFound("snapshot", str(name), reason="SNAPSHOT_NOT_FOUND")

    def _keep(self, key: _Wanted, newest: list[ExecutionSnapshot]) -> None:
        self._kept[key] = newest
        self._kept_bytes += _shown_bytes(newest)
        while self._kept_bytes > KEPT_MAX_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _shown_bytes(oldest)

    async def oldest_first(
        self, key: ExecutionKey, extent: Extent, first: int, *, with_params: bool
    ) -> AsyncGenerator[tuple[int, ExecutionSnapshot]]:
        """Fold the history and yield number and snapshot at each marker that is kept, from a number on."""
        newest: tuple[int, ExecutionSnapshot] | None = None
        retention = SavepointRetention.ALL
        fold: SnapshotFold | None = None
        position = 0
        while position < extent.sequence:
            wanted = min(FOLDED_AT_A_TIME, extent.sequence - position)
            page = await self._engine.queries.history(key, position, wanted)
            for each in page.events:
                position = each.sequence
                if fold is None:
                    assert isinstance(each.event, ExecutionCreated), "a history begins with the creation"
                    retention = each.event.savepoint_retention
                    fold = await self._begin(key, page.graph, each.event)
                marker = fold.add(each.event, each.time)
                if marker is None or marker.number < first:
                    continue
                shown = marker.number, fold.show(with_params=with_params)
                if retention is SavepointRetention.ALL:
                    yield shown
                else:
                    newest = shown
        if newest is not None:
            yield newest

    async def _begin(self, key: ExecutionKey, graph: Graph, first: ExecutionCreated) -> SnapshotFold:
        return SnapshotFold(
            graph,
            project=key.project,
            location=self._location,
            execution_id=key.execution,
            task_labels=await self._task_labels(key.project, first),
            ancestors=await self._ancestors(key, first),
        )

    async def _task_labels(self, project: str, created: ExecutionCreated) -> Mapping[str, str]:
        """Read the display names of the tasks; an item of a `for-each` over a handler has a task of its own."""
        if created.implicit_task:
            return {}
        key = IntegrationKey(project, created.integration)
        record = await self._engine.integrations.get_revision(key, created.revision_id)
        tasks = decode_revision(record.payload).tasks
        return {task.task_id: task.display_name for task in tasks if task.display_name}

    async def _ancestors(self, key: ExecutionKey, created: ExecutionCreated) -> list[Ancestor]:
        ancestors: list[Ancestor] = []
        # An orphan is the topmost of its tree; what started it may be deleted already.
        while created.parent and not created.orphan:
            key = ExecutionKey(key.project, created.parent)
            above = await self._engine.queries.history(key, 0, 1)
            is_loop = isinstance(above.graph.tasks[created.parent_task].built_in, ForEach)
            ancestors.append(Ancestor(created.parent_task, str(created.item) if is_loop else ""))
            first = above.events[0].event
            assert isinstance(first, ExecutionCreated), "a history begins with the creation"
            created = first
        ancestors.reverse()
        return ancestors


def _shown_bytes(newest: list[ExecutionSnapshot]) -> int:
    return sum(snapshot.ByteSize() for snapshot in newest)
