"""Carries out effects: offers attempts to workers, runs sub-executions and loops, tells parents.

Everything here may be asked for twice and must not matter twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.codec.names import execution_name
from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain.errors import PerdureError, Unavailable
from perdure.domain.execution import generation
from perdure.domain.integration import ForEach, SubIntegration
from perdure.domain.limits import CANCEL_GRACE
from perdure.domain.value import NO_VALUES
from perdure.engine.attempts import at_work
from perdure.engine.depth import check_depth
from perdure.engine.fan_out import start_failure
from perdure.engine.ports import Offer, Stopped
from perdure.engine.starting import ParentLink
from perdure.store.records import ExecutionKey, IntegrationKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from perdure.domain.execution import Execution
    from perdure.domain.task import TaskRun
    from perdure.engine.active import ActiveSet
    from perdure.engine.definitions import Definitions
    from perdure.engine.environment import Environment
    from perdure.engine.fan_out import FanOut
    from perdure.engine.live import Live
    from perdure.engine.ports import Offers
    from perdure.engine.starting import Starter


class Performer:
    """Carries out the effects of durable transitions, in the order in which they became durable."""

    def __init__(
        self,
        environment: Environment,
        definitions: Definitions,
        active: ActiveSet,
        starter: Starter,
        fan_out: FanOut,
        offers: Offers,
    ) -> None:
        self._env = environment
        self._definitions = definitions
        self._active = active
        self._starter = starter
        self._fan_out = fan_out
        self._offers = offers
        self._perform_one: dict[type, Callable[[Live, Any], None]] = {
            ef.OfferAttempt: self._offer,
            ef.StopAttempt: self._stop,
            ef.RunChild: self._run_child,
            ef.RunItems: self._run_items,
            ef.CancelChildren: self._cancel_children,
            ef.ReportToParent: self._report_to_parent,
        }

    def perform(self, live: Live, effects: Sequence[ef.Effect]) -> None:
        """Carry out effects of an execution."""
        for effect in effects:
            self._perform_one[type(effect)](live, effect)

    def _offer(self, live: Live, effect: ef.OfferAttempt) -> None:
        run = at_work(live.execution, *_ids(effect))
        if run is None:
            return
        undoes = run.is_being_undone
        if live.execution.is_stopping and not undoes:
            return
        self._offers.offer(self._offer_of(live, effect, run, undoes=undoes))

    def _offer_of(self, live: Live, effect: ef.OfferAttempt, run: TaskRun, *, undoes: bool) -> Offer:
        execution = live.execution
        created = execution.created
        rollback = run.config.rollback if undoes else None
        task_key = f"{live.key.project}/{execution.id}/{effect.task_id}"
        return Offer(
            key=live.key,
            execution_name=execution_name(live.key.project, self._env.location, created.integration, execution.id),
            integration=created.integration,
            revision_id=created.revision_id,
            task_id=effect.task_id,
            execution_attempt=effect.execution_attempt,
            attempt=effect.attempt,
            handler=rollback.handler if rollback else run.config.handler,
            priority=execution.priority,
            order=execution.create_time,
            inputs=run.inputs,
            deadline=run.due,
            idempotency_key=f"{task_key}/rollback" if undoes else task_key,
            trace_parent=created.trace_parent,
            trace_state=created.trace_state,
            development=execution.development,
            rollback=undoes,
            forward_outputs=run.outputs if undoes else NO_VALUES,
            forward_outcome_unknown=undoes and run.unknown,
        )

    def _stop(self, live: Live, effect: ef.StopAttempt) -> None:
        ids = _ids(effect)
        reason = live.execution.cancel_reason or "the attempt is not wanted any more"
        stopped = self._offers.stop(live.key, *ids, reason, CANCEL_GRACE)
        if stopped is not Stopped.TOLD and not live.execution.is_terminal:
            report = cmd.ReportStopped(*ids, begun=stopped is Stopped.UNKNOWN)
            self._env.insist(lambda: self._report(live.key, report), "withdraw an attempt")

    async def _report(self, key: ExecutionKey, command: cmd.Command) -> None:
        await self._active.command(key, command)

    def _run_child(self, live: Live, effect: ef.RunChild) -> None:
        self._env.insist(lambda: self._run_child_until_started(live.key, effect), f"start {effect.child}")

    async def _run_child_until_started(self, parent_key: ExecutionKey, effect: ef.RunChild) -> None:
        parent = await self._active.load(parent_key)
        ids = _ids(effect)
        run = at_work(parent.execution, *ids) if parent else None
        if parent is None or run is None:
            return
        child_key = ExecutionKey(parent_key.project, effect.child)
        if parent.execution.is_stopping and not run.child_started:
            await self._report(parent_key, cmd.ReportStopped(*ids, begun=False))
            return
        try:
            await self._create_child(parent, run, effect, child_key)
        except Unavailable:
            raise
        except PerdureError as error:
            await self._report(parent_key, cmd.ReportFailure(*ids, failure=start_failure(error)))
            return
        await self._report(parent_key, cmd.ReportChildStarted(*ids, child=effect.child))
        if not _waits(run):
            return  # An orphan is nobody's any more: neither its end nor its cancel concerns the parent.
        row = await self._env.store.get_row(child_key)
        if row is not None and row.facts.end_time is not None:
            await self._active.view(child_key, lambda child, _: self._tell_parent(child))
        elif parent.execution.is_stopping or at_work(parent.execution, *ids) is None:
            await self._cancel_child(child_key, parent.execution)

    async def _create_child(self, parent: Live, run: TaskRun, effect: ef.RunChild, child_key: ExecutionKey) -> None:
        config = run.config.built_in
        assert isinstance(config, SubIntegration)
        if run.child_started:
            return
        check_depth(parent.execution)
        key = IntegrationKey(parent.key.project, config.integration)
        if config.revision_id:
            found = await self._definitions.revision_by_id(key, config.revision_id)
        else:
            found = await self._definitions.latest(key)
        link = ParentLink(
            execution=parent.execution,
            parent=parent.key,
            task_id=effect.task_id,
            generation=generation(effect.execution_attempt, effect.attempt),
            orphan=not config.wait,
        )
        await self._starter.start_child(found, config.trigger_id, run.inputs, child_key, link)

    def _run_items(self, live: Live, effect: ef.RunItems) -> None:
        if at_work(live.execution, *_ids(effect)) is not None:
            self._env.insist(lambda: self._fan_out.run(live.key, effect), f"for-each {effect.task_id}")

    def _cancel_children(self, live: Live, effect: ef.CancelChildren) -> None:
        self._env.insist(lambda: self._cancel_live_children(live, effect), f"cancel children of {effect.task_id}")

    async def _cancel_live_children(self, parent: Live, effect: ef.CancelChildren) -> None:
        config = parent.execution.graph.tasks[effect.task_id].built_in
        if isinstance(config, ForEach):
            self._fan_out.stop(parent.key, effect)
        elif not _waits(parent.execution.tasks[effect.task_id]):
            return
        number = generation(effect.execution_attempt, effect.attempt)
        for row in await self._env.store.children(parent.key, effect.task_id, number):
            await self._cancel_child(row.key, parent.execution)

    async def _cancel_child(self, key: ExecutionKey, parent: Execution) -> None:
        reason = parent.cancel_reason or "the parent execution does not need it any more"
        await self._active.command(key, cmd.Cancel(reason, parent.created.principal))

    def _report_to_parent(self, live: Live, _: ef.ReportToParent) -> None:
        self._tell_parent(live.execution)

    def _tell_parent(self, child: Execution) -> None:
        created = child.created
        if not created.orphan:
            parent = ExecutionKey(child.project, created.parent)
            if not self._fan_out.item_ended(parent, child):
                self._env.insist(lambda: self._report_child_ended(parent, child), f"report {child.id}")

    async def _report_child_ended(self, parent_key: ExecutionKey, child: Execution) -> None:
        created = child.created
        parent = await self._active.load(parent_key)
        run = parent.execution.tasks.get(created.parent_task) if parent else None
        if parent is None or run is None or not isinstance(run.config.built_in, SubIntegration):
            return
        attempt = created.generation & 0xFFFFFFFF
        report = cmd.ReportChildEnded(
            created.parent_task,
            created.generation >> 32,
            attempt,
            child=child.id,
            state=child.state,
            outputs=child.outputs,
            failure=child.failure,
            incomplete=child.is_not_undone,
        )
        await self._report(parent_key, report)


def _ids(effect: ef.OfferAttempt | ef.StopAttempt | ef.RunChild | ef.RunItems) -> tuple[str, int, int]:
    return effect.task_id, effect.execution_attempt, effect.attempt


def _waits(run: TaskRun) -> bool:
    """Whether a task waits for its sub-execution instead of cutting it loose."""
    return isinstance(run.config.built_in, SubIntegration) and run.config.built_in.wait
