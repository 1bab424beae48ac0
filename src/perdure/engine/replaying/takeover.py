"""Taking over what the original has done into the graph that the replay runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from perdure.domain.apply import first_state
from perdure.domain.decide.transition import Transition
from perdure.domain.expression import ExpressionError
from perdure.domain.integration import JoinStrategy, NextTasksPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.commands import Context
    from perdure.domain.events import CopiedTask, ExecutionCreated
    from perdure.domain.expression import Evaluator, Scope
    from perdure.domain.graph import Graph
    from perdure.domain.integration import Edge, TaskConfig
    from perdure.engine.replaying.original import DoneTask
    from perdure.store.records import ExecutionKey


def stays_done(done: Mapping[str, DoneTask], skipped: frozenset[str], graph: Graph) -> dict[str, DoneTask]:
    """Choose the tasks that count as done in a graph: those before which nothing runs again.

    A task runs again if it is not done, or if one before it runs again. With WHEN_ANY_SUCCEED it does not as long as
    one that led to it stays done. What was skipped is decided again, and what is done behind it need not wait for that.

    Args:
        done: By task id, with those that the graph does not have: they stay for `task_misfits`.
        skipped: Ids of the tasks that were decided not to run.
        graph: What the replay runs.
    """
    again = {task_id for task_id in graph.forward if task_id not in done and task_id not in skipped}
    waiting = list(again)
    while waiting:
        for edge in graph.tasks[waiting.pop()].edges:
            target = edge.target
            if target not in again and not _is_led_to(target, done, again, graph):
                again.add(target)
                waiting.append(target)
    return {task_id: task for task_id, task in done.items() if task_id not in again}


def _is_led_to(task_id: str, done: Mapping[str, DoneTask], again: set[str], graph: Graph) -> bool:
    """Whether a task that needs only one predecessor is done, and so is still one that led to it."""
    if task_id not in done or graph.tasks[task_id].join is not JoinStrategy.WHEN_ANY_SUCCEED:
        return False
    before = {predecessor.task_id for predecessor in graph.predecessors[task_id]}
    return any(done[each].led_to(task_id) for each in before.intersection(done) - again)


def task_misfits(done: Mapping[str, DoneTask], graph: Graph) -> list[str]:
    """Tell which tasks that are done cannot count as done in a graph: those not there, or performed otherwise."""
    forward = frozenset(graph.forward)
    misfits = []
    for task_id, task in done.items():
        if task_id not in forward:
            misfits.append(f"task {task_id} is done and not there any more")
        elif graph.tasks[task_id].handler != task.config.handler:
            now, then = graph.tasks[task_id].handler, task.config.handler
            misfits.append(f"task {task_id} was performed by {then} and is by {now} now")
    return misfits


def placeholders(done: Mapping[str, DoneTask], graph: Graph) -> dict[str, CopiedTask]:
    """Let tasks count as done in a graph, with no edge taken yet: expressions can already read their outputs."""
    return {
        task_id: replace(task.copied, edges=(False,) * len(graph.tasks[task_id].edges))
        for task_id, task in done.items()
    }


def with_edges(
    done: Mapping[str, DoneTask], created: ExecutionCreated, graph: Graph, key: ExecutionKey, context: Context
) -> tuple[dict[str, CopiedTask], list[str]]:
    """Decide which edges of the tasks that are done lead on: as in the original where they are the same ones.

    Args:
        done: By task id; all of them are in the graph.
        created: The replay's first event, with `placeholders`.
        graph: What it runs.
        key: Which execution it is.
        context: For conditions that the original has not decided.

    Returns:
        The tasks with their edges, and which conditions cannot be decided.
    """
    state = first_state(created, graph, key.execution, key.project, context.now)
    scope = Transition(state, context).scope()
    copied: dict[str, CopiedTask] = {}
    misfits: list[str] = []
    for task_id, task in done.items():
        try:
            edges = _edges(task, graph.tasks[task_id], scope, context.evaluator)
        except ExpressionError as error:
            misfits.append(f"task {task_id}: {error.message}")
        else:
            copied[task_id] = replace(task.copied, edges=edges)
    return copied, misfits


def _edges(task: DoneTask, config: TaskConfig, scope: Scope, evaluator: Evaluator) -> tuple[bool, ...]:
    then = task.config
    if (then.edges, then.next_tasks_policy) == (config.edges, config.next_tasks_policy):
        return task.copied.edges
    decided = _decided(task)
    first_only = config.next_tasks_policy is NextTasksPolicy.RUN_FIRST_MATCH
    results: list[bool] = []
    for edge in config.edges:
        if first_only and True in results:
            results.append(False)
            continue
        result = decided.get(edge)
        if result is None:
            try:
                result = not edge.condition or evaluator.test(edge.condition, scope)
            except ExpressionError as error:
                raise ExpressionError(f"condition of the edge to {edge.target}: {error}") from error
        results.append(result)
    return tuple(results)


def _decided(task: DoneTask) -> dict[Edge, bool]:
    """Collect the edges that the original has decided; behind the first match it has not looked at the others."""
    first_only = task.config.next_tasks_policy is NextTasksPolicy.RUN_FIRST_MATCH
    decided: dict[Edge, bool] = {}
    for edge, result in zip(task.config.edges, task.copied.edges, strict=True):
        decided[edge] = result
        if first_only and result:
            break
    return decided
