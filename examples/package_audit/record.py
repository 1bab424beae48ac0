"""Holds the files of a distribution against its RECORD, the list that wheels and installed packages carry."""

from __future__ import annotations

import base64
import csv
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from examples.package_audit.model import Comparison, Finding, TargetKind
from perdure import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from examples.package_audit.model import Contents, FileDigest

KINDS: Final = {
    "hash-differs": "the content is not what RECORD says",
    "size-differs": "the size is not what RECORD says",
    "missing": "RECORD names a file that is not there",
    "extra": "a file that RECORD does not name",
    "not-hashed": "RECORD gives no SHA-256 for a file that needs one",
}
"""Every kind of difference, with what it means."""

KEPT: Final = 500

_SIGNATURES: Final = ("RECORD.jws", "RECORD.p7s")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of RECORD; what it does not give is empty."""

    algorithm: str
    digest: str
    size: str


def compare_with_record(contents: Contents, digests: Sequence[FileDigest]) -> Comparison:
    """Compare hashes, sizes and names; where there is no RECORD, nothing differs from it.

    Raises:
        PermanentError: `RECORD_DAMAGED`, if RECORD is no table of three columns.
    """
    record = _record_of(contents)
    if record is None:
        return Comparison(record="", verified=0, faults=0, differences=[])
    entries = _read(contents.root, record)
    found = {digest.path: digest for digest in digests}
    differences: list[Finding] = []
    verified = 0
    for path in sorted(entries.keys() | found.keys()):
        faults = list(_differences(path, entries.get(path), found.get(path), record))
        entry = entries.get(path)
        verified += not faults and path in found and entry is not None and bool(entry.digest)
        differences += faults
    if contents.kind is TargetKind.INSTALLED:
        differences = [one for one in differences if not _comes_with_installing(one)]
    return Comparison(record, verified, len(differences), differences[:KEPT])


def _record_of(contents: Contents) -> str | None:
    names = [name for name in contents.files if name.endswith(".dist-info/RECORD") and name.count("/") == 1]
    if contents.kind is TargetKind.DIRECTORY and len(names) > 1:
        return None  # a folder that several packages are installed in
    return min(names, default=None)


def _read(root: str, record: str) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    text = (Path(root) / record).read_text(encoding="utf-8", errors="replace")
    try:
        for row in csv.reader(text.splitlines(), strict=True):
            if len(row) != 3:
                raise PermanentError(f"{record}: {len(row)} columns instead of 3", code="RECORD_DAMAGED")
            algorithm, _, digest = row[1].partition("=")
            entries[row[0]] = _Entry(algorithm, digest, row[2])
    except csv.Error as error:
        raise PermanentError(f"{record}: {error}", code="RECORD_DAMAGED") from None
    return entries


def _differences(path: str, entry: _Entry | None, found: FileDigest | None, record: str) -> Iterator[Finding]:
    if path == record or PurePosixPath(path).name in _SIGNATURES:
        return
    if entry is None:
        yield Finding("extra", path, 0, "not in RECORD")
    elif found is None:
        yield Finding("missing", path, 0, "only in RECORD")
    else:
        if entry.algorithm != "sha256":
            yield Finding("not-hashed", path, 0, entry.algorithm or "no hash")
        elif entry.digest.rstrip("=") != _as_in_record(found.sha256):
            yield Finding("hash-differs", path, 0, f"SHA-256 {found.sha256}")
        if entry.size and entry.size != str(found.size):
            yield Finding("size-differs", path, 0, f"{found.size} bytes instead of {entry.size}")


def _comes_with_installing(difference: Finding) -> bool:
    """Tell what installers leave out or add: compiled files, and notes of their own without hashes."""
    path = PurePosixPath(difference.path)
    if path.suffix == ".pyc":
        return True
    return difference.kind == "not-hashed" and path.parent.name.endswith(".dist-info")


def _as_in_record(sha256: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode("ascii")
