"""Reads what a distribution says of itself."""

from __future__ import annotations

import re
import tomllib
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from examples.package_audit.model import Metadata
from perdure import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from examples.package_audit.model import Contents

_LICENCE_NAME: Final = re.compile(r"(licen[cs]e|copying|notice|authors)([._-].*)?", re.IGNORECASE)
_LICENCE_CLASSIFIER: Final = "License ::"


def read_metadata_of(contents: Contents) -> Metadata:
    """Read METADATA of a wheel, PKG-INFO of an sdist, or the table `project` of pyproject.toml.

    Raises:
        PermanentError: `NO_METADATA`, if there is none of them, or nothing in it that names the distribution.
    """
    source = _source(contents.files)
    if source is None:
        raise PermanentError(
            "no METADATA, PKG-INFO or pyproject.toml: this is no distribution of Python", code="NO_METADATA"
        )
    text = (Path(contents.root) / source).read_text(encoding="utf-8", errors="replace")
    licence_files = [name for name in contents.files if _holds_licence(name)]
    read = _from_toml if source.endswith(".toml") else _from_headers
    metadata = read(text, source, licence_files)
    if not metadata.name:
        raise PermanentError(f"{source} does not name the distribution", code="NO_METADATA")
    return metadata


def _source(files: Iterable[str]) -> str | None:
    """Choose the file that speaks for the distribution: what was built of it goes before what it is built from."""
    paths = [PurePosixPath(name) for name in files]
    candidates = (
        [path for path in paths if path.match("*.dist-info/METADATA") and len(path.parts) == 2],
        [path for path in paths if str(path) == "PKG-INFO"],
        [path for path in paths if str(path) == "pyproject.toml"],
        [path for path in paths if path.match("*.egg-info/PKG-INFO")],
    )
    return next((str(min(found)) for found in candidates if found), None)


def _holds_licence(name: str) -> bool:
    path = PurePosixPath(name)
    if "licenses" in path.parts[:-1] and path.parts[0].endswith(".dist-info"):
        return True
    near_the_top = len(path.parts) == 1 or path.parts[0].endswith((".dist-info", ".egg-info"))
    return near_the_top and _LICENCE_NAME.fullmatch(path.name) is not None


def _from_headers(text: str, source: str, licence_files: list[str]) -> Metadata:
    headers = HeaderParser().parsestr(text)

    def one(key: str) -> str:
        return _one_line(str(headers.get(key, "")))

    def every(key: str) -> list[str]:
        return [_one_line(str(value)) for value in headers.get_all(key, [])]

    return Metadata(
        source=source,
        name=one("Name"),
        version=one("Version"),
        summary=one("Summary"),
        licence=one("License-Expression") or one("License"),
        licence_classifiers=[value for value in every("Classifier") if value.startswith(_LICENCE_CLASSIFIER)],
        licence_files=licence_files,
        requires_python=one("Requires-Python"),
        requirements=every("Requires-Dist"),
    )


def _from_toml(text: str, source: str, licence_files: list[str]) -> Metadata:
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PermanentError(f"{source}: {error}", code="NO_METADATA") from None
    project = document.get("project")
    table: dict[str, Any] = project if isinstance(project, dict) else {}

    def every(key: str) -> list[str]:
        values = table.get(key)
        return [_one_line(str(value)) for value in values] if isinstance(values, list) else []

    def one(key: str) -> str:
        value = table.get(key)
        return _one_line(value) if isinstance(value, str) else ""

    licence = table.get("license")
    return Metadata(
        source=source,
        name=one("name"),
        version=one("version"),
        summary=one("description"),
        licence=_one_line(str(licence.get("text", ""))) if isinstance(licence, dict) else one("license"),
        licence_classifiers=[value for value in every("classifiers") if value.startswith(_LICENCE_CLASSIFIER)],
        licence_files=licence_files,
        requires_python=one("requires-python"),
        requirements=every("dependencies"),
    )


def _one_line(text: str) -> str:
    """Put a value on one line; a licence text that stands where its name belongs is cut to its beginning."""
    return " ".join(text.split())[:200]
