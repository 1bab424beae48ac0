"""A unix socket that only this user's processes reach, for the embedded worker."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

PATH_MAX_BYTES: Final = 100
"""Longest path; the addresses of unix sockets hold little more on any system."""


class PrivateSocket:
    """A directory of mode 0700 with room for one socket; removed on leaving."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="perdure-"))
        self.path = self._directory / "worker"
        if len(bytes(self.path)) > PATH_MAX_BYTES:
            self.close()
            raise OSError(f"the directory for temporary files has a path too long for a socket: {self._directory}")

    @property
    def target(self) -> str:
        """The address in the form that gRPC takes, to listen and to connect."""
        return f"unix:{self.path}"

    def close(self) -> None:
        """Remove the directory; safe to call twice."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
