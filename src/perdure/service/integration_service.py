"""`IntegrationService`: definitions checked whole, then kept by the engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from google.protobuf.empty_pb2 import Empty

from perdure.codec.integrations import canonical_bytes, find_faults
from perdure.codec.integrations.content import NOT_CONTENT
from perdure.codec.message_parts import put_instant
from perdure.codec.names import integration_name, parse_id, revision_name
from perdure.codec.revisions import decode_revision, encode_revision, revision_dialect
from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.engine.integrations import Draft, etag_of
from perdure.expression.cel import DIALECT
from perdure.service.fields import Faults
from perdure.service.paging import FULL_PAGE_MAX, PAGE_MAX, check_page_size, fitting
from perdure.service.pipeline import Method, Service
from perdure.store.records import IntegrationKey
from perdure.v1 import integration_service_pb2
from perdure.v1.integration_pb2 import Integration, IntegrationRevision
from perdure.v1.integration_service_pb2 import (
    ListIntegrationRevisionsResponse,
    ListIntegrationsResponse,
)

if TYPE_CHECKING:
    from perdure.engine.engine import Engine
    from perdure.engine.integrations import Deployed
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.paging import Pager
    from perdure.service.rendering import Renderer
    from perdure.store.records import RevisionRecord
    from perdure.v1.integration_service_pb2 import (
        CreateIntegrationRequest,
        DeleteIntegrationRequest,
        GetIntegrationRequest,
        GetIntegrationRevisionRequest,
        ListIntegrationRevisionsRequest,
        ListIntegrationsRequest,
        UpdateIntegrationRequest,
    )

LARGE_DEFINITION_BYTES: Final = 64 << 10
"""A definition beyond this size is checked off the loop."""

_WHOLE: Final[tuple[list[str], ...]] = ([], ["*"])
"""The masks with which a definition can be replaced."""


class IntegrationServicer:
    """Creates, reads, replaces and deletes integrations (row 40)."""

    def __init__(self, engine: Engine, names: NameReader, pager: Pager) -> None:
        self._integrations = engine.integrations
        self._names = names
        self._pager = pager
        self._evaluator = engine.environment.evaluator
        self._store = engine.environment.store
        self._location = engine.environment.location

    def service(self, renderer: Renderer) -> Service:
        """Put the service together."""
        return Service(
            integration_service_pb2.DESCRIPTOR.services_by_name["IntegrationService"],
            {
                "CreateIntegration": Method(self.create_integration),
                "GetIntegration": Method(self.get_integration),
                "ListIntegrations": Method(self.list_integrations),
                "UpdateIntegration": Method(self.update_integration),
                "DeleteIntegration": Method(self.delete_integration),
                "ListIntegrationRevisions": Method(self.list_integration_revisions),
                "GetIntegrationRevision": Method(self.get_integration_revision),
                "RenderIntegration": Method(renderer.render_integration),
            },
        )

    async def create_integration(self, request: CreateIntegrationRequest, call: Call) -> Integration:
        """Create an integration with its first revision."""
        parent = self._names.location(request.parent, "parent")
        key = IntegrationKey(parent.project, parse_id(request.integration_id, "integration_id"))
        draft = await self._draft(key, request.integration)
        created = await self._integrations.create(key, draft, call.principal, validate_only=request.validate_only)
        return self._show(created)

    async def get_integration(self, request: GetIntegrationRequest, _: Call) -> Integration:
        """Get an integration in its latest revision."""
        name = self._names.integration(request.name, "name")
        return self._show(await self._integrations.get(IntegrationKey(name.project, name.integration)))

    async def list_integrations(self, request: ListIntegrationsRequest, _: Call) -> ListIntegrationsResponse:
        """List the integrations of a project by id."""
        faults = Faults()
        with faults.noted():
            parent = self._names.location(request.parent, "parent")
        check_page_size(request.page_size, faults)
        faults.refuse_if_any()
        wanted = self._pager.read(request, most=PAGE_MAX, store_revision=self._store.committed_revision())
        after = wanted.key[0] if wanted.key else ""
        found = await self._integrations.page(parent.project, after, wanted.size + 1)
        integrations = [self._show(each) for each in found[: wanted.size]]
        shown = fitting(integrations)
        response = ListIntegrationsResponse(integrations=integrations[:shown], store_revision=wanted.store_revision)
        if shown < len(found):
            response.next_page_token = self._pager.token(wanted, found[shown - 1].integration.key.integration)
        return response

    async def update_integration(self, request: UpdateIntegrationRequest, call: Call) -> Integration:
        """Replace the content of an integration; the same content makes no revision."""
        name = self._names.integration(request.integration.name, "integration.name")
        if request.update_mask.paths not in _WHOLE:
            description = "a definition is replaced whole: leave it out, or say '*'"
            raise InvalidRequest(f"update_mask: {description}", FieldViolation("update_mask", description))
        key = IntegrationKey(name.project, name.integration)
        updated = await self._integrations.update(
            key,
            await self._draft(key, request.integration),
            call.principal,
            etag=request.integration.etag,
            allow_missing=request.allow_missing,
            validate_only=request.validate_only,
        )
        return self._show(updated)

    async def delete_integration(self, request: DeleteIntegrationRequest, call: Call) -> Empty:
        """Delete an integration; its executions stay readable (decision 13)."""
        name = self._names.integration(request.name, "name")
        await self._integrations.delete(
            IntegrationKey(name.project, name.integration),
            call.principal,
            force=request.force,
            etag=request.etag,
            validate_only=request.validate_only,
        )
        return Empty()

    async def list_integration_revisions(
        self, request: ListIntegrationRevisionsRequest, _: Call
    ) -> ListIntegrationRevisionsResponse:
        """List the revisions of an integration, newest first."""
        faults = Faults()
        with faults.noted():
            parent = self._names.integration(request.parent, "parent")
        check_page_size(request.page_size, faults)
        faults.refuse_if_any()
        wanted = self._pager.read(request, most=FULL_PAGE_MAX, store_revision=self._store.committed_revision())
        before = int(wanted.key[0]) if wanted.key else None
        key = IntegrationKey(parent.project, parent.integration)
        found = await self._integrations.list_revisions(key, before, wanted.size + 1)
        revisions = [show_revision(each, self._location) for each in found[: wanted.size]]
        shown = fitting(revisions)
        response = ListIntegrationRevisionsResponse(
            integration_revisions=revisions[:shown], store_revision=wanted.store_revision
        )
        if shown < len(found):
            response.next_page_token = self._pager.token(wanted, str(found[shown - 1].ordinal))
        return response

    async def get_integration_revision(self, request: GetIntegrationRevisionRequest, _: Call) -> IntegrationRevision:
        """Get one revision."""
        name = self._names.revision(request.name, "name")
        key = IntegrationKey(name.project, name.integration)
        return show_revision(await self._integrations.get_revision(key, name.revision), self._location)

    async def _draft(self, key: IntegrationKey, integration: Integration) -> Draft:
        """Check a definition whole and make what is kept of it.

        Raises:
            InvalidRequest: It has faults; all of them are listed.
        """
        if integration.ByteSize() > LARGE_DEFINITION_BYTES:
            faults = await asyncio.to_thread(find_faults, integration, self._evaluator)
        else:
            faults = find_faults(integration, self._evaluator)
        if faults:
            count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
            message = f"the definition has {count}: {faults[0].path}: {faults[0].description}"
            raise InvalidRequest(message, *faults, reason="INVALID_DEFINITION")
        definition = Integration()
        definition.CopyFrom(integration)
        definition.DiscardUnknownFields()
        for field in NOT_CONTENT:
            definition.ClearField(field)
        content = canonical_bytes(definition)
        definition.name = integration_name(key.project, self._location, key.integration)
        triggers = tuple(trigger.trigger_id for trigger in integration.triggers)
        return Draft(content, encode_revision(definition, DIALECT), triggers)

    def _show(self, deployed: Deployed) -> Integration:
        record, revision = deployed.integration, deployed.revision
        shown = decode_revision(revision.payload)
        shown.uid = record.uid
        shown.etag = etag_of(record)
        shown.store_revision = record.store_revision
        put_instant(record.create_time, shown.create_time)
        put_instant(record.update_time, shown.update_time)
        shown.revision_id = revision.revision_id
        shown.snapshot_number = revision.ordinal
        return shown


def show_revision(record: RevisionRecord, location: str) -> IntegrationRevision:
    """Show a revision of an integration, with its definition."""
    key = record.key
    shown = IntegrationRevision(
        name=revision_name(key.project, location, key.integration, record.revision_id),
        integration=decode_revision(record.payload),
        snapshot_number=record.ordinal,
        principal=record.principal,
        expression_dialect=revision_dialect(record.payload),
        store_revision=record.store_revision,
    )
    put_instant(record.create_time, shown.create_time)
    return shown
