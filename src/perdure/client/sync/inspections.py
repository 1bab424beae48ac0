"""The methods of the blocking client that look into one execution, or draw an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.client.sync.base import SyncClientBase
from perdure.client.sync.exporting import SyncExport
from perdure.client.sync.paging import SyncPages
from perdure.v1.render_pb2 import RenderIntegrationRequest
from perdure.v1.step_pb2 import ListExecutionStepsRequest

if TYPE_CHECKING:
    from perdure.v1.comparison_pb2 import CompareExecutionSnapshotsResponse
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.event_summary_pb2 import EventSummary
    from perdure.v1.execution_pb2 import ExecutionSnapshot
    from perdure.v1.explanation_pb2 import ExplainExecutionResponse
    from perdure.v1.render_pb2 import RenderIntegrationResponse
    from perdure.v1.step_pb2 import ExecutionStep


class SyncInspections(SyncClientBase):
    """Reads the history of executions and what they wait for, as `Inspections`."""

    def events(self, execution: str, *, page_size: int = 0) -> SyncPages[ExecutionEvent]:
        """As `Client.events`."""
        return SyncPages(self._loop, self._client.events(execution, page_size=page_size))

    def event_summary(self, execution: str) -> tuple[EventSummary, ...]:
        """As `Client.event_summary`."""
        return self._loop.run(self._client.event_summary(execution))

    def steps(
        self,
        execution: str,
        *,
        view: ListExecutionStepsRequest.View.ValueType = ListExecutionStepsRequest.VIEW_BASIC,
        page_size: int = 0,
    ) -> SyncPages[ExecutionStep]:
        """As `Client.steps`."""
        return SyncPages(self._loop, self._client.steps(execution, view=view, page_size=page_size))

    def snapshots(self, execution: str, *, without_params: bool = False) -> SyncPages[ExecutionSnapshot]:
        """As `Client.snapshots`."""
        return SyncPages(self._loop, self._client.snapshots(execution, without_params=without_params))

    def snapshot(self, execution: str, number: int) -> ExecutionSnapshot:
        """As `Client.snapshot`."""
        return self._loop.run(self._client.snapshot(execution, number))

    def compare(
        self, execution: str, number: int, other: int | None = None, *, other_execution: str = ""
    ) -> CompareExecutionSnapshotsResponse:
        """As `Client.compare`."""
        return self._loop.run(self._client.compare(execution, number, other, other_execution=other_execution))

    def explain(self, execution: str) -> ExplainExecutionResponse:
        """As `Client.explain`."""
        return self._loop.run(self._client.explain(execution))

    def export(self, execution: str, *, include_sub_executions: bool = False) -> SyncExport:
        """As `Client.export`."""
        exported = self._client.export(execution, include_sub_executions=include_sub_executions)
        return SyncExport(self._loop, exported)

    def render_integration(
        self,
        integration: str,
        *,
        revision: str = "",
        picture: RenderIntegrationRequest.Format.ValueType = RenderIntegrationRequest.FORMAT_SVG,
    ) -> RenderIntegrationResponse:
        """As `Client.render_integration`."""
        return self._loop.run(self._client.render_integration(integration, revision=revision, picture=picture))

    def render_execution(
        self,
        execution: str,
        *,
        picture: RenderIntegrationRequest.Format.ValueType = RenderIntegrationRequest.FORMAT_SVG,
    ) -> RenderIntegrationResponse:
        """As `Client.render_execution`."""
        return self._loop.run(self._client.render_execution(execution, picture=picture))
