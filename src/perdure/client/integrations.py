"""The definitions on the server, as the client shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.client.paging import Pages, checked_page_size
from perdure.v1.integration_service_pb2 import (
    DeleteIntegrationRequest,
    GetIntegrationRequest,
    GetIntegrationRevisionRequest,
    ListIntegrationRevisionsRequest,
    ListIntegrationsRequest,
)

if TYPE_CHECKING:
    from perdure.client.calls import Calls
    from perdure.client.names import Scope
    from perdure.v1.integration_pb2 import Integration, IntegrationRevision
    from perdure.v1.integration_service_pb2_grpc import IntegrationServiceStub


class Integrations:
    """Reads and deletes integrations; `Client.deploy` makes them. Every method raises `CallFailed`.

    Args:
        stub: The stub of the service.
        calls: Makes the calls.
        scope: Completes short names.
    """

    def __init__(self, stub: IntegrationServiceStub, calls: Calls, scope: Scope) -> None:
        self._stub = stub
        self._calls = calls
        self._scope = scope

    async def get(self, integration: str) -> Integration:
        """Get an integration in its latest revision."""
        request = GetIntegrationRequest(name=self._scope.integration(integration))
        return await self._calls.call(self._stub.GetIntegration, request)

    def list(self, *, page_size: int = 0) -> Pages[Integration]:
        """List the integrations of the location by rising id.

        Raises:
            ValueError: The contract has no such page size.
        """
        request = ListIntegrationsRequest(parent=self._scope.parent, page_size=checked_page_size(page_size))
        return Pages(self._calls, self._stub.ListIntegrations, request, lambda page: page.integrations)

    async def delete(self, integration: str, *, force: bool = False, etag: str = "") -> None:
        """Delete an integration; its executions stay readable.

        Args:
            integration: Its name.
            force: True cancels the executions that have not ended, which are a reason to refuse otherwise.
            etag: The etag that it must still have; empty skips that check.
        """
        request = DeleteIntegrationRequest(name=self._scope.integration(integration), force=force, etag=etag)
        # A second delete would answer that there is nothing to delete.
        await self._calls.call(self._stub.DeleteIntegration, request, idempotent=False)

    def revisions(self, integration: str) -> Pages[IntegrationRevision]:
        """List the revisions of an integration, newest first."""
        request = ListIntegrationRevisionsRequest(parent=self._scope.integration(integration))
        return Pages(self._calls, self._stub.ListIntegrationRevisions, request, lambda page: page.integration_revisions)

    async def revision(self, integration: str, revision: str) -> IntegrationRevision:
        """Get one revision of an integration."""
        request = GetIntegrationRevisionRequest(name=self._scope.revision(integration, revision))
        return await self._calls.call(self._stub.GetIntegrationRevision, request)
