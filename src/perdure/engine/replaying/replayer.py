"""Replaying executions: a new execution that begins where another one stood (rows 44 to 48)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.domain.commands import Cancel
from perdure.domain.errors import (
    AlreadyExists,
    FieldViolation,
    InvalidRequest,
    LimitReached,
    NotFound,
    Unavailable,
    WrongState,
)
from perdure.domain.events import ExecutionCreated, Replay
from perdure.domain.states import ExecutionMethod, ExecutionState, ReplayMode, StartedBy
from perdure.engine.breakpoints import breakpoint_faults
from perdure.engine.inputs import check_inputs
from perdure.engine.replaying.original import Originals
from perdure.engine.replaying.parameters import FIELD, continued, modified, received
from perdure.engine.replaying.takeover import placeholders, stays_done, task_misfits, with_edges
from perdure.engine.request_ids import RequestId, RequestIds
from perdure.engine.starting import ACTIVE_MAX, ALL_INTEGRATIONS, Starter
from perdure.store.errors import StoreError
from perdure.store.records import ExecutionKey, IntegrationKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution
    from perdure.domain.graph import Graph
    from perdure.domain.value import Value
    from perdure.engine.active import ActiveSet
    from perdure.engine.definitions import Definition, Definitions
    from perdure.engine.environment import Environment
    from perdure.engine.queries import Queries
    from perdure.engine.replaying.original import Original
    from perdure.engine.replaying.request import ReplayRequest
    from perdure.engine.starting import Accepted
    from perdure.store.records import NewExecution

REPLAY_METHOD: Final = "ReplayExecution"

LINKS_MAX: Final = 100
"""Replays that an execution names."""


class _Values(NamedTuple):
    """The values with which a replay begins."""

    inputs: Mapping[str, Value]
    parameters: Mapping[str, Value]


class Replayer(Starter):
    """Makes replays durable and sets them going, under request ids of their own.

    Args:
        environment, definitions, active: As for every starter.
        queries: Reads the histories of originals.
        ended: Waits for the end of an execution.
    """

    def __init__(
        self,
        environment: Environment,
        definitions: Definitions,
        active: ActiveSet,
        queries: Queries,
        ended: Callable[[ExecutionKey], Awaitable[Execution]],
    ) -> None:
        super().__init__(environment, definitions, active)
        self.request_ids = RequestIds(environment, REPLAY_METHOD)
        self._originals = Originals(active, queries)
        self._ended = ended

    async def replays(self, key: ExecutionKey) -> list[str]:
        """Name the executions that replay one, newest first, at most `LINKS_MAX`."""
        try:
            return (await self._env.store.replays(key))[:LINKS_MAX]
        except StoreError as error:
            raise Unavailable("the store cannot be read now") from error

    async def _find(self, request: ReplayRequest) -> Original:
        """Find the execution to replay.

        Raises:
            NotFound: There is none of that name.
            InvalidRequest: It is an item of a `for-each`, which has no definition of its own.
        """
        found = await self._originals.find(_original_key(request))
        created = found.created
        if request.integration not in {ALL_INTEGRATIONS, created.integration}:
            raise NotFound("execution", request.original)
        if created.implicit_task:
            description = f"is an item of task {created.parent_task} of execution {created.parent}; replay that one"
            raise InvalidRequest(f"name: {description}", FieldViolation("name", description))
        return found

    async def check_replay(self, request: ReplayRequest) -> str:
        """Find out whether an execution could be replayed, and start nothing; returns the id of its integration.

        Raises:
            PerdureError: It could not.
        """
        new, _ = await self._prepare_replay(request, await self._find(request))
        await self._check_free(request, new.key)
        return new.integration

    async def replay(self, request: ReplayRequest) -> Accepted:
        """Start a replay; returns when it is durable.

        Raises:
            PerdureError: Nothing was started; the original may have been cancelled, if that was asked for.
        """
        if not request.request_id:
            return await self._replay(request, RequestId(request.project, "", b""))
        request_id = RequestId(request.project, request.request_id, request.digest())
        accepted = await self.request_ids.recent(request_id)
        if accepted is not None:
            return replace(accepted, repeated=True)
        return await self.request_ids.once(request_id, lambda: self._replay(request, request_id))

    async def _replay(self, request: ReplayRequest, request_id: RequestId) -> Accepted:
        # Asked first, because the original may be gone, or be another one, since the first answer.
        repeated = await self._repeated(request_id)
        if repeated is not None:
            return repeated
        if len(self._active) >= ACTIVE_MAX:
            raise LimitReached("too many executions are under way", reason="TOO_MANY_REQUESTS", retry_after=1.0)
        found = await self._find(request)
        if request.cancel_original and not found.has_ended:
            found = await self._cancel_original(request, found)
        created = await self._prepare_replay(request, found)
        if request.user_execution_id and await self._exists(created[0].key):
            return await self._taken(request, request_id)
        return await self._commit(request, request_id, [created])

    async def _cancel_original(self, request: ReplayRequest, found: Original) -> Original:
        """Cancel the original and wait until it has ended, unless the replay is refused anyway."""
        new, _ = await self._prepare_replay(request, found)
        await self._check_free(request, new.key)
        key = _original_key(request)
        await self._active.command(key, Cancel(request.reason, request.principal))
        await self._ended(key)
        return await self._find(request)

    async def _check_free(self, request: ReplayRequest, key: ExecutionKey) -> None:
        if request.user_execution_id and await self._exists(key):
            raise AlreadyExists(f"execution {key.execution} exists already", reason="EXECUTION_ALREADY_EXISTS")

    async def _prepare_replay(self, request: ReplayRequest, found: Original) -> tuple[NewExecution, Transition]:
        _check_failed(request, found)
        definition = await self._definition(request, found)
        original = await self._originals.at_point(_original_key(request), found, request)
        _check_settled(request, original)
        graph = definition.graph(original.created.trigger_id)
        key = ExecutionKey(request.project, request.user_execution_id or self._env.chance.execution_id())
        created = self._created(request, original, definition, graph, key)
        return self._new(created, graph, key, None)

    async def _definition(self, request: ReplayRequest, found: Original) -> Definition:
        """Choose the revision that runs; an integration that was deleted is not started any more."""
        key = IntegrationKey(request.project, found.created.integration)
        latest = await self._definitions.latest(key)
        return latest if request.use_latest_revision else await self._definitions.revision(key, found.created.ordinal)

    def _created(
        self, request: ReplayRequest, original: Original, definition: Definition, graph: Graph, key: ExecutionKey
    ) -> ExecutionCreated:
        """Make the first event of a replay; it takes over whatever the request does not say."""
        before = original.created
        integration = definition.integration
        faults = breakpoint_faults(request.breakpoints, graph, self._env.evaluator)
        if faults:
            raise InvalidRequest(f"{faults[0].path}: {faults[0].description}", *faults)
        values, misfits = self._values(request, original, definition)
        method = _method(request, before)
        synchronous = method is ExecutionMethod.POST
        created = ExecutionCreated(
            integration=integration.name,
            revision_id=integration.revision_id,
            ordinal=integration.ordinal,
            trigger_id=before.trigger_id,
            method=method,
            state=ExecutionState.PROCESSING if synchronous else ExecutionState.PENDING,
            inputs=values.inputs,
            parameters=values.parameters,
            principal=request.principal,
            started_by=StartedBy.REPLAY,
            root=key.execution,
            root_integration=integration.name,
            priority=original.priority,
            labels=original.labels,
            description=original.description,
            schedule_time=None if synchronous else self._env.clock.now(),
            max_runtime=before.max_runtime,
            trace_parent=request.trace_parent,
            trace_state=request.trace_state,
            replay=Replay(request.original, before.integration, request.mode, request.reason, request.snapshot_number),
            breakpoints=request.breakpoints,
            development=request.development,
            savepoint_retention=before.savepoint_retention,
        )
        if request.mode is ReplayMode.FROM_BEGINNING:
            return created
        return self._taken_over(created, original, graph, key, misfits)

    def _values(self, request: ReplayRequest, original: Original, definition: Definition) -> tuple[_Values, list[str]]:
        """Work out the inputs and parameters, and what of the original's own does not fit the revision."""
        integration = definition.integration
        before = original.created
        if request.mode is ReplayMode.FROM_BEGINNING:
            chosen = modified(before.inputs, request)
            inputs = check_inputs(integration, chosen, self._env.evaluator, field=FIELD)
            return _Values(inputs, integration.initial_parameters(inputs)), []
        parameters, misfits = continued(integration, original.parameters, request, self._env.evaluator)
        return _Values(received(integration, before.inputs, parameters, request), parameters), misfits

    def _taken_over(
        self, created: ExecutionCreated, original: Original, graph: Graph, key: ExecutionKey, misfits: list[str]
    ) -> ExecutionCreated:
        """Add the tasks that count as done.

        Raises:
            WrongState: The revision cannot take them over.
        """
        replay = created.replay
        assert replay is not None
        done = stays_done(original.done, original.skipped, graph)
        if created.ordinal == original.created.ordinal:
            return replace(created, replay=replace(replay, copied={each: task.copied for each, task in done.items()}))
        _check_fits(created, [*misfits, *task_misfits(done, graph)])
        created = replace(created, replay=replace(replay, copied=placeholders(done, graph)))
        copied, misfits = with_edges(done, created, graph, key, self._env.context())
        _check_fits(created, misfits)
        return replace(created, replay=replace(replay, copied=copied))


