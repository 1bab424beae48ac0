"""The integrations in use: revisions read from the store once and kept, cut to triggers on demand."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from perdure.codec.integrations import read_integration
from perdure.codec.revisions import decode_revision
from perdure.domain.errors import NotFound
from perdure.domain.graph import Graph, build_graph
from perdure.domain.integration import implicit_integration
from perdure.store.records import IntegrationKey

if TYPE_CHECKING:
    from perdure.domain.events import ExecutionCreated
    from perdure.domain.integration import Integration
    from perdure.store.interface import Store
    from perdure.store.records import IntegrationRecord, RevisionRecord

KEPT_REVISIONS: Final = 1_000
"""Revisions kept in memory; the least recently used one goes first."""


class Definition:
    """One revision of an integration, with the graphs cut from it so far."""

    def __init__(self, integration: Integration) -> None:
        self.integration = integration
        self._graphs: dict[tuple[str, str], Graph] = {}

    def graph(self, trigger_id: str, implicit_task: str = "") -> Graph:
        """Cut out what a trigger starts, or make the graph of one item of a `for-each`.

        Raises:
            UnknownTrigger: The revision has no such trigger.
        """
        graph = self._graphs.get((trigger_id, implicit_task))
        if graph is None:
            if implicit_task:
                item = implicit_integration(self.integration, self.integration.tasks[implicit_task])
                graph = build_graph(item, "", implicit=True)
            else:
                graph = build_graph(self.integration, trigger_id)
            self._graphs[trigger_id, implicit_task] = graph
        return graph


class Definitions:
    """Reads definitions through a cache. Revisions never change, so only the latest one can be outdated."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._latest: dict[IntegrationKey, int] = {}
        self._changes = 0
        self._revisions: OrderedDict[tuple[IntegrationKey, int], Definition] = OrderedDict()

    async def latest(self, key: IntegrationKey) -> Definition:
        """Read the latest revision of an integration.

        Raises:
            NotFound: There is no such integration, or it was deleted.
        """
        ordinal = self._latest.get(key)
        if ordinal is None:
            before = self._changes
            record = await self._store.get_integration(key)
            if record is None or record.deleted:
                raise NotFound("integration", key.integration, reason="INTEGRATION_NOT_FOUND")
            ordinal = record.latest_ordinal
            if self._changes == before:
                # Else what was read may be older than what `changed` has noted, or forgotten, meanwhile.
                self._latest[key] = ordinal
        return await self.revision(key, ordinal)

    async def revision(self, key: IntegrationKey, ordinal: int) -> Definition:
        """Read one revision by its ordinal.

        Raises:
            NotFound: There is no such revision.
        """
        definition = self._revisions.get((key, ordinal))
        if definition is not None:
            self._revisions.move_to_end((key, ordinal))
            return definition
        record = await self._store.get_revision(key, ordinal)
        if record is None:
            raise NotFound("revision", f"{key.integration}/{ordinal:06d}", reason="REVISION_NOT_FOUND")
        definition = Definition(read_revision(record))
        self._revisions[key, ordinal] = definition
        if len(self._revisions) > KEPT_REVISIONS:
            self._revisions.popitem(last=False)
        return definition

    async def revision_by_id(self, key: IntegrationKey, revision_id: str) -> Definition:
        """Read one revision by its id, such as `000001-a4d`.

        Raises:
            NotFound: There is no such revision.
        """
        ordinal = revision_ordinal(revision_id)
        definition = await self.revision(key, ordinal) if ordinal else None
        if definition is None or definition.integration.revision_id != revision_id:
            raise NotFound("revision", f"{key.integration}/{revision_id}", reason="REVISION_NOT_FOUND")
        return definition

    async def graph_of(self, project: str, created: ExecutionCreated) -> Graph:
        """Find the graph that an execution was started with."""
        definition = await self.revision(IntegrationKey(project, created.integration), created.ordinal)
        return definition.graph(created.trigger_id, created.implicit_task)

    def changed(self, record: IntegrationRecord) -> None:
        """Take note of a durable change of an integration."""
        self._changes += 1
        if record.deleted:
            self._latest.pop(record.key, None)
        else:
            self._latest[record.key] = record.latest_ordinal


def read_revision(record: RevisionRecord) -> Integration:
    """Turn a stored revision into the form that the rules work on."""
    integration = read_integration(decode_revision(record.payload), record.revision_id, record.ordinal)
    # The name is no part of the content: a revision is stored under it.
    return replace(integration, name=record.key.integration)


def revision_ordinal(revision_id: str) -> int:
    """Take the ordinal from a revision id; 0 if it has none."""
    head = revision_id.partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() else 0
