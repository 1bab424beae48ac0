"""Lists the files of a distribution."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from examples.package_audit.model import Contents, TargetKind
from perdure import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.package_audit.model import Target

FILES_MAX: Final = 4_000
NAMES_MAX_CHARACTERS: Final = 300_000
"""All paths together; with their hashes they must fit into one value of 1 MiB."""

_NOT_SOURCE: Final = frozenset({"__pycache__", ".git", ".hg", ".svn", ".venv", ".tox", ".nox"})
"""Folders that belong to tools and not to a distribution."""

_COMPILED: Final = frozenset({"__pycache__"})


def list_folder(target: Target, folder: Path, links: list[str], left_out: Path | None = None) -> Contents:
    """List the files below a folder.

    Args:
        target: What is audited.
        folder: Where it was unpacked; a directory that is audited stays where it is.
        links: Links that were passed over when it was unpacked.
        left_out: A folder that is no part of it, wherever it stands.

    Raises:
        PermanentError: `TOO_MANY_FILES`.
    """
    files: list[str] = []
    passed_over = list(links)
    # An archive has been made for others; whatever is in it is meant to be there.
    tools = _NOT_SOURCE if target.kind is TargetKind.DIRECTORY else frozenset()
    for path in _walk(folder, tools, left_out):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            passed_over.append(f"{_printable(name)} (link)")
        elif not path.is_file():
            passed_over.append(f"{_printable(name)} (neither file nor folder)")
        elif _printable(name) != name:
            passed_over.append(f"{_printable(name)} (name is not UTF-8)")
        else:
            files.append(name)
    root = folder
    if target.kind is TargetKind.SDIST:
        root, files = _below_only_folder(folder, files)
    return _contents(target, root, files, passed_over)


def list_installed(target: Target) -> Contents:
    """List the files of an installed package: those that it recorded, and those beside them in its own folders.

    Raises:
        PermanentError: `NO_FILES`, if the installer recorded none, or `TOO_MANY_FILES`.
    """
    recorded = {file.as_posix() for file in metadata.distribution(target.package).files or ()}
    if not recorded:
        raise PermanentError(f"it is not known which files belong to {target.package}", code="NO_FILES")
    root = Path(target.path)
    found = {name for name in recorded if (root / name).is_file()}
    for folder in _own_folders(recorded):
        found.update(path.relative_to(root).as_posix() for path in _walk(root / folder, _COMPILED) if path.is_file())
    return _contents(target, root, [name for name in found if "/__pycache__/" not in name], [])


def _own_folders(recorded: set[str]) -> set[str]:
    """Name the top folders that no other package can share: packages proper, not namespaces."""
    tops = {name.partition("/")[0] for name in recorded if "/" in name}
    return {top for top in tops if f"{top}/__init__.py" in recorded or top.endswith(".dist-info")}


def _walk(folder: Path, tools: frozenset[str], left_out: Path | None = None) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(
            name for name in folders if name not in tools and name not in links and here / name != left_out
        )
        yield from (here / name for name in sorted([*files, *links]))


def _below_only_folder(folder: Path, files: list[str]) -> tuple[Path, list[str]]:
    """Step into the one folder that sdists have at the top."""
    tops = {name.partition("/")[0] for name in files}
    if len(tops) != 1 or tops & set(files):
        return folder, files
    (top,) = tops
    return folder / top, [name.removeprefix(f"{top}/") for name in files]


def _contents(target: Target, root: Path, files: list[str], passed_over: list[str]) -> Contents:
    if len(files) > FILES_MAX or sum(map(len, files)) > NAMES_MAX_CHARACTERS:
        raise PermanentError(f"{len(files)} files are more than one audit takes", code="TOO_MANY_FILES")
    copied = target.kind in {TargetKind.WHEEL, TargetKind.SDIST}
    return Contents(target.kind, target.path, str(root), sorted(files), sorted(passed_over), copied)


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
