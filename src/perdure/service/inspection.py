"""The methods that look into single executions, export and delete them, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.service.admission import MethodClass
from perdure.service.deletion import DeletionServicer
from perdure.service.event_summary import EventSummaries
from perdure.service.explanation import Explainer
from perdure.service.export import Exporter
from perdure.service.pipeline import Method
from perdure.service.steps import StepLists

if TYPE_CHECKING:
    from perdure.dispatch.dispatcher import Dispatcher
    from perdure.engine.engine import Engine
    from perdure.service.names import NameReader
    from perdure.service.paging import Pager
    from perdure.service.snapshot_reading import SnapshotReader
    from perdure.service.views import Views


def inspection_methods(
    engine: Engine, dispatcher: Dispatcher, names: NameReader, views: Views, snapshots: SnapshotReader, pager: Pager
) -> dict[str, Method]:
    """Make the methods, by name."""
    exporter = Exporter(engine, names, views, snapshots)
    return {
        "ExplainExecution": Method(Explainer(engine, dispatcher, names, views).explain_execution),
        "ListExecutionSteps": Method(StepLists(engine, names, views, pager).list_execution_steps),
        "SummarizeExecutionEvents": Method(EventSummaries(engine, names, views).summarize_execution_events),
        "ExportExecution": Method(exporter.export_execution, MethodClass.WAITING),
        "DeleteExecution": Method(DeletionServicer(engine, names, views).delete_execution),
    }
