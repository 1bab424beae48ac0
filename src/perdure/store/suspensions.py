"""Suspensions as a store keeps them: one row for each, from its beginning to the end of its execution.

Instants are int64 microseconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from perdure.domain.frozen import frozen

if TYPE_CHECKING:
    from perdure.store.filter.tree import Condition


class SuspensionState(IntEnum):
    """Whether a suspension is decided, and how; the numbers are those of `Suspension.ResolutionState`."""

    PENDING = 1
    LIFTED = 2
    REJECTED = 3


class SuspensionKey(NamedTuple):
    """Identifies a suspension: its execution, and its number in it, from 1."""

    project: str
    execution: str
    number: int


@frozen
class SuspensionRecord:
    """What never changes of a suspension.

    Attributes:
        integration: What the execution runs.
        kind: Number of the domain's `SuspensionKind`.
        remind_time: When to remind; None for never.
        who_may_resolve: Who may decide; empty for everybody.
        signal: For a callback, what it waits for.
    """

    key: SuspensionKey
    integration: str
    task: str
    kind: int
    create_time: int
    expire_time: int | None = None
    remind_time: int | None = None
    lift_when_expired: bool = False
    who_may_resolve: tuple[str, ...] = ()
    message: str = ""
    signal: str = ""


@frozen
class SuspensionChange:
    """A reminder or, with a final state, the end of a suspension.

    Attributes:
        resolver: Who decided.
        result: What they wrote.
    """

    key: SuspensionKey
    time: int
    state: SuspensionState = SuspensionState.PENDING
    resolver: str = ""
    result: str = ""


@frozen
class SuspensionRow:
    """A suspension as it is now.

    Attributes:
        record: As it began, but that `remind_time` is None once nobody is to be reminded any more.
    """

    record: SuspensionRecord
    state: SuspensionState
    update_time: int
    last_reminder_time: int | None
    resolve_time: int | None
    resolver: str
    result: str


@dataclass(frozen=True, slots=True)
class SuspensionQuery:
    """Which suspensions one page of a list holds, newest first.

    Attributes:
        integration, execution: Only those of one; at most one of both is set.
        chosen: Which of these; None for all.
        resolver: Only those that this identity may decide; None for all.
        after: Key of the last element before the page; None for the first page.
        limit: At most so many rows.
    """

    project: str
    integration: str | None = None
    execution: str | None = None
    chosen: Condition | None = None
    resolver: str | None = None
    after: SuspensionPlace | None = None
    limit: int = 100


class SuspensionPlace(NamedTuple):
    """The place of a suspension in the order of creation."""

    create_time: int
    execution: str
    number: int


@dataclass(frozen=True, slots=True)
class SuspensionPage:
    """One page of a list of suspensions.

    Attributes:
        next: Place to continue behind; None if nothing is left. A page with few or no rows can have one,
            because a page looks at a bounded number of suspensions.
    """

    rows: list[SuspensionRow]
    next: SuspensionPlace | None


def place_of(row: SuspensionRow) -> SuspensionPlace:
    """Tell the place of a suspension in the order of creation."""
    return SuspensionPlace(row.record.create_time, row.record.key.execution, row.record.key.number)
