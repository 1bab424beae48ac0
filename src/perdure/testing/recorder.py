"""Logs as files: one JSON object a line, appended by any number of processes, read back whole."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import typing
from typing import TYPE_CHECKING, Any, Final, Self

from perdure.testing.logs import Outcome, Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in typing.get_args(Record)}
_FIELDS: Final = {name: typing.get_type_hints(kind) for name, kind in _KINDS.items()}


class Recorder:
    """Appends records to a file.

    A line is one write to a file that was opened for appending, so that processes share the file, and a process
    that is killed loses no record that `write` has returned for.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, record: Record) -> None:
        """Append one record."""
        os.write(self._file, f"{_to_json(record)}\n".encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_records(path: Path) -> Iterator[Record]:
    """Read the records of one file, in the order in which they were written.

    Raises:
        ValueError: A line is not a record. A last line that was cut off is left out instead.
    """
    with path.open(encoding="ascii") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield _from_json(line)


def _to_json(record: Record) -> str:
    fields = {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}
    return json.dumps({"record": type(record).__name__, **fields}, separators=(",", ":"))


def _plain(value: object) -> object:
    match value:
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case tuple():
            return [_plain(element) for element in value]
        case _:
            return value


def _from_json(line: str) -> Record:
    fields = json.loads(line)
    name = fields.pop("record")
    if name not in _KINDS:
        raise ValueError(f"unknown kind of record: {name!r}")
    hints = _FIELDS[name]
    record: Record = _KINDS[name](**{key: _typed(value, hints[key]) for key, value in fields.items()})
    return record


def _typed(value: object, hint: object) -> object:
    match value:
        case str() if hint is bytes:
            return base64.b64decode(value)
        case str() if hint is Outcome:
            return Outcome(value)
        case list():
            return tuple(_typed(element, typing.get_args(hint)[0]) for element in value)
        case _:
            return value
