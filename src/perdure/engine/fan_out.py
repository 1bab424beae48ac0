"""The items of `for-each`: bounded parallelism, results in order, coarse progress (decision 12; row 62).

Each item is a sub-execution with its own history. What the loop itself knows is kept in memory alone and
worked out again from the rows of its children, so that ten thousand items do not mean ten thousand
events of the parent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from perdure.codec.values import decode_value, encode_python
from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain.decide.inputs import ITEMS_INPUT
from perdure.domain.errors import PerdureError, Unavailable
from perdure.domain.execution import generation
from perdure.domain.integration import ForEach
from perdure.domain.limits import VALUE_MAX_BYTES
from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionState, Failure
from perdure.domain.value import ValueKind
from perdure.engine.attempts import at_work
from perdure.engine.depth import check_depth
from perdure.engine.starting import ParentLink
from perdure.store.errors import StoreError
from perdure.store.records import ExecutionKey, IntegrationKey

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution
    from perdure.domain.task import TaskRun
    from perdure.domain.value import Value
    from perdure.engine.active import ActiveSet
    from perdure.engine.definitions import Definition, Definitions
    from perdure.engine.environment import Environment
    from perdure.engine.live import Live
    from perdure.engine.starting import Starter
    from perdure.store.records import NewExecution

PROGRESS_STEPS: Final = 20
"""A loop reports its progress about so many times."""


@dataclass(slots=True)
class Loop:
    """One attempt of a `for-each`.

    Attributes:
        waiting: Positions of the items that have not been started.
        live: Positions and keys of the items that run.
        results: Outputs by position.
        failed: Failures by position.
        unknown, incomplete: As in `ReportItemsEnded`.
        stopping: Whether no further item is to be started.
        cancelling: Whether the items that run have been asked to stop.
    """

    parent: ExecutionKey
    task_id: str
    execution_attempt: int
    attempt: int
    config: ForEach
    items: list[Value]
    found: Definition | None = None
    opening: bool = True
    waiting: deque[int] = field(default_factory=deque)
    live: dict[int, ExecutionKey] = field(default_factory=dict)
    results: dict[int, Mapping[str, Value]] = field(default_factory=dict)
    failed: dict[int, Failure] = field(default_factory=dict)
    unknown: bool = False
    incomplete: bool = False
    stopping: bool = False
    cancelling: bool = False
    ended: bool = False
    reported: int = 0
    result_bytes: int = 0

    @property
    def generation(self) -> int:
        """The attempt, as its children's origin names it."""
        return generation(self.execution_attempt, self.attempt)

    @property
    def finished(self) -> int:
        """How many items have ended."""
        return len(self.results) + len(self.failed)

    def has_ended(self, item: int) -> bool:
        """Whether it is known how an item ended."""
        return item in self.results or item in self.failed


