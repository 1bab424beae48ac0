"""`ServerService`: what the server is and what it can do."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from perdure.codec.message_parts import put_length
from perdure.domain import limits
from perdure.domain.limits import SECOND
from perdure.service.options import REQUEST_MAX_BYTES
from perdure.service.paging import PAGE_MAX_BYTES
from perdure.service.pipeline import Method, Service
from perdure.v1 import server_service_pb2
from perdure.v1.server_service_pb2 import ServerInfo

if TYPE_CHECKING:
    from perdure.dispatch.settings import DispatchSettings
    from perdure.engine.environment import Environment
    from perdure.service.admission import Admission
    from perdure.service.call import Call
    from perdure.v1.server_service_pb2 import GetServerInfoRequest


class ServerServicer:
    """Tells about the server."""

    def __init__(self, environment: Environment, dispatch: DispatchSettings, admission: Admission) -> None:
        self._store = environment.store
        self._location = environment.location
        self._dispatch = dispatch
        self._admission = admission

    def service(self) -> Service:
        """Put the service together."""
        return Service(
            server_service_pb2.DESCRIPTOR.services_by_name["ServerService"],
            {"GetServerInfo": Method(self.get_server_info)},
        )

    async def get_server_info(self, _request: GetServerInfoRequest, _: Call) -> ServerInfo:
        """Get version, limits, store and revisions."""
        return ServerInfo(
            version=version("perdure"),
            location=self._location,
            limits=_limits(self._dispatch, self._admission),
            durability=ServerInfo.DURABILITY_FULL,
            store_kind=ServerInfo.STORE_KIND_SQLITE,
            store_id=self._store.identity.store_id,
            oldest_store_revision=await self._store.oldest_revision(),
            newest_store_revision=self._store.committed_revision(),
            sqlite_version=self._store.software.removeprefix("SQLite "),
        )


def _limits(dispatch: DispatchSettings, admission: Admission) -> ServerInfo.Limits:
    shown = ServerInfo.Limits(
        max_value_bytes=limits.VALUE_MAX_BYTES,
        max_parameters_bytes=limits.PARAMETERS_MAX_BYTES,
        max_request_bytes=REQUEST_MAX_BYTES,
        max_response_page_bytes=PAGE_MAX_BYTES,
        max_task_count=limits.TASKS_MAX,
        max_edge_count=limits.EDGES_MAX,
        max_item_count=limits.FAN_OUT_MAX_ITEMS,
        max_parallelism=limits.FAN_OUT_MAX_PARALLELISM,
        max_sub_execution_depth=limits.SUB_EXECUTION_MAX_DEPTH,
        max_label_count=limits.LABELS_MAX,
        max_label_length=limits.LABEL_MAX_CHARACTERS,
        max_history_event_count=limits.HISTORY_MAX_EVENTS,
        max_history_bytes=limits.HISTORY_MAX_BYTES,
        max_watcher_count=admission.watchers,
        max_watcher_count_per_principal=admission.watchers_per_principal,
        max_priority=limits.PRIORITY_MAX,
        max_parameter_count=limits.PARAMETERS_MAX,
        max_trigger_count=limits.TRIGGERS_MAX,
        max_retry_count=limits.RETRIES_MAX,
        max_text_length=limits.TEXT_MAX_CHARACTERS,
        max_error_text_length=limits.ERROR_TEXT_MAX_CHARACTERS,
    )
    put_length(int(dispatch.lease_ttl * SECOND), shown.lease_ttl)
    put_length(int(dispatch.acknowledge_within * SECOND), shown.acknowledge_within)
    put_length(int(dispatch.ping_interval * SECOND), shown.ping_interval)
    put_length(limits.CANCEL_GRACE, shown.cancel_grace)
    put_length(limits.INTERVAL_MAX, shown.max_retry_interval)
    return shown
