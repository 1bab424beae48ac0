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

- `first_match`: a gate leads on to one alternative only, each of which has a gate of its own.
- `catching`: the tails before the block stay tails after it, so that what follows runs when the failure is handled.

Every task of a `when` or `catching` block is a tail after it, not only the last: what follows must not run if an
earlier one has failed.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from perdure.definition.errors import TracingError
from perdure.definition.ids import choose_id
from perdure.definition.parts import Caught, Part, present
from perdure.definition.tails import Block, Choice, Parallel, Statements, Tail, both, merged
from perdure.v1 import integration_pb2 as v1
from perdure.v1.task_config_pb2 import TaskConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.definition.terms import Term

_GATE: Final = "gate"
_CATCHER: Final = "on_failure"


@dataclass(slots=True)
class _Recorded:
    """A task recorded so far.

    Attributes:
        bit: Its bit in sets of tasks.
        before: The tasks that lead to it, as bits.
        branch: The `when` and `catching` blocks around it, outermost first.
    """

    config: TaskConfig
    bit: int
    before: int
    branch: tuple[int, ...]
    part: Part


class Trace:
    """Records the statements of one integration."""

    def __init__(self) -> None:
        self._tasks: dict[str, _Recorded] = {}
        self._blocks: list[Block] = [Statements([])]
        self._branch: tuple[int, ...] = ()
        self._branches = 0
        self._part = Part(0)
        self._parts = 1
        self._teardown: list[TaskConfig] = []
        self._catchers: list[v1.ErrorCatcherConfig] = []
        self._whole_catcher = ""
        self._caught: list[Caught] = []

    def write(self, message: v1.Integration) -> None:
        """Complete a definition with all that was recorded, in the order in which it was.

        Raises:
            TracingError: Nothing handles the failures of a `catching` block.
        """
        for caught in self._caught:
            if not caught.handled:
                raise caught.unhandled
        message.tasks.extend(one.config for one in self._tasks.values() if not one.part.is_teardown)
        message.teardown_tasks.extend(self._teardown)
        message.error_catchers.extend(self._catchers)
        message.error_catcher_id = self._whole_catcher

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
            TracingError: The id is taken or not allowed, it reads what may not be there, or it cannot be in this
                part of an integration.
        """
        self._part.check(config)
        if self._part.is_teardown:
            return self._record_teardown(config, choose_id(name, task_id, self._tasks), reads)
        block = self._blocks[-1]
        tails = block.begin(reads)
        added = self._add(config, choose_id(name, task_id, self._tasks), tails)
        config.precondition = present(self._uncertain(reads, added.before))
        block.end([Tail(config.task_id)])
        return config.task_id

    def _record_teardown(self, config: TaskConfig, task_id: str, reads: frozenset[str]) -> str:
        asked = present(self._uncertain(reads, 0))
        conditions = [condition.operand for condition in self._part.conditions]
        config.precondition = " && ".join([*conditions, *([asked] if asked else [])])
        self._add(config, task_id, [])
        self._teardown.append(config)
        return task_id

    @contextmanager
    def when(self, condition: Term) -> Iterator[None]:
        """Record statements that run only if a condition holds."""
        if self._part.is_teardown:
            self._part.conditions.append(self._asking(condition, 0))
            yield
            self._part.conditions.pop()
            return
        outer = self._blocks[-1]
        if isinstance(outer, Choice):
            with self._arm(outer, condition):
                yield
            return
        entry = self._gathered(outer.begin(condition.tasks))
        (tail,) = entry
        recorded = self._tasks[tail.task_id]
        condition = self._asking(condition, recorded.before | recorded.bit)
        with self._passable([Tail(tail.task_id, both(tail.condition, condition))], entry, outer):
            yield

    @contextmanager
    def first_match(self) -> Iterator[None]:
        """Record alternatives, of which the first that holds is taken."""
        if self._part.is_teardown:
            raise TracingError("a teardown task has no alternatives: give each a `with when(...)` of its own")
        outer = self._blocks[-1]
        gate = _gate()
        gate.next_tasks_execution_policy = TaskConfig.NEXT_TASKS_EXECUTION_POLICY_RUN_FIRST_MATCH
        self._add(gate, choose_id(_GATE, "", self._tasks), outer.begin(frozenset()))
        choice = Choice(gate.task_id)
        with self._inside(choice):
            yield
            if not choice.complete:
                # What follows is reached by this way if no alternative holds.
                with self._arm(choice, None):
                    pass
        outer.end(choice.tails)

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """Record the last of the alternatives."""
        choice = self._blocks[-1]
        if not isinstance(choice, Choice):
            raise TracingError("otherwise() is the last alternative of a `with first_match()` block")
        with self._arm(choice, None):
            yield

    @contextmanager
    def _arm(self, choice: Choice, condition: Term | None) -> Iterator[None]:
        """Record one alternative behind a gate of its own, so that it hangs on one edge."""
        if choice.complete:
            raise TracingError("nothing is left to choose after otherwise()")
        choice.complete = condition is None
        recorded = self._tasks[choice.gate]
        text = "" if condition is None else self._asking(condition, recorded.before | recorded.bit).text
        gate = _gate()
        self._add(gate, choose_id(_GATE, "", self._tasks), [Tail(choice.gate, text)])
        entry = [Tail(gate.task_id)]
        with self._passable(entry, entry, choice):
            yield

    @contextmanager
    def catching(self) -> Iterator[Caught]:
        """Record statements whose failure is handled, so that what follows runs all the same."""
        if not self._part.is_forward:
            raise TracingError("what follows a failure is not caught itself: a catching() block stands outside of it")
        outer = self._blocks[-1]
        entry = outer.begin(frozenset()) or self._gathered([])
        before = 0
        for tail in entry:
            recorded = self._tasks[tail.task_id]
            before |= recorded.before | recorded.bit
        unhandled = TracingError("nothing handles what is caught here: add `with on_failure(...)` after the block")
        caught = Caught(before, self._branch, unhandled)
        self._caught.append(caught)
        known = len(self._tasks)
        with self._passable(entry, entry, outer):
            yield caught
        inside = [one.config for one in list(self._tasks.values())[known:] if one.part is self._part]
        # Those of a block in this one have their own catcher already.
        caught.tasks = [config for config in inside if not config.error_catcher_id]
        if not caught.tasks:
            raise TracingError("a catching() block calls no task whose failure could be caught")

    @contextmanager
    def catcher(self, caught: Sequence[Caught], name: str) -> Iterator[Term]:
        """Record what runs after the failure of some blocks, or of the execution if none are given."""
        self._check_place(caught)
        part = Part(self._parts)
        part.certain = self._common(caught)
        catcher_id = choose_id(_CATCHER, name, {one.error_catcher_id for one in self._catchers})
        with self._apart(part):
            yield part.failure
        if not part.start_tasks:
            raise TracingError("an on_failure() block calls no task")
        starts = [v1.ErrorCatcherConfig.StartErrorTask(task_id=task_id) for task_id in part.start_tasks]
        self._catchers.append(v1.ErrorCatcherConfig(error_catcher_id=catcher_id, start_error_tasks=starts))
        for one in caught:
            one.handled = True
            for config in one.tasks:
                config.error_catcher_id = catcher_id
        if not caught:
            self._whole_catcher = catcher_id

    @contextmanager
    def teardown(self) -> Iterator[Term]:
        """Record what runs before every end."""
        self._check_alone("teardown()")
        part = Part(self._parts, is_teardown=True)
        with self._apart(part):
            yield part.failure

    def _check_place(self, caught: Sequence[Caught]) -> None:
        if not caught:
            self._check_alone("on_failure() of the execution")
            if self._whole_catcher:
                raise TracingError("there is an on_failure() block of the execution already")
        for one in caught:
            if one not in self._caught:
                raise TracingError("what is handled here was caught in another integration")
            if one.handled:
                raise TracingError("an on_failure() block handles this already")
            if one.branch != self._branch or not self._part.is_forward or not one.tasks:
                raise TracingError("an on_failure() block stands after its catching() block, side by side with it")

    def _check_alone(self, what: str) -> None:
        if not self._part.is_forward or len(self._blocks) > 1:
            raise TracingError(f"{what} is for the whole execution: it stands in no other block")

    @staticmethod
    def _common(caught: Sequence[Caught]) -> int:
        """Collect the tasks that have ended before any of the blocks begins, as bits."""
        common = -1 if caught else 0
        for one in caught:
            common &= one.entry
        return common

    @contextmanager
    def _apart(self, part: Part) -> Iterator[None]:
        """Record statements that nothing before them leads to."""
        around = self._blocks, self._branch, self._part
        self._blocks, self._branch, self._part = [Statements([])], (), part
        self._parts += 1
        yield
        self._blocks, self._branch, self._part = around

    @contextmanager
    def _passable(self, entry: list[Tail], around: list[Tail], outer: Block) -> Iterator[None]:
        """Record statements that may be passed by, without what follows them minding."""
        self._branches += 1
        self._branch = (*self._branch, self._branches)
        inner = Statements(entry)
        known = len(self._tasks)
        with self._inside(inner):
            yield
        self._branch = self._branch[:-1]
        inside = [Tail(one.config.task_id) for one in list(self._tasks.values())[known:] if one.part is self._part]
        outer.end(merged([*inner.tails, *inside, *around] if inside else around))

    def _gathered(self, tails: list[Tail]) -> list[Tail]:
        """Put a gate behind tails, unless there is just one."""
        if len(tails) == 1:
            return tails
        gate = _gate()
        self._add(gate, choose_id(_GATE, "", self._tasks), tails)
        return [Tail(gate.task_id)]

    @contextmanager
    def parallel(self) -> Iterator[None]:
        """Record statements that run side by side."""
        if self._part.is_teardown:
            raise TracingError("teardown tasks run one after another")
        outer = self._blocks[-1]
        inner = Parallel(outer.begin(frozenset()))
        with self._inside(inner):
            yield
        outer.end(inner.tails or inner.entry)

    @contextmanager
    def _inside(self, block: Block) -> Iterator[None]:
        self._blocks.append(block)
        yield
        # Not in `finally`: a statement that raised ends the whole trace.
        self._blocks.pop()

    def _add(self, config: TaskConfig, task_id: str, tails: list[Tail]) -> _Recorded:
        config.task_id = task_id
        before = self._part.certain
        for tail in tails:
            source = self._tasks[tail.task_id]
            source.config.next_tasks.add(task_id=task_id, condition=tail.condition)
            before |= source.before | source.bit
        if not tails:
            self._part.start_tasks.append(task_id)
        added = self._tasks[task_id] = _Recorded(config, 1 << len(self._tasks), before, self._branch, self._part)
        return added

    def _asking(self, condition: Term, before: int) -> Term:
        """Make a condition false where what it reads is not there."""
        asked = present(self._uncertain(condition.tasks, before))
        return replace(condition, text=f"{asked} && {condition.operand}", atomic=False) if asked else condition

    def _uncertain(self, reads: frozenset[str], before: int) -> set[str]:
        """Check what is read; returns the tasks of which only a run can tell whether their results are there."""
        uncertain: set[str] = set()
        for task_id in sorted(reads - {self._part.mark}):
            read = self._tasks.get(task_id)
            if read is None:
                raise TracingError(f"a result of {task_id} belongs to another integration or on_failure block")
            if (
                read.part is not self._part
                and not self._part.is_forward
                and (read.part.is_forward or self._part.is_teardown)
            ):
                if not read.bit & before:
                    uncertain.add(task_id)
            elif read.part is self._part and self._part.is_teardown:
                uncertain.add(task_id)
            else:
                self._check_read(task_id, read, before)
        return uncertain

    def _check_read(self, task_id: str, read: _Recorded, before: int) -> None:
        if read.part is not self._part:
            raise TracingError(f"{task_id} runs only in its on_failure or teardown block: its result stays there")
        if not self._is_open(read.branch):
            raise TracingError(f"{task_id} may not have run: its result can only be used inside its `with` block")
        if not read.bit & before:
            raise TracingError(f"{task_id} runs side by side with this: use its result after the `with parallel` block")

    def _is_open(self, branch: tuple[int, ...]) -> bool:
        return self._branch[: len(branch)] == branch


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


def _gate() -> TaskConfig:
    """Make a task that does nothing, at once."""
    gate = TaskConfig(checkpoint=False)
    gate.timer.delay.SetInParent()
    return gate
