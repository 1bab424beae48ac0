"""Makes a module of the Python blocks of a page, so that what it shows can be run."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tests.docs.documents import blocks


@contextmanager
def module_of(page: Path, folder: Path) -> Iterator[ModuleType]:
    """Import all Python blocks of a page as one module, whose lines are those of the page."""
    lines: list[str] = []
    for before, text in blocks(page, "python"):
        lines += [""] * (before - len(lines)) + text.splitlines()
    file = folder / f"page_{page.stem}.py"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[file.stem]
