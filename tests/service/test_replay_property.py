"""A replay from any snapshot of any integration begins in the state of that snapshot, and ends as the original did."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from perdure.domain.apply import apply, first_state
from perdure.domain.events import ExecutionCreated
from perdure.domain.states import ExecutionMethod, ReplayMode, TaskState
from perdure.engine.replaying import ReplayRequest
from tests.engine.harness import Bench, running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from perdure.domain.execution import Execution
    from perdure.engine.ports import Offer
    from perdure.store.records import ExecutionKey

SEEDS = range(40)
JOINS = ("WHEN_ALL_SUCCEED", "WHEN_ANY_SUCCEED", "WHEN_ALL_TASKS_AND_CONDITIONS_SUCCEED")
FAILS = "1 / (params.p0 - params.p0)"


def random_tasks(random: Random) -> list[dict[str, Any]]:
    """Draw a graph in which each task sets one parameter of its own, so that the order of branches changes nothing."""
    size = random.randint(2, 8)
    edges: dict[int, list[int]] = {
        each: sorted(random.sample(range(each + 1, size), min(random.choice([0, 1, 2, 3]), size - each - 1)))
        for each in range(size)
    }
    joins = [random.choice(JOINS) for _ in range(size)]
    return [_task(random, each, edges, joins[each]) for each in range(size)]


def _task(random: Random, number: int, edges: Mapping[int, list[int]], join: str) -> dict[str, Any]:
    before = [each for each, targets in edges.items() if number in targets]
    # What others have set is known only where all of them have ended.
    known = [] if join == "WHEN_ANY_SUCCEED" else before
    value = " + ".join([str(number + 1), *(f"params.p{each}" for each in known)])
    task: dict[str, Any] = {
        "taskId": f"t{number}",
        "checkpoint": random.random() < 0.8,
        "taskExecutionStrategy": f"TASK_EXECUTION_STRATEGY_{join}",
        "nextTasksExecutionPolicy": random.choice(
            [f"NEXT_TASKS_EXECUTION_POLICY_RUN_{which}_MATCH" for which in ("ALL", "FIRST")]
        ),
        "nextTasks": [
            {"taskId": f"t{target}", "condition": random.choice(["", "", f"params.p{number} % 2 == 0", "false"])}
            for target in edges[number]
        ],
    }
    if random.random() < 0.1:
        task["failurePolicy"] = {"retryStrategy": random.choice(["RETRY_STRATEGY_IGNORE", "RETRY_STRATEGY_NONE"])}
        value = FAILS
    if random.random() < 0.4 and value != FAILS:
        task |= {"task": "work", "parameters": {"n": {"expression": value}}}
        task["outputs"] = [{"result": "n", "parameter": f"p{number}"}]
    else:
        task["assign"] = {"assignments": [{"parameter": f"p{number}", "expression": value}]}
    return task


async def drive(bench: Bench, key: ExecutionKey, random: Random) -> Execution:
    """Perform all that is offered, in any order, until the execution has ended."""
    while True:
        await bench.settle()
        offers: list[Offer] = []
        while not bench.workers.offers.empty():
            offers.append(bench.workers.offers.get_nowait())
        if not offers:
            return await bench.ended(key)
        random.shuffle(offers)
        for offer in offers:
            await bench.engine.reports.succeeded(
                offer.key, offer.task_id, offer.execution_attempt, offer.attempt, offer.inputs, "worker"
            )


async def fold(bench: Bench, key: ExecutionKey, sequence: int) -> Execution:
    """Fold the history up to an event."""
    history = await bench.engine.queries.history(key, 0, sequence)
    first = history.events[0]
    assert isinstance(first.event, ExecutionCreated)
    execution = first_state(first.event, history.graph, key.execution, key.project, first.time)
    for each in history.events[1:]:
        apply(execution, each.event, each.time)
    assert execution.sequence == sequence
    return execution


def done(execution: Execution) -> dict[str, object]:
    """Collect what counts as done."""
    return {
        task_id: (dict(run.inputs), dict(run.outputs), run.edges)
        for task_id, run in execution.tasks.items()
        if run.state is TaskState.SUCCEED
    }


def outcome(execution: Execution) -> tuple[object, ...]:
    """Collect how an execution has ended."""
    return execution.state, execution.parameters, {task_id: run.state for task_id, run in execution.tasks.items()}


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_replay_from_each_snapshot_begins_and_ends_as_the_original(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    tasks = random_tasks(random)
    parameters = [
        {
            "key": f"p{number}",
            "dataType": "DATA_TYPE_INT_VALUE",
            "inputOutputType": "INPUT_OUTPUT_TYPE_OUT",
            "defaultValue": {"intValue": "0"},
        }
        for number in range(len(tasks))
    ]
    async with running(tmp_path) as bench:
        await bench.deploy("order", tasks, parameters=parameters)
        original = await bench.start("order")
        ended = await drive(bench, original, random)
        for marker in ended.snapshots:
            there = await fold(bench, original, marker.sequence)
            request = ReplayRequest(
                "p",
                "order",
                ExecutionMethod.POST_TO_QUEUE,
                original=original.execution,
                mode=ReplayMode.FROM_SNAPSHOT,
                reason="property",
                snapshot_number=marker.number,
            )
            ((key, _),) = (await bench.engine.replayer.replay(request)).executions
            begun = await fold(bench, key, 1)
            assert (done(begun), begun.parameters) == (done(there), there.parameters)
            assert outcome(await drive(bench, key, random)) == outcome(ended)
