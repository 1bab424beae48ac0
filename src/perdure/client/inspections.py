"""The methods of the client that look into one execution, or draw an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.client.base import ClientBase
from perdure.client.choices import checked_choice
from perdure.client.exporting import Export
from perdure.client.paging import Pages, checked_page_size
from perdure.v1.comparison_pb2 import CompareExecutionSnapshotsRequest
from perdure.v1.event_summary_pb2 import SummarizeExecutionEventsRequest
from perdure.v1.execution_service_pb2 import (
    ExportExecutionRequest,
    GetExecutionSnapshotRequest,
    ListExecutionEventsRequest,
    ListExecutionSnapshotsRequest,
)
from perdure.v1.explanation_pb2 import ExplainExecutionRequest
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


class Inspections(ClientBase):
    """Reads the history of executions and what they wait for. Every method raises `CallFailed`."""

    def events(self, execution: str, *, page_size: int = 0) -> Pages[ExecutionEvent]:
        """List the history of an execution so far, oldest event first.

        Raises:
            ValueError: The contract has no such page size.
        """
        request = ListExecutionEventsRequest(parent=self.scope.execution(execution))
        request.page_size = checked_page_size(page_size)
        method = self._connection.executions.ListExecutionEvents
        return Pages(self._calls, method, request, lambda page: page.events)

    async def event_summary(self, execution: str) -> tuple[EventSummary, ...]:
        """Sum up the history of an execution: events of one kind, task and reason are one line with a count."""
        request = SummarizeExecutionEventsRequest(name=self.scope.execution(execution))
        response = await self._calls.call(self._connection.executions.SummarizeExecutionEvents, request)
        return tuple(response.event_summaries)

    def steps(
        self,
        execution: str,
        *,
        view: ListExecutionStepsRequest.View.ValueType = ListExecutionStepsRequest.VIEW_BASIC,
        page_size: int = 0,
    ) -> Pages[ExecutionStep]:
        """List the attempts of all tasks of an execution, oldest first.

        Args:
            execution: Its name.
            view: DETAILED has inputs and outputs, too.
            page_size: How many to ask for at a time, at most; 0 leaves that to the server.

        Raises:
            ValueError: The contract has no such page size.
        """
        request = ListExecutionStepsRequest(parent=self.scope.execution(execution), view=view)
        request.page_size = checked_page_size(page_size)
        method = self._connection.executions.ListExecutionSteps
        return Pages(self._calls, method, request, lambda page: page.execution_steps)

    def snapshots(self, execution: str, *, without_params: bool = False) -> Pages[ExecutionSnapshot]:
        """List the snapshots of an execution, newest first."""
        request = ListExecutionSnapshotsRequest(
            parent=self.scope.execution(execution), snapshot_metadata_without_params=without_params
        )
        method = self._connection.executions.ListExecutionSnapshots
        return Pages(self._calls, method, request, lambda page: page.execution_snapshots)

    async def snapshot(self, execution: str, number: int) -> ExecutionSnapshot:
        """Get one snapshot of an execution by its number, counted from 1."""
        request = GetExecutionSnapshotRequest(name=self.scope.snapshot(execution, number))
        return await self._calls.call(self._connection.executions.GetExecutionSnapshot, request)

    async def compare(
        self, execution: str, number: int, other: int | None = None, *, other_execution: str = ""
    ) -> CompareExecutionSnapshotsResponse:
        """Tell how a snapshot of an execution differs from an earlier one, or from one of another execution.

        Args:
            execution: Its name.
            number: The snapshot, which is the later side.
            other: The number of the other one; None is the one before.
            other_execution: The execution of the other one; the same if it is empty.

        Raises:
            ValueError: Another execution is given without the number of its snapshot.
        """
        if other_execution and other is None:
            raise ValueError("a snapshot of another execution needs its number")
        request = CompareExecutionSnapshotsRequest(name=self.scope.snapshot(execution, number))
        if other is not None:
            request.other = self.scope.snapshot(other_execution or execution, other)
        return await self._calls.call(self._connection.executions.CompareExecutionSnapshots, request)

    async def explain(self, execution: str) -> ExplainExecutionResponse:
        """Tell what an execution waits for, all as of one instant."""
        request = ExplainExecutionRequest(name=self.scope.execution(execution))
        return await self._calls.call(self._connection.executions.ExplainExecution, request)

    def export(self, execution: str, *, include_sub_executions: bool = False) -> Export:
        """Export everything that is kept about an execution as JSON lines, all as of one store revision.

        Args:
            execution: Its name.
            include_sub_executions: True has the executions below it, too, orphans aside.

        Returns:
            The lines, for `async for`. What the server refuses is raised there; an export that breaks is of no use.
        """
        request = ExportExecutionRequest(
            name=self.scope.execution(execution), include_sub_executions=include_sub_executions
        )
        return Export(self._connection, self._calls, request)

    async def render_integration(
        self,
        integration: str,
        *,
        revision: str = "",
        picture: RenderIntegrationRequest.Format.ValueType = RenderIntegrationRequest.FORMAT_SVG,
    ) -> RenderIntegrationResponse:
        """Draw the tasks of an integration and the edges between them.

        Args:
            integration: Its name.
            revision: The revision to draw; the latest if it is empty.
            picture: The form of the picture.

        Raises:
            ValueError: The contract has no such form.
        """
        form = checked_choice("picture", picture, RenderIntegrationRequest.Format)
        name = self.scope.revision(integration, revision) if revision else self.scope.integration(integration)
        request = RenderIntegrationRequest(name=name, format=form)
        return await self._calls.call(self._connection.integrations.RenderIntegration, request)

    async def render_execution(
        self,
        execution: str,
        *,
        picture: RenderIntegrationRequest.Format.ValueType = RenderIntegrationRequest.FORMAT_SVG,
    ) -> RenderIntegrationResponse:
        """Draw what an execution runs, with the state of every task.

        Args:
            execution: Its name.
            picture: The form of the picture.

        Raises:
            ValueError: The contract has no such form.
        """
        form = checked_choice("picture", picture, RenderIntegrationRequest.Format)
        request = RenderIntegrationRequest(name=self.scope.execution(execution), format=form)
        return await self._calls.call(self._connection.integrations.RenderIntegration, request)
