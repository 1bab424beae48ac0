"""Snapshots: every parameter and task as they stood right after a checkpoint (row 29).

A snapshot is not stored. It is the fold of the history up to its marker, so that many of them are made in
one pass over the history.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from perdure.codec.message_parts import put_instant, put_value_messages
from perdure.codec.names import snapshot_name
from perdure.codec.task_details import put_task_details
from perdure.domain.apply import apply, first_state
from perdure.domain.events import ExecutionCreated, SnapshotTaken
from perdure.v1.execution_pb2 import ExecutionSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from perdure.codec.lineage import Ancestor
    from perdure.domain.events import Event
    from perdure.domain.execution import Execution, SnapshotMarker
    from perdure.domain.graph import Graph


class SnapshotFold:
    """Folds the history of one execution and makes a snapshot at each marker on the way.

    The history is added event by event, so that it can be read page by page and the loop stays free.

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
        self._execution: Execution | None = None

    def add(self, event: Event, time: int) -> SnapshotMarker | None:
        """Fold the next event of the history, which begins with the first; tell if it took a snapshot."""
        if isinstance(event, ExecutionCreated):
            self._execution = first_state(event, self._graph, self._execution_id, self._project, time)
            return None
        execution = self._state()
        apply(execution, event, time)
        return execution.snapshots[-1] if isinstance(event, SnapshotTaken) else None

    def show(self, *, with_params: bool = True) -> ExecutionSnapshot:
        """Show the snapshot that the event just added took."""
        execution = self._state()
        marker = execution.snapshots[-1]
        integration = execution.created.integration
        shown = ExecutionSnapshot(
            name=snapshot_name(self._project, self._location, integration, self._execution_id, marker.number),
            checkpoint_task_number=marker.task_id,
        )
        put_instant(marker.time, shown.snapshot_time)
        self._put_metadata(marker, integration, shown)
        for run in execution.tasks.values():
            details = shown.task_execution_details.add()
            put_task_details(execution, run, details, location=self._location, now=marker.time)
        if with_params:
            put_value_messages(execution.parameters, shown.params)
        return shown

    def _state(self) -> Execution:
        assert self._execution is not None, "a history begins with the creation"
        return self._execution

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


class NewestSnapshots:
    """Collects the snapshots of one execution for the FULL view, within a limit (decision 11).

    Over the limit the oldest ones lose their parameters; if that is not enough, the oldest ones are left
    out. No more than the limit is held in memory at any time, one snapshot aside.

    Args:
        max_bytes: Limit of all of them together.

    Attributes:
        size: Size in bytes of all snapshots that were added, whole.
    """

    def __init__(self, max_bytes: int) -> None:
        self.size = 0
        self._max_bytes = max_bytes
        self._held = 0
        self._whole: deque[tuple[ExecutionSnapshot, int]] = deque()
        self._stripped: deque[tuple[ExecutionSnapshot, int]] = deque()

    def add(self, snapshot: ExecutionSnapshot) -> None:
        """Take the next snapshot, with its parameters; the oldest comes first."""
        size = snapshot.ByteSize()
        self.size += size
        self._held += size
        self._whole.append((snapshot, size))
        while self._held > self._max_bytes and self._whole:
            oldest, size = self._whole.popleft()
            oldest.ClearField("params")
            self._stripped.append((oldest, oldest.ByteSize()))
            self._held -= size - self._stripped[-1][1]
        while self._held > self._max_bytes:
            self._held -= self._stripped.popleft()[1]

    def shown(self) -> list[ExecutionSnapshot]:
        """Hand out what is left, newest first."""
        return [snapshot for snapshot, _ in (*reversed(self._whole), *reversed(self._stripped))]
