"""What authors are told when a definition cannot be made of their code."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Final

_HERE: Final = f"{Path(__file__).parent}{os.sep}"


class DefinitionError(Exception):
    """A task, an integration or an option of one cannot be used as written."""


class TracingError(DefinitionError):
    """An integration does what cannot be recorded as a graph.

    Attributes:
        filename: File of the statement in the author's code.
        line: Its line, from 1.
    """

    def __init__(self, message: str) -> None:
        self.filename, self.line = _authors_place()
        super().__init__(f"{self.filename}:{self.line}: {message}")


class ConversionError(ValueError):
    """A value does not fit the annotation of an argument or a result; the message never repeats the value."""


def _authors_place() -> tuple[str, int]:
    """Find the innermost statement outside this package and outside the standard library's decorators."""
    frame = inspect.currentframe()
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(_HERE) and not filename.endswith("contextlib.py"):
            return filename, frame.f_lineno
        frame = frame.f_back
    return "<unknown>", 0
