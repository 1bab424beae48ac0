"""The methods by which people intervene in executions that have not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.breakpoints import StepAction
from perdure.domain.commands import Pause, ResolveUndo, Resume, Step
from perdure.domain.events import UndoAction
from perdure.service.admission import MethodClass
from perdure.service.contents import BASIC
from perdure.service.fields import Faults, read_text, read_values
from perdure.service.pipeline import Method
from perdure.service.update_request import read_update
from perdure.service.views import key_of
from perdure.v1.intervention_pb2 import ResolveRollbackRequest, StepExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.codec.names import ExecutionName
    from perdure.engine.controlling import Intervention
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.views import Views
    from perdure.v1.execution_pb2 import Execution
    from perdure.v1.execution_service_pb2 import UpdateExecutionRequest
    from perdure.v1.intervention_pb2 import PauseExecutionRequest, ResumeExecutionRequest

_STEP_ACTIONS: Final = {
    StepExecutionRequest.ACTION_UNSPECIFIED: StepAction.CONTINUE,
    StepExecutionRequest.ACTION_CONTINUE: StepAction.CONTINUE,
    StepExecutionRequest.ACTION_STEP: StepAction.STEP,
    StepExecutionRequest.ACTION_RETRY: StepAction.RETRY,
}
_UNDO_ACTIONS: Final = {
    ResolveRollbackRequest.ACTION_RETRY: UndoAction.RETRY,
    ResolveRollbackRequest.ACTION_SKIP: UndoAction.SKIP,
    ResolveRollbackRequest.ACTION_MARK_DONE: UndoAction.MARK_DONE,
}


class ControlServicer:
    """Pauses, resumes, steps and updates executions, and decides on undos. Answers are BASIC."""

    def __init__(self, engine: Engine, names: NameReader, views: Views) -> None:
        self._engine = engine
        self._names = names
        self._views = views

    def methods(self) -> Mapping[str, Method]:
        """Name what performs each method."""
        return {
            "PauseExecution": Method(self.pause_execution, MethodClass.URGENT),
            "ResumeExecution": Method(self.resume_execution),
            "StepExecution": Method(self.step_execution),
            "UpdateExecution": Method(self.update_execution),
            "ResolveRollback": Method(self.resolve_rollback),
        }

    async def pause_execution(self, request: PauseExecutionRequest, call: Call) -> Execution:
        """Let no further attempt of an execution start (row 43)."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        reason = read_text("reason", request.reason, faults)
        faults.refuse_if_any()
        return await self._intervene(name, Pause(reason, call.principal))

    async def resume_execution(self, request: ResumeExecutionRequest, call: Call) -> Execution:
        """End a pause (row 43)."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        parameters = read_values("modified_parameters", request.modified_parameters, faults)
        faults.refuse_if_any()
        return await self._intervene(name, Resume(call.principal, parameters))

    async def step_execution(self, request: StepExecutionRequest, call: Call) -> Execution:
        """Let an execution leave a stop (row 67)."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        action = _STEP_ACTIONS.get(request.action)
        if action is None:
            faults.add("action", "is no action that this server knows")
        elif request.task_number and action is not StepAction.STEP:
            faults.add("task_number", "must be empty unless the action is ACTION_STEP")
        parameters = read_values("modified_parameters", request.modified_parameters, faults)
        faults.refuse_if_any()
        step = Step(action or StepAction.CONTINUE, call.principal, request.task_number, parameters)
        return await self._intervene(name, step)

    async def resolve_rollback(self, request: ResolveRollbackRequest, call: Call) -> Execution:
        """Decide on an undo that waits (row 57)."""
        faults = Faults()
        with faults.noted():
            name = self._names.execution(request.name, "name")
        action = _UNDO_ACTIONS.get(request.action)
        if action is None:
            faults.add("action", "is no action that this server knows")
        reason = read_text("reason", request.reason, faults)
        faults.refuse_if_any()
        resolve = ResolveUndo(request.task_number, action or UndoAction.RETRY, call.principal, reason)
        return await self._intervene(name, resolve)

    async def update_execution(self, request: UpdateExecutionRequest, call: Call) -> Execution:
        """Change settings of an execution (row 51)."""
        now = self._engine.environment.clock.now()
        name, update = read_update(request, self._names, call.principal, now)
        await self._views.extent(name)
        controls = self._engine.controls
        change = controls.preview if request.validate_only else controls.update
        return (await change(key_of(name), update, request.execution.etag, self._views.show(name, BASIC))).message

    async def _intervene(self, name: ExecutionName, command: Intervention) -> Execution:
        await self._views.extent(name)
        show = self._views.show(name, BASIC)
        return (await self._engine.controls.intervene(key_of(name), command, show)).message
