"""The part of an integration that one trigger starts: which tasks, in which order, joined how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perdure.domain.errors import UnknownTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from perdure.domain.integration import Integration, TaskConfig


@dataclass(frozen=True, slots=True)
class Predecessor:
    """An incoming edge: the task it comes from, and its position among that task's edges."""

    task_id: str
    edge: int


@dataclass(frozen=True, slots=True)
class CatcherGraph:
    """The part of a graph that an error catcher starts.

    Attributes:
        tasks: Ids of its tasks, in the order in which the integration lists them.
    """

    start_tasks: tuple[str, ...]
    tasks: tuple[str, ...]
    leaves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The tasks that a trigger's start tasks lead to, and those that run when something fails or at the end.

    Tasks out of reach are no part of the execution: they appear in none of its states. Those of catchers
    and of the teardown appear when they begin.

    Attributes:
        tasks: All of them by id: forward ones in the order in which the integration lists them, then those of
            catchers, then those of the teardown.
        forward: Ids of the tasks that the start tasks lead to.
        start_tasks: They run without waiting for anything.
        predecessors: Incoming edges of each task, only from tasks within reach.
        leaves: Forward tasks without a next task; they decide on success (semantics.md 3.5).
        catchers: Those that can run, by id.
        catcher_of: The catcher that each catcher's task belongs to.
        error_catcher: Id of the catcher for the failure of the execution; empty for none.
        teardown: Ids of the teardown tasks in their order.
        undo_bits: A bit for each task that declares a rollback.
        dependents: For each of them, the bits of those that run after it because of it.
        implicit: Whether this is the one-task graph of a `for-each` item, whose response is the
            outcome of its task rather than declared parameters.
    """

    integration: Integration
    trigger_id: str
    tasks: Mapping[str, TaskConfig]
    forward: tuple[str, ...]
    start_tasks: tuple[str, ...]
    predecessors: Mapping[str, tuple[Predecessor, ...]]
    leaves: tuple[str, ...]
    catchers: Mapping[str, CatcherGraph] = field(default_factory=dict)
    catcher_of: Mapping[str, str] = field(default_factory=dict)
    error_catcher: str = ""
    teardown: tuple[str, ...] = ()
    undo_bits: Mapping[str, int] = field(default_factory=dict)
    dependents: Mapping[str, int] = field(default_factory=dict)
    implicit: bool = False


def default_start_tasks(integration: Integration) -> tuple[str, ...]:
    """Name the tasks that no edge and no error catcher leads to."""
    targets = {edge.target for task in integration.tasks.values() for edge in task.edges}
    targets.update(task_id for catcher in integration.error_catchers.values() for task_id in catcher.start_tasks)
    return tuple(task_id for task_id in integration.tasks if task_id not in targets)


def build_graph(integration: Integration, trigger_id: str, *, implicit: bool = False) -> Graph:
    """Cut out what a trigger starts; an empty trigger id starts the default start tasks (row 5).

    Raises:
        UnknownTrigger: The integration has no such trigger.
    """
    if trigger_id and trigger_id not in integration.triggers:
        raise UnknownTrigger(integration.name, trigger_id)
    trigger = integration.triggers[trigger_id] if trigger_id else None
    start_tasks = (trigger.start_tasks if trigger else ()) or default_start_tasks(integration)
    forward = _in_order(integration, reachable(integration, start_tasks))
    error_catcher = (trigger.error_catcher if trigger else "") or integration.error_catcher
    catchers = _catchers(integration, forward, error_catcher)
    listed = [*forward, *(task_id for catcher in catchers.values() for task_id in catcher.tasks)]
    tasks = {task_id: integration.tasks[task_id] for task_id in listed}
    incoming: dict[str, list[Predecessor]] = {task_id: [] for task_id in tasks}
    for task_id, task in tasks.items():
        for position, edge in enumerate(task.edges):
            incoming[edge.target].append(Predecessor(task_id, position))
    teardown = {task.task_id: task for task in integration.teardown}
    incoming.update((task_id, []) for task_id in teardown)
    undo_bits = _undo_bits(tasks)
    return Graph(
        integration=integration,
        trigger_id=trigger_id,
        tasks={**tasks, **teardown},
        forward=forward,
        start_tasks=start_tasks,
        predecessors={task_id: tuple(edges) for task_id, edges in incoming.items()},
        leaves=tuple(task_id for task_id in forward if not tasks[task_id].edges),
        catchers=catchers,
        catcher_of={task_id: catcher_id for catcher_id, part in catchers.items() for task_id in part.tasks},
        error_catcher=error_catcher,
        teardown=tuple(teardown),
        undo_bits=undo_bits,
        dependents=_dependents(tasks, catchers, error_catcher, undo_bits),
        implicit=implicit,
    )


def _in_order(integration: Integration, found: set[str]) -> tuple[str, ...]:
    return tuple(task_id for task_id in integration.tasks if task_id in found)


def _catchers(integration: Integration, forward: Iterable[str], error_catcher: str) -> dict[str, CatcherGraph]:
    """Cut out the catchers that the tasks and the execution name; tasks of catchers name none themselves."""
    named = {error_catcher, *(integration.tasks[task_id].error_catcher for task_id in forward)}
    catchers: dict[str, CatcherGraph] = {}
    for catcher_id in sorted(named - {""}):
        start_tasks = integration.error_catchers[catcher_id].start_tasks
        tasks = _in_order(integration, reachable(integration, start_tasks))
        leaves = tuple(task_id for task_id in tasks if not integration.tasks[task_id].edges)
        catchers[catcher_id] = CatcherGraph(start_tasks, tasks, leaves)
    return catchers


def _undo_bits(tasks: Mapping[str, TaskConfig]) -> dict[str, int]:
    undoable = (task_id for task_id, task in tasks.items() if task.rollback)
    return {task_id: 1 << position for position, task_id in enumerate(undoable)}


def _dependents(
    tasks: Mapping[str, TaskConfig],
    catchers: Mapping[str, CatcherGraph],
    error_catcher: str,
    bits: Mapping[str, int],
) -> dict[str, int]:
    """Collect, for the tasks that declare a rollback, the bits of those that run after them because of them."""
    if not bits:
        return {}
    followers = _followers(tasks, catchers, error_catcher)
    whole = frozenset(catchers[error_catcher].tasks if error_catcher else ())
    last = sum(bits.get(task_id, 0) for task_id in whole)
    known: dict[str, int] = {}
    for root in tasks:
        path = [root]
        while path:
            targets = followers[path[-1]]
            missing = [target for target in targets if target not in known]
            if missing:
                path.extend(missing)
                continue
            mask = 0 if path[-1] in whole else last
            for target in targets:
                mask |= known[target] | bits.get(target, 0)
            known[path.pop()] = mask
    return {task_id: known[task_id] for task_id in bits}


def _followers(
    tasks: Mapping[str, TaskConfig], catchers: Mapping[str, CatcherGraph], error_catcher: str
) -> dict[str, list[str]]:
    """Name what runs right after each task because of it.

    A catcher runs after the tasks that name it, and what waited for them runs after the catcher. Where both could
    be the case, because several tasks share a catcher or it is that of the execution too, the catcher counts as last.
    """
    followers = {task_id: [edge.target for edge in task.edges] for task_id, task in tasks.items()}
    waiting: dict[str, list[str]] = {}
    for task_id, task in tasks.items():
        if task.error_catcher:
            waiting.setdefault(task.error_catcher, []).extend(followers[task_id])
            followers[task_id].extend(catchers[task.error_catcher].start_tasks)
    for catcher_id, targets in waiting.items():
        catcher = catchers[catcher_id]
        if catcher_id != error_catcher and not _reached(followers.__getitem__, targets).intersection(catcher.tasks):
            for leaf in catcher.leaves:
                followers[leaf].extend(targets)
    return followers


def reachable(integration: Integration, start_tasks: Iterable[str]) -> set[str]:
    """Collect the start tasks and all that their edges lead to."""
    return _reached(lambda task_id: (edge.target for edge in integration.tasks[task_id].edges), start_tasks)


def _reached(follow: Callable[[str], Iterable[str]], start_tasks: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(start_tasks)
    while waiting:
        task_id = waiting.pop()
        if task_id in found:
            continue
        found.add(task_id)
        waiting.extend(follow(task_id))
    return found
