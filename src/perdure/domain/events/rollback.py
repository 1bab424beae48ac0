"""Events of a rollback (row 57; P13)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen

if TYPE_CHECKING:
    from perdure.domain.states import Failure


@frozen
class RollbackStarted:
    """The tasks that were done are going to be undone, dependents first (row 57).

    Attributes:
        unknown: Tasks of which nobody knows whether they were done, or whether their sub-executions are undone;
            undone only if they are in `task_ids` too.
        earlier: Those of `task_ids` of which is undone what an earlier execution attempt has done.
    """

    task_ids: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()


@frozen
class UndoStarted:
    """An attempt to undo a task is ready.

    Attributes:
        attempt: Goes on counting where the task's own attempts ended.
        lost: Whether it replaces an attempt whose worker vanished; `blamed` as in `TaskAttemptLost`.
    """

    task_id: str
    attempt: int
    due: int | None = None
    lost: bool = False
    blamed: bool = False


class UndoResolution(IntEnum):
    """What becomes of an undo whose attempt failed."""

    RETRY = 1
    HOLD = 2
    GIVE_UP = 3


@frozen
class UndoAttemptFailed:
    """An attempt to undo a task failed.

    Attributes:
        retry_time: When the next one is due, with RETRY.
    """

    task_id: str
    attempt: int
    failure: Failure
    resolution: UndoResolution
    retry_time: int | None = None
    worker: str = ""


@frozen
class TaskRolledBack:
    """A task was undone."""

    task_id: str
    attempt: int
    worker: str = ""


class UndoAction(IntEnum):
    """What an operator decides on an undo that failed."""

    RETRY = 1
    SKIP = 2
    MARK_DONE = 3


@frozen
class UndoResolved:
    """An operator decided on an undo that failed: to try again, to leave it, or that it is done.

    Attributes:
        attempt: The one that failed.
    """

    task_id: str
    attempt: int
    action: UndoAction
    principal: str
    reason: str = ""


@frozen
class RollbackEnded:
    """Everything that was to be undone has been tried.

    Attributes:
        not_undone: Tasks whose undo failed or was skipped, and those that were not undone though they may
            have been done.
    """

    not_undone: tuple[str, ...] = ()
