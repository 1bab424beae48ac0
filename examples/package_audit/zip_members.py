"""Reads the members of zip files, which is what wheels are."""

from __future__ import annotations

import stat
import zipfile
from typing import TYPE_CHECKING, Final

from examples.package_audit.members import Member

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BEGINS: Final = b"PK\x03\x04"
_LINK_MAX_BYTES: Final = 4096


def zip_members(archive: Path) -> Iterator[Member]:
    """Yield the members.

    Raises:
        EOFError: The end of the archive is missing.
        zipfile.BadZipFile: It is no zip file, or damaged.
        RuntimeError: It is encrypted, or compressed in a way that is not known here.
    """
    with archive.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            stream.seek(0)
            if _BEGINS.startswith(stream.read(len(_BEGINS))):
                raise EOFError("the end record of the zip file is missing")
            raise zipfile.BadZipFile("no zip file")
        with zipfile.ZipFile(stream) as opened:
            for info in opened.infolist():
                yield _member(opened, info)


def _member(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    # The name as it is stored: zipfile itself cuts names at a NUL.
    name = info.orig_filename
    if info.is_dir():
        return Member(name, is_folder=True)
    if stat.S_ISLNK(info.external_attr >> 16):
        with opened.open(info) as content:
            return Member(name, link=content.read(_LINK_MAX_BYTES).decode("utf-8", "replace"))
    return Member(name, open=lambda: opened.open(info))
