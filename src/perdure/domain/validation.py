"""What makes a graph of tasks wrong, found without running it.

Works on ids and edges alone, so that a definition with other faults can be looked at too: an edge that
leads nowhere is one fault among others, not the end of the search. All of it is linear in tasks and edges,
but for sets of ancestors, which are kept as bits.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.domain.limits import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TASK_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
TASK_ID_RULE: Final = "1 to 64 letters, digits, `_` and `-`, beginning with a letter or `_`"

PARAMETER_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
PARAMETER_KEY_RULE: Final = "an identifier of at most 63 letters, digits and `_`"

HANDLER_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}")
HANDLER_NAME_RULE: Final = "1 to 128 letters, digits, `_`, `.`, `/` and `-`, beginning with a letter, digit or `_`"

TRIGGER_ID: Final = HANDLER_NAME
TRIGGER_ID_RULE: Final = HANDLER_NAME_RULE

RESOURCE_ID: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
RESOURCE_ID_RULE: Final = (
    "1 to 63 lower-case letters, digits, `.`, `_` and `-`, beginning and ending with a letter or digit"
)

REVISION_ID: Final = re.compile(r"[0-9]{6,18}-[0-9a-f]{3}")

LENGTH_MAX: Final = 3_653 * 24 * 3600 * SECOND
"""Longest run, timeout or timer, ten years in microseconds: an end that is later can hardly be meant."""

_CYCLE_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Shape:
    """The part of a definition that makes it a graph, as written.

    Attributes:
        edges: Of each task, the ids that its edges lead to, in order; they need not exist.
        start_tasks: Of each trigger, the start tasks that it names; they need not exist.
    """

    edges: Mapping[str, Sequence[str]]
    start_tasks: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class EdgeFault:
    """A fault of the edge at a position among the edges of a task."""

    task_id: str
    edge: int
    description: str


@dataclass(frozen=True, slots=True)
class StartFault:
    """A fault of the start task at a position among those of a trigger."""

    trigger_id: str
    position: int
    description: str


@dataclass(frozen=True, slots=True)
class TaskFault:
    """A fault of a task as a whole."""

    task_id: str
    description: str


GraphFault = EdgeFault | StartFault | TaskFault


class Ancestry:
    """Knows of every task which others can run before it, in graphs with cycles too."""

    def __init__(self, shape: Shape) -> None:
        self._bit = {task_id: 1 << position for position, task_id in enumerate(shape.edges)}
        edges = _known_edges(shape)
        self.cycles = []
        components = _components(edges)
        members = [sum(self._bit[task_id] for task_id in component) for component in components]
        of_task = {task_id: at for at, component in enumerate(components) for task_id in component}
        before = [0] * len(components)
        # Tarjan's order is from the leaves up; backwards, each component comes after all that lead to it.
        for at in range(len(components) - 1, -1, -1):
            component = components[at]
            if len(component) > 1:
                before[at] |= members[at]
                self.cycles.append(_shortest_cycle(edges, component, of_task))
            handed_on = before[at] | members[at]
            for task_id in component:
                for target in edges[task_id]:
                    if of_task[target] != at:
                        before[of_task[target]] |= handed_on
        self._ancestors = {task_id: before[at] for task_id, at in of_task.items()}

    def is_ancestor(self, task_id: str, of: str) -> bool:
        """Whether a way leads from one known task to another."""
        return bool(self._ancestors[of] & self._bit[task_id])

    def has_ancestor_among(self, task_id: str, others: Sequence[str]) -> bool:
        """Whether a way leads to a known task from one of some known others."""
        mask = 0
        for other in others:
            if other != task_id:
                mask |= self._bit[other]
        return bool(self._ancestors[task_id] & mask)


def graph_faults(shape: Shape, ancestry: Ancestry) -> Iterator[GraphFault]:
    """Find all that is wrong with edges and start tasks."""
    yield from _edge_faults(shape)
    for cycle in ancestry.cycles:
        edge = list(shape.edges[cycle[0]]).index(cycle[1])
        yield EdgeFault(cycle[0], edge, f"closes a cycle: {_show(cycle)}")
    for trigger_id, start_tasks in shape.start_tasks.items():
        yield from _start_faults(shape, ancestry, trigger_id, start_tasks)
    yield from _unreachable(shape, ancestry)


def _edge_faults(shape: Shape) -> Iterator[EdgeFault]:
    for task_id, targets in shape.edges.items():
        seen: set[str] = set()
        for position, target in enumerate(targets):
            if target not in shape.edges:
                yield EdgeFault(task_id, position, f'there is no task "{target}"')
            elif target == task_id:
                yield EdgeFault(task_id, position, "leads back to the task itself")
            elif target in seen:
                yield EdgeFault(task_id, position, f'a second edge to "{target}"; join the conditions with ||')
            seen.add(target)


def _start_faults(
    shape: Shape, ancestry: Ancestry, trigger_id: str, start_tasks: Sequence[str]
) -> Iterator[StartFault]:
    known = [task_id for task_id in start_tasks if task_id in shape.edges]
    seen: set[str] = set()
    for position, task_id in enumerate(start_tasks):
        if task_id not in shape.edges:
            yield StartFault(trigger_id, position, f'there is no task "{task_id}"')
        elif task_id in seen:
            yield StartFault(trigger_id, position, f'"{task_id}" is named twice')
        elif ancestry.has_ancestor_among(task_id, known):
            yield StartFault(trigger_id, position, f'another start task leads to "{task_id}"')
        seen.add(task_id)


def _unreachable(shape: Shape, ancestry: Ancestry) -> Iterator[TaskFault]:
    """Find tasks that nothing starts; those on a cycle are left out, as the cycle itself is reported."""
    edges = _known_edges(shape)
    targets = {target for known in edges.values() for target in known}
    found: set[str] = set()
    waiting = [task_id for task_id in edges if task_id not in targets]
    waiting += [task_id for named in shape.start_tasks.values() for task_id in named if task_id in edges]
    while waiting:
        task_id = waiting.pop()
        if task_id not in found:
            found.add(task_id)
            waiting.extend(edges[task_id])
    for task_id in edges:
        if task_id not in found and not ancestry.is_ancestor(task_id, task_id):
            yield TaskFault(task_id, "no start task leads to this task")


def _known_edges(shape: Shape) -> dict[str, list[str]]:
    """Leave out edges that are faults in themselves: to unknown tasks, and to the task itself."""
    return {
        task_id: [target for target in targets if target in shape.edges and target != task_id]
        for task_id, targets in shape.edges.items()
    }


def _components(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Find the strongly connected components by Tarjan's algorithm, without recursion."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_tasks: list[str] = []
    is_open: set[str] = set()
    components: list[list[str]] = []

    def enter(task_id: str) -> None:
        number[task_id] = lowest[task_id] = len(number)
        open_tasks.append(task_id)
        is_open.add(task_id)
        path.append((task_id, iter(edges[task_id])))

    path: list[tuple[str, Iterator[str]]] = []
    for root in edges:
        if root not in number:
            enter(root)
        while path:
            task_id, targets = path[-1]
            target = next(targets, None)
            if target is None:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[task_id])
                if lowest[task_id] == number[task_id]:
                    components.append(_close(task_id, open_tasks, is_open))
            elif target not in number:
                enter(target)
            elif target in is_open:
                lowest[task_id] = min(lowest[task_id], number[target])
    return components


def _close(root: str, open_tasks: list[str], is_open: set[str]) -> list[str]:
    component: list[str] = []
    while not component or component[-1] != root:
        component.append(open_tasks.pop())
        is_open.discard(component[-1])
    return component


def _shortest_cycle(
    edges: Mapping[str, Sequence[str]], component: Sequence[str], of_task: Mapping[str, int]
) -> list[str]:
    """Walk from one task of a component back to itself; the result names it first and last."""
    start = component[-1]
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while start not in came_from:
        task_id = waiting.popleft()
        for target in edges[task_id]:
            if of_task[target] == of_task[start] and target not in came_from:
                came_from[target] = task_id
                waiting.append(target)
    cycle = [start, came_from[start]]
    while cycle[-1] != start:
        cycle.append(came_from[cycle[-1]])
    return cycle[::-1]


def _show(cycle: Sequence[str]) -> str:
    if len(cycle) <= _CYCLE_SHOWN:
        return " -> ".join(cycle)
    return " -> ".join([*cycle[: _CYCLE_SHOWN - 1], f"... ({len(cycle) - 1} tasks)", cycle[-1]])
