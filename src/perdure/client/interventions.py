"""The methods of the client that change an execution which has been accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.client.base import ClientBase
from perdure.client.options import set_update_options
from perdure.client.results import SignalResult, signal_of
from perdure.client.suspensions import Suspensions
from perdure.client.values import to_messages
from perdure.v1.execution_service_pb2 import CancelExecutionRequest, DeleteExecutionRequest, UpdateExecutionRequest
from perdure.v1.intervention_pb2 import (
    PauseExecutionRequest,
    ResolveRollbackRequest,
    ResumeExecutionRequest,
    StepExecutionRequest,
)
from perdure.v1.suspension_service_pb2 import SignalExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from perdure.client.options import UpdateOptions
    from perdure.v1.execution_pb2 import Execution


class Interventions(ClientBase):
    """Cancels, pauses, steps, changes, signals and deletes executions. Every method raises `CallFailed`.

    Calls that got lost are made again where a second one would change nothing.
    """

    @property
    def suspensions(self) -> Suspensions:
        """What executions wait for from outside."""
        return Suspensions(self._connection, self._calls, self.scope)

    async def cancel(self, execution: str, reason: str = "", *, force: bool = False) -> Execution:
        """Ask to cancel an execution, and return how it stands now; one that has ended stays as it is.

        Args:
            execution: Its name.
            reason: Why, for people.
            force: True waits for nothing more: neither for what still runs nor for what is to be undone.
        """
        request = CancelExecutionRequest(name=self.scope.execution(execution), cancel_reason=reason, force=force)
        return await self._calls.call(self._connection.executions.CancelExecution, request)

    async def pause(self, execution: str, reason: str = "") -> Execution:
        """Let no attempt of an execution start until it is resumed; those at work go on.

        Raises:
            FailedPrecondition: It has ended.
        """
        request = PauseExecutionRequest(name=self.scope.execution(execution), reason=reason)
        return await self._calls.call(self._connection.executions.PauseExecution, request)

    async def resume(self, execution: str, modified_parameters: Mapping[str, object] | None = None) -> Execution:
        """End the pause of an execution.

        Args:
            execution: Its name.
            modified_parameters: New values of parameters by key, set before anything goes on; the others stay.

        Raises:
            FailedPrecondition: It has ended; or it is not paused and parameters were to be modified.
        """
        request = ResumeExecutionRequest(
            name=self.scope.execution(execution),
            modified_parameters=to_messages(modified_parameters or {}, "modified_parameters"),
        )
        # A second call would find the execution not paused, and refuse to modify parameters.
        method = self._connection.executions.ResumeExecution
        return await self._calls.call(method, request, idempotent=not modified_parameters)

    async def step(
        self,
        execution: str,
        action: StepExecutionRequest.Action.ValueType = StepExecutionRequest.ACTION_STEP,
        *,
        task_number: str = "",
        modified_parameters: Mapping[str, object] | None = None,
    ) -> Execution:
        """Let an execution that has stopped at a breakpoint do its next step.

        Args:
            execution: Its name.
            action: Run one task and stop again, go on to the next breakpoint, or try the failed task again.
            task_number: The task to run with ACTION_STEP; the one it stopped at otherwise.
            modified_parameters: New values of parameters by key, set before anything goes on; the others stay.

        Raises:
            FailedPrecondition: It has ended or has not stopped, or cannot do this step.
        """
        request = StepExecutionRequest(
            name=self.scope.execution(execution),
            action=action,
            task_number=task_number,
            modified_parameters=to_messages(modified_parameters or {}, "modified_parameters"),
        )
        return await self._calls.call(self._connection.executions.StepExecution, request, idempotent=False)

    async def update(
        self, execution: str, *, etag: str = "", validate_only: bool = False, **changes: Unpack[UpdateOptions]
    ) -> Execution:
        """Change fields of an execution that has not ended.

        Args:
            execution: Its name.
            etag: The etag that it must still have; empty skips that check.
            validate_only: True only checks the request and returns what would be.
            **changes: See `UpdateOptions`.

        Raises:
            ValueError: The deadline has no time zone.
            FailedPrecondition: It has ended.
            Aborted: It has changed since its etag was read.
        """
        request = UpdateExecutionRequest(validate_only=validate_only)
        request.execution.name = self.scope.execution(execution)
        request.execution.etag = etag
        set_update_options(request, changes)
        # A second call would find another etag.
        return await self._calls.call(self._connection.executions.UpdateExecution, request, idempotent=not etag)

    async def resolve_rollback(
        self,
        execution: str,
        task_number: str,
        action: ResolveRollbackRequest.Action.ValueType,
        reason: str = "",
    ) -> Execution:
        """Decide about a task whose undo has failed and is held, or waits for its next attempt.

        Args:
            execution: Its name.
            task_number: The task.
            action: Try to undo it again now, give it up, or take it as undone by hand.
            reason: Why, for people.

        Raises:
            FailedPrecondition: Its undo does not wait.
        """
        request = ResolveRollbackRequest(
            name=self.scope.execution(execution), task_number=task_number, action=action, reason=reason
        )
        return await self._calls.call(self._connection.executions.ResolveRollback, request, idempotent=False)

    async def signal(
        self,
        execution: str,
        signal: str,
        payload: Mapping[str, object] | None = None,
        *,
        signal_id: str = "",
    ) -> SignalResult:
        """Send a signal to an execution, which takes it once whatever happens to the call.

        Args:
            execution: Its name.
            signal: The name of the signal.
            payload: The outputs of the callback that consumes it, by name.
            signal_id: Makes the call idempotent beyond this client's own tries; made up otherwise.

        Raises:
            FailedPrecondition: The execution has ended, or nothing in it ever waits for the signal.
        """
        request = SignalExecutionRequest(
            name=self.scope.execution(execution),
            signal=signal,
            signal_id=signal_id or self._chance.execution_id(),
            payload=to_messages(payload or {}, "payload"),
        )
        response = await self._calls.call(self._connection.suspensions.SignalExecution, request)
        return signal_of(response, request.signal_id)

    async def delete(
        self,
        execution: str,
        *,
        force: bool = False,
        history_only: bool = False,
        etag: str = "",
        allow_missing: bool = False,
        validate_only: bool = False,
    ) -> None:
        """Delete an execution that has ended, with those below it, or only its history.

        Args:
            execution: Its name.
            force: True deletes one in development mode even if it has not ended.
            history_only: True deletes events and snapshots and keeps the execution as it ended.
            etag: The etag that it must still have; empty skips that check.
            allow_missing: True takes it as done if there is no such execution.
            validate_only: True only checks the request.

        Raises:
            FailedPrecondition: It, or its parent, has not ended.
        """
        request = DeleteExecutionRequest(
            name=self.scope.execution(execution),
            force=force,
            history_only=history_only,
            etag=etag,
            allow_missing=allow_missing,
            validate_only=validate_only,
        )
        # Without allow_missing a second delete would answer that there is nothing to delete.
        method = self._connection.executions.DeleteExecution
        await self._calls.call(method, request, idempotent=allow_missing and not etag)
