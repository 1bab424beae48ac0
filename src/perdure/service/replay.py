"""`ReplayExecution`: begins executions where others stood, and answers as `Execute` does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perdure.codec.names import execution_name
from perdure.domain.errors import Unavailable
from perdure.domain.states import ExecutionMethod
from perdure.service.admission import MethodClass
from perdure.service.execute import Executor, answer_within
from perdure.service.execute_request import LARGE_REQUEST_BYTES
from perdure.service.pipeline import Method
from perdure.service.replay_request import read_replay
from perdure.service.status import DeadlinePassed
from perdure.v1.replay_pb2 import ReplayExecutionResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.engine.engine import Engine
    from perdure.engine.replaying import ReplayRequest
    from perdure.engine.starting import Accepted
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.v1.replay_pb2 import ReplayExecutionRequest


class ReplayServicer(Executor):
    """Performs `ReplayExecution`.

    Args:
        engine: Replays.
        names: Reads names.
        executor: Knows whether the server is about to end.
    """

    def __init__(self, engine: Engine, names: NameReader, executor: Executor) -> None:
        super().__init__(engine, names)
        self._executor = executor

    def methods(self) -> Mapping[str, Method]:
        """Name what performs each method."""
        return {"ReplayExecution": Method(self.replay_execution, MethodClass.WAITING)}

    async def replay_execution(self, request: ReplayExecutionRequest, call: Call) -> ReplayExecutionResponse:
        """Start a replay and answer as the method says (rows 44 to 48)."""
        if self._executor.draining:
            raise Unavailable("the server is being stopped", reason="SHUTTING_DOWN")
        name = self._names.execution(request.name, "name")
        if request.ByteSize() > LARGE_REQUEST_BYTES:
            replay = await asyncio.to_thread(read_replay, request, name, self._names, call)
        else:
            replay = read_replay(request, name, self._names, call)
        response = ReplayExecutionResponse(replayed_execution_id=replay.original)
        if request.validate_only:
            integration = await self._engine.replayer.check_replay(replay)
            response.store_revision = self._store.committed_revision()
        else:
            accepted = await self._replay(replay, call)
            integration = await self._put_outcome_of(replay, accepted, call, response)
        response.replayed_execution = execution_name(replay.project, self._location, integration, replay.original)
        return response

    async def _replay(self, replay: ReplayRequest, call: Call) -> Accepted:
        if not replay.cancel_original:
            return await self._engine.replayer.replay(replay)
        try:
            async with asyncio.timeout(answer_within(call.remaining_seconds())):
                return await self._engine.replayer.replay(replay)
        except TimeoutError:
            message = "the deadline of the call has passed; the original is being cancelled, and may be replayed then"
            raise DeadlinePassed(message) from None

    async def _put_outcome_of(
        self, replay: ReplayRequest, accepted: Accepted, call: Call, response: ReplayExecutionResponse
    ) -> str:
        """Write what was started and, for a synchronous replay, how it has ended; returns its integration."""
        answer = self._accepted(accepted)
        ((key, integration),) = accepted.executions
        if await self._is_synchronous(replay, accepted):
            ended = await self._wait(accepted, answer.executions, call)
            self._put_outcome(replay, ended, answer)
            answer.store_revision = self._store.committed_revision()
        response.execution = answer.execution
        response.execution_id = key.execution
        response.store_revision = answer.store_revision
        for name, value in answer.output_parameters.items():
            response.output_parameters[name].CopyFrom(value)
        return integration

    async def _is_synchronous(self, replay: ReplayRequest, accepted: Accepted) -> bool:
        """Whether the answer waits for the end; the new execution has the method of the original if none was asked."""
        if not replay.same_method:
            return replay.method is ExecutionMethod.POST
        row = await self._engine.queries.row(accepted.executions[0][0])
        return row.created.execution_method == ExecutionMethod.POST
