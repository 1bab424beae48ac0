"""Refuses modules and functions that have grown too large.

Stops at 400 lines a module and 60 a function, counted from `def` to the last line. Reads the hand-written Python of
the product; tests are exempt, because a table of cases is long by nature, and so is generated code.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE_LINES: Final = 400
FUNCTION_LINES: Final = 60
ROOTS: Final = ("src/perdure", "examples", "scripts", "bench")
GENERATED: Final = ("src/perdure/v1", "src/perdure/internal")


def hand_written(project: Path) -> Iterator[Path]:
    """Yields the Python modules that people wrote, in a stable order."""
    for root in ROOTS:
        for module in sorted((project / root).rglob("*.py")):
            relative = module.relative_to(project)
            if not any(relative.is_relative_to(folder) for folder in GENERATED):
                yield module


def oversized(module: Path) -> Iterator[str]:
    """Yields one line per stop that the module exceeds, as `line: what`."""
    text = module.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        yield f"1: module has {lines} lines, {MODULE_LINES} are allowed"
    for node in ast.walk(ast.parse(text, filename=str(module))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {length} lines, {FUNCTION_LINES} are allowed"


def main(project: Path) -> int:
    """Prints every excess under the project's root and returns the exit code."""
    found = [
        f"{module.relative_to(project)}:{fault}" for module in hand_written(project) for fault in oversized(module)
    ]
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
