"""The methods of the blocking client that change an execution which has been accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.client.sync.base import SyncClientBase
from perdure.client.sync.suspensions import SyncSuspensions
from perdure.v1.intervention_pb2 import StepExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from perdure.client.options import UpdateOptions
    from perdure.client.results import SignalResult
    from perdure.v1.execution_pb2 import Execution
    from perdure.v1.intervention_pb2 import ResolveRollbackRequest


class SyncInterventions(SyncClientBase):
    """Cancels, pauses, steps, changes, signals and deletes executions, as `Interventions`."""

    @property
    def suspensions(self) -> SyncSuspensions:
        """As `Client.suspensions`."""
        return SyncSuspensions(self._loop, self._client.suspensions)

    def cancel(self, execution: str, reason: str = "", *, force: bool = False) -> Execution:
        """As `Client.cancel`."""
        return self._loop.run(self._client.cancel(execution, reason, force=force))

    def pause(self, execution: str, reason: str = "") -> Execution:
        """As `Client.pause`."""
        return self._loop.run(self._client.pause(execution, reason))

    def resume(self, execution: str, modified_parameters: Mapping[str, object] | None = None) -> Execution:
        """As `Client.resume`."""
        return self._loop.run(self._client.resume(execution, modified_parameters))

    def step(
        self,
        execution: str,
        action: StepExecutionRequest.Action.ValueType = StepExecutionRequest.ACTION_STEP,
        *,
        task_number: str = "",
        modified_parameters: Mapping[str, object] | None = None,
    ) -> Execution:
        """As `Client.step`."""
        stepped = self._client.step(execution, action, task_number=task_number, modified_parameters=modified_parameters)
        return self._loop.run(stepped)

    def update(
        self, execution: str, *, etag: str = "", validate_only: bool = False, **changes: Unpack[UpdateOptions]
    ) -> Execution:
        """As `Client.update`."""
        return self._loop.run(self._client.update(execution, etag=etag, validate_only=validate_only, **changes))

    def resolve_rollback(
        self,
        execution: str,
        task_number: str,
        action: ResolveRollbackRequest.Action.ValueType,
        reason: str = "",
    ) -> Execution:
        """As `Client.resolve_rollback`."""
        return self._loop.run(self._client.resolve_rollback(execution, task_number, action, reason))

    def signal(
        self,
        execution: str,
        signal: str,
        payload: Mapping[str, object] | None = None,
        *,
        signal_id: str = "",
    ) -> SignalResult:
        """As `Client.signal`."""
        return self._loop.run(self._client.signal(execution, signal, payload, signal_id=signal_id))

    def delete(
        self,
        execution: str,
        *,
        force: bool = False,
        history_only: bool = False,
        etag: str = "",
        allow_missing: bool = False,
        validate_only: bool = False,
    ) -> None:
        """As `Client.delete`."""
        deleted = self._client.delete(
            execution,
            force=force,
            history_only=history_only,
            etag=etag,
            allow_missing=allow_missing,
            validate_only=validate_only,
        )
        self._loop.run(deleted)
