"""Hashes files, and notices when one changes meanwhile."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from examples.package_audit.model import FileDigest
from perdure import TaskError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK_BYTES: Final = 1 << 20


def digest_file(root: Path, path: str, read: Callable[[int, int], None]) -> FileDigest:
    """Hash one file.

    Args:
        root: The folder that the path is relative to.
        path: Of the file.
        read: Told after each chunk how many bytes have been read, and how many there are.

    Raises:
        TaskError: `FILE_CHANGED`, if it was written to or replaced while it was read; another attempt may do.
    """
    digest = hashlib.sha256()
    size = 0
    with (root / path).open("rb") as stream:
        before = os.fstat(stream.fileno())
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            read(size, before.st_size)
    if _identity(before) != _identity((root / path).stat()) or size != before.st_size:
        raise TaskError("FILE_CHANGED", f"{path} changed while it was read")
    return FileDigest(path, digest.hexdigest(), size)


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
