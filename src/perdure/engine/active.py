"""The active set: executions in memory, the commands applied to them, and the commits that follow.

State in memory may run ahead of the disk. Two rules make that safe:

1. Nothing leaves before it is durable: effects, events for watchers and answers wait for the commit of the
   newest state that they rest on.
2. If a commit is refused, everything decided on top of it is dropped and the execution is read again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, TypeVar

from perdure.domain.commands import Wake
from perdure.domain.decide import decide, pending_effects
from perdure.domain.errors import IllegalCommand, NotFound, PerdureError, Unavailable
from perdure.domain.limits import SECOND
from perdure.engine.flight import Flight
from perdure.engine.live import Live, record
from perdure.engine.rebuild import rebuild
from perdure.engine.timers import Timers
from perdure.store.errors import StoreError, StoreRefused
from perdure.store.records import Commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from perdure.domain.commands import Command
    from perdure.domain.decide.transition import Transition
    from perdure.domain.effects import Effect
    from perdure.domain.execution import Execution
    from perdure.engine.definitions import Definitions
    from perdure.engine.environment import Environment
    from perdure.engine.live import Step
    from perdure.engine.ports import Publisher
    from perdure.store.records import (
        BaseState,
        ExecutionKey,
        NewExecution,
        RequestRecord,
        StoredExecution,
    )

T = TypeVar("T")

_logger = logging.getLogger(__name__)

RELOAD_AFTER: Final = SECOND
"""Pause before an execution whose commit was refused is taken up again, in microseconds."""


class ActiveSet:
    """Holds the executions in memory and is the only way to change one."""

    def __init__(
        self,
        environment: Environment,
        definitions: Definitions,
        publisher: Publisher,
        perform: Callable[[Live, Sequence[Effect]], None],
    ) -> None:
        self._env = environment
        self._store = environment.store
        self._definitions = definitions
        self._publisher = publisher
        self._perform = perform
        self._live: dict[ExecutionKey, Live] = {}
        self._loading: dict[ExecutionKey, asyncio.Future[Live | None]] = {}
        # Executions whose state was dropped: whoever reads one again does what it needs, first of all.
        self._dropped: set[ExecutionKey] = set()
        self._endings: dict[ExecutionKey, list[asyncio.Future[Execution]]] = {}
        self._revision = environment.store.committed_revision()
        self.timers = Timers(environment.store, environment.clock, environment.supervisor, self._wake)

    def __len__(self) -> int:
        return len(self._live)

    def get(self, key: ExecutionKey) -> Live | None:
        """Find an execution if it is in memory."""
        return self._live.get(key)

    async def load(self, key: ExecutionKey) -> Live | None:
        """Bring an execution into memory; None if it does not exist or has ended."""
        live = self._live.get(key)
        if live is not None:
            return live
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = self._env.supervisor.share(self._load(key), "load")
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(loading)

    async def _load(self, key: ExecutionKey) -> Live | None:
        stored = await self._store.load(key)
        return None if stored is None or stored.row.facts.end_time is not None else await self.adopt(stored)

    async def adopt(self, stored: StoredExecution) -> Live:
        """Take a stored execution into memory. What it needs is done only if a refused commit made it be read again."""
        execution = await rebuild(stored, self._definitions)
        key = stored.row.created.key
        live = self._live.get(key)
        if live is None:
            live = Live(
                created=stored.row.created,
                execution=execution,
                submitted=execution.sequence,
                base_sequence=stored.base.sequence if stored.base else 0,
                revision=stored.row.revision,
                facts=stored.row.facts,
            )
            self._live[key] = live
            self.timers.arm(key, execution.next_wake())
            if key in self._dropped:
                # Now, while the state is what is stored: the next command may run ahead of it.
                self._dropped.remove(key)
                self._perform(live, pending_effects(execution))
        return live

    async def command(
        self,
        key: ExecutionKey,
        command: Command,
        request: RequestRecord | None = None,
        *,
        check: Callable[[Execution], None] | None = None,
    ) -> Transition | None:
        """Apply a command and wait until its outcome is durable, also if it changes nothing.

        Args:
            key: The execution.
            command: What is asked of it.
            request: The request id that asks for it.
            check: Looks at the state to which the command is applied, and raises if it must not be. It is not
                called for an execution that has ended.

        Returns:
            The transition, whose events tell whether anything changed; None if the execution does not exist or
            has ended.

        Raises:
            Unavailable: The store refused; nothing has changed.
            IllegalCommand: See `decide`.
            PerdureError: The same, or `check` refuses the state.
        """
        try:
            live = await self.load(key)
        except StoreError as error:
            raise Unavailable("the store cannot be read now") from error
        if live is None:
            return None
        ended = live.execution.is_terminal
        try:
            if check is not None and not ended:
                check(live.execution)
            transition = self.apply(live, command, request)
        except (IllegalCommand, PerdureError):
            # What forbids it may be void yet.
            await self.durable(live)
            raise
        await self.durable(live)
        return None if ended else transition

    def apply(self, live: Live, command: Command, request: RequestRecord | None = None) -> Transition:
        """Apply a command to an execution in memory and give the outcome to the store, with its request id."""
        transition = decide(live.execution, command, self._env.context())
        if transition.events:
            commit = Commit(self._next_revision(), requests=[request] if request else [])
            self._submit([self._record(live, transition, commit)], commit)
        return transition

    async def durable(self, live: Live) -> None:
        """Wait until the state of an execution, as it is now, is durable.

        Raises:
            Unavailable: The store refused; the state is void.
        """
        if live.newest is not None:
            try:
                await live.newest.landing()
            except StoreError as error:
                raise Unavailable("the store refused to write") from error

    def create(
        self, created: Iterable[tuple[NewExecution, Transition]], request: RequestRecord | None
    ) -> asyncio.Future[None]:
        """Store new executions in one commit; the future raises what the store raises, and may be cancelled."""
        commit = Commit(self._next_revision(), requests=[request] if request else [])
        steps = []
        for columns, transition in created:
            live = Live(columns, transition.execution)
            self._live[columns.key] = live
            self._dropped.discard(columns.key)
            commit.created.append(columns)
            steps.append(self._record(live, transition, commit))
        return self._submit(steps, commit).landing()

    async def delete(self, keys: Sequence[ExecutionKey], forgotten: Sequence[tuple[str, str, str]]) -> int:
        """Delete executions that have ended, and forget request ids; returns the store revision when it is durable.

        Raises:
            Unavailable: The store refused; nothing has changed.
        """
        commit = Commit(self._next_revision(), deleted=list(keys), forgotten=list(forgotten))
        flight = Flight(self._give(commit))
        # Told where the commit is settled, so that watchers hear of it in the order of the commits.
        flight.outcome.add_done_callback(lambda _: self._deleted(flight, commit))
        try:
            await flight.landing()
        except StoreError as error:
            raise Unavailable("the store refused to write") from error
        return commit.revision

    def _deleted(self, flight: Flight, commit: Commit) -> None:
        try:
            if flight.outcome.exception() is None and commit.deleted:
                self._publisher.deleted(commit.deleted, commit.revision)
        finally:
            flight.land()

    async def delete_histories(self, states: Sequence[BaseState]) -> None:
        """Delete the events of executions that have ended; returns when that is durable.

        Args:
            states: Of each of them, as of its last event.

        Raises:
            Unavailable: The store refused; nothing has changed.
        """
        keys = [state.key for state in states]
        commit = Commit(self._next_revision(), base_states=list(states), history_deleted=keys)
        try:
            await self._give(commit)
        except StoreError as error:
            raise Unavailable("the store refused to write") from error

    def next_commit(self) -> Commit:
        """Begin a commit that concerns no execution."""
        return Commit(self._next_revision())

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    def _record(self, live: Live, transition: Transition, commit: Commit) -> Step:
        return record(live, transition, commit, self._env.clock.now())

    def _submit(self, steps: list[Step], commit: Commit) -> Flight:
        flight = Flight(self._give(commit))
        for step in steps:
            step.live.newest = flight
            step.live.in_flight += 1
        flight.outcome.add_done_callback(lambda _: self._settled(flight, steps))
        return flight

    def _give(self, commit: Commit) -> asyncio.Future[None]:
        """Give a commit to the store; a store that takes none refuses it like any other."""
        try:
            return self._store.submit(commit)
        except StoreError as error:
            refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused

    def _settled(self, flight: Flight, steps: list[Step]) -> None:
        error = flight.outcome.exception()
        try:
            for step in steps:
                step.live.in_flight -= 1
                if error is not None:
                    self._drop(step.live)
                elif not step.live.dropped:
                    self._durable_step(step)
        finally:
            flight.land()

    def _durable_step(self, step: Step) -> None:
        live = step.live
        execution = live.execution
        self._publisher.publish(step.change)
        if not live.in_flight:
            self._rest(step)
        if step.effects:
            self._perform(live, step.effects)
        if execution.is_terminal and not live.in_flight:
            for ending in self._endings.pop(live.key, ()):
                if not ending.done():
                    ending.set_result(execution)

    def _rest(self, step: Step) -> None:
        """Let an execution leave memory if its newest state is durable and merely waits; else arm its time."""
        live = step.live
        if step.leaves:
            self._live.pop(live.key, None)
            self.timers.left_memory(live.key, step.wake_time)
        else:
            self.timers.arm(live.key, live.execution.next_wake())

    def _drop(self, live: Live) -> None:
        if live.dropped:
            return
        live.dropped = True
        if self._live.get(live.key) is live:
            del self._live[live.key]
            self.timers.arm(live.key, None)
            self._dropped.add(live.key)
            self._env.clock.call_at(self._env.clock.now() + RELOAD_AFTER, lambda: self._reload(live.key))

    def _reload(self, key: ExecutionKey) -> None:
        if key in self._dropped:
            self._env.supervisor.spawn(self._take_up(key), f"reload {key.execution}")

    async def _take_up(self, key: ExecutionKey) -> None:
        try:
            live = await self.load(key)
        except StoreError:
            _logger.warning("execution %s cannot be read now; trying again", key.execution)
            self._env.clock.call_at(self._env.clock.now() + RELOAD_AFTER, lambda: self._reload(key))
            return
        if live is None:
            self._dropped.discard(key)

    def _wake(self, key: ExecutionKey) -> None:
        live = self._live.get(key)
        if live is not None:
            self._wake_live(live)
        else:
            self._env.supervisor.spawn(self._load_and_wake(key), f"wake {key.execution}")

    async def _load_and_wake(self, key: ExecutionKey) -> None:
        try:
            live = await self.load(key)
        except StoreError:
            _logger.warning("execution %s cannot be read now; trying again", key.execution)
            self.timers.arm(key, self._env.clock.now() + RELOAD_AFTER)
            return
        if live is not None:
            self._wake_live(live)

    def _wake_live(self, live: Live) -> None:
        transition = self.apply(live, Wake())
        if not transition.events:
            self.timers.arm(live.key, live.execution.next_wake())

    def ending(self, key: ExecutionKey) -> asyncio.Future[Execution]:
        """Ask to be told when an execution has ended and its end is durable."""
        future: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()
        self._endings.setdefault(key, []).append(future)
        return future

    def forget_ending(self, key: ExecutionKey, future: asyncio.Future[Execution]) -> None:
        """Take back `ending`."""
        waiting = self._endings.get(key)
        if waiting is not None and future in waiting:
            waiting.remove(future)
            if not waiting:
                del self._endings[key]

    async def view(self, key: ExecutionKey, show: Callable[[Execution, int], T]) -> T:
        """Show an execution as it is durable now or later, with its store revision.

        Raises:
            NotFound: There is no such execution.
            Unavailable: The store cannot be read.
        """
        live = self._live.get(key)
        if live is not None:
            shown = show(live.execution, live.revision)
            try:
                await self.durable(live)
            except Unavailable:
                pass  # The state shown is void; what is stored is the truth.
            else:
                return shown
        try:
            stored = await self._store.load(key)
        except StoreRefused as error:
            raise Unavailable("the store cannot be read now") from error
        if stored is None:
            raise NotFound("execution", key.execution)
        return show(await rebuild(stored, self._definitions), stored.row.revision)
