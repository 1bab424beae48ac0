"""Events of an execution as a whole: its beginning, its states, the stages of its end."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen
from perdure.domain.integration import SavepointRetention
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.breakpoints import Breakpoints
    from perdure.domain.states import ExecutionMethod, ExecutionState, Failure, ReplayMode, StartedBy


@frozen
class ExecutionCreated:
    """An execution was accepted.

    Attributes:
        state: PROCESSING for POST, else PENDING (semantics.md 3.2).
        inputs: As received; `parameters` are the inputs completed with defaults.
        schedule_time: When a PENDING execution starts; None for one that waits for `Execute` by id.
        max_runtime: In microseconds; 0 for none.
        parent: Id of the parent execution; empty at the root. The other parent fields belong to it.
        generation: The parent task's attempt that started this, see `execution.generation`.
        depth: 0 at the root.
        ancestors: Ids of the executions above it in its tree, topmost first; none for an orphan, whose tree
            is its own.
        implicit_task: Set in the implicit execution of a `for-each` item: the parent's task.
        replay: Set if it replays another execution.
    """

    integration: str
    revision_id: str
    ordinal: int
    trigger_id: str
    method: ExecutionMethod
    state: ExecutionState
    inputs: Mapping[str, Value]
    parameters: Mapping[str, Value]
    principal: str
    started_by: StartedBy
    root: str
    priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    schedule_time: int | None = None
    max_runtime: int = 0
    parent: str = ""
    parent_integration: str = ""
    root_integration: str = ""
    parent_task: str = ""
    generation: int = 0
    item: int = 0
    depth: int = 0
    orphan: bool = False
    implicit_task: str = ""
    trace_parent: str = ""
    trace_state: str = ""
    ancestors: tuple[str, ...] = ()
    replay: Replay | None = None
    breakpoints: Breakpoints | None = None
    development: bool = False
    savepoint_retention: SavepointRetention = SavepointRetention.ALL


@frozen
class CopiedTask:
    """A task that counts as done from the start, because the replayed execution has done it (3.3, last row).

    Attributes:
        edges: Results of the conditions of its edges, by their position in the revision that runs now.
    """

    inputs: Mapping[str, Value] = NO_VALUES
    outputs: Mapping[str, Value] = NO_VALUES
    edges: tuple[bool, ...] = ()


@frozen
class Replay:
    """What a new execution replays (rows 44 to 48).

    Attributes:
        original: Id of the replayed execution, in the same project.
        integration: Id of its integration.
        snapshot_number: With FROM_SNAPSHOT, of the snapshot.
        copied: By task id.
    """

    original: str
    integration: str
    mode: ReplayMode
    reason: str
    snapshot_number: int = 0
    copied: Mapping[str, CopiedTask] = field(default_factory=dict)


@frozen
class ExecutionStarted:
    """A PENDING execution left PENDING; its first execution attempt began."""


@frozen
class ExecutionStateChanged:
    """The execution changed between PROCESSING, RETRY_ON_HOLD and SUSPENDED."""

    state: ExecutionState
    next_time: int | None = None


@frozen
class ExecutionRestarted:
    """A new execution attempt began with the initial parameters (row 55)."""


@frozen
class ExecutionSucceeded:
    """The execution ended SUCCEEDED."""

    outputs: Mapping[str, Value] = NO_VALUES


@frozen
class ExecutionFailed:
    """The execution ended FAILED."""

    failure: Failure
    outputs: Mapping[str, Value] = NO_VALUES


@frozen
class ExecutionCancelled:
    """The execution ended CANCELLED, for the reason that its cancellation was asked for with."""

    reason: str = ""


@frozen
class OutcomeDecided:
    """It is settled how the execution will end, but something has to run before its end.

    Attributes:
        state: SUCCEEDED, FAILED or CANCELLED.
    """

    state: ExecutionState
    failure: Failure | None = None
    outputs: Mapping[str, Value] = NO_VALUES


@frozen
class ErrorCatcherStarted:
    """A catcher took a failure; its tasks are part of the execution from now on.

    Attributes:
        task_id: Whose failure it took; empty for that of the execution.
    """

    catcher_id: str
    task_id: str
    task_ids: tuple[str, ...]


@frozen
class ErrorCatcherEnded:
    """A catcher has ended, or takes one more failure after its end.

    Attributes:
        handled: Tasks whose failure counts as handled now.
    """

    catcher_id: str
    succeeded: bool
    handled: tuple[str, ...] = ()


@frozen
class TeardownStarted:
    """The teardown tasks are part of the execution from now on, and run one after the other (row 58)."""

    task_ids: tuple[str, ...]


@frozen
class ParametersChanged:
    """Outputs of a task, an `assign`, or somebody changed execution parameters.

    Attributes:
        principal: Who edited them while the execution stood still; empty if a task did.
    """

    parameters: Mapping[str, Value]
    principal: str = ""


@frozen
class SnapshotTaken:
    """A snapshot can be read as of this event (row 29).

    Attributes:
        only: Whether the ones before it are not kept (row 49).
    """

    number: int
    task_id: str
    only: bool = False
