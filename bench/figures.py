"""Figures, the marks that they are held against, and how both are printed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEADINGS: Final = ("figure", "workers", "value", "of raw calls", "of stored rows", "mark", "")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a figure has to reach.

    Attributes:
        limit: The mark.
        at_least: Whether the figure must not be below it; else it must stay below.
        of_raw: Whether it is about the ratio to raw calls, not about the value.
    """

    limit: float
    at_least: bool = False
    of_raw: bool = False

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<"
        return f"{sign} {self.limit:g}{' of raw' if self.of_raw else ''}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes:
        name: What was measured.
        workers: Where handlers ran: `in-process`, `process`, or empty when it does not matter.
        of_raw: Ratio to the raw calls of the same round.
        of_rows: Ratio to the rows that SQLite stored a second in the same round.
    """

    name: str
    workers: str
    value: float
    unit: str
    of_raw: float | None = None
    of_rows: float | None = None
    mark: Mark | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the mark is reached; None without one."""
        if self.mark is None:
            return None
        value = (self.of_raw or 0.0) if self.mark.of_raw else self.value
        return value >= self.mark.limit if self.mark.at_least else value < self.mark.limit

    def cells(self) -> tuple[str, ...]:
        """Write the figure as a row of the table."""
        return (
            self.name,
            self.workers,
            f"{_number(self.value)} {self.unit}",
            "" if self.of_raw is None else f"{self.of_raw:.3f}",
            "" if self.of_rows is None else f"{self.of_rows:.4f}",
            "" if self.mark is None else str(self.mark),
            {True: "pass", False: "MISS", None: ""}[self.reached],
        )


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def print_table(figures: Sequence[Figure]) -> None:
    """Print all figures, the columns aligned, as a table of Markdown."""
    rows = [HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def write_json(figures: Sequence[Figure], machine: str, file: Path) -> None:
    """Write all figures for programs."""
    content = {
        "machine": machine,
        "figures": [{**asdict(figure), "reached": figure.reached} for figure in figures],
    }
    file.write_text(json.dumps(content, indent=2) + "\n")
