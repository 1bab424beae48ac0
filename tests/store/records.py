"""Commits to test a store with: small, numbered in order, payloads that name what they belong to."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from perdure.store.records import (
    BaseState,
    Commit,
    EventRecord,
    ExecutionKey,
    Facts,
    IntegrationKey,
    IntegrationRecord,
    NewExecution,
    Progressed,
    RequestRecord,
    RevisionRecord,
    Summary,
)

if TYPE_CHECKING:
    from typing import Any

PROJECT = "default"
START = 1_700_000_000_000_000
"""Create time of the first execution, in microseconds."""

PROCESSING = 2
SUCCEEDED = 3


def key(execution: str, project: str = PROJECT) -> ExecutionKey:
    return ExecutionKey(project, execution)


def integration_key(integration: str = "order", project: str = PROJECT) -> IntegrationKey:
    return IntegrationKey(project, integration)


def new_execution(of: ExecutionKey, **changes: Any) -> NewExecution:
    usual = NewExecution(
        key=of,
        integration="order",
        revision_id="000001-a4d",
        trigger_id="api_trigger/order",
        execution_method=1,
        labels="{}",
        create_time=START,
        root=of.execution,
        origin=None,
        orphan=False,
    )
    return replace(usual, **changes)


def progressed(of: ExecutionKey, expected_sequence: int, sequence: int, **changes: Any) -> Progressed:
    """Makes a change; what is given besides is a column of it, of its facts or of its summary."""
    facts = Facts(state=PROCESSING, update_time=START + sequence, start_time=START, priority=100)
    usual = Progressed(
        key=of,
        expected_sequence=expected_sequence,
        sequence=sequence,
        active=True,
        wake_time=None,
        facts=facts._replace(**_taken(changes, Facts._fields)),
        summary=Summary(**_taken(changes, Summary._fields)),
    )
    return replace(usual, **changes)


def _taken(changes: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: changes.pop(name) for name in names if name in changes}


def ended(of: ExecutionKey, expected_sequence: int, sequence: int, **changes: Any) -> Progressed:
    usual = {"state": SUCCEEDED, "active": False, "end_time": START + sequence}
    return progressed(of, expected_sequence, sequence, **{**usual, **changes})


def events(of: ExecutionKey, first_sequence: int, count: int) -> EventRecord:
    return EventRecord(of, first_sequence, count, f"{of.execution}/{first_sequence}+{count}".encode())


def request(request_id: str, *executions: str, digest: bytes = b"digest") -> RequestRecord:
    return RequestRecord(PROJECT, "Execute", request_id, digest, executions, START)


def revision_record(of: IntegrationKey, ordinal: int) -> RevisionRecord:
    return RevisionRecord(
        of, ordinal, f"{ordinal:06d}-a4d", b"digest", b"graph %d" % ordinal, START + ordinal, "local", ordinal
    )


def integration_record(of: IntegrationKey, latest_ordinal: int, **changes: Any) -> IntegrationRecord:
    usual = IntegrationRecord(
        of, "uid-1", latest_ordinal, False, ("api_trigger/order",), START, START + latest_ordinal, 1
    )
    return replace(usual, **changes)


class Commits:
    """Makes commits with store revisions that rise from one to the next."""

    def __init__(self, after: int = 0) -> None:
        self._revisions = itertools.count(after + 1)

    def empty(self) -> Commit:
        return Commit(next(self._revisions))

    def create(
        self, *keys: ExecutionKey, count: int = 1, state: dict[str, Any] | None = None, **columns: Any
    ) -> Commit:
        """Creates executions whose first record holds `count` events."""
        commit = self.empty()
        for of in keys:
            commit.created.append(new_execution(of, **columns))
            commit.progressed.append(progressed(of, 0, count, **(state or {})))
            commit.events.append(events(of, 1, count))
        return commit

    def move(self, of: ExecutionKey, expected_sequence: int, count: int = 1, **columns: Any) -> Commit:
        """Adds `count` events to an execution."""
        commit = self.empty()
        commit.progressed.append(progressed(of, expected_sequence, expected_sequence + count, **columns))
        commit.events.append(events(of, expected_sequence + 1, count))
        return commit

    def end(self, of: ExecutionKey, expected_sequence: int, **columns: Any) -> Commit:
        """Adds the last event of an execution."""
        commit = self.empty()
        commit.progressed.append(ended(of, expected_sequence, expected_sequence + 1, **columns))
        commit.events.append(events(of, expected_sequence + 1, 1))
        return commit

    def delete(self, *keys: ExecutionKey) -> Commit:
        """Deletes executions."""
        commit = self.empty()
        commit.deleted += keys
        return commit

    def forget_history(self, of: ExecutionKey, sequence: int) -> Commit:
        """Deletes the history of an execution, and stores its state as of a sequence."""
        commit = self.empty()
        commit.base_states.append(BaseState(of, sequence, b"state"))
        commit.history_deleted.append(of)
        return commit

    def deploy(self, of: IntegrationKey, ordinal: int, **changes: Any) -> Commit:
        """Adds a revision of an integration."""
        commit = self.empty()
        commit.integrations.append(integration_record(of, ordinal, **changes))
        commit.revisions.append(revision_record(of, ordinal))
        return commit
