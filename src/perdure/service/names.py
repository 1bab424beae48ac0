"""Names in requests: taken apart, and of the location that this server serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec import names
from perdure.domain.errors import FieldViolation, InvalidRequest

if TYPE_CHECKING:
    from perdure.codec.names import (
        ExecutionName,
        IntegrationName,
        LocationName,
        RevisionName,
        SnapshotName,
        SuspensionName,
    )


class NameReader:
    """Reads names.

    Every method raises `InvalidRequest` (`INVALID_NAME`) with the path of the field.

    Args:
        location: The one location of this server.
    """

    def __init__(self, location: str) -> None:
        self._location = location

    def location(self, text: str, path: str) -> LocationName:
        """Read the name of the location."""
        name = names.parse_location(text, path)
        self._check(name.location, path)
        return name

    def integration(self, text: str, path: str, *, wildcard: bool = False) -> IntegrationName:
        """Read the name of an integration."""
        name = names.parse_integration(text, path, wildcard=wildcard)
        self._check(name.location, path)
        return name

    def revision(self, text: str, path: str) -> RevisionName:
        """Read the name of a revision."""
        name = names.parse_revision(text, path)
        self._check(name.location, path)
        return name

    def execution(self, text: str, path: str) -> ExecutionName:
        """Read the name of an execution, whose integration may be `-`."""
        name = names.parse_execution(text, path)
        self._check(name.location, path)
        return name

    def snapshot(self, text: str, path: str) -> SnapshotName:
        """Read the name of a snapshot."""
        name = names.parse_snapshot(text, path)
        self._check(name.location, path)
        return name

    def suspension(self, text: str, path: str) -> SuspensionName:
        """Read the name of a suspension."""
        name = names.parse_suspension(text, path)
        self._check(name.location, path)
        return name

    def _check(self, location: str, path: str) -> None:
        if location != self._location:
            description = f"this server serves the location {self._location} only"
            raise InvalidRequest(f"{path}: {description}", FieldViolation(path, description), reason="INVALID_NAME")
