"""Finds what is to be audited."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Final

from examples.package_audit.model import Target, TargetKind
from perdure import PermanentError

SDIST_SUFFIXES: Final = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")

_PACKAGE_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def find_target(text: str) -> Target:
    """Resolve a path or the name of an installed package; a path that exists goes first.

    Raises:
        PermanentError: `TARGET_NOT_FOUND` for neither of the two, `TARGET_UNKNOWN` for a file of another kind.
    """
    path = Path(text).expanduser()
    if text and path.exists():
        return _at(path.resolve())
    if _PACKAGE_NAME.fullmatch(text):
        try:
            distribution = metadata.distribution(text)
        except metadata.PackageNotFoundError:
            pass
        else:
            root = str(Path(str(distribution.locate_file(""))).resolve())
            return Target(TargetKind.INSTALLED, root, distribution.metadata["Name"])
    raise PermanentError(
        f"{text!r} is neither a path below {Path.cwd()} nor an installed package", code="TARGET_NOT_FOUND"
    )


def _at(path: Path) -> Target:
    if path.is_dir():
        return Target(TargetKind.DIRECTORY, str(path), package="")
    if path.name.endswith(".whl"):
        kind = TargetKind.WHEEL
    elif path.name.endswith(SDIST_SUFFIXES):
        kind = TargetKind.SDIST
    else:
        raise PermanentError(f"{path.name} is neither a wheel nor an sdist", code="TARGET_UNKNOWN")
    return Target(kind, str(path), package="")
