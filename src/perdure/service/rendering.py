"""`RenderIntegration`: pictures of integrations, and of executions on them (row 38)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from perdure.codec.revisions import decode_revision
from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.engine.definitions import read_revision
from perdure.render.dot import print_dot
from perdure.render.mermaid import print_mermaid
from perdure.render.picture import picture_of_execution, picture_of_integration
from perdure.render.svg import print_svg
from perdure.render.terminal import print_terminal
from perdure.service.fields import Faults
from perdure.service.paging import PAGE_MAX_BYTES
from perdure.service.views import key_of
from perdure.store.records import IntegrationKey
from perdure.v1.render_pb2 import RenderIntegrationRequest, RenderIntegrationResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from perdure.codec.names import ExecutionName, IntegrationName, RevisionName
    from perdure.engine.engine import Engine
    from perdure.render.picture import Picture
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.views import Views
    from perdure.store.records import RevisionRecord

_FORMATS: Final[dict[int, tuple[Callable[[Picture], str], str]]] = {
    RenderIntegrationRequest.FORMAT_SVG: (print_svg, "image/svg+xml"),
    RenderIntegrationRequest.FORMAT_MERMAID: (print_mermaid, "text/vnd.mermaid"),
    RenderIntegrationRequest.FORMAT_DOT: (print_dot, "text/vnd.graphviz"),
    RenderIntegrationRequest.FORMAT_TERMINAL: (print_terminal, "text/plain"),
}


class Renderer:
    """Draws what a name stands for."""

    def __init__(self, engine: Engine, names: NameReader, views: Views) -> None:
        self._engine = engine
        self._names = names
        self._views = views

    async def render_integration(self, request: RenderIntegrationRequest, _: Call) -> RenderIntegrationResponse:
        """Draw an integration, a revision or an execution."""
        faults = Faults()
        format_ = request.format or RenderIntegrationRequest.FORMAT_SVG
        if format_ not in _FORMATS:
            faults.add("format", "one of FORMAT_SVG, FORMAT_MERMAID, FORMAT_DOT and FORMAT_TERMINAL")
        with faults.noted():
            draw = self._drawer(request.name)
        faults.refuse_if_any()
        picture = await draw()
        print_picture, media_type = _FORMATS[format_]
        # The picture never changes, and a large one takes long to lay out.
        content = await asyncio.to_thread(print_picture, picture)
        if len(content.encode()) > PAGE_MAX_BYTES:
            description = f"the picture has {len(content.encode())} bytes, an answer takes {PAGE_MAX_BYTES}"
            violation = FieldViolation("format", f"{description}; FORMAT_TERMINAL is the smallest")
            raise InvalidRequest(description, violation, reason="VALUE_TOO_LARGE")
        return RenderIntegrationResponse(content=content, media_type=media_type)

    def _drawer(self, text: str) -> Callable[[], Awaitable[Picture]]:
        """Tell how to draw what a name stands for."""
        if "/executions/" in text:
            execution = self._names.execution(text, "name")
            return lambda: self._draw_execution(execution)
        if "/revisions/" in text:
            revision = self._names.revision(text, "name")
            return lambda: self._draw_revision(revision)
        integration = self._names.integration(text, "name")
        return lambda: self._draw_integration(integration)

    async def _draw_integration(self, name: IntegrationName) -> Picture:
        deployed = await self._engine.integrations.get(IntegrationKey(name.project, name.integration))
        return _draw(deployed.revision)

    async def _draw_revision(self, name: RevisionName) -> Picture:
        key = IntegrationKey(name.project, name.integration)
        return _draw(await self._engine.integrations.get_revision(key, name.revision))

    async def _draw_execution(self, name: ExecutionName) -> Picture:
        await self._views.extent(name)
        created = await self._engine.view(key_of(name), lambda execution, _: execution.created)
        key = IntegrationKey(name.project, created.integration)
        titles = _titles(await self._engine.integrations.get_revision(key, created.revision_id))
        return await self._engine.view(key_of(name), lambda execution, _: picture_of_execution(execution, titles))


def _draw(record: RevisionRecord) -> Picture:
    return picture_of_integration(read_revision(record), _titles(record))


def _titles(record: RevisionRecord) -> Mapping[str, str]:
    """Collect the names for people that tasks have."""
    definition = decode_revision(record.payload)
    tasks = (*definition.tasks, *definition.teardown_tasks)
    return {task.task_id: task.display_name for task in tasks if task.display_name}
