"""Random integrations for the property test: small graphs that have everything in them.

A graph comes from a size and a seed. Drawn choice by choice it would take more of Hypothesis's budget than the
commands, and the large graphs would be thrown away.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from perdure.codec.values import encode_python
from perdure.domain.breakpoints import Breakpoint, Breakpoints, Position
from perdure.domain.events import CopiedTask
from perdure.domain.graph import build_graph
from perdure.domain.instants import instant_text
from perdure.domain.integration import (
    Assign,
    BuiltIn,
    Callback,
    Edge,
    ErrorCatcher,
    Expression,
    FailurePolicy,
    ForEach,
    Integration,
    JoinStrategy,
    NextTasksPolicy,
    OutputMapping,
    Parameter,
    RetryStrategy,
    Rollback,
    RollbackFailureAction,
    SavepointRetention,
    SubIntegration,
    SuspensionConfig,
    TaskConfig,
    Timer,
    Trigger,
)
from perdure.domain.limits import SECOND
from perdure.domain.value import ValueKind
from tests.domain.builders import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence

INPUTS: Final = {"flag": True, "n": 2, "list": [1, 2, 3], "at": instant_text(NOW + 90 * SECOND)}
"""What every generated integration takes."""

STRATEGIES: Final = (
    *[RetryStrategy.FIXED_INTERVAL, RetryStrategy.LINEAR_BACKOFF, RetryStrategy.EXPONENTIAL_BACKOFF] * 2,
    *[RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF, RetryStrategy.IGNORE] * 2,
    RetryStrategy.NONE,
    RetryStrategy.FATAL,
)
BRANCHES: Final = ("params.flag", "!params.flag", "params.n > 2", "params.n <= 2", "execution.attempt > 1", "true")
TIMERS: Final = (Timer(duration=0), Timer(duration=SECOND), Timer(duration=60 * SECOND), Timer(until="params.at"))
ASSIGNS: Final = (
    Assign((("n", "params.n + 1"),)),
    Assign((("flag", "!params.flag"), ("n", "params.n * 2"))),
    Assign((("flag", "!params.flag"),)),
)
SUB_INTEGRATIONS: Final = (SubIntegration("other"), SubIntegration("other", wait=False))
LOOPS: Final = (
    ForEach(items="params.list", item_parameter="x", handler="work"),
    ForEach(items="params.list", item_parameter="x", handler="work", continue_on_failure=True),
    ForEach(items="params.list", item_parameter="x", target=SubIntegration("other")),
    ForEach(items="[]", item_parameter="x", handler="work"),
)
SUSPENSIONS: Final = (
    SuspensionConfig(),
    SuspensionConfig(who_may_resolve=("alice",), message="may it?"),
    SuspensionConfig(expire_after=30 * SECOND, remind_after=10 * SECOND),
    SuspensionConfig(expire_after=5 * SECOND, remind_after=60 * SECOND, lift_when_expired=True),
)
CALLBACKS: Final = (Callback("paid"), Callback("paid", timeout=20 * SECOND), Callback("sent", timeout=60 * SECOND))
FAULTY: Final = (
    Assign((("n", "params.missing"),)),
    Timer(until="params.n"),
    ForEach(items="params.n", item_parameter="x", handler="work"),
)
PRECONDITIONS: Final = ("params.flag", "!params.flag", "params.n < 9", "execution.bucket >= 0", "params.missing")
CATCHER_PRECONDITIONS: Final = (*PRECONDITIONS, "error.code == 'BUSY'", "error.task != ''")
END_STRATEGIES: Final = (RetryStrategy.NONE, RetryStrategy.FIXED_INTERVAL, RetryStrategy.EXPONENTIAL_BACKOFF)


def _condition(random: Random) -> str:
    if random.random() < 0.5:
        return ""
    # Now and then a condition yields nothing, and so takes the execution down.
    return "params.missing > 1" if random.random() < 0.03 else random.choice(BRANCHES)


def _policy(random: Random, condition: str = "", strategies: Sequence[RetryStrategy] = STRATEGIES) -> FailurePolicy:
    return FailurePolicy(
        strategy=random.choice(strategies),
        max_retries=random.choice([0, 1, 2, 3]),
        interval=random.choice([0, SECOND, 10 * SECOND, 100 * SECOND]),
        max_interval=random.choice([0, 15 * SECOND]),
        condition=condition,
    )


def _default_policy(random: Random) -> FailurePolicy | None:
    return _policy(random) if random.random() < 0.7 else None


def _conditional_policies(random: Random) -> tuple[FailurePolicy, ...]:
    conditions = ("error.code == 'BUSY'", "params.flag", "params.missing", "")
    return (_policy(random, random.choice(conditions)),) if random.random() < 0.2 else ()


def _built_in(random: Random) -> BuiltIn | None:
    if random.random() < 0.55:
        return None
    kinds: tuple[tuple[BuiltIn, ...], ...] = (TIMERS, ASSIGNS, SUB_INTEGRATIONS, LOOPS, SUSPENSIONS, CALLBACKS)
    return random.choice(FAULTY if random.random() < 0.03 else random.choice(kinds))


def _rollback(random: Random, built_in: BuiltIn | None) -> Rollback | None:
    if not isinstance(built_in, SubIntegration | ForEach | None) or random.random() < 0.4:
        return None
    return Rollback(
        handler="undo",
        failure_policy=_policy(random, strategies=END_STRATEGIES) if random.random() < 0.6 else None,
        timeout=random.choice([0, 0, 20 * SECOND]),
        on_unknown_outcome=random.random() < 0.5,
        failure_action=random.choice(list(RollbackFailureAction)),
    )


def _task(random: Random, name: str, position: int, size: int, preconditions: Sequence[str]) -> TaskConfig:
    later = range(position + 1, size)
    targets = [random.choice(later) for _ in range(random.choice([0, 1, 1, 2, 3]))] if later else []
    built_in = _built_in(random)
    own_results = built_in is None or (isinstance(built_in, SubIntegration) and built_in.wait)
    waits = isinstance(built_in, Timer | Assign | SuspensionConfig | Callback)
    return TaskConfig(
        task_id=f"{name}{position}",
        handler="work" if built_in is None else "built-in",
        parameters={"n": Expression("params.n")} if random.random() < 0.3 else {},
        outputs=(OutputMapping("n", "n"),) if own_results and random.random() < 0.3 else (),
        # An edge leads to a later task only, so that the graph has no cycle.
        edges=tuple(Edge(f"{name}{target}", _condition(random)) for target in targets),
        next_tasks_policy=random.choice(list(NextTasksPolicy)),
        join=random.choice(list(JoinStrategy)),
        failure_policy=_default_policy(random),
        synchronous_failure_policy=_default_policy(random),
        conditional_failure_policies=_conditional_policies(random),
        timeout=20 * SECOND if not waits and random.random() < 0.2 else 0,
        checkpoint=random.random() < 0.7,
        built_in=built_in,
        precondition=random.choice(preconditions) if random.random() < 0.1 else "",
        rollback=_rollback(random, built_in),
        suspension=random.choice(SUSPENSIONS) if built_in is None and random.random() < 0.1 else None,
    )


def _teardown_task(random: Random, position: int) -> TaskConfig:
    built_in = random.choice([None, None, None, ASSIGNS[0], SUB_INTEGRATIONS[0]])
    return TaskConfig(
        task_id=f"z{position}",
        handler="work" if built_in is None else "built-in",
        failure_policy=_policy(random, strategies=END_STRATEGIES),
        synchronous_failure_policy=_policy(random, strategies=END_STRATEGIES),
        timeout=60 * SECOND,
        built_in=built_in,
        precondition=random.choice(CATCHER_PRECONDITIONS) if random.random() < 0.2 else "",
    )


def random_integration(size: int, seed: int) -> Integration:
    """Make a revision of `size` forward tasks with catchers and teardown, and one trigger that starts in the middle."""
    random = Random(seed)
    catchers = [f"catcher-{name}" for name in "cd"[: random.choice([0, 0, 1, 2])]]
    forward = [_task(random, "t", position, size, PRECONDITIONS) for position in range(size)]
    tasks = [replace(each, error_catcher=random.choice([*catchers, *catchers, ""])) for each in forward]
    lengths = {catcher: random.choice([1, 1, 2, 3]) for catcher in catchers}
    for catcher, length in lengths.items():
        within = [_task(random, catcher[-1], position, length, CATCHER_PRECONDITIONS) for position in range(length)]
        targets = {edge.target for config in within for edge in config.edges}
        left = tuple(Edge(config.task_id) for config in within[1:] if config.task_id not in targets)
        tasks.extend([replace(within[0], edges=(*within[0].edges, *left)), *within[1:]])
    return Integration(
        name="order",
        revision_id="000001-abc",
        ordinal=1,
        tasks={config.task_id: config for config in tasks},
        parameters={
            "n": Parameter("n", ValueKind.INT, encode_python(2), is_output=True),
            "flag": Parameter("flag", ValueKind.BOOLEAN),
        },
        triggers={"middle": Trigger("middle", (f"t{size // 2}",), error_catcher=random.choice([*catchers, ""]))},
        error_catchers={catcher: ErrorCatcher(catcher, (f"{catcher[-1]}0",)) for catcher in catchers},
        error_catcher=random.choice([*catchers, ""]),
        teardown=tuple(_teardown_task(random, position) for position in range(random.choice([0, 0, 1, 2]))),
        savepoint_retention=random.choice(list(SavepointRetention)),
    )


POSITIONS: Final = (Position.BEFORE, Position.AFTER, Position.ON_FAILURE)
BREAKABLE: Final = ("t0", "t1", "t2", "t4", "c0", "z0")


def random_breakpoints(seed: int) -> Breakpoints:
    """Choose some places to stop at."""
    random = Random(seed)
    places = [
        Breakpoint(
            task_id="" if position is Position.ON_FAILURE and random.random() < 0.5 else random.choice(BREAKABLE),
            position=position,
            condition=random.choice(["", "", "params.flag", "params.missing"]),
        )
        for position in random.choices(POSITIONS, k=random.choice([0, 1, 3]))
    ]
    step_through = not places or random.random() < 0.2
    return Breakpoints(tuple(places), step_through, random.choice([15 * SECOND, 3600 * SECOND]))


def random_copies(definition: Integration, trigger_id: str, seed: int) -> dict[str, CopiedTask]:
    """Choose tasks that a replayed execution has done: each was reached over those before it."""
    random = Random(seed)
    graph = build_graph(definition, trigger_id)
    copied: dict[str, CopiedTask] = {}
    for task_id in graph.forward:
        before = [edge.task_id for edge in graph.predecessors[task_id]]
        reached = task_id in graph.start_tasks or (before and all(each in copied for each in before))
        if reached and random.random() < 0.7:
            edges = graph.tasks[task_id].edges
            copied[task_id] = CopiedTask(outputs={"n": encode_python(1)}, edges=(True,) * len(edges))
    return copied
