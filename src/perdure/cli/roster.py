"""What is known of many executions, as rows that a terminal can show."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from perdure.cli.columns import state_text
from perdure.cli.text import safe
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.cli.columns import Column
    from perdure.v1.execution_pb2 import Execution

_STATES: Final = ExecutionDetails.State.keys()


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """An execution, the younger the greater.

    Attributes:
        created: When it was accepted, in nanoseconds since the epoch.
        name: Its name.
        execution: Its latest state.
        told: When that was told, in microseconds since the epoch.
    """

    created: int
    name: str
    execution: Execution = field(compare=False)
    told: int = field(compare=False)


class Roster:
    """The latest states of the executions that match.

    One thread may change it while another one reads it.

    Attributes:
        is_complete: Whether all that there are have been told.
    """

    def __init__(self) -> None:
        self.is_complete = False
        self._entries: dict[str, _Entry] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def take(self, execution: Execution, now: int) -> None:
        """Put the state of an execution in the place of the one before.

        Args:
            execution: Its state.
            now: When it was told, in microseconds since the epoch.
        """
        self.leave(execution.name)
        created = execution.create_time.ToNanoseconds()
        self._entries[execution.name] = _Entry(created, execution.name, execution, now)
        self._counts[state_text(execution)] += 1

    def leave(self, name: str) -> None:
        """Drop an execution that does not match any more."""
        known = self._entries.pop(name, None)
        if known is not None:
            self._counts[state_text(known.execution)] -= 1

    def forget(self) -> None:
        """Drop all of them: they are told anew."""
        self.is_complete = False
        self._entries.clear()
        self._counts.clear()

    def rows(self, columns: Sequence[Column], now: int, limit: int) -> list[list[str]]:
        """Write the newest of them as rows, newest first.

        Args:
            columns: The cells of a row.
            now: The instant to write lengths of time for, in microseconds since the epoch.
            limit: How many at most.
        """
        # Copied in one step, for the thread that draws reads while the loop changes it.
        entries = list(self._entries.values())
        newest = heapq.nlargest(limit, entries)
        return [row(entry.execution, columns, max(now - entry.told, 0)) for entry in newest]

    def counts(self) -> list[tuple[str, int]]:
        """Count them by state, in the order of the contract and without the states that none is in."""
        return [(state, self._counts[state]) for state in _STATES if self._counts[state]]


def row(execution: Execution, columns: Sequence[Column], age: int = 0) -> list[str]:
    """Write an execution that was told so many microseconds ago as the cells of a row."""
    return [safe(column.text(execution, age)) for column in columns]
