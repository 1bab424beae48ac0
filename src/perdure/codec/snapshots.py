"""Snapshots: every parameter and task as they stood right after a checkpoint (row 29).

A snapshot is not stored. It is the fold of the history up to its marker, so that many of them are made in
one pass over the history.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.codec.message_parts import put_instant, put_value_messages
from perdure.codec.names import snapshot_name
from perdure.codec.task_details import put_task_details
from perdure.domain.apply import apply, first_state
from perdure.domain.events import ExecutionCreated, SnapshotTaken
from perdure.v1.execution_pb2 import ExecutionSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from perdure.codec.lineage import Ancestor
    from perdure.domain.events import Event
    from perdure.domain.execution import Execution, SnapshotMarker
    from perdure.domain.graph import Graph


class SnapshotFold:
    """Makes the snapshots of one execution out of its history.

    Args:
        graph: The graph that the execution runs.
        project: Id of its project.
        location: The server's location.
        execution_id: Its id.
        task_labels: Display names by task id, from the definition; tasks without one are left out.
        ancestors: The tasks inside of which the execution runs, topmost first.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        project: str,
        location: str,
        execution_id: str,
        task_labels: Mapping[str, str],
        ancestors: Sequence[Ancestor] = (),
    ) -> None:
        self._graph = graph
        self._project = project
        self._location = location
        self._execution_id = execution_id
        self._task_labels = task_labels
        self._ancestors = ancestors

    def snapshots(
        self,
        history: Iterable[tuple[int, Event, int]],
        *,
        with_params: bool = True,
        first: int = 1,
        last: int | None = None,
    ) -> Iterator[ExecutionSnapshot]:
        """Fold a history and hand out the snapshots on the way, oldest first.

        Args:
            history: Sequence, event and time of each event from the first on; read no further than needed.
            with_params: Whether the parameters belong to the snapshots.
            first: Number of the first snapshot wanted.
            last: Number of the last one; None for all.
        """
        execution: Execution | None = None
        for _, event, time in history:
            if isinstance(event, ExecutionCreated):
                execution = first_state(event, self._graph, self._execution_id, self._project, time)
                continue
            assert execution is not None, "a history begins with the creation"
            apply(execution, event, time)
            if isinstance(event, SnapshotTaken) and event.number >= first:
                yield self._snapshot(execution, with_params=with_params)
                if event.number == last:
                    return

    def _snapshot(self, execution: Execution, *, with_params: bool) -> ExecutionSnapshot:
        marker = execution.snapshots[-1]
        integration = execution.created.integration
        shown = ExecutionSnapshot(
            name=snapshot_name(self._project, self._location, integration, self._execution_id, marker.number),
            checkpoint_task_number=marker.task_id,
        )
        put_instant(marker.time, shown.snapshot_time)
        self._put_metadata(marker, integration, shown)
        for run in execution.tasks.values():
            put_task_details(run, shown.task_execution_details.add())
        if with_params:
            put_value_messages(execution.parameters, shown.params)
        return shown

    def _put_metadata(self, marker: SnapshotMarker, integration: str, shown: ExecutionSnapshot) -> None:
        metadata = shown.execution_snapshot_metadata
        metadata.task_number = marker.task_id
        metadata.task = marker.handler
        metadata.execution_attempt = marker.execution_attempt
        metadata.task_attempt = marker.attempt
        metadata.task_label = self._task_labels.get(marker.task_id, "")
        metadata.integration_name = integration
        for ancestor in self._ancestors:
            metadata.ancestor_task_numbers.append(ancestor.task_number)
            metadata.ancestor_iteration_numbers.append(ancestor.iteration_number)


class NewestSnapshots(NamedTuple):
    """The snapshots of one execution for the FULL view.

    Attributes:
        shown: Newest first; the older ones may lack their parameters, the oldest may be missing.
        size: Size in bytes of all snapshots of the execution, whole.
    """

    shown: list[ExecutionSnapshot]
    size: int


NO_SNAPSHOTS: Final = NewestSnapshots([], 0)
"""For an execution without snapshots, and where nobody asked for them."""


def newest_first(snapshots: Iterable[ExecutionSnapshot], max_bytes: int) -> NewestSnapshots:
    """Turn snapshots around for the FULL view, within a limit (decision 11).

    Over the limit the oldest ones lose their parameters; if that is not enough, the oldest ones are left
    out. No more than the limit is held in memory at any time, one snapshot aside.

    Args:
        snapshots: All snapshots of an execution, oldest first, with parameters.
        max_bytes: Limit of all of them together.
    """
    whole: deque[tuple[ExecutionSnapshot, int]] = deque()
    stripped: deque[tuple[ExecutionSnapshot, int]] = deque()
    held = total = 0
    for snapshot in snapshots:
        size = snapshot.ByteSize()
        total += size
        held += size
        whole.append((snapshot, size))
        while held > max_bytes and whole:
            oldest, size = whole.popleft()
            oldest.ClearField("params")
            stripped.append((oldest, oldest.ByteSize()))
            held -= size - stripped[-1][1]
        while held > max_bytes:
            held -= stripped.popleft()[1]
    kept = [snapshot for snapshot, _ in (*stripped, *whole)]
    kept.reverse()
    return NewestSnapshots(kept, total)