class FanOut:
    """Runs the loops of all executions."""

    def __init__(self, environment: Environment, definitions: Definitions, active: ActiveSet, starter: Starter) -> None:
        self._env = environment
        self._definitions = definitions
        self._active = active
        self._starter = starter
        self._loops: dict[tuple[ExecutionKey, str, int], Loop] = {}

    async def run(self, key: ExecutionKey, effect: ef.RunItems) -> None:
        """Start a loop, or take it up again where its children's rows say it was."""
        parent = await self._active.load(key)
        ids = (effect.task_id, effect.execution_attempt, effect.attempt)
        run = at_work(parent.execution, *ids) if parent else None
        if parent is None or run is None:
            return
        identity = (key, effect.task_id, generation(effect.execution_attempt, effect.attempt))
        if (known := self._loops.get(identity)) is not None:
            # What held it up may have been void.
            await self._advance(known)
            return
        # Known before its rows are read, so that an item that ends meanwhile is not missed.
        loop = self._loops[identity] = self._begin(parent, run, effect)
        try:
            loop.found = await self._target(parent, loop.config)
            await self._take_up(loop)
        except PerdureError as error:
            self._close(loop)
            if isinstance(error, Unavailable):
                raise
            await self._active.command(key, cmd.ReportFailure(*ids, failure=start_failure(error)))
        except StoreError:
            self._close(loop)
            raise
        else:
            loop.opening = False
            await self._advance(loop)

    def _begin(self, parent: Live, run: TaskRun, effect: ef.RunItems) -> Loop:
        config = run.config.built_in
        assert isinstance(config, ForEach)
        return Loop(
            parent=parent.key,
            task_id=effect.task_id,
            execution_attempt=effect.execution_attempt,
            attempt=effect.attempt,
            config=config,
            items=self._env.evaluator.items(run.inputs[ITEMS_INPUT]),
            reported=run.finished_sub_job_count,
            stopping=parent.execution.is_stopping,
        )

    async def _target(self, parent: Live, config: ForEach) -> Definition:
        check_depth(parent.execution)
        project = parent.key.project
        if config.target is None:
            created = parent.execution.created
            return await self._definitions.revision(IntegrationKey(project, created.integration), created.ordinal)
        target = IntegrationKey(project, config.target.integration)
        if config.target.revision_id:
            return await self._definitions.revision_by_id(target, config.target.revision_id)
        return await self._definitions.latest(target)

    async def _take_up(self, loop: Loop) -> None:
        """Learn from the rows which items have been started, and how those ended that have."""
        begun = {row.item: row for row in await self._env.store.children(loop.parent, loop.task_id, loop.generation)}
        loop.waiting.extend(item for item in range(len(loop.items)) if item not in begun)
        loop.live.update({item: row.key for item, row in begun.items() if not loop.has_ended(item)})
        for item, row in begun.items():
            if row.state in TERMINAL_EXECUTION_STATES and loop.live.pop(item, None) is not None:
                await self._active.view(row.key, partial(self._note_stored, loop, item))

    def _note_stored(self, loop: Loop, item: int, child: Execution, _: int) -> None:
        self._note(loop, item, child)

    def _note(self, loop: Loop, item: int, child: Execution) -> None:
        """Take note of how an item ended."""
        if child.state is ExecutionState.SUCCEEDED:
            loop.results[item] = child.outputs
            loop.result_bytes += sum(len(value.encoded) for value in child.outputs.values())
            if loop.result_bytes > VALUE_MAX_BYTES:
                message = f"the results are larger than {VALUE_MAX_BYTES} bytes together"
                loop.failed.setdefault(-1, Failure("VALUE_TOO_LARGE", message, retryable=False))
                loop.stopping = True
            return
        loop.unknown = loop.unknown or any(run.unknown for run in child.tasks.values())
        loop.incomplete = loop.incomplete or child.is_not_undone
        cancelled = Failure("CANCELLED", "the sub-execution was cancelled", retryable=False)
        self._note_failed(loop, item, child.failure or cancelled)

    def _note_failed(self, loop: Loop, item: int, failure: Failure) -> None:
        loop.failed[item] = Failure(failure.code, f"item {item}: {failure.message}", failure.payload, retryable=False)
        if not loop.config.continue_on_failure:
            loop.stopping = True

    def item_ended(self, parent: ExecutionKey, child: Execution) -> bool:
        """Take note of a child that has ended; False if it is no item of a loop that runs here."""
        created = child.created
        loop = self._loops.get((parent, created.parent_task, created.generation))
        if loop is None:
            return False
        if not loop.ended and not loop.has_ended(created.item):
            loop.live.pop(created.item, None)
            self._note(loop, created.item, child)
            self._env.supervisor.spawn(self._advance(loop), f"for-each {loop.task_id}")
        return True

    def stop(self, parent: ExecutionKey, effect: ef.CancelChildren) -> None:
        """Start no further item of a loop; its live children are cancelled by the caller."""
        loop = self._loops.get((parent, effect.task_id, generation(effect.execution_attempt, effect.attempt)))
        if loop is not None:
            loop.stopping = True
            self._env.supervisor.spawn(self._advance(loop), f"stop for-each {loop.task_id}")

    async def _advance(self, loop: Loop) -> None:
        """Start items while there is room; end the loop when nothing is left to wait for."""
        if loop.ended or loop.opening:
            return
        if not loop.stopping and not self._start_items(loop):
            return
        if loop.stopping:
            loop.waiting.clear()
            if loop.failed:
                self._cancel_live(loop)
        if not loop.live and not loop.waiting:
            await self._end(loop)
        elif loop.finished - loop.reported >= max(1, len(loop.items) // PROGRESS_STEPS):
            loop.reported = loop.finished
            await self._report(
                loop,
                cmd.ReportItems(
                    loop.task_id, loop.execution_attempt, loop.attempt, finished=loop.finished, failed=len(loop.failed)
                ),
            )

    def _start_items(self, loop: Loop) -> bool:
        """Start as many items as there is room for, in one commit; False if the parent does not want them now."""
        if not loop.waiting:
            return True
        parent = self._active.get(loop.parent)
        if parent is None:
            self._close(loop)
            return False
        run = at_work(parent.execution, loop.task_id, loop.execution_attempt, loop.attempt)
        if run is None or parent.execution.is_stopping:
            # Once that is durable, `stop` follows. An item stored after it would be missed by those who cancel.
            return False
        children = []
        while loop.waiting and len(loop.live) < loop.config.parallelism and not loop.stopping:
            position = loop.waiting.popleft()
            try:
                child = self._child(loop, parent, run, position)
            except PerdureError as error:
                self._note_failed(loop, position, start_failure(error))
                continue
            loop.live[position] = child[0].key
            children.append(child)
        if children:
            future = self._active.create(children, None)
            future.add_done_callback(lambda done: self._started(loop, done))
        return True

    def _started(self, loop: Loop, done: asyncio.Future[None]) -> None:
        if done.exception() is not None and not loop.ended:
            # What was stored is found again in the children's rows.
            self._close(loop)
            effect = ef.RunItems(loop.task_id, loop.execution_attempt, loop.attempt)
            self._env.insist_later(lambda: self.run(loop.parent, effect), f"resume for-each {loop.task_id}")

    def _child(self, loop: Loop, parent: Live, run: TaskRun, position: int) -> tuple[NewExecution, Transition]:
        inputs = {key: value for key, value in run.inputs.items() if key != ITEMS_INPUT}
        inputs[loop.config.item_parameter] = loop.items[position]
        if loop.config.index_parameter:
            inputs[loop.config.index_parameter] = encode_python(position)
        key = ExecutionKey(loop.parent.project, self._env.chance.execution_id())
        target = loop.config.target
        link = ParentLink(
            execution=parent.execution,
            parent=loop.parent,
            task_id=loop.task_id,
            generation=loop.generation,
            item=position,
            implicit_task="" if target else loop.task_id,
        )
        assert loop.found is not None, "items start once the loop is open"
        return self._starter.child(loop.found, target.trigger_id if target else "", inputs, key, link)

    def _cancel_live(self, loop: Loop) -> None:
        if loop.cancelling:
            return
        loop.cancelling = True
        for key in loop.live.values():
            self._env.insist(partial(self._cancel, key), f"cancel {key.execution}")

    async def _cancel(self, key: ExecutionKey) -> None:
        await self._active.command(key, cmd.Cancel("another item of the loop has failed", ""))

    async def _end(self, loop: Loop) -> None:
        self._close(loop)
        first = min(loop.failed) if loop.failed else None
        failure = None if first is None else loop.failed[first]
        if first is not None and first >= 0 and loop.config.continue_on_failure:
            failure = None
        if failure is None and loop.finished < len(loop.items):
            failure = Failure("CANCELLED", "the loop was stopped", retryable=False)
        outputs: Mapping[str, Value] = {}
        if failure is None:
            outputs = {"results": _collect([loop.results.get(item) for item in range(len(loop.items))])}
        report = cmd.ReportItemsEnded(
            loop.task_id,
            loop.execution_attempt,
            loop.attempt,
            outputs=outputs,
            finished=loop.finished,
            failed=len(loop.failed),
            failure=failure,
            unknown=loop.unknown,
            incomplete=loop.incomplete,
        )
        await self._report(loop, report)

    async def _report(self, loop: Loop, report: cmd.Command) -> None:
        try:
            await self._active.command(loop.parent, report)
        except Unavailable:
            # The parent is read again soon, and its loop is taken up from the children's rows.
            self._close(loop)

    def _close(self, loop: Loop) -> None:
        loop.ended = True
        self._loops.pop((loop.parent, loop.task_id, loop.generation), None)


def start_failure(error: PerdureError) -> Failure:
    """Make the failure of an attempt whose sub-execution cannot start; it is permanent."""
    return Failure(error.reason_name, error.message, retryable=False)


def _collect(results: list[Mapping[str, Value] | None]) -> Value:
    """Make the list of all results: an object with the outputs of each item, null for one that failed."""
    return encode_python([None if outputs is None else _plain(outputs) for outputs in results], ValueKind.JSON)


def _plain(outputs: Mapping[str, Value]) -> dict[str, object]:
    return {name: decode_value(value) for name, value in outputs.items()}
