"""`DeleteExecution`: an execution with those below it, or only what happened to them (row 50)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty

from perdure.domain.errors import NotFound
from perdure.engine.deleting import Deletion
from perdure.service.views import key_of

if TYPE_CHECKING:
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.views import Views
    from perdure.v1.execution_service_pb2 import DeleteExecutionRequest


class DeletionServicer:
    """Deletes executions."""

    def __init__(self, engine: Engine, names: NameReader, views: Views) -> None:
        self._deleter = engine.deleter
        self._names = names
        self._views = views

    async def delete_execution(self, request: DeleteExecutionRequest, call: Call) -> Empty:
        """Delete an execution that has ended, with its sub-executions, or only their histories."""
        name = self._names.execution(request.name, "name")
        wanted = Deletion(
            key=key_of(name),
            force=request.force,
            history_only=request.history_only,
            etag=request.etag,
            principal=call.principal,
        )
        try:
            await self._views.extent(name)
            await (self._deleter.check(wanted) if request.validate_only else self._deleter.perform(wanted))
        except NotFound:
            if not request.allow_missing:
                raise
        return Empty()
