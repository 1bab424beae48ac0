"""Random integrations for the property test: small graphs that have everything in them.

A graph comes from a size and a seed. Drawn choice by choice it would take more of Hypothesis's budget than the
commands, and the large graphs would be thrown away.
"""

from __future__ import annotations

from random import Random
from typing import Final

from perdure.codec.values import encode_python
from perdure.domain.instants import instant_text
from perdure.domain.integration import (
    Assign,
    BuiltIn,
    Edge,
    Expression,
    FailurePolicy,
    ForEach,
    Integration,
    JoinStrategy,
    NextTasksPolicy,
    OutputMapping,
    Parameter,
    RetryStrategy,
    SubIntegration,
    TaskConfig,
    Timer,
    Trigger,
)
from perdure.domain.limits import SECOND
from perdure.domain.value import ValueKind
from tests.domain.builders import NOW

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
FAULTY: Final = (
    Assign((("n", "params.missing"),)),
    Timer(until="params.n"),
    ForEach(items="params.n", item_parameter="x", handler="work"),
)


def _condition(random: Random) -> str:
    if random.random() < 0.5:
        return ""
    # Now and then a condition yields nothing, and so takes the execution down.
    return "params.missing > 1" if random.random() < 0.03 else random.choice(BRANCHES)


def _policy(random: Random, condition: str = "") -> FailurePolicy:
    return FailurePolicy(
        strategy=random.choice(STRATEGIES),
        max_retries=random.choice([0, 1, 2, 3]),
        interval=random.choice([0, SECOND, 10 * SECOND, 100 * SECOND]),
        max_interval=random.choice([0, 15 * SECOND]),
        condition=condition,
    )


def _default_policy(random: Random) -> FailurePolicy | None:
    return _policy(random) if random.random() < 0.85 else None


def _conditional_policies(random: Random) -> tuple[FailurePolicy, ...]:
    conditions = ("error.code == 'BUSY'", "params.flag", "params.missing", "")
    return (_policy(random, random.choice(conditions)),) if random.random() < 0.2 else ()


def _built_in(random: Random) -> BuiltIn | None:
    if random.random() < 0.55:
        return None
    kinds: tuple[tuple[BuiltIn, ...], ...] = (TIMERS, ASSIGNS, SUB_INTEGRATIONS, LOOPS)
    return random.choice(FAULTY if random.random() < 0.03 else random.choice(kinds))


def _task(random: Random, position: int, size: int) -> TaskConfig:
    later = range(position + 1, size)
    targets = [random.choice(later) for _ in range(random.choice([0, 1, 1, 2, 3]))] if later else []
    built_in = _built_in(random)
    own_results = built_in is None or (isinstance(built_in, SubIntegration) and built_in.wait)
    bounded = not isinstance(built_in, Timer | Assign) and random.random() < 0.2
    return TaskConfig(
        task_id=f"t{position}",
        handler="work" if built_in is None else "built-in",
        parameters={"n": Expression("params.n")} if random.random() < 0.3 else {},
        outputs=(OutputMapping("n", "n"),) if own_results and random.random() < 0.3 else (),
        # An edge leads to a later task only, so that the graph has no cycle.
        edges=tuple(Edge(f"t{target}", _condition(random)) for target in targets),
        next_tasks_policy=random.choice(list(NextTasksPolicy)),
        join=random.choice(list(JoinStrategy)),
        failure_policy=_default_policy(random),
        synchronous_failure_policy=_default_policy(random),
        conditional_failure_policies=_conditional_policies(random),
        timeout=20 * SECOND if bounded else 0,
        checkpoint=random.random() < 0.7,
        built_in=built_in,
    )


def random_integration(size: int, seed: int) -> Integration:
    """Make a revision of `size` tasks, with one trigger that starts somewhere in the middle."""
    random = Random(seed)
    tasks = [_task(random, position, size) for position in range(size)]
    return Integration(
        name="order",
        revision_id="000001-abc",
        ordinal=1,
        tasks={config.task_id: config for config in tasks},
        parameters={
            "n": Parameter("n", ValueKind.INT, encode_python(2), is_output=True),
            "flag": Parameter("flag", ValueKind.BOOLEAN),
        },
        triggers={"middle": Trigger("middle", (f"t{size // 2}",))},
    )
