"""`ExplainExecution`: a typed answer to the question why an execution does not move (product.md, point 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.codec.message_parts import EXECUTION_STATES
from perdure.codec.names import execution_name
from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState
from perdure.service.explanation_blockers import Explained, explain, worker_attempts
from perdure.service.explanation_text import counted, stage, summed_up
from perdure.service.views import key_of
from perdure.store.records import ExecutionKey
from perdure.v1.explanation_pb2 import ExplainExecutionResponse

if TYPE_CHECKING:
    from perdure.dispatch.dispatcher import Dispatcher
    from perdure.domain.execution import Execution
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.explanation_blockers import Open
    from perdure.service.names import NameReader
    from perdure.service.views import Views
    from perdure.v1.explanation_pb2 import ExplainExecutionRequest

LOOKS: Final = 5
"""Looks at an execution before an attempt that is on its way is told as if nobody had been heard of."""

ITEMS_SHOWN: Final = 10


class _Look(NamedTuple):
    """An execution at one instant.

    Attributes:
        response: The answer but for what it waits for and the summary.
        beginning: Of the summary.
        complete: Whether it is known where all its attempts are.
    """

    response: ExplainExecutionResponse
    beginning: str
    explained: Explained
    complete: bool


class Explainer:
    """Explains executions."""

    def __init__(self, engine: Engine, dispatcher: Dispatcher, names: NameReader, views: Views) -> None:
        self._engine = engine
        self._dispatcher = dispatcher
        self._names = names
        self._views = views
        self._store = engine.environment.store
        self._clock = engine.environment.clock
        self._location = engine.environment.location

    async def explain_execution(self, request: ExplainExecutionRequest, _: Call) -> ExplainExecutionResponse:
        """Tell what an execution waits for."""
        name = self._names.execution(request.name, "name")
        await self._views.extent(name)
        store_revision = self._store.committed_revision()
        key = key_of(name)
        look = await self._engine.view(key, self._look)
        for _again in range(LOOKS - 1):
            if look.complete:
                break
            # An attempt reaches the dispatcher when it is durable, and leaves it before its end is.
            look = await self._engine.view(key, self._look)
        for each in look.explained.open:
            await self._complete(key, each)
        response = look.response
        response.blockers.extend(look.explained.blockers)
        response.summary = summed_up(look.beginning, look.explained.blockers)
        response.store_revision = max(response.store_revision, store_revision)
        return response

    def _look(self, execution: Execution, store_revision: int) -> _Look:
        """Take in the state of an execution and where its attempts are, in one turn of the loop."""
        attempts = worker_attempts(execution)
        where = self._dispatcher.locate(attempts)
        explained = explain(execution, where, now=self._clock.now(), location=self._location)
        integration = execution.created.integration
        response = ExplainExecutionResponse(
            execution=execution_name(execution.project, self._location, integration, execution.id),
            state=EXECUTION_STATES[execution.state],
            paused=execution.pause is not None,
            store_revision=store_revision,
        )
        return _Look(response, stage(execution), explained, len(where) == len(attempts))

    async def _complete(self, parent: ExecutionKey, waiting: Open) -> None:
        """Add what the store knows of the sub-executions that a task waits for."""
        if waiting.child:
            await self._complete_child(parent, waiting)
        else:
            await self._complete_items(parent, waiting)

    async def _complete_child(self, parent: ExecutionKey, waiting: Open) -> None:
        row = await self._store.get_row(ExecutionKey(parent.project, waiting.child))
        shown = waiting.blocker.sub_execution
        shown.execution = execution_name(parent.project, self._location, waiting.integration, waiting.child)
        state = None if row is None else ExecutionState(row.facts.state)
        if state is not None:
            shown.state = EXECUTION_STATES[state]
        status = "which is about to be created" if state is None else f"which is {state.name}"
        waiting.blocker.message = f"task {waiting.task_id} waits for its sub-execution {waiting.child}, {status}"

    async def _complete_items(self, parent: ExecutionKey, waiting: Open) -> None:
        rows = await self._store.children(parent, waiting.task_id, waiting.generation)
        live = [row for row in rows if row.state not in TERMINAL_EXECUTION_STATES]
        shown = waiting.blocker.items
        shown.SetInParent()
        shown.live = len(live)
        shown.waiting = max(waiting.items - len(rows), 0)
        shown.finished = len(rows) - len(live)
        shown.executions.extend(
            execution_name(parent.project, self._location, waiting.integration, row.key.execution)
            for row in live[:ITEMS_SHOWN]
        )
        waiting.blocker.message = (
            f"task {waiting.task_id} waits for its items: {counted(len(live), 'is', 'are')} at work,"
            f" {counted(shown.waiting, 'has', 'have')} not begun, {counted(shown.finished, 'has', 'have')} ended"
        )
