"""What is asked of a store and how it answers: scopes, pages of lists and of the log."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from perdure.store.filter.filter import Filter
    from perdure.store.records import ExecutionKey, ExecutionRow, Facts, NewExecution


@dataclass(frozen=True, slots=True)
class Scope:
    """Which executions a list, a count or a watch is about, before its filter.

    At most one of the attributes but `project` and `with_sub_executions` is set; none means all of the project.

    Attributes:
        integration: Only executions of this integration.
        with_sub_executions: Together with `integration`: also those whose root is one of the integration.
        execution: Only this execution.
        tree: Only this execution and those below it, orphans aside.
        parent: Only direct sub-executions of this execution.
    """

    project: str
    integration: str | None = None
    with_sub_executions: bool = False
    execution: str | None = None
    tree: str | None = None
    parent: str | None = None

    def holds(self, created: NewExecution) -> bool:
        """Whether an execution belongs to it."""
        if created.key.project != self.project:
            return False
        if self.integration is not None:
            if created.integration == self.integration:
                return True
            return self.with_sub_executions and created.root_integration == self.integration
        if self.execution is not None:
            return created.key.execution == self.execution
        if self.tree is not None:
            return created.key.execution == self.tree or self.tree in created.ancestors
        if self.parent is not None:
            return created.origin is not None and created.origin.parent == self.parent
        return True


class OrderField(Enum):
    """What a list can be ordered by."""

    CREATE_TIME = "create_time"
    START_TIME = "start_time"
    UPDATE_TIME = "update_time"
    END_TIME = "end_time"
    DURATION = "duration"
    PRIORITY = "priority"
    EXECUTION_ID = "execution_id"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which executions one page of a list holds, and in which order.

    Attributes:
        filter: Which of the scope; None for all.
        order: What it is ordered by; executions without the field come last.
        descending: Whether the greatest comes first. Ties are broken by create time and id, newest first; in the
            order of create time, ids go the same way.
        after: Key of the last element before the page, as `ListPage.next` has it; None for the first page.
        limit: At most so many rows.
    """

    scope: Scope
    filter: Filter | None = None
    order: OrderField = OrderField.CREATE_TIME
    descending: bool = True
    after: tuple[str, ...] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list.

    Attributes:
        keys: For each row the key to continue after it.
        next: Key to continue after the page; None if nothing is left. A page with few or no rows can
            have one, because a page looks at a bounded number of executions.
    """

    rows: list[ExecutionRow]
    keys: list[tuple[str, ...]]
    next: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many executions match.

    Attributes:
        by_state: Count by the number of the state; states without an execution are absent.
        lower_bound: Whether there may be more than were looked at.
    """

    by_state: dict[int, int]
    lower_bound: bool


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record of the log: the events that one commit added to one execution.

    Attributes:
        position: Place in the log; see `log_position`.
        before: Facts as of the record before of the same execution; None in front of its first.
        facts: Facts as of this record.
    """

    position: int
    created: NewExecution
    first_sequence: int
    count: int
    payload: bytes
    before: Facts | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some of the log.

    Attributes:
        records: Those of the scope, by position.
        through: Position up to which the page is complete; that of the newest commit if nothing is left.
        floor: Store revision up to which records of the scope may have been deleted with their executions:
            a reader that begins before it may have missed some.
    """

    records: list[LogRecord]
    through: int
    floor: int


@dataclass(frozen=True, slots=True)
class EndedTree:
    """An execution tree of which all executions have ended, so that it may be deleted.

    Attributes:
        executions: Some or all executions of the tree, those without sub-executions left first; the root
            only if it is the last one left.
    """

    executions: list[ExecutionKey]


POSITIONS_PER_COMMIT: Final = 65_536
"""Event records that one commit may hold; their positions share its store revision."""


def log_position(revision: int, place: int = POSITIONS_PER_COMMIT - 1) -> int:
    """Number a place in the log: that of a record in its commit, by default behind the last one."""
    return revision * POSITIONS_PER_COMMIT + place


def revision_of(position: int) -> int:
    """Tell the store revision of a place in the log."""
    return position // POSITIONS_PER_COMMIT
