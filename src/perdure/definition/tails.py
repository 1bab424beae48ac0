"""The order of statements: after which tasks the next one runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perdure.definition.errors import TracingError

if TYPE_CHECKING:
    from perdure.definition.terms import Term


@dataclass(frozen=True, slots=True)
class Tail:
    """A task after which the next statement runs, if the condition holds; an empty one always does."""

    task_id: str
    condition: str = ""


@dataclass(slots=True)
class Statements:
    """Statements one after the other."""

    tails: list[Tail]

    def begin(self, reads: frozenset[str]) -> list[Tail]:
        """Tell after which tasks a statement runs that reads results of some tasks."""
        return self.tails

    def end(self, tails: list[Tail]) -> None:
        """Take in the tails of the statement."""
        self.tails = tails


@dataclass(slots=True)
class Parallel:
    """Statements side by side, but after those of the block whose results they read."""

    entry: list[Tail]
    tails: list[Tail] = field(default_factory=list)

    def begin(self, reads: frozenset[str]) -> list[Tail]:
        """Tell after which tasks a statement runs that reads results of some tasks."""
        before = {tail.task_id for tail in self.entry}
        beside = [Tail(tail.task_id) for tail in self.tails if tail.task_id in reads - before]
        return beside or self.entry

    def end(self, tails: list[Tail]) -> None:
        """Take in the tails of the statement."""
        self.tails = merged([*self.tails, *tails])


@dataclass(slots=True)
class Choice:
    """Alternatives: blocks of which one is taken.

    Attributes:
        gate: The task that leads to one of them.
        complete: Whether the last alternative is taken if no other is.
    """

    gate: str
    tails: list[Tail] = field(default_factory=list)
    complete: bool = False

    def begin(self, reads: frozenset[str]) -> list[Tail]:
        """Refuse a statement that is no alternative."""
        raise TracingError("a first_match() block has only `with when(...)` and `with otherwise()` blocks in it")

    def end(self, tails: list[Tail]) -> None:
        """Take in the tails of an alternative."""
        self.tails = merged([*self.tails, *tails])


Block = Statements | Parallel | Choice


def both(first: str, second: Term) -> str:
    """Join two conditions, the first of which may be empty."""
    return f"({first}) && {second.operand}" if first else second.text


def merged(tails: list[Tail]) -> list[Tail]:
    """Keep one tail for each task: it leads on if one of its conditions holds."""
    conditions: dict[str, str] = {}
    for tail in tails:
        if tail.task_id not in conditions:
            conditions[tail.task_id] = tail.condition
        elif not conditions[tail.task_id] or not tail.condition:
            conditions[tail.task_id] = ""
        elif conditions[tail.task_id] != tail.condition:
            conditions[tail.task_id] = f"({conditions[tail.task_id]}) || ({tail.condition})"
    return [Tail(task_id, condition) for task_id, condition in conditions.items()]
