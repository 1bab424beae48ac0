"""The definitions on the server, for callers that block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.client.sync.paging import SyncPages

if TYPE_CHECKING:
    from perdure.client.integrations import Integrations
    from perdure.client.sync.loop_thread import LoopThread
    from perdure.v1.integration_pb2 import Integration, IntegrationRevision


class SyncIntegrations:
    """Reads and deletes integrations, as `Integrations`.

    Args:
        loop: Runs the calls.
        integrations: Makes them.
    """

    def __init__(self, loop: LoopThread, integrations: Integrations) -> None:
        self._loop = loop
        self._integrations = integrations

    def get(self, integration: str) -> Integration:
        """As `Integrations.get`."""
        return self._loop.run(self._integrations.get(integration))

    def list(self, *, page_size: int = 0) -> SyncPages[Integration]:
        """As `Integrations.list`."""
        return SyncPages(self._loop, self._integrations.list(page_size=page_size))

    def delete(self, integration: str, *, force: bool = False, etag: str = "") -> None:
        """As `Integrations.delete`."""
        self._loop.run(self._integrations.delete(integration, force=force, etag=etag))

    def revisions(self, integration: str) -> SyncPages[IntegrationRevision]:
        """As `Integrations.revisions`."""
        return SyncPages(self._loop, self._integrations.revisions(integration))

    def revision(self, integration: str, revision: str) -> IntegrationRevision:
        """As `Integrations.revision`."""
        return self._loop.run(self._integrations.revision(integration, revision))
