"""Reads the members of tar files, compressed or not, as far as they can be trusted with memory and time."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from examples.package_audit.members import Member, hostile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_READ_MAX_BYTES: Final = 4 << 20
"""Longest single read. Content is read in shorter ones; what asks for more is a header that wants memory."""

_PADDING_MAX_BYTES: Final = 1 << 20
_BLOCK: Final = 512
_DECOMPRESSORS: Final[dict[bytes, Callable[[IO[bytes]], IO[bytes]]]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),  # type: ignore[dict-item, return-value]
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
"""What opens a compressed stream, by how it begins."""


def tar_members(archive: Path) -> Iterator[Member]:
    """Yield the members, folders left out.

    Raises:
        EOFError: The end of the archive is missing.
        PermanentError: `ARCHIVE_HOSTILE`.
        tarfile.TarError: It is no tar file.
        OSError: The compressed stream is damaged; lzma and zlib raise errors of their own.
    """
    with archive.open("rb") as file:
        begun = file.peek(_BLOCK)
        if len(begun) < _BLOCK and not begun.startswith(tuple(_DECOMPRESSORS)):
            raise EOFError("less than a header of a tar file")
        opener = next((opener for magic, opener in _DECOMPRESSORS.items() if begun.startswith(magic)), None)
        stream = _CarefulStream(opener(file) if opener else file)
        with tarfile.open(fileobj=stream, mode="r:") as opened:  # type: ignore[call-overload]
            for info in opened:
                yield from _member(opened, info)
            stream.seek(opened.offset)
        _read_end(stream)


class _CarefulStream:
    """Reads a stream for tarfile, which takes the sizes that headers give for granted."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _READ_MAX_BYTES:
            raise hostile(f"a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, position: int) -> int:
        return self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()


def _read_end(stream: _CarefulStream) -> None:
    """Make sure that the archive ends as archives do; for tarfile the end of the file would do."""
    if stream.read(_BLOCK) != bytes(_BLOCK):
        raise EOFError("the end of the tar file is missing")
    padding = 0
    while chunk := stream.read(_BLOCK * 16):
        padding += len(chunk)
        if padding > _PADDING_MAX_BYTES:
            raise hostile("there is more behind the end of the tar file")


def _member(opened: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[Member]:
    if info.isdir():
        yield Member(info.name, is_folder=True)
    elif info.issym():
        yield Member(info.name, link=info.linkname)
    elif info.islnk():
        # A hard link names its target from the top of the archive.
        up = "" if info.linkname.startswith("/") else "../" * (len(PurePosixPath(info.name).parts) - 1)
        yield Member(info.name, link=f"{up}{info.linkname}")
    elif info.isreg():
        yield Member(info.name, open=lambda: _content(opened, info))
    else:
        raise hostile(f"{info.name!r} is neither file nor folder nor link")


def _content(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(info)
    assert content is not None, "regular files have content"
    return content
