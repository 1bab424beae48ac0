"""Writes the pages of docs/ that are generated from the code; with --check only compares.

Run as `python -m scripts.reference_pages` in the project's root.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scripts import cli_page, errors_page, features_page, limits_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGES: Final[dict[str, Callable[[], str]]] = {
    "cli.md": cli_page.document,
    "errors.md": errors_page.document,
    "features.md": features_page.document,
    "limits.md": limits_page.document,
}


def stale(docs: Path) -> list[str]:
    """Names the pages in a folder that are missing or not what the code yields."""
    return [
        name
        for name, document in PAGES.items()
        if not (docs / name).is_file() or (docs / name).read_text(encoding="utf-8") != document()
    ]


def main(arguments: Sequence[str]) -> int:
    """Writes the pages, or tells which ones are not current."""
    if arguments == ["--check"]:
        found = stale(DOCS)
        for name in found:
            print(f"docs/{name} is not current: run make reference", file=sys.stderr)
        return 1 if found else 0
    for name, document in PAGES.items():
        (DOCS / name).write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
