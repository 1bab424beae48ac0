"""Numbered SQL files that bring a database from one schema version to the next.

A backend keeps its files as `NNNN_name.sql` in a package of its own, numbered from 1 without a gap, and
applies each in one transaction together with the new version number. A file that was released is never
edited: a change is a new file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

from perdure.store.errors import StoreTooNew

_FILE_NAME: Final = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema.

    Attributes:
        version: Schema version after this step.
        name: What the step is about, from the name of its file.
        sql: Its statements, without transaction control.
    """

    version: int
    name: str
    sql: str


def read_migrations(package: str) -> tuple[Migration, ...]:
    """Read all migrations that a package holds, in order.

    Raises:
        ValueError: The numbers do not run 1, 2, 3 and so on.
    """
    found = sorted(
        (
            Migration(int(match[1]), match[2], file.read_text(encoding="utf-8"))
            for file in resources.files(package).iterdir()
            if (match := _FILE_NAME.fullmatch(file.name))
        ),
        key=lambda migration: migration.version,
    )
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations of {package} are not numbered without a gap")
    return tuple(found)


def pending_migrations(migrations: tuple[Migration, ...], version: int) -> tuple[Migration, ...]:
    """Choose what a database of a given schema version still needs.

    Raises:
        StoreTooNew: The database is ahead of every migration known here.
    """
    if version > len(migrations):
        raise StoreTooNew(
            f"the database has schema version {version}, this server knows up to {len(migrations)}; "
            "it was written by a newer version of Perdure and is left untouched"
        )
    return migrations[version:]
