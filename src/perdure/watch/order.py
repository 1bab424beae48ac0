"""What a watcher asks for: from where on, of what, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.watch.states import Projection
    from perdure.watch.subject import Subject


class Begin(Enum):
    """A start that needs no words."""

    NOW = auto()
    """Behind the latest commit."""
    BEGINNING = auto()
    """With the oldest event that is kept."""
    INITIAL_STATE = auto()
    """With the states of all that match."""


@dataclass(frozen=True, slots=True)
class AtCursor:
    """Behind the message that a cursor came with."""

    token: str


@dataclass(frozen=True, slots=True)
class AfterRevision:
    """Behind a commit of a store."""

    store_revision: int
    store_id: str


Start = Begin | AtCursor | AfterRevision


class Until(Enum):
    """When a watch ends by itself."""

    NEVER = auto()
    NAMED_ENDS = auto()
    """Right after the end of the execution that the scope names."""
    ALL_ENDED = auto()
    """As soon as nothing that matches is left that has not ended."""


@dataclass(frozen=True, slots=True)
class WatchOrder:
    """One watch.

    Attributes:
        projection: How much of an execution its states contain.
        resets: Whether it begins anew if the start lies before what is kept; else it fails.
        progress_seconds: Longest silence.
    """

    subject: Subject
    start: Start
    projection: Projection
    until: Until = Until.NEVER
    resets: bool = False
    progress_seconds: float = 10.0
