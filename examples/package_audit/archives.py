"""Unpacks wheels and sdists that nobody vouches for.

Every file is copied by hand, so that nothing an archive says about links, modes, owners or sizes is acted upon.
"""

from __future__ import annotations

import errno
import lzma
import shutil
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from examples.package_audit.members import hostile
from examples.package_audit.tar_members import tar_members
from examples.package_audit.zip_members import zip_members
from perdure import PermanentError, TaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from examples.package_audit.members import Member
    from examples.package_audit.model import Target

_CHUNK_BYTES: Final = 1 << 20
_CANNOT_STAND_THERE: Final = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
_CUT_OFF: Final = ("unexpected end of data", "truncated header")
"""How tarfile speaks of files that end too soon."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may unpack to.

    Attributes:
        files: Most files.
        total_bytes: Most bytes of all files together.
        ratio: Most bytes for each byte of the archive, once more than `free_bytes` have been unpacked.
        free_bytes: What may be unpacked whatever the ratio.
    """

    files: int = 4_000
    total_bytes: int = 512 << 20
    ratio: int = 100
    free_bytes: int = 16 << 20


def unpack_archive(target: Target, folder: Path, limits: Limits, unpacked: Callable[[int], None]) -> list[str]:
    """Unpack an archive into a folder, which appears under its name only when all is in it.

    What an attempt that was cut off has left there is removed first.

    Args:
        target: A wheel or an sdist.
        folder: Where to; its parent is made.
        limits: What is too much.
        unpacked: Told after each file how many there are so far.

    Returns:
        The links, which are passed over.

    Raises:
        TaskError: `ARCHIVE_INCOMPLETE`, if its end is missing, and `ARCHIVE_CHANGED`, if it was written to
            meanwhile: whoever writes it may be done at the next attempt.
        PermanentError: `ARCHIVE_DAMAGED`, `ARCHIVE_HOSTILE` or `ARCHIVE_TOO_LARGE`.
    """
    archive = Path(target.path)
    partial = folder.with_name(f"{folder.name}.partial")
    for left_over in (partial, folder):
        shutil.rmtree(left_over, ignore_errors=True)
    partial.mkdir(parents=True)
    before = archive.stat()
    copying = _Copying(partial, limits, before.st_size)
    members = zip_members(archive) if archive.suffix in {".whl", ".zip"} else tar_members(archive)
    with _named_faults(archive.name):
        for member in members:
            copying.take(member)
            unpacked(copying.files)
    after = archive.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise TaskError("ARCHIVE_CHANGED", f"{archive.name} was written to while it was unpacked")
    partial.rename(folder)
    return copying.links


class _Copying:
    """Copies members into a folder, within limits."""

    def __init__(self, folder: Path, limits: Limits, archive_bytes: int) -> None:
        self.files = 0
        self.links: list[str] = []
        self._folder = folder
        self._limits = limits
        self._bytes = 0
        self._most_bytes = min(limits.total_bytes, max(limits.free_bytes, limits.ratio * archive_bytes))

    def take(self, member: Member) -> None:
        path = member.path
        if member.link is not None:
            self.links.append(f"{path} (link)")
        elif member.open is not None:
            self._count_file()
            with _refused_places(path):
                place = self._folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, place.open("xb") as sink:
                    self._copy(source, sink)

    def _count_file(self) -> None:
        self.files += 1
        if self.files > self._limits.files:
            raise PermanentError(f"more than {self._limits.files} files", code="ARCHIVE_TOO_LARGE")

    def _copy(self, source: IO[bytes], sink: IO[bytes]) -> None:
        while chunk := source.read(_CHUNK_BYTES):
            self._bytes += len(chunk)
            if self._bytes > self._most_bytes:
                raise PermanentError(f"unpacks to more than {self._most_bytes} bytes", code="ARCHIVE_TOO_LARGE")
            sink.write(chunk)


@contextmanager
def _refused_places(path: str) -> Iterator[None]:
    """Tell a file that stands in another's place from a disk that cannot take it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_STAND_THERE:
            raise
        raise hostile(f"{path!r} cannot stand where it is put: {error.strerror}") from error


@contextmanager
def _named_faults(archive: str) -> Iterator[None]:
    """Tell an archive whose end is still to come from one that is broken for good."""
    try:
        yield
    except EOFError as error:
        raise TaskError("ARCHIVE_INCOMPLETE", f"{archive}: {error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, RuntimeError) as error:
        if str(error).startswith(_CUT_OFF):
            raise TaskError("ARCHIVE_INCOMPLETE", f"{archive}: {error}") from error
        raise _damaged(archive, error) from error
    except OSError as error:
        # Without a number it is no fault of the system but how gzip and bz2 speak of damage.
        if error.errno is not None:
            raise
        raise _damaged(archive, error) from error


def _damaged(archive: str, error: Exception) -> PermanentError:
    return PermanentError(f"{archive}: {error}", code="ARCHIVE_DAMAGED")
