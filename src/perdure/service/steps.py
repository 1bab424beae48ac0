"""`ListExecutionSteps`: the attempts of all tasks, with what they followed and what followed them (row 31)."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from perdure.codec.errors import put_error
from perdure.codec.message_parts import TASK_STATES, put_instant, put_length, put_value_messages
from perdure.codec.names import execution_name
from perdure.domain import events as ev
from perdure.domain.integration import SubIntegration
from perdure.domain.value import NO_VALUES, Value
from perdure.engine.queries import require_history
from perdure.service.fields import Faults
from perdure.service.paging import FULL_PAGE_MAX, PAGE_MAX, PAGE_MAX_BYTES, check_page_size
from perdure.service.step_fold import StepFold
from perdure.service.views import key_of
from perdure.v1.step_pb2 import ExecutionStep, ListExecutionStepsRequest, ListExecutionStepsResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.events import Event
    from perdure.domain.graph import Graph
    from perdure.engine.engine import Engine
    from perdure.service.call import Call
    from perdure.service.names import NameReader
    from perdure.service.paging import Pager
    from perdure.service.snapshot_reading import Extent
    from perdure.service.step_fold import Step
    from perdure.service.views import Views
    from perdure.store.records import ExecutionKey

KEPT_STEPS: Final = 50_000
"""Steps of executions that are kept, so that the next page need not fold the history again."""

_Kept = tuple["ExecutionKey", int, int]


class StepLists:
    """Lists the steps of executions."""

    def __init__(self, engine: Engine, names: NameReader, views: Views, pager: Pager) -> None:
        self._queries = engine.queries
        self._clock = engine.environment.clock
        self._store = engine.environment.store
        self._location = engine.environment.location
        self._names = names
        self._views = views
        self._pager = pager
        self._kept: OrderedDict[_Kept, tuple[Graph, list[Step]]] = OrderedDict()
        self._kept_steps = 0

    async def list_execution_steps(self, request: ListExecutionStepsRequest, _: Call) -> ListExecutionStepsResponse:
        """List the steps of an execution by rising number (row 31)."""
        faults = Faults()
        with faults.noted():
            parent = self._names.execution(request.parent, "parent")
        check_page_size(request.page_size, faults)
        if request.view not in ListExecutionStepsRequest.View.values():
            faults.add("view", "is none of VIEW_BASIC and VIEW_DETAILED")
        faults.refuse_if_any()
        detailed = request.view == ListExecutionStepsRequest.VIEW_DETAILED
        most = FULL_PAGE_MAX if detailed else PAGE_MAX
        wanted = self._pager.read(request, most=most, store_revision=self._store.committed_revision())
        key = key_of(parent)
        graph, steps = await self._steps(key, await self._views.extent(parent))
        response = ListExecutionStepsResponse(total_size=len(steps), store_revision=wanted.store_revision)
        first = int(wanted.key[0]) if wanted.key else 0
        size = 0
        for step in steps[first : first + wanted.size]:
            shown = self._show(step, graph, key)
            if detailed:
                await self._put_values(step, key, shown)
            size += shown.ByteSize()
            if response.execution_steps and size > PAGE_MAX_BYTES:
                break
            response.execution_steps.append(shown)
        last = first + len(response.execution_steps)
        if last < len(steps):
            response.next_page_token = self._pager.token(wanted, str(last))
        return response

    async def _steps(self, key: ExecutionKey, extent: Extent) -> tuple[Graph, list[Step]]:
        """Fold the history up to where it was looked at."""
        require_history(await self._queries.row(key))
        wanted = (key, extent.create_time, extent.sequence)
        kept = self._kept.get(wanted)
        if kept is not None:
            self._kept.move_to_end(wanted)
            return kept
        _, graph = await self._queries.created_event(key)
        fold = StepFold(graph)
        async with aclosing(self._queries.events(key, 0)) as events:
            async for each in events:
                fold.add(each.event, each.sequence, each.time)
                if each.sequence == extent.sequence:
                    break
        self._keep(wanted, graph, fold.steps)
        return graph, fold.steps

    def _keep(self, wanted: _Kept, graph: Graph, steps: list[Step]) -> None:
        if wanted in self._kept:
            return
        self._kept[wanted] = (graph, steps)
        self._kept_steps += len(steps)
        while self._kept_steps > KEPT_STEPS:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._kept_steps -= len(oldest)

    def _show(self, step: Step, graph: Graph, key: ExecutionKey) -> ExecutionStep:
        shown = ExecutionStep(
            step_number=step.number,
            task_number=step.task_id,
            task=step.handler,
            kind=step.kind,
            execution_attempt=step.execution_attempt,
            attempt=step.attempt,
            state=TASK_STATES[step.state],
            worker=step.worker,
            previous_steps=step.previous,
            next_steps=step.next,
        )
        put_instant(step.start_time, shown.start_time)
        if step.end_time is not None:
            put_instant(step.end_time, shown.end_time)
        end = self._clock.now() if step.end_time is None else step.end_time
        # The clock may have been set back since the start.
        put_length(max(end - step.start_time, 0), shown.duration)
        if step.failure is not None:
            put_error(step.failure, shown.error)
        config = graph.tasks[step.task_id]
        if step.edges is not None:
            for edge, result in zip(config.edges, step.edges, strict=True):
                shown.condition_results.add(next_task_number=edge.target, result=result)
        if step.items:
            shown.iterations.count = step.items
            shown.iterations.finished = step.finished_items
        if step.child and isinstance(config.built_in, SubIntegration):
            shown.sub_execution = execution_name(key.project, self._location, config.built_in.integration, step.child)
        return shown

    async def _put_values(self, step: Step, key: ExecutionKey, shown: ExecutionStep) -> None:
        """Read the inputs and outputs of a step from where they stand in the history."""
        if step.inputs_at:
            put_value_messages(_inputs(await self._event(key, step.inputs_at), step.task_id), shown.inputs)
        if step.outputs_at:
            event = await self._event(key, step.outputs_at)
            assert isinstance(event, ev.TaskSucceeded), "outputs come with a success"
            put_value_messages(event.outputs, shown.outputs)

    async def _event(self, key: ExecutionKey, sequence: int) -> Event:
        history = await self._queries.history(key, sequence - 1, 1)
        return history.events[0].event


def _inputs(event: Event, task_id: str) -> Mapping[str, Value]:
    if isinstance(event, ev.ExecutionCreated):
        return event.replay.copied[task_id].inputs if event.replay is not None else NO_VALUES
    assert isinstance(event, ev.TaskStarted | ev.TaskRetried), "inputs come with an attempt"
    return event.inputs or NO_VALUES
