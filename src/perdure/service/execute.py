"""`Execute`: starts executions, and for synchronous ones waits for how they end."""

from __future__ import annotations

import asyncio
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from perdure.codec.errors import final_failure
from perdure.codec.executions import response_parameters
from perdure.codec.message_parts import put_value_messages
from perdure.codec.names import execution_name
from perdure.domain.errors import ExecutionUnsuccessful, Unavailable
from perdure.domain.states import ExecutionMethod, ExecutionState
from perdure.service.execute_request import LARGE_REQUEST_BYTES, read_execute
from perdure.service.status import DeadlinePassed
from perdure.v1.execution_service_pb2 import ExecuteResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.domain.execution import Execution
    from perdure.engine.engine import Engine
    from perdure.engine.start_request import StartRequest
    from perdure.engine.starting import Accepted
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.v1.execution_service_pb2 import ExecuteRequest

EXECUTION_METADATA_KEY: Final = "perdure-execution"

METADATA_MAX_BYTES: Final = 4 << 10
"""Size of the names sent ahead; peers refuse metadata of twice that size."""

ANSWER_MARGIN_SECONDS: Final = 0.1
"""How long before the caller's deadline a call is answered, so that the answer still arrives."""


def answer_within(remaining: float | None) -> float | None:
    """Tell how long a call may wait for an execution; None for as long as it takes."""
    return None if remaining is None else max(remaining - min(ANSWER_MARGIN_SECONDS, remaining / 10), 0.0)


class Executor:
    """Performs `Execute`.

    Attributes:
        draining: Whether nothing more is started, because the server is about to end.
    """

    def __init__(self, engine: Engine, names: NameReader) -> None:
        self.draining = False
        self._engine = engine
        self._names = names
        self._location = engine.environment.location
        self._store = engine.environment.store

    async def execute(self, request: ExecuteRequest, call: Call) -> ExecuteResponse:
        """Start what is asked for and answer as the method says."""
        if self.draining:
            raise Unavailable("the server is being stopped", reason="SHUTTING_DOWN")
        name = self._names.integration(request.name, "name", wildcard=True)
        if request.ByteSize() > LARGE_REQUEST_BYTES:
            start = await asyncio.to_thread(read_execute, request, name, call)
        else:
            start = read_execute(request, name, call)
        if request.validate_only:
            await self._engine.starter.check(start)
            return ExecuteResponse(store_revision=self._store.committed_revision())
        accepted = await self._engine.starter.execute(start)
        response = self._accepted(accepted)
        if start.method is ExecutionMethod.POST:
            ended = await self._wait(accepted, response.executions, call)
            self._put_outcome(start, ended, response)
            response.store_revision = self._store.committed_revision()
        return response

    def _accepted(self, accepted: Accepted) -> ExecuteResponse:
        names = [
            execution_name(key.project, self._location, integration, key.execution)
            for key, integration in accepted.executions
        ]
        response = ExecuteResponse(executions=names, store_revision=accepted.revision)
        if len(names) == 1:
            response.execution = names[0]
            response.execution_id = accepted.executions[0][0].execution
        return response

    async def _wait(self, accepted: Accepted, names: Sequence[str], call: Call) -> list[Execution]:
        """Tell the caller what it waits for, and wait for the ends.

        Raises:
            DeadlinePassed: The caller waits no longer; what was started goes on (decision 8).
        """
        keys = [key for key, _ in accepted.executions]
        # Asked for before anything else is awaited: an end that comes meanwhile is then not read again.
        endings = [self._engine.ending(key) for key in keys]
        try:
            async with asyncio.timeout(answer_within(call.remaining_seconds())):
                await call.send_metadata(*_names_ahead(names))
                return [await ending for ending in endings]
        except TimeoutError:
            message = "the deadline of the call has passed; the execution goes on"
            raise DeadlinePassed(message, execution=names[0]) from None
        finally:
            for key, ending in zip(keys, endings, strict=True):
                self._engine.forget_ending(key, ending)

    def _put_outcome(self, start: StartRequest, ended: Sequence[Execution], response: ExecuteResponse) -> None:
        """Add the outputs of the one execution, or raise what became of it (decisions 9 and 10)."""
        if not start.do_not_propagate_error:
            for execution, name in zip(ended, response.executions, strict=True):
                if execution.state is not ExecutionState.SUCCEEDED:
                    raise self._unsuccessful(execution, name, ended, response.executions)
        if len(ended) == 1:
            put_value_messages(response_parameters(ended[0]), response.output_parameters)

    def _unsuccessful(
        self, first: Execution, name: str, ended: Sequence[Execution], names: Sequence[str]
    ) -> ExecutionUnsuccessful:
        failure = final_failure(first)
        assert failure is not None, "an execution that did not succeed has a failure"
        cancelled = first.state is ExecutionState.CANCELLED
        pairs = zip(ended, names, strict=True)
        failed = [each for execution, each in pairs if execution.state is not ExecutionState.SUCCEEDED]
        more = {"executions": ",".join(failed)} if len(ended) > 1 else {}
        return ExecutionUnsuccessful(
            f"execution {name} {'was cancelled' if cancelled else 'failed'}: {failure.message}",
            reason="EXECUTION_CANCELLED" if cancelled else "EXECUTION_FAILED",
            execution=name,
            integration_revision_id=first.created.revision_id,
            store_revision=str(self._store.committed_revision()),
            error_code=failure.code,
            error_message=failure.message,
            **more,
        )


def _names_ahead(names: Sequence[str]) -> list[tuple[str, str]]:
    """Choose the names that are sent ahead: all of them, or of very many the first."""
    pairs = [(EXECUTION_METADATA_KEY, name) for name in names]
    sizes = accumulate(len(key) + len(name) for key, name in pairs)
    return [pair for pair, size in zip(pairs, sizes, strict=True) if size <= METADATA_MAX_BYTES]
