"""A filter that was read: what it says, and whether an execution matches it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.store.filter.tree import Condition
    from perdure.store.records import Facts, NewExecution


@dataclass(frozen=True, slots=True)
class Filter:
    """Made by `perdure.store.filter.parse.parse_filter`.

    Two filters are equal if they say the same in the same order; texts may differ in blanks, quotes and case.

    Attributes:
        condition: What it says.
        matches: Whether an execution matches, by what never changes of it and the facts as of a commit.
    """

    condition: Condition
    matches: Callable[[NewExecution, Facts], bool] = field(compare=False, repr=False)