def _original_key(request: ReplayRequest) -> ExecutionKey:
    return ExecutionKey(request.project, request.original)


def _method(request: ReplayRequest, before: ExecutionCreated) -> ExecutionMethod:
    """Tell when to answer; what was scheduled once is replayed now."""
    method = before.method if request.same_method else request.method
    return ExecutionMethod.POST_TO_QUEUE if method is ExecutionMethod.SCHEDULE else method


def _check_failed(request: ReplayRequest, found: Original) -> None:
    """Check that there is a point of failure, where one is needed."""
    if request.mode is not ReplayMode.POINT_OF_FAILURE:
        return
    if found.state is ExecutionState.SUCCEEDED:
        message = f"execution {request.original} has succeeded; replay it from the beginning or from a snapshot"
        raise WrongState(message, reason="EXECUTION_NOT_FAILED")
    if not found.has_ended and not request.cancel_original:
        message = f"execution {request.original} has not ended; wait until it has, or set cancel_original"
        raise WrongState(message, reason="EXECUTION_NOT_ENDED")


def _check_settled(request: ReplayRequest, original: Original) -> None:
    """Check that the original will not undo what the replay takes over; only its end tells."""
    if original.has_ended or request.cancel_original or request.mode is not ReplayMode.FROM_SNAPSHOT:
        return
    undoable = ", ".join(task_id for task_id, task in original.done.items() if task.config.rollback is not None)
    if undoable:
        message = (
            f"execution {request.original} has not ended and may still undo what the replay takes over ({undoable}); "
            "wait until it has, or set cancel_original"
        )
        raise WrongState(message, reason="EXECUTION_NOT_ENDED")


def _check_fits(created: ExecutionCreated, misfits: list[str]) -> None:
    if misfits:
        message = f"revision {created.revision_id} cannot take over what is done: {'; '.join(misfits)}"
        raise WrongState(message, reason="REPLAY_REVISION_MISMATCH")
