"""`IntegrationService` and `ServerService`."""

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from perdure.v1.integration_service_pb2 import (
    CreateIntegrationRequest,
    DeleteIntegrationRequest,
    GetIntegrationRequest,
    GetIntegrationRevisionRequest,
    ListIntegrationRevisionsRequest,
    ListIntegrationsRequest,
    UpdateIntegrationRequest,
)
from perdure.v1.server_service_pb2 import GetServerInfoRequest, ServerInfo
from tests.service.serving import INTEGRATIONS, LOCATION, create, definition, integration, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
CHANGED = 'tasks { task_id: "t" timer { delay { seconds: 60 } } }'


def update(name, text, **fields):
    changed = definition(text)
    changed.name = integration(name)
    return UpdateIntegrationRequest(integration=changed, **fields)


async def test_an_integration_reads_as_it_was_created(stubs):
    shown = await stubs.integrations.GetIntegration(GetIntegrationRequest(name=integration("wait")))
    assert shown.name == integration("wait")
    assert list(shown.tasks) == list(definition(INTEGRATIONS["wait"]).tasks)
    assert shown.revision_id.startswith("000001-")
    assert shown.snapshot_number == 1
    assert shown.etag
    assert shown.uid


async def test_another_content_is_another_revision_and_the_same_is_not(stubs):
    before = await stubs.integrations.GetIntegration(GetIntegrationRequest(name=integration("wait")))
    same = await stubs.integrations.UpdateIntegration(update("wait", INTEGRATIONS["wait"]))
    assert (same.revision_id, same.etag) == (before.revision_id, before.etag)
    changed = await stubs.integrations.UpdateIntegration(update("wait", CHANGED))
    assert changed.snapshot_number == 2
    assert changed.etag != before.etag
    page = await stubs.integrations.ListIntegrationRevisions(
        ListIntegrationRevisionsRequest(parent=integration("wait"), page_size=1)
    )
    assert [each.snapshot_number for each in page.integration_revisions] == [2]
    rest = await stubs.integrations.ListIntegrationRevisions(
        ListIntegrationRevisionsRequest(parent=integration("wait"), page_size=1, page_token=page.next_page_token)
    )
    (first,) = rest.integration_revisions
    assert not rest.next_page_token
    assert first.principal == "local"
    assert first.expression_dialect
    assert await stubs.integrations.GetIntegrationRevision(GetIntegrationRevisionRequest(name=first.name)) == first


async def test_deploying_creates_what_is_missing(stubs):
    request = update("brand-new", CHANGED, allow_missing=True, update_mask=FieldMask(paths=["*"]))
    assert (await stubs.integrations.UpdateIntegration(request)).snapshot_number == 1


async def test_integrations_are_listed_by_id_page_by_page(stubs):
    request = ListIntegrationsRequest(parent=LOCATION, page_size=2)
    names = []
    while True:
        page = await stubs.integrations.ListIntegrations(request)
        names += [each.name.rpartition("/")[2] for each in page.integrations]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert names == sorted(INTEGRATIONS)


async def test_validation_alone_writes_nothing(stubs):
    request = create("brand-new", CHANGED)
    request.validate_only = True
    assert (await stubs.integrations.CreateIntegration(request)).revision_id.startswith("000001-")
    gone = DeleteIntegrationRequest(name=integration("wait"), validate_only=True)
    await stubs.integrations.DeleteIntegration(gone)
    assert await stubs.integrations.GetIntegration(GetIntegrationRequest(name=integration("wait")))
    told = await refused(stubs.integrations.GetIntegration(GetIntegrationRequest(name=integration("brand-new"))))
    assert told.code is NOT_FOUND


async def test_an_integration_in_use_is_deleted_by_force_only(stubs):
    live = await stubs.execute("wait")
    request = DeleteIntegrationRequest(name=integration("wait"))
    told = await refused(stubs.integrations.DeleteIntegration(request))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INTEGRATION_IN_USE")
    request.force = True
    await stubs.integrations.DeleteIntegration(request)
    told = await refused(stubs.integrations.GetIntegration(GetIntegrationRequest(name=integration("wait"))))
    assert (told.code, told.reason) == (NOT_FOUND, "INTEGRATION_NOT_FOUND")
    assert live.execution
    again = await stubs.integrations.CreateIntegration(create("wait", CHANGED))
    assert again.snapshot_number == 2, "ordinals go on after a deletion"


