"""Resource names: written from ids, and taken apart again (AIP-122).

Every id has 1 to 63 characters: lower-case letters, digits, `.`, `_` and `-`, with a letter or digit at
both ends. `-` in place of an integration's id stands for any integration; only the parsers that say so
take it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from perdure.domain.errors import FieldViolation, InvalidRequest

WILDCARD: Final = "-"
"""Stands for any integration."""

_ID: Final = r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?"
_LOCATION: Final = rf"projects/({_ID})/locations/({_ID})"
_NUMBER: Final = r"[1-9][0-9]{0,8}"

_LOCATION_PATTERN: Final = "projects/{project}/locations/{location}"
_INTEGRATION_PATTERN: Final = f"{_LOCATION_PATTERN}/integrations/{{integration}}"
_REVISION_PATTERN: Final = f"{_INTEGRATION_PATTERN}/revisions/{{revision}}"
_EXECUTION_PATTERN: Final = f"{_INTEGRATION_PATTERN}/executions/{{execution}}"
_SNAPSHOT_PATTERN: Final = f"{_EXECUTION_PATTERN}/snapshots/{{snapshot}}"
_SUSPENSION_PATTERN: Final = f"{_EXECUTION_PATTERN}/suspensions/{{suspension}}"

_MATCH_ID: Final = re.compile(_ID).fullmatch
_MATCH_LOCATION: Final = re.compile(_LOCATION).fullmatch
_MATCH_INTEGRATION: Final = re.compile(rf"{_LOCATION}/integrations/({_ID}|-)").fullmatch
_MATCH_REVISION: Final = re.compile(rf"{_LOCATION}/integrations/({_ID})/revisions/({_ID})").fullmatch
_MATCH_EXECUTION: Final = re.compile(rf"{_LOCATION}/integrations/({_ID}|-)/executions/({_ID})").fullmatch
_MATCH_SNAPSHOT: Final = re.compile(
    rf"{_LOCATION}/integrations/({_ID}|-)/executions/({_ID})/snapshots/({_NUMBER})"
).fullmatch

_MATCH_SUSPENSION: Final = re.compile(
    rf"{_LOCATION}/integrations/({_ID}|-)/executions/({_ID})/suspensions/({_NUMBER})"
).fullmatch


class LocationName(NamedTuple):
    """A project's part of one location."""

    project: str
    location: str

    def __str__(self) -> str:
        return location_parent(self.project, self.location)


class IntegrationName(NamedTuple):
    """An integration, or with `WILDCARD` any of the location."""

    project: str
    location: str
    integration: str

    def __str__(self) -> str:
        return integration_name(self.project, self.location, self.integration)


class RevisionName(NamedTuple):
    """A revision of an integration."""

    project: str
    location: str
    integration: str
    revision: str

    def __str__(self) -> str:
        return revision_name(self.project, self.location, self.integration, self.revision)


class ExecutionName(NamedTuple):
    """An execution; its id is unique in the project, so the integration may be `WILDCARD`."""

    project: str
    location: str
    integration: str
    execution: str

    def __str__(self) -> str:
        return execution_name(self.project, self.location, self.integration, self.execution)


class SnapshotName(NamedTuple):
    """A snapshot of an execution, by its number from 1; the integration may be `WILDCARD`."""

    project: str
    location: str
    integration: str
    execution: str
    number: int

    def __str__(self) -> str:
        return snapshot_name(self.project, self.location, self.integration, self.execution, self.number)


class SuspensionName(NamedTuple):
    """A suspension of an execution, by its number from 1; the integration may be `WILDCARD`."""

    project: str
    location: str
    integration: str
    execution: str
    number: int

    def __str__(self) -> str:
        return suspension_name(self.project, self.location, self.integration, self.execution, self.number)


def location_parent(project: str, location: str) -> str:
    """Write the name of a location of a project, the parent of its integrations."""
    return f"projects/{project}/locations/{location}"


def integration_name(project: str, location: str, integration: str) -> str:
    """Write the name of an integration."""
    return f"projects/{project}/locations/{location}/integrations/{integration}"


def revision_name(project: str, location: str, integration: str, revision: str) -> str:
    """Write the name of a revision of an integration."""
    return f"projects/{project}/locations/{location}/integrations/{integration}/revisions/{revision}"


