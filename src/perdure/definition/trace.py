"""The graph while it is being recorded.

Statements run in the order written. Each block knows its *tails*: the tasks after which the next
statement runs, each with the condition under which it leads on. A statement draws edges from the tails
to its task and becomes the tail itself.

- `parallel`: every statement starts from the tails before the block; the tails after it are those of all.
- `when`: the tails before the block get the condition for what is in it, and stay tails after it as they were, so
  that what follows runs whether the condition held or not: a task with several predecessors runs if at
  least one edge to it is true and none before it failed (semantics.md 3.4).

Where a condition would have several tails, or none because nothing has run yet, a timer without delay is put
in: it gathers the tails, and its one edge carries the condition.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from perdure.definition.errors import TracingError
from perdure.domain.validation import TASK_ID, TASK_ID_RULE
from perdure.v1.task_config_pb2 import TaskConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.definition.terms import Term

_GATE: Final = "gate"
_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class _Tail:
    """A task after which the next statement runs, if the condition holds; an empty one always does."""

    task_id: str
    condition: str = ""


@dataclass(slots=True)
class _Sequence:
    """Statements one after the other."""

    tails: list[_Tail]

    def begin(self, reads: frozenset[str]) -> list[_Tail]:
        return self.tails

    def end(self, tails: list[_Tail]) -> None:
        self.tails = tails


@dataclass(slots=True)
class _Parallel:
    """Statements side by side, but after those of the block whose results they read."""

    entry: list[_Tail]
    tails: list[_Tail] = field(default_factory=list)

    def begin(self, reads: frozenset[str]) -> list[_Tail]:
        before = {tail.task_id for tail in self.entry}
        beside = [_Tail(tail.task_id) for tail in self.tails if tail.task_id in reads - before]
        return beside or self.entry

    def end(self, tails: list[_Tail]) -> None:
        self.tails = _merged([*self.tails, *tails])


@dataclass(slots=True)
class _Recorded:
    """A task recorded so far.

    Attributes:
        bit: Its bit in sets of tasks.
        before: The tasks that lead to it, as bits.
        branch: The `when` blocks around it, outermost first.
    """

    config: TaskConfig
    bit: int
    before: int
    branch: tuple[int, ...]


class Trace:
    """Records the statements of one integration."""

    def __init__(self) -> None:
        self._tasks: dict[str, _Recorded] = {}
        self._blocks: list[_Sequence | _Parallel] = [_Sequence([])]
        self._branch: tuple[int, ...] = ()
        self._branches = 0

    @property
    def tasks(self) -> list[TaskConfig]:
        """The tasks, in the order in which they were recorded."""
        return [recorded.config for recorded in self._tasks.values()]

    def task(self, task_id: str) -> TaskConfig:
        """Hand out a recorded task, to complete it."""
        return self._tasks[task_id].config

    def record(self, config: TaskConfig, name: str, reads: frozenset[str], *, task_id: str = "") -> str:
        """Add a statement with one task, give the task its id, and draw the edges to it.

        Args:
            config: The task, without id.
            name: What its id is made from if none is given.
            reads: The tasks whose outputs it reads.
            task_id: Its id, chosen by the author.

        Raises:
            TracingError: The id is taken or not allowed, or it reads what may not be there.
        """
        block = self._blocks[-1]
        tails = block.begin(reads)
        added = self._add(config, self._choose_id(name, task_id), tails)
        self._check_reads(reads, added.before)
        block.end([_Tail(config.task_id)])
        return config.task_id

    @contextmanager
    def when(self, condition: Term) -> Iterator[None]:
        """Record statements that run only if a condition holds."""
        outer = self._blocks[-1]
        entry = outer.begin(condition.tasks)
        if len(entry) != 1:
            gate = TaskConfig(checkpoint=False)
            gate.timer.delay.SetInParent()
            self._add(gate, self._choose_id(_GATE, ""), entry)
            entry = [_Tail(gate.task_id)]
        (tail,) = entry
        recorded = self._tasks[tail.task_id]
        self._check_reads(condition.tasks, recorded.before | recorded.bit)
        self._branches += 1
        self._branch = (*self._branch, self._branches)
        inner = _Sequence([_Tail(tail.task_id, _both(tail.condition, condition))])
        with self._inside(inner):
            yield
        self._branch = self._branch[:-1]
        outer.end(_merged([*inner.tails, tail]))

    @contextmanager
    def parallel(self) -> Iterator[None]:
        """Record statements that run side by side."""
        outer = self._blocks[-1]
        inner = _Parallel(outer.begin(frozenset()))
        with self._inside(inner):
            yield
        outer.end(inner.tails or inner.entry)

    @contextmanager
    def _inside(self, block: _Sequence | _Parallel) -> Iterator[None]:
        self._blocks.append(block)
        yield
        # Not in `finally`: a statement that raised ends the whole trace.
        self._blocks.pop()

    def _add(self, config: TaskConfig, task_id: str, tails: list[_Tail]) -> _Recorded:
        config.task_id = task_id
        before = 0
        for tail in tails:
            source = self._tasks[tail.task_id]
            source.config.next_tasks.add(task_id=task_id, condition=tail.condition)
            before |= source.before | source.bit
        added = self._tasks[task_id] = _Recorded(config, 1 << len(self._tasks), before, self._branch)
        return added

    def _check_reads(self, reads: frozenset[str], before: int) -> None:
        for task_id in sorted(reads):
            read = self._tasks.get(task_id)
            if read is None:
                raise TracingError(f"a result of {task_id} belongs to another integration")
            if not self._is_open(read.branch):
                raise TracingError(
                    f"{task_id} may not have run: its result can only be used inside its `with when` block"
                )
            if not read.bit & before:
                raise TracingError(
                    f"{task_id} runs side by side with this: use its result after the `with parallel` block"
                )

    def _is_open(self, branch: tuple[int, ...]) -> bool:
        return self._branch[: len(branch)] == branch

    def _choose_id(self, name: str, task_id: str) -> str:
        if task_id:
            if not TASK_ID.fullmatch(task_id):
                raise TracingError(f"{task_id!r} cannot be the id of a task: {TASK_ID_RULE}")
            if task_id in self._tasks:
                raise TracingError(f"the id {task_id} is taken")
            return task_id
        base = _NOT_IN_ID.sub("_", name)[:58]
        base = base if TASK_ID.fullmatch(base) else f"_{base}"
        number, chosen = 1, base
        while chosen in self._tasks:
            number += 1
            chosen = f"{base}_{number}"
        return chosen


_CURRENT: Final[ContextVar[Trace | None]] = ContextVar("perdure_trace", default=None)


def current_trace(what: str) -> Trace:
    """Hand out the trace that is being recorded.

    Raises:
        TracingError: None is; `what` says what was called in vain.
    """
    trace = _CURRENT.get()
    if trace is None:
        raise TracingError(f"{what} belongs into a function with @app.integration, where it is recorded and not run")
    return trace


@contextmanager
def recording() -> Iterator[Trace]:
    """Record what is called in this context."""
    trace = Trace()
    token = _CURRENT.set(trace)
    try:
        yield trace
    finally:
        _CURRENT.reset(token)


def _both(first: str, second: Term) -> str:
    return f"({first}) && {second.operand}" if first else second.text


def _merged(tails: list[_Tail]) -> list[_Tail]:
    """Keep one tail for each task: it leads on if one of its conditions holds."""
    conditions: dict[str, str] = {}
    for tail in tails:
        if tail.task_id not in conditions:
            conditions[tail.task_id] = tail.condition
        elif not conditions[tail.task_id] or not tail.condition:
            conditions[tail.task_id] = ""
        elif conditions[tail.task_id] != tail.condition:
            conditions[tail.task_id] = f"({conditions[tail.task_id]}) || ({tail.condition})"
    return [_Tail(task_id, condition) for task_id, condition in conditions.items()]
