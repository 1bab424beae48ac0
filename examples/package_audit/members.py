"""The members of an archive, and which of them are refused whatever the archive is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from perdure import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_IN_NAMES: Final = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive: a folder, a link, or a file.

    Attributes:
        name: As the archive has it.
        is_folder: Whether it is a folder; those are made as files need them.
        link: Where it leads, relative to its folder; None if it is no link.
        open: Opens the content of a file; None for everything else.
    """

    name: str
    is_folder: bool = False
    link: str | None = None
    open: Callable[[], IO[bytes]] | None = None

    @property
    def path(self) -> str:
        """The name as a path within a folder.

        Raises:
            PermanentError: `ARCHIVE_HOSTILE`: it could lead out of the folder, or means another file on
                another system, or it is a link that leads out.
        """
        path = PurePosixPath(self.name)
        if path.is_absolute() or ".." in path.parts or _NOT_IN_NAMES.search(self.name):
            raise hostile(f"{self.name!r} leads out of the folder, or does on some systems")
        try:
            self.name.encode()
        except UnicodeEncodeError:
            raise hostile("a name that is not UTF-8") from None
        if self.link is not None and _leads_out(len(path.parts) - 1, self.link):
            raise hostile(f"the link {self.name!r} leads out of the folder")
        return str(path)


def hostile(what: str) -> PermanentError:
    """Make the error for archives that no packaging tool would write."""
    return PermanentError(f"refused: {what}", code="ARCHIVE_HOSTILE")


def _leads_out(depth: int, link: str) -> bool:
    if link.startswith("/") or "\\" in link:
        return True
    for part in PurePosixPath(link).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False
