"""Starting executions: the Execute use case, and the making of sub-executions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from perdure.domain.commands import Start
from perdure.domain.decide import create
from perdure.domain.errors import AlreadyExists, IllegalCommand, LimitReached, NotFound, Unavailable, WrongState
from perdure.domain.events import ExecutionCreated
from perdure.domain.frozen import frozen
from perdure.domain.states import ExecutionMethod, ExecutionState, StartedBy
from perdure.engine.breakpoints import breakpoint_faults
from perdure.engine.criteria import CriteriaNotMet, check_criteria
from perdure.engine.facts import labels_text
from perdure.engine.inputs import check_inputs, merge_labels
from perdure.engine.request_ids import RequestId, RequestIds
from perdure.store.errors import DuplicateKey, StoreError
from perdure.store.records import (
    ExecutionKey,
    IntegrationKey,
    NewExecution,
    Origin,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution
    from perdure.domain.graph import Graph
    from perdure.domain.value import Value
    from perdure.engine.active import ActiveSet
    from perdure.engine.definitions import Definition, Definitions
    from perdure.engine.environment import Environment
    from perdure.engine.start_request import StartRequest

ALL_INTEGRATIONS: Final = "-"
ACTIVE_MAX: Final = 200_000
"""Executions in memory beyond which new ones are refused."""
WILDCARD_MAX: Final = 100
"""Executions that one wildcard call may start."""


@frozen
class Accepted:
    """What an Execute has started, durably.

    Attributes:
        executions: Their keys, with the integration of each.
        revision: Store revision at which they were there.
        repeated: Whether an earlier request with the same id had started them.
    """

    executions: tuple[tuple[ExecutionKey, str], ...]
    revision: int
    repeated: bool = False


@frozen
class ParentLink:
    """How a new execution belongs to the execution that starts it.

    Attributes:
        execution: State of the parent, as it is now.
    """

    execution: Execution
    parent: ExecutionKey
    task_id: str
    generation: int
    item: int = 0
    orphan: bool = False
    implicit_task: str = ""


class Starter:
    """Makes executions durable and sets them going.

    Attributes:
        request_ids: What the request ids of `Execute` were used for.
    """

    def __init__(self, environment: Environment, definitions: Definitions, active: ActiveSet) -> None:
        self._env = environment
        self._definitions = definitions
        self._active = active
        self.request_ids: RequestIds[Accepted] = RequestIds(environment)

    async def execute(self, request: StartRequest) -> Accepted:
        """Start what a caller asks for; returns when it is durable (rows 1 to 3, 5 to 9).

        Raises:
            PerdureError: Nothing was started; or, for `Unavailable`, a retry with the same request id is safe.
        """
        if not request.request_id:
            return await self._start(request, RequestId(request.project, "", b""))
        request_id = RequestId(request.project, request.request_id, request.digest())
        accepted = await self.request_ids.recent(request_id)
        if accepted is not None:
            return replace(accepted, repeated=True)
        return await self.request_ids.once(request_id, lambda: self._start(request, request_id))

    async def check(self, request: StartRequest) -> None:
        """Find out whether a new execution could be started, and start nothing.

        Raises:
            PerdureError: It could not.
        """
        prepared = self._prepare_all(request, await self._matching(request))
        if not request.user_execution_id:
            return
        key = prepared[0][0].key
        if self._active.get(key) is not None or await self._env.store.get_row(key) is not None:
            raise AlreadyExists(f"execution {key.execution} exists already", reason="EXECUTION_ALREADY_EXISTS")

    async def _start(self, request: StartRequest, request_id: RequestId) -> Accepted:
        if request.held_execution_id:
            return await self._start_held(request, request_id)
        if len(self._active) >= ACTIVE_MAX:
            raise LimitReached("too many executions are under way", reason="TOO_MANY_REQUESTS", retry_after=1.0)
        created = self._prepare_all(request, await self._matching(request))
        if request.user_execution_id and await self._exists(created[0][0].key):
            return await self._taken(request, request_id)
        return await self._commit(request, request_id, created)

    async def _exists(self, key: ExecutionKey) -> bool:
        """Find out whether an execution is there, durably.

        If not, none has come into memory on return: its place there is free for whoever creates it at once.

        Raises:
            Unavailable: The store refuses, or has refused to create it.
        """
        if self._active.get(key) is None:
            try:
                row = await self._env.store.get_row(key)
            except StoreError as error:
                raise Unavailable("the store cannot be read now") from error
            if row is not None:
                return True
        live = self._active.get(key)
        if live is None:
            return False
        await self._active.durable(live)
        return True

    async def _matching(self, request: StartRequest) -> list[Definition]:
        if request.integration != ALL_INTEGRATIONS:
            key = IntegrationKey(request.project, request.integration)
            if request.revision_id:
                return [await self._definitions.revision_by_id(key, request.revision_id)]
            return [await self._definitions.latest(key)]
        records = await self._env.store.integrations_with_trigger(request.project, request.trigger_id)
        if not records:
            raise NotFound("trigger", request.trigger_id, reason="TRIGGER_NOT_FOUND")
        if len(records) > WILDCARD_MAX:
            message = f"{len(records)} integrations have trigger {request.trigger_id}, at most {WILDCARD_MAX} can start"
            raise LimitReached(message, reason="TOO_MANY_REQUESTS")
        return [await self._definitions.latest(record.key) for record in records]

    def _prepare_all(
        self, request: StartRequest, definitions: list[Definition]
    ) -> list[tuple[NewExecution, Transition]]:
        """Make what is to be started; with `-` integrations whose criteria are not met do not match."""
        if request.integration != ALL_INTEGRATIONS:
            return [self._prepare(request, found) for found in definitions]
        prepared = []
        for found in definitions:
            with suppress(CriteriaNotMet):
                prepared.append(self._prepare(request, found))
        if not prepared:
            message = f"no integration with trigger {request.trigger_id} has criteria that these inputs meet"
            raise CriteriaNotMet(message)
        return prepared

    def _prepare(self, request: StartRequest, found: Definition) -> tuple[NewExecution, Transition]:
        integration = found.integration
        graph = found.graph(request.trigger_id)
        faults = breakpoint_faults(request.breakpoints, graph, self._env.evaluator)
        inputs = check_inputs(integration, request.inputs, self._env.evaluator, more=faults)
        execution_id = request.user_execution_id or self._env.chance.execution_id()
        synchronous = request.method is ExecutionMethod.POST
        scheduled = request.method is ExecutionMethod.SCHEDULE
        now = self._env.clock.now()
        created = ExecutionCreated(
            integration=integration.name,
            revision_id=integration.revision_id,
            ordinal=integration.ordinal,
            trigger_id=request.trigger_id,
            method=request.method,
            state=ExecutionState.PROCESSING if synchronous else ExecutionState.PENDING,
            inputs=inputs,
            parameters=integration.initial_parameters(inputs),
            principal=request.principal,
            started_by=StartedBy.SCHEDULE if scheduled else StartedBy.CALL,
            root=execution_id,
            root_integration=integration.name,
            priority=integration.default_priority if request.priority is None else request.priority,
            labels=merge_labels(integration, request.labels),
            description=request.description,
            schedule_time=None if synchronous else (request.schedule_time if scheduled else now) or now,
            max_runtime=integration.max_runtime if request.max_runtime is None else request.max_runtime,
            trace_parent=request.trace_parent,
            trace_state=request.trace_state,
            breakpoints=request.breakpoints,
            development=request.development,
            savepoint_retention=request.savepoint_retention or integration.savepoint_retention,
        )
        key = ExecutionKey(request.project, execution_id)
        check_criteria(created, graph, key, self._env.context())
        return self._new(created, graph, key, None)

    def _new(
        self, created: ExecutionCreated, graph: Graph, key: ExecutionKey, origin: Origin | None
    ) -> tuple[NewExecution, Transition]:
        transition = create(created, graph, key.execution, key.project, self._env.context())
        columns = NewExecution(
            key=key,
            integration=created.integration,
            revision_id=created.revision_id,
            trigger_id=created.trigger_id,
            execution_method=created.method,
            labels=labels_text(created.labels),
            create_time=transition.execution.create_time,
            root=created.root,
            origin=origin,
            orphan=created.orphan,
            root_integration=created.root_integration,
            parent_integration=created.parent_integration,
            ancestors=created.ancestors,
            started_by=created.started_by,
            principal=created.principal,
            schedule_time=created.schedule_time if created.method is ExecutionMethod.SCHEDULE else None,
            max_runtime=created.max_runtime,
            replay_of="" if created.replay is None else created.replay.original,
        )
        return columns, transition

    async def _commit(
        self, request: StartRequest, request_id: RequestId, created: list[tuple[NewExecution, Transition]]
    ) -> Accepted:
        record = self.request_ids.record(request_id, [columns.key.execution for columns, _ in created])
        future = self._active.create(created, record)
        started = tuple((columns.key, columns.integration) for columns, _ in created)
        live = self._active.get(started[0][0])
        revision = live.revision if live else self._env.store.committed_revision()
        try:
            await future
        except DuplicateKey:
            return await self._taken(request, request_id)
        except StoreError as error:
            raise Unavailable("the store refused to write") from error
        return Accepted(started, revision)

    async def _taken(self, request: StartRequest, request_id: RequestId) -> Accepted:
        """Answer a request whose key is in the store: repeated, reused, or another's execution id."""
        repeated = await self._repeated(request_id)
        if repeated is None:
            message = f"execution {request.user_execution_id} exists already"
            raise AlreadyExists(message, reason="EXECUTION_ALREADY_EXISTS")
        return repeated

    async def _repeated(self, request_id: RequestId) -> Accepted | None:
        """Find what an earlier request with the same id has started; None if there was none.

        Raises:
            NotFound: What it has started has been deleted since; the id is kept longer.
        """
        record = await self.request_ids.stored(request_id)
        if record is None:
            return None
        store = self._env.store
        found = []
        for execution_id in record.executions:
            key = ExecutionKey(record.project, execution_id)
            row = await store.get_row(key)
            if row is None:
                raise NotFound("execution", execution_id)
            found.append((key, row.created.integration))
        return Accepted(tuple(found), store.committed_revision(), repeated=True)

    async def _start_held(self, request: StartRequest, request_id: RequestId) -> Accepted:
        """Start an execution that is on hold, now (row 9)."""
        repeated = await self._repeated(request_id)
        if repeated is not None:
            return repeated
        key = ExecutionKey(request.project, request.held_execution_id)
        row = await self._env.store.get_row(key)
        named = row is not None and request.integration in (ALL_INTEGRATIONS, row.created.integration)
        if row is None or not named:
            raise NotFound("execution", key.execution)
        try:
            record = self.request_ids.record(request_id, [key.execution])
            transition = await self._active.command(key, Start(), record)
        except IllegalCommand as error:
            raise WrongState(str(error), reason="EXECUTION_NOT_ON_HOLD") from error
        if transition is None:
            raise WrongState(f"execution {key.execution} has ended", reason="EXECUTION_NOT_ON_HOLD")
        return Accepted(((key, row.created.integration),), self._env.store.committed_revision())

    async def start_child(
        self, found: Definition, trigger_id: str, inputs: Mapping[str, Value], key: ExecutionKey, link: ParentLink
    ) -> None:
        """Create a sub-execution; it is durable on return. One that exists already is left alone.

        Raises:
            PerdureError: It cannot be started as asked for.
        """
        if await self._exists(key):
            return
        try:
            await self._active.create([self.child(found, trigger_id, inputs, key, link)], None)
        except DuplicateKey:
            return
        except StoreError as error:
            raise Unavailable("the store refused to write") from error

    def child(
        self, found: Definition, trigger_id: str, inputs: Mapping[str, Value], key: ExecutionKey, link: ParentLink
    ) -> tuple[NewExecution, Transition]:
        """Make a sub-execution, not yet stored: same method, principal, priority and trace as its parent."""
        parent = link.execution.created
        integration = found.integration
        graph = found.graph(trigger_id, link.implicit_task)
        if not link.implicit_task:
            inputs = check_inputs(integration, inputs, self._env.evaluator, field="parameters")
        synchronous = parent.method is ExecutionMethod.POST
        root = (key.execution, integration.name) if link.orphan else (parent.root, parent.root_integration)
        created = ExecutionCreated(
            integration=integration.name,
            revision_id=integration.revision_id,
            ordinal=integration.ordinal,
            trigger_id=trigger_id,
            method=ExecutionMethod.POST if synchronous else ExecutionMethod.POST_TO_QUEUE,
            state=ExecutionState.PROCESSING if synchronous else ExecutionState.PENDING,
            inputs=inputs,
            parameters=dict(inputs) if link.implicit_task else integration.initial_parameters(inputs),
            principal=parent.principal,
            started_by=StartedBy.PARENT,
            root=root[0],
            root_integration=root[1],
            priority=link.execution.priority,
            labels={} if link.implicit_task else dict(integration.labels),
            schedule_time=None if synchronous else self._env.clock.now(),
            max_runtime=0 if link.implicit_task else integration.max_runtime,
            parent=link.parent.execution,
            parent_integration=parent.integration,
            parent_task=link.task_id,
            generation=link.generation,
            item=link.item,
            depth=parent.depth + 1,
            orphan=link.orphan,
            implicit_task=link.implicit_task,
            trace_parent=parent.trace_parent,
            trace_state=parent.trace_state,
            ancestors=() if link.orphan else (*parent.ancestors, link.parent.execution),
            development=link.execution.development,
            savepoint_retention=integration.savepoint_retention,
        )
        check_criteria(created, graph, key, self._env.context())
        origin = Origin(link.parent.execution, link.task_id, link.generation, link.item)
        return self._new(created, graph, key, origin)
