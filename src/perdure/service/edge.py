"""The edge as a whole: all services behind one pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.dispatch.servicer import WorkerServicer
from perdure.service.admission import MethodClass
from perdure.service.comparison import ComparisonServicer
from perdure.service.controls import ControlServicer
from perdure.service.execute import Executor
from perdure.service.execution_lists import ExecutionLists
from perdure.service.execution_service import ExecutionServicer
from perdure.service.finding import ExecutionFinder
from perdure.service.health import Health
from perdure.service.inspection import inspection_methods
from perdure.service.integration_service import IntegrationServicer
from perdure.service.names import NameReader
from perdure.service.paging import Pager
from perdure.service.pipeline import Method, Pipeline, Service
from perdure.service.reflection import reflection_services
from perdure.service.rendering import Renderer
from perdure.service.replay import ReplayServicer
from perdure.service.server_service import ServerServicer
from perdure.service.snapshot_reading import SnapshotReader
from perdure.service.suspension_service import SuspensionServicer
from perdure.service.views import Views
from perdure.service.watches import WatchServicer
from perdure.v1 import worker_service_pb2
from perdure.watch.watches import Watches

if TYPE_CHECKING:
    from perdure.codec.tokens import TokenCodec
    from perdure.dispatch.dispatcher import Dispatcher
    from perdure.dispatch.settings import DispatchSettings
    from perdure.engine.engine import Engine
    from perdure.service.admission import Admission
    from perdure.watch.hub import WatchHub


class Edge:
    """Puts the services together.

    Attributes:
        pipeline: What the gRPC server asks for handlers.
        health: Tells which services can be called.
        services: Full names of the services of the contract.
        dispatch: The time constants of the worker protocol.
        watches: Opens the streams of watchers.
    """

    def __init__(
        self,
        engine: Engine,
        dispatcher: Dispatcher,
        hub: WatchHub,
        tokens: TokenCodec,
        dispatch: DispatchSettings,
        admission: Admission,
    ) -> None:
        self.dispatch = dispatch
        self.health = Health()
        self.watches = Watches(engine, hub, tokens)
        self._executor = Executor(engine, NameReader(engine.environment.location))
        services = [
            *_contract_services(engine, dispatcher, self.watches, tokens, self._executor),
            ServerServicer(engine.environment, dispatch, admission).service(),
            _worker_service(engine, dispatcher),
        ]
        self.services = [service.descriptor.full_name for service in services]
        health = self.health.service()
        reflection = reflection_services([*self.services, health.descriptor.full_name])
        self.health.set_serving(self.services, serving=False)
        self.pipeline = Pipeline([*services, health, *reflection], admission)

    def drain(self) -> None:
        """Tell that the server is about to end, and start nothing more."""
        self.health.set_serving(self.services, serving=False)
        self.health.close()
        self._executor.draining = True


def _contract_services(
    engine: Engine, dispatcher: Dispatcher, watches: Watches, tokens: TokenCodec, executor: Executor
) -> list[Service]:
    names = NameReader(engine.environment.location)
    pager = Pager(tokens)
    snapshots = SnapshotReader(engine)
    views = Views(engine, snapshots)
    executions = ExecutionServicer(engine, names, views)
    watching = WatchServicer(engine.environment.store, names, views, watches)
    finder = ExecutionFinder(engine, names, views, pager)
    lists = ExecutionLists(engine, names, views, snapshots, pager)
    controls = ControlServicer(engine, names, views)
    replays = ReplayServicer(engine, names, executor)
    comparisons = ComparisonServicer(engine, names, views, snapshots)
    inspection = inspection_methods(engine, dispatcher, names, views, snapshots, pager)
    integrations = IntegrationServicer(engine, names, pager)
    return [
        executions.service(
            executor, finder, lists, watching, controls.methods(), replays.methods(), comparisons.methods(), inspection
        ),
        integrations.service(Renderer(engine, names, views)),
        SuspensionServicer(engine, names, pager).service(),
    ]


def _worker_service(engine: Engine, dispatcher: Dispatcher) -> Service:
    servicer = WorkerServicer(dispatcher, engine.environment.supervisor)
    descriptor = worker_service_pb2.DESCRIPTOR.services_by_name["WorkerService"]
    work = Method(lambda requests, call: servicer.Work(requests, call.context), MethodClass.URGENT)
    return Service(descriptor, {"Work": work})