async def test_every_fault_of_a_definition_is_told_at_once(stubs):
    faulty = """
        parameters { key: "x" }
        default_priority: 5000
        tasks { task_id: "a" next_tasks { task_id: "nowhere" } assign {} }
        tasks { task_id: "a" task: "h" }
    """
    told = await refused(stubs.integrations.CreateIntegration(create("faulty", faulty)))
    assert (told.code, told.reason) == (INVALID, "INVALID_DEFINITION")
    assert len(told.fields) >= 4
    assert all(path.startswith("integration.") for path in told.fields)


REFUSED = {
    "created twice": (
        "CreateIntegration",
        create("wait", CHANGED),
        grpc.StatusCode.ALREADY_EXISTS,
        "INTEGRATION_ALREADY_EXISTS",
        [],
    ),
    "created under a bad id": (
        "CreateIntegration",
        create("Wait", CHANGED),
        INVALID,
        "INVALID_NAME",
        ["integration_id"],
    ),
    "created elsewhere": (
        "CreateIntegration",
        CreateIntegrationRequest(
            parent="projects/p/locations/moon", integration_id="i", integration=definition(CHANGED)
        ),
        INVALID,
        "INVALID_NAME",
        ["parent"],
    ),
    "updated but missing": (
        "UpdateIntegration",
        update("nothing", CHANGED),
        NOT_FOUND,
        "INTEGRATION_NOT_FOUND",
        [],
    ),
    "updated in part": (
        "UpdateIntegration",
        update("wait", CHANGED, update_mask=FieldMask(paths=["tasks"])),
        INVALID,
        "INVALID_FIELD",
        ["update_mask"],
    ),
    "updated without a name": (
        "UpdateIntegration",
        UpdateIntegrationRequest(integration=definition(CHANGED)),
        INVALID,
        "INVALID_NAME",
        ["integration.name"],
    ),
    "deleted with an old etag": (
        "DeleteIntegration",
        DeleteIntegrationRequest(name=integration("wait"), etag="old"),
        grpc.StatusCode.ABORTED,
        "ETAG_MISMATCH",
        [],
    ),
    "deleted but missing": (
        "DeleteIntegration",
        DeleteIntegrationRequest(name=integration("nothing")),
        NOT_FOUND,
        "INTEGRATION_NOT_FOUND",
        [],
    ),
    "read by a wildcard": (
        "GetIntegration",
        GetIntegrationRequest(name=integration("-")),
        INVALID,
        "INVALID_NAME",
        ["name"],
    ),
    "listed with a bad token": (
        "ListIntegrations",
        ListIntegrationsRequest(parent=LOCATION, page_token="x"),
        INVALID,
        "PAGE_TOKEN_INVALID",
        ["page_token"],
    ),
    "listed with a negative size": (
        "ListIntegrationRevisions",
        ListIntegrationRevisionsRequest(parent=integration("wait"), page_size=-1),
        INVALID,
        "INVALID_FIELD",
        ["page_size"],
    ),
    "revisions of nothing": (
        "ListIntegrationRevisions",
        ListIntegrationRevisionsRequest(parent=integration("nothing")),
        NOT_FOUND,
        "INTEGRATION_NOT_FOUND",
        [],
    ),
    "a revision that is not there": (
        "GetIntegrationRevision",
        GetIntegrationRevisionRequest(name=f"{integration('wait')}/revisions/000009-abc"),
        NOT_FOUND,
        "REVISION_NOT_FOUND",
        [],
    ),
}


@pytest.mark.parametrize("case", list(REFUSED), ids=list(REFUSED))
async def test_a_refusal_says_why_and_where(stubs, case):
    method, request, code, reason, paths = REFUSED[case]
    told = await refused(getattr(stubs.integrations, method)(request))
    assert (told.code, told.reason, told.fields) == (code, reason, paths)


async def test_the_server_tells_what_it_is(stubs):
    info = await stubs.info.GetServerInfo(GetServerInfoRequest())
    assert info.version
    assert info.location == "local"
    assert info.durability == ServerInfo.DURABILITY_FULL
    assert info.store_kind == ServerInfo.STORE_KIND_SQLITE
    assert info.store_id == stubs.server.engine.environment.store.identity.store_id
    assert info.newest_store_revision >= info.oldest_store_revision
    assert info.sqlite_version.startswith("3.")
    shown = {field.name for field, _ in info.limits.ListFields()}
    assert shown == set(info.limits.DESCRIPTOR.fields_by_name), "every limit is told"
