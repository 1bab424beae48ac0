"""The client for scripts: every method of `Client`, with the same arguments, results and errors, but blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.client.client import (
    CONNECT_SECONDS,
    DEADLINE_SECONDS,
    PATIENCE_SECONDS,
    WATCH_PATIENCE_SECONDS,
    Client,
)
from perdure.client.sync.inspections import SyncInspections
from perdure.client.sync.integrations import SyncIntegrations
from perdure.client.sync.interventions import SyncInterventions
from perdure.client.sync.loop_thread import LoopThread
from perdure.client.sync.paging import SyncExecutionPages
from perdure.client.sync.watching import SyncWatch
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Unpack

    from perdure.client.deploying import Deployable
    from perdure.client.options import ExecuteOptions, ReplayOptions
    from perdure.client.read_options import CountOptions, GetOptions, ListOptions, WatchAllOptions, WatchOptions
    from perdure.client.results import Count, ExecuteResult, ReplayResult
    from perdure.v1.integration_pb2 import Integration
    from perdure.v1.server_service_pb2 import ServerInfo


class SyncClient(SyncInterventions, SyncInspections):
    """A connection to a Perdure server for callers that block, open until it is closed; use it with `with`.

    A `Client` works for it on a loop of its own in one background thread, so any thread may call, whether or not
    another one runs a loop. Ctrl-C ends a call at once and cancels what it has on the server, executions aside.

    Args:
        target: `HOST:PORT`, or `unix:PATH`.
        project: Id of the project for short names.
        location: Id of the location for short names.
        deadline: Seconds for a call with all its tries, unless the method has a timeout of its own.
        patience: Seconds that an Execute goes on without any sign of the server.
        watch_patience: Seconds that a watch does; `math.inf` is for ever.
        connect_timeout: Seconds after which everything gives up as long as nobody has ever answered at the target.

    Raises:
        RuntimeError: This thread runs an event loop, which every call would block; the methods raise it too.
    """

    def __init__(
        self,
        target: str,
        *,
        project: str = "default",
        location: str = "local",
        deadline: float = DEADLINE_SECONDS,
        patience: float = PATIENCE_SECONDS,
        watch_patience: float = WATCH_PATIENCE_SECONDS,
        connect_timeout: float = CONNECT_SECONDS,
    ) -> None:
        client = Client(
            target,
            project=project,
            location=location,
            deadline=deadline,
            patience=patience,
            watch_patience=watch_patience,
            connect_timeout=connect_timeout,
        )
        super().__init__(client, LoopThread(client))

    @property
    def integrations(self) -> SyncIntegrations:
        """As `Client.integrations`."""
        return SyncIntegrations(self._loop, self._client.integrations)

    def execute(
        self,
        integration: str,
        inputs: Mapping[str, object] | None = None,
        *,
        timeout: float | None = None,
        **options: Unpack[ExecuteOptions],
    ) -> ExecuteResult:
        """As `Client.execute`."""
        return self._loop.run(self._client.execute(integration, inputs, timeout=timeout, **options))

    def start(
        self,
        integration: str,
        inputs: Mapping[str, object] | None = None,
        *,
        timeout: float | None = DEADLINE_SECONDS,
        **options: Unpack[ExecuteOptions],
    ) -> ExecuteResult:
        """As `Client.start`."""
        return self._loop.run(self._client.start(integration, inputs, timeout=timeout, **options))

    def schedule(
        self,
        integration: str,
        inputs: Mapping[str, object] | None = None,
        *,
        at: datetime,
        timeout: float | None = DEADLINE_SECONDS,
        **options: Unpack[ExecuteOptions],
    ) -> ExecuteResult:
        """As `Client.schedule`."""
        return self._loop.run(self._client.schedule(integration, inputs, at=at, timeout=timeout, **options))

    def start_held(self, execution: str, *, timeout: float | None = DEADLINE_SECONDS) -> ExecuteResult:
        """As `Client.start_held`."""
        return self._loop.run(self._client.start_held(execution, timeout=timeout))

    def replay(
        self,
        execution: str,
        reason: str,
        *,
        wait: bool = False,
        timeout: float | None = None,
        **options: Unpack[ReplayOptions],
    ) -> ReplayResult:
        """As `Client.replay`."""
        return self._loop.run(self._client.replay(execution, reason, wait=wait, timeout=timeout, **options))

    def get(self, execution: str, **options: Unpack[GetOptions]) -> Execution:
        """As `Client.get`."""
        return self._loop.run(self._client.get(execution, **options))

    def list(self, integration: str = "-", **options: Unpack[ListOptions]) -> SyncExecutionPages:
        """As `Client.list`."""
        return SyncExecutionPages(self._loop, self._client.list(integration, **options))

    def count(self, integration: str = "-", **options: Unpack[CountOptions]) -> Count:
        """As `Client.count`."""
        return self._loop.run(self._client.count(integration, **options))

    def wait(
        self,
        execution: str,
        *,
        timeout: float | None = None,
        view: Execution.View.ValueType = Execution.VIEW_BASIC,
    ) -> Execution:
        """As `Client.wait`."""
        return self._loop.run(self._client.wait(execution, timeout=timeout, view=view))

    def watch(self, execution: str, **options: Unpack[WatchOptions]) -> SyncWatch:
        """As `Client.watch`."""
        return SyncWatch(self._loop, self._client.watch(execution, **options))

    def watch_all(self, parent: str = "-", **options: Unpack[WatchAllOptions]) -> SyncWatch:
        """As `Client.watch_all`."""
        return SyncWatch(self._loop, self._client.watch_all(parent, **options))

    def deploy(self, integration: Deployable, *, validate_only: bool = False) -> Integration:
        """As `Client.deploy`."""
        return self._loop.run(self._client.deploy(integration, validate_only=validate_only))

    def server_info(self) -> ServerInfo:
        """As `Client.server_info`."""
        return self._loop.run(self._client.server_info())