def execution_name(project: str, location: str, integration: str, execution: str) -> str:
    """Write the name of an execution."""
    return f"projects/{project}/locations/{location}/integrations/{integration}/executions/{execution}"


def snapshot_name(project: str, location: str, integration: str, execution: str, number: int) -> str:
    """Write the name of a snapshot of an execution."""
    return f"{execution_name(project, location, integration, execution)}/snapshots/{number}"


def suspension_name(project: str, location: str, integration: str, execution: str, number: int) -> str:
    """Write the name of a suspension of an execution."""
    return f"{execution_name(project, location, integration, execution)}/suspensions/{number}"


def parse_id(text: str, path: str) -> str:
    """Check an id that a caller chose.

    Args:
        text: The id.
        path: Where it stood in the request, for the violation.

    Raises:
        InvalidRequest: It is not well formed (`INVALID_NAME`).
    """
    if _MATCH_ID(text) is None:
        allowed = "an id has 1 to 63 lower-case letters, digits, '.', '_' and '-', with a letter or digit at both ends"
        raise InvalidRequest(f"{path}: {allowed}", FieldViolation(path, allowed), reason="INVALID_NAME")
    return text


def parse_location(text: str, path: str) -> LocationName:
    """Take the name of a location apart.

    Raises:
        InvalidRequest: It is not well formed (`INVALID_NAME`).
    """
    match = _MATCH_LOCATION(text)
    return LocationName(*match.groups()) if match else _refuse(path, _LOCATION_PATTERN)


def parse_integration(text: str, path: str, *, wildcard: bool = False) -> IntegrationName:
    """Take the name of an integration apart.

    Raises:
        InvalidRequest: It is not well formed, or has a wildcard where none is allowed (`INVALID_NAME`).
    """
    match = _MATCH_INTEGRATION(text)
    if match is None or (match[3] == WILDCARD and not wildcard):
        _refuse(path, _INTEGRATION_PATTERN, wildcard=wildcard)
    return IntegrationName(*match.groups())


def parse_revision(text: str, path: str) -> RevisionName:
    """Take the name of a revision apart.

    Raises:
        InvalidRequest: It is not well formed (`INVALID_NAME`).
    """
    match = _MATCH_REVISION(text)
    return RevisionName(*match.groups()) if match else _refuse(path, _REVISION_PATTERN)


def parse_execution(text: str, path: str, *, wildcard: bool = True) -> ExecutionName:
    """Take the name of an execution apart.

    Raises:
        InvalidRequest: It is not well formed, or has a wildcard where none is allowed (`INVALID_NAME`).
    """
    match = _MATCH_EXECUTION(text)
    if match is None or (match[3] == WILDCARD and not wildcard):
        _refuse(path, _EXECUTION_PATTERN, wildcard=wildcard)
    return ExecutionName(*match.groups())


def parse_snapshot(text: str, path: str, *, wildcard: bool = True) -> SnapshotName:
    """Take the name of a snapshot apart.

    Raises:
        InvalidRequest: It is not well formed, or has a wildcard where none is allowed (`INVALID_NAME`).
    """
    match = _MATCH_SNAPSHOT(text)
    if match is None or (match[3] == WILDCARD and not wildcard):
        _refuse(path, _SNAPSHOT_PATTERN, wildcard=wildcard)
    return SnapshotName(match[1], match[2], match[3], match[4], int(match[5]))


def parse_suspension(text: str, path: str, *, wildcard: bool = True) -> SuspensionName:
    """Take the name of a suspension apart.

    Raises:
        InvalidRequest: It is not well formed, or has a wildcard where none is allowed (`INVALID_NAME`).
    """
    match = _MATCH_SUSPENSION(text)
    if match is None or (match[3] == WILDCARD and not wildcard):
        _refuse(path, _SUSPENSION_PATTERN, wildcard=wildcard)
    return SuspensionName(match[1], match[2], match[3], match[4], int(match[5]))


def _refuse(path: str, pattern: str, *, wildcard: bool = False) -> NoReturn:
    """Say what was expected; the text itself is not repeated, since it may be anything."""
    expected = f"expected a name of the form {pattern}, with ids in lower case"
    if wildcard:
        expected += f"; '{WILDCARD}' may stand for the integration"
    raise InvalidRequest(f"{path}: {expected}", FieldViolation(path, expected), reason="INVALID_NAME")
