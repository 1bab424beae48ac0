"""What is given to a store and what it gives back: plain records, one for each kind of row.

Instants are int64 microseconds since the epoch, UTC. Payloads are records made by `perdure.codec` that the
store does not look into.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from perdure.domain.frozen import frozen

if TYPE_CHECKING:
    from perdure.store.suspensions import SuspensionChange, SuspensionRecord


class ExecutionKey(NamedTuple):
    """Identifies an execution: its project and its id, unique in the project."""

    project: str
    execution: str


class IntegrationKey(NamedTuple):
    """Identifies an integration: its project and its id."""

    project: str
    integration: str


@frozen
class Origin:
    """Where a sub-execution came from: unique, so that a child is never created twice.

    Attributes:
        parent: Id of the parent execution, in the same project.
        task: The parent's task that started it.
        generation: The parent's execution attempt and task attempt, folded into one number.
        item: Position of the item in a `for-each`; 0 for a sub-integration.
    """

    parent: str
    task: str
    generation: int
    item: int


@frozen
class NewExecution:
    """The columns of an execution that never change after its creation.

    Attributes:
        labels: JSON object of texts, as it was created with; see `Facts.new_labels`.
        root: Id of the topmost execution of its tree; its own id at the top.
        root_integration, parent_integration: Ids of the integrations of those above; the latter is empty
            without a parent.
        ancestors: Ids of the executions above it in its tree, topmost first; none for an orphan.
        schedule_time: When it was asked to start, for the method SCHEDULE.
        max_runtime: Longest run in microseconds; 0 for none.
        replay_of: Id of the execution that it replays, in the same project; empty for none.
    """

    key: ExecutionKey
    integration: str
    revision_id: str
    trigger_id: str
    execution_method: int
    labels: str
    create_time: int
    root: str
    origin: Origin | None
    orphan: bool
    root_integration: str = ""
    parent_integration: str = ""
    ancestors: tuple[str, ...] = ()
    started_by: int = 1
    principal: str = ""
    schedule_time: int | None = None
    max_runtime: int = 0
    replay_of: str = ""


class Facts(NamedTuple):
    """What can be asked of an execution and changes with its state, as of one commit.

    Attributes:
        state: Number of the execution state.
        start_time: When it left PENDING.
        update_time: Time of the last event.
        end_time: When it became terminal.
        error_code: Code of the final error, if it has one.
        current_tasks: Ids of the tasks that are at work or wait, sorted, at most 20; after the end the ones
            that were last.
        parameters: JSON object of the searchable parameters that have a value now: texts, numbers,
            booleans.
        execution_attempt: From 1; 0 while it is PENDING.
        new_labels: JSON object of the labels, once they differ from those it was created with.
    """

    state: int
    update_time: int
    start_time: int | None = None
    end_time: int | None = None
    error_code: str | None = None
    current_tasks: tuple[str, ...] = ()
    parameters: str = "{}"
    execution_attempt: int = 0
    priority: int = 0
    new_labels: str | None = None

    def labels(self, created: NewExecution) -> str:
        """JSON object of the labels as of the commit."""
        return created.labels if self.new_labels is None else self.new_labels


class Summary(NamedTuple):
    """What lists show besides, as of the latest commit.

    Attributes:
        deadline: When its longest run ends.
        next_execution_time: When it goes on by itself, if it only waits.
        cancel_time: When its cancellation was first asked for.
        message: The text that running code set last.
        error_message: Message of the final error.
        task_count, finished_task_count: Tasks of the current execution attempt.
        pause_time: Since when it is paused; None if it is not. The reason belongs to it.
    """

    deadline: int | None = None
    next_execution_time: int | None = None
    cancel_time: int | None = None
    cancel_reason: str = ""
    message: str = ""
    error_message: str = ""
    task_count: int = 0
    finished_task_count: int = 0
    description: str = ""
    pause_time: int | None = None
    pause_reason: str = ""
    development: bool = False


@frozen
class Progressed:
    """The columns of an execution that follow its state.

    Attributes:
        key: The execution.
        expected_sequence: Sequence of the last event stored before this commit; 0 for a new execution. A
            store that holds another one refuses the commit with `StoreConflict`.
        sequence: Sequence of the last event of this commit.
        active: Whether the execution has to be in memory: it is neither terminal nor merely waiting.
        wake_time: When an inactive execution has to be loaded again; None if nothing but a command can
            move it.
        facts: What can be asked of it, as of this commit.
        summary: What lists show besides.
    """

    key: ExecutionKey
    expected_sequence: int
    sequence: int
    active: bool
    wake_time: int | None
    facts: Facts
    summary: Summary


@frozen
class EventRecord:
    """The events that one commit adds to one execution, encoded as one record.

    A commit that holds a record of an execution also holds its `Progressed`, whose facts are stored with
    the record.

    Attributes:
        first_sequence: Sequence of the first event in the payload.
        count: How many events the payload holds.
    """

    key: ExecutionKey
    first_sequence: int
    count: int
    payload: bytes


@frozen
class BaseState:
    """The full state of an execution as of one of its events."""

    key: ExecutionKey
    sequence: int
    payload: bytes


@frozen
class RequestRecord:
    """What a `request_id` was used for, kept so that a repeated request starts nothing (row 7).

    Attributes:
        digest: Hash of the parsed command.
        executions: Ids of the executions that the request created.
    """

    project: str
    method: str
    request_id: str
    digest: bytes
    executions: tuple[str, ...]
    create_time: int


@frozen
class RevisionRecord:
    """One immutable revision of an integration; `store_revision` is that of the commit that made it."""

    key: IntegrationKey
    ordinal: int
    revision_id: str
    digest: bytes
    payload: bytes
    create_time: int
    principal: str
    store_revision: int


@frozen
class IntegrationRecord:
    """An integration: which revision is the latest, and whether it still exists.

    Attributes:
        latest_ordinal: Ordinal of the newest revision; it goes on after a deletion.
        deleted: Whether only the tombstone is left.
        triggers: Trigger ids of the latest revision, searched by the wildcard `-`.
        store_revision: Of the commit that changed it last.
    """

    key: IntegrationKey
    uid: str
    latest_ordinal: int
    deleted: bool
    triggers: tuple[str, ...]
    create_time: int
    update_time: int
    store_revision: int


@frozen
class WorkerSessionRecord:
    """A worker session that is open, so that a restarted server knows whom to wait for.

    Attributes:
        embedded: Whether the worker is the server's own child, which cannot outlive it.
    """

    worker: str
    incarnation: str
    embedded: bool
    open_time: int


@dataclass(slots=True)
class Commit:
    """One logical commit: what one command or report changed.

    Attributes:
        revision: Its store revision; strictly greater than that of every commit before it.
    """

    revision: int
    created: list[NewExecution] = field(default_factory=list)
    progressed: list[Progressed] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    base_states: list[BaseState] = field(default_factory=list)
    requests: list[RequestRecord] = field(default_factory=list)
    revisions: list[RevisionRecord] = field(default_factory=list)
    integrations: list[IntegrationRecord] = field(default_factory=list)
    opened_sessions: list[WorkerSessionRecord] = field(default_factory=list)
    closed_sessions: list[str] = field(default_factory=list)
    """Worker ids whose sessions ended."""
    suspensions: list[SuspensionRecord] = field(default_factory=list)
    """Suspensions that began."""
    suspension_changes: list[SuspensionChange] = field(default_factory=list)
    """What became of suspensions, also of those that began in this commit."""
    deleted: list[ExecutionKey] = field(default_factory=list)
    """Executions to delete with all that belongs to them. One that has not ended is left alone."""
    history_deleted: list[ExecutionKey] = field(default_factory=list)
    """Executions whose event records are deleted while their state stays: there has to be a base state as of the
    last event. One that has not ended is left alone."""
    forgotten: list[tuple[str, str, str]] = field(default_factory=list)
    """Request ids to forget, as (project, method, request id)."""


@frozen
class StoredEvents:
    """One stored `EventRecord` with the store revision of its commit."""

    revision: int
    first_sequence: int
    count: int
    payload: bytes


@frozen
class ExecutionRow:
    """What a list shows of an execution without loading it.

    Attributes:
        revision: Store revision of the last change.
        history_deleted: Whether its event records are not there any more.
    """

    created: NewExecution
    sequence: int
    revision: int
    active: bool
    wake_time: int | None
    facts: Facts
    summary: Summary
    history_deleted: bool = False

    @property
    def labels(self) -> str:
        """JSON object of the labels as they are now."""
        return self.facts.labels(self.created)


@frozen
class StoredExecution:
    """Everything needed to rebuild an execution: the newest base state and the events after it."""

    row: ExecutionRow
    base: BaseState | None
    events: tuple[StoredEvents, ...]


@frozen
class ChildRow:
    """A sub-execution as its parent sees it."""

    key: ExecutionKey
    item: int
    state: int


@frozen
class LiveChild:
    """A sub-execution that has not ended.

    Attributes:
        parent_ended: Whether its parent has ended, or is not there any more.
    """

    key: ExecutionKey
    origin: Origin
    parent_ended: bool


@frozen
class StoreIdentity:
    """What is made with the store and lives as long as it.

    Attributes:
        store_id: Random; renewed when the store is restored from a backup.
        token_keys: Key id to key for the token codec; the greatest id signs.
    """

    store_id: str
    token_keys: dict[int, bytes] = field(repr=False)
