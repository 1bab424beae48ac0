"""Refuses what the project has agreed not to contain and no other tool looks for.

Without arguments it reads every file that git tracks, or would track, under the project's root. With folders as
arguments it applies the text rules alone to what is in them, which is how an unpacked wheel is checked.

The patterns below are written so that none of them matches its own source line.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEXT_RULES: Final = (
    (
        "path of one machine",
        re.compile(r"(?<![\w.})>*-])/(?:work|root|tmp|Users|home/\w+)(?![\w.-])"),
    ),
    (
        "address of a package registry",
        re.compile(
            r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.org|yarnpkg\.com|proxy\.golang\.org|sum\.golang\.org"
            r"|repo1?\.maven\.(?:org|apache\.org)|[\w-]*(?:artifactory|nexus)[\w-]*\.\w[\w.-]+)"
            r"|--(?:extra-)?index[-]url[ =]+\S*/"
        ),
    ),
    (
        "secret",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KE[Y]|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}|\bgithub[_]pat_\w{20}"
            r"|\bxox[abprs]-\d[\w-]{10}|://[^/\s:@]+:[^/\s:@{$<]+@"
        ),
    ),
    ("unfinished work", re.compile(r"\b(?:T[O]DO|FIXM[E]|XX[X]|HAC[K])\b")),
)
"""What a rule refuses, and the pattern that finds it."""

VENDORED: Final = "protos/google/"
"""Somebody else's text, kept as it is published."""

VAGUE_NAMES: Final = frozenset({"util", "utils", "helper", "helpers", "common", "misc"})
FOREIGN_LOCKS: Final = frozenset({"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"})
"""Lock files that record the host each archive came from."""


def tracked(project: Path) -> Iterator[str]:
    """Yields the files that belong to the project, as paths relative to its root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in sorted(set(listing.stdout.split("\0"))):
        if name and (project / name).is_file():
            yield name


def text_of(file: Path) -> str | None:
    """Returns the text of a file, or None when it is not text."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def text_faults(text: str) -> Iterator[tuple[int, str]]:
    """Yields the line and the rule of each match of a text rule."""
    for number, line in enumerate(text.splitlines(), start=1):
        for rule, pattern in TEXT_RULES:
            if match := pattern.search(line):
                yield number, f"{rule}: {match.group().strip()}"


def name_faults(name: str) -> Iterator[tuple[int, str]]:
    """Yields a fault when a path says nothing about what is in it, or records registry hosts."""
    path = PurePosixPath(name)
    if path.name in FOREIGN_LOCKS:
        yield 1, "lock file that records hosts; pins belong in constraints/"
    if path.suffix == ".py":
        for part in (*path.parent.parts, path.stem):
            if part in VAGUE_NAMES:
                yield 1, f"name without meaning: {part}"


def lock_faults(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Yields a fault for each address that an npm lock file or a constraints file records."""
    path = PurePosixPath(name)
    if path.name == "package-lock.json" or path.parts[0] == "constraints":
        for number, line in enumerate(text.splitlines(), start=1):
            if "://" in line and '"url"' not in line:
                yield number, "address in a file of pinned versions"


def waits(text: str) -> Iterator[tuple[int, str]]:
    """Yields every place where a test passes time instead of waiting for something.

    `asyncio.sleep(0)` is allowed: it only lets other tasks run.
    """
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module in {"time", "asyncio"}:
            for alias in node.names:
                if alias.name in {"sleep", "wait_for"}:
                    yield node.lineno, f"{node.module}.{alias.name} in a test"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            zero = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
            if called in {"time.sleep", "asyncio.wait_for"} or (called == "asyncio.sleep" and not zero):
                yield node.lineno, f"{called} in a test; wait for a signal or a condition"


def faults_of(name: str, text: str | None) -> Iterator[tuple[int, str]]:
    """Yields every fault of one file of the project."""
    yield from name_faults(name)
    if text is None or name.startswith(VENDORED):
        return
    yield from text_faults(text)
    yield from lock_faults(name, text)
    if name.startswith("tests/") and name.endswith(".py"):
        yield from waits(text)


def project_faults(project: Path) -> Iterator[str]:
    """Yields the faults of all files of the project, one line each."""
    for name in tracked(project):
        for line, fault in faults_of(name, text_of(project / name)):
            yield f"{name}:{line}: {fault}"


def folder_faults(folder: Path) -> Iterator[str]:
    """Yields the faults in the text of all files below a folder, one line each."""
    for file in sorted(folder.rglob("*")):
        text = text_of(file) if file.is_file() else None
        for line, fault in text_faults(text or ""):
            yield f"{file.relative_to(folder)}:{line}: {fault}"


def main(folders: Iterable[str]) -> int:
    """Prints every fault and returns the exit code."""
    found = [fault for folder in folders for fault in folder_faults(Path(folder))]
    if not folders:
        found = list(project_faults(Path(__file__).resolve().parent.parent))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
