"""The part of an integration that one trigger starts: which tasks, in which order, joined how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perdure.domain.errors import UnknownTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.domain.integration import Integration, TaskConfig


@dataclass(frozen=True, slots=True)
class Predecessor:
    """An incoming edge: the task it comes from, and its position among that task's edges."""

    task_id: str
    edge: int


@dataclass(frozen=True, slots=True)
class Graph:
    """The tasks that a trigger's start tasks lead to.

    Tasks out of reach are no part of the execution: they appear in none of its states.

    Attributes:
        tasks: By id, in the order in which the integration lists them.
        start_tasks: They run without waiting for anything.
        predecessors: Incoming edges of each task, only from tasks within reach.
        leaves: Tasks without a next task; they decide on success (semantics.md 3.5).
        implicit: Whether this is the one-task graph of a `for-each` item, whose response is the
            outcome of its task rather than declared parameters.
    """

    integration: Integration
    trigger_id: str
    tasks: Mapping[str, TaskConfig]
    start_tasks: tuple[str, ...]
    predecessors: Mapping[str, tuple[Predecessor, ...]]
    leaves: tuple[str, ...]
    implicit: bool = False


def default_start_tasks(integration: Integration) -> tuple[str, ...]:
    """Name the tasks that no edge leads to."""
    targets = {edge.target for task in integration.tasks.values() for edge in task.edges}
    return tuple(task_id for task_id in integration.tasks if task_id not in targets)


def build_graph(integration: Integration, trigger_id: str, *, implicit: bool = False) -> Graph:
    """Cut out what a trigger starts; an empty trigger id starts the default start tasks (row 5).

    Raises:
        UnknownTrigger: The integration has no such trigger.
    """
    if trigger_id and trigger_id not in integration.triggers:
        raise UnknownTrigger(integration.name, trigger_id)
    named = integration.triggers[trigger_id].start_tasks if trigger_id else ()
    start_tasks = named or default_start_tasks(integration)
    within_reach = reachable(integration, start_tasks)
    tasks = {task_id: task for task_id, task in integration.tasks.items() if task_id in within_reach}
    incoming: dict[str, list[Predecessor]] = {task_id: [] for task_id in tasks}
    for task_id, task in tasks.items():
        for position, edge in enumerate(task.edges):
            incoming[edge.target].append(Predecessor(task_id, position))
    return Graph(
        integration=integration,
        trigger_id=trigger_id,
        tasks=tasks,
        start_tasks=start_tasks,
        predecessors={task_id: tuple(edges) for task_id, edges in incoming.items()},
        leaves=tuple(task_id for task_id, task in tasks.items() if not task.edges),
        implicit=implicit,
    )


def reachable(integration: Integration, start_tasks: Iterable[str]) -> set[str]:
    """Collect the start tasks and all that their edges lead to."""
    found: set[str] = set()
    waiting = list(start_tasks)
    while waiting:
        task_id = waiting.pop()
        if task_id in found:
            continue
        found.add(task_id)
        waiting.extend(edge.target for edge in integration.tasks[task_id].edges)
    return found
