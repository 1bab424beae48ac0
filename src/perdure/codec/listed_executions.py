"""Executions as a list shows them: from the columns of the store, without loading a state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Protocol

from perdure.codec.executions import etag, put_run
from perdure.codec.message_parts import EXECUTION_STATES, METHODS, STARTED_BY, put_instant, put_labels
from perdure.codec.names import WILDCARD, execution_name
from perdure.domain.states import ExecutionMethod, ExecutionState, StartedBy
from perdure.v1 import execution_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

_WAITING: Final = frozenset({ExecutionState.PENDING, ExecutionState.RETRY_ON_HOLD, ExecutionState.SUSPENDED})


class ListedKey(Protocol):
    """The ids of an execution."""

    @property
    def project(self) -> str:
        """Id of the project."""
        ...

    @property
    def execution(self) -> str:
        """Id of the execution."""
        ...


class ListedOrigin(Protocol):
    """Where a sub-execution came from."""

    @property
    def parent(self) -> str:
        """Id of the parent execution."""
        ...


class ListedCreation(Protocol):
    """The columns that never change."""

    @property
    def key(self) -> ListedKey:
        """The ids."""
        ...

    @property
    def integration(self) -> str:
        """Id of the integration."""
        ...

    @property
    def revision_id(self) -> str:
        """Id of the pinned revision, which begins with its ordinal."""
        ...

    @property
    def trigger_id(self) -> str:
        """The trigger, or empty."""
        ...

    @property
    def execution_method(self) -> int:
        """Number of the method."""
        ...

    @property
    def priority(self) -> int:
        """Higher first."""
        ...

    @property
    def labels(self) -> str:
        """JSON object of texts, or empty."""
        ...

    @property
    def create_time(self) -> int:
        """Microseconds since the epoch."""
        ...

    @property
    def root(self) -> str:
        """Id of the root execution."""
        ...

    @property
    def origin(self) -> ListedOrigin | None:
        """None if a caller started it."""
        ...

    @property
    def orphan(self) -> bool:
        """Whether it is cut loose from its parent."""
        ...


class ListedFacts(Protocol):
    """The columns that can be asked for and follow the events."""

    @property
    def state(self) -> int:
        """Number of the state."""
        ...

    @property
    def start_time(self) -> int | None:
        """When it left PENDING."""
        ...

    @property
    def update_time(self) -> int:
        """Time of the last event."""
        ...

    @property
    def end_time(self) -> int | None:
        """When it ended."""
        ...

    @property
    def error_code(self) -> str | None:
        """Code of the final error."""
        ...


class ListedExecution(Protocol):
    """The columns of an execution; the store's row of a list has them."""

    @property
    def created(self) -> ListedCreation:
        """What never changes."""
        ...

    @property
    def sequence(self) -> int:
        """Sequence of the last event."""
        ...

    @property
    def revision(self) -> int:
        """Store revision of the last change."""
        ...

    @property
    def facts(self) -> ListedFacts:
        """What follows the events."""
        ...

    @property
    def wake_time(self) -> int | None:
        """When one that only waits goes on by itself."""
        ...


def show_row(row: ListedExecution, location: str, now: int) -> execution_pb2.Execution:
    """Show an execution as far as the columns of a list tell.

    The columns know the parent and the root by their ids, which are unique in the project; where their
    integration is not known, the name has the wildcard, which every method that takes the name resolves.

    Args:
        row: The columns.
        location: The server's location.
        now: Microseconds since the epoch; one that still runs has lasted until then.
    """
    shown = execution_pb2.Execution(store_revision=row.revision)
    _put_creation(row.created, location, shown)
    state = ExecutionState(row.facts.state)
    shown.execution_details.state = EXECUTION_STATES[state]
    put_instant(row.facts.update_time, shown.update_time)
    put_run(row.facts.start_time, row.facts.end_time, shown, now)
    if row.wake_time is not None and state in _WAITING:
        put_instant(row.wake_time, shown.next_execution_time)
    if row.facts.error_code:
        shown.error.code = row.facts.error_code
    shown.etag = etag(row.created.key.execution, row.sequence)
    return shown


def _put_creation(created: ListedCreation, location: str, shown: execution_pb2.Execution) -> None:
    project, execution_id = created.key.project, created.key.execution
    shown.name = execution_name(project, location, created.integration, execution_id)
    shown.trigger_id = created.trigger_id
    method = ExecutionMethod(created.execution_method)
    shown.execution_method = METHODS[method]
    put_instant(created.create_time, shown.create_time)
    shown.integration_revision_id = created.revision_id
    shown.snapshot_number = int(created.revision_id.partition("-")[0])
    shown.priority = created.priority
    if created.labels:
        labels: Mapping[str, str] = json.loads(created.labels)
        put_labels(labels, shown.labels)
    if created.origin is not None:
        shown.parent = execution_name(project, location, WILDCARD, created.origin.parent)
    root_integration = created.integration if created.root == execution_id else WILDCARD
    shown.root = execution_name(project, location, root_integration, created.root)
    shown.orphan = created.orphan
    shown.started_by = STARTED_BY[_started_by(created, method)]


def _started_by(created: ListedCreation, method: ExecutionMethod) -> StartedBy:
    if created.origin is not None:
        return StartedBy.PARENT
    return StartedBy.SCHEDULE if method is ExecutionMethod.SCHEDULE else StartedBy.CALL
