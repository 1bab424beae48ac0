"""What a picture shows, whatever its form: boxes, arrows between them, groups around them (row 38)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING

from perdure.domain.graph import default_start_tasks, reachable
from perdure.domain.states import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from perdure.domain.execution import Execution
    from perdure.domain.integration import Integration, TaskConfig
    from perdure.domain.task import TaskRun


class Shape(Enum):
    """What a box stands for."""

    START = "start"
    TASK = "task"
    BUILT_IN = "built-in"


class Line(Enum):
    """What an arrow means."""

    NEXT = "next"
    CATCH = "catch"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Node:
    """A box.

    Attributes:
        key: Unique in the picture.
        title: What is written large; `subtitle` what is written small.
        state: Of the task in the execution that is shown; None without one, and for a task that has not begun to
            be part of it.
        note: What else to know, in a few words: how far it is, which attempt.
        undo: Handler that undoes it; empty for none.
    """

    key: str
    title: str
    subtitle: str
    shape: Shape
    state: TaskState | None = None
    note: str = ""
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way from one box to another.

    Attributes:
        taken: Whether the execution went this way; None if that is not known yet.
    """

    source: str
    target: str
    label: str = ""
    line: Line = Line.NEXT
    taken: bool | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Boxes that belong together besides the main graph: those of a catcher, those of the teardown.

    Attributes:
        last: Whether they come after all others.
    """

    title: str
    nodes: tuple[str, ...]
    last: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is to be drawn; the nodes are listed so that arrows lead from earlier to later ones."""

    title: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    groups: tuple[Group, ...] = ()


def picture_of_integration(integration: Integration, names: Mapping[str, str]) -> Picture:
    """Draw all of an integration, with its triggers.

    Args:
        integration: The revision to draw.
        names: Display names of tasks, by task id; a task without one shows its id.
    """
    title = f"{integration.name} {integration.revision_id}"
    starts = {
        trigger.trigger_id: trigger.start_tasks or default_start_tasks(integration)
        for trigger in integration.triggers.values()
    }
    if not starts:
        starts = {"": default_start_tasks(integration)}
    tasks = [*integration.tasks.values(), *integration.teardown]
    nodes = [Node(f"start {name}", name or "start", "", Shape.START) for name in starts]
    nodes += [_node(task, names, None) for task in _ordered(tasks)]
    arrows = [Arrow(f"start {name}", target) for name, targets in starts.items() for target in targets]
    arrows += _arrows(integration, tasks, None)
    groups = [
        _group(integration, f"error catcher {catcher_id}", catcher.start_tasks)
        for catcher_id, catcher in integration.error_catchers.items()
    ]
    return Picture(title, tuple(nodes), tuple(arrows), (*groups, *_teardown(integration)))


def picture_of_execution(execution: Execution, names: Mapping[str, str]) -> Picture:
    """Draw the part of an integration that an execution runs, and how far it has come.

    Args:
        execution: As it is now.
        names: As for `picture_of_integration`.
    """
    graph = execution.graph
    integration = graph.integration
    tasks = list(graph.tasks.values())
    start = f"start {graph.trigger_id}"
    nodes = [Node(start, graph.trigger_id or "start", "", Shape.START)]
    nodes += [_node(task, names, execution.tasks.get(task.task_id)) for task in _ordered(tasks)]
    begun = execution.start_time is not None
    arrows = [Arrow(start, target, taken=True if begun else None) for target in graph.start_tasks]
    arrows += _arrows(integration, tasks, execution)
    groups = [Group(f"error catcher {catcher_id}", catcher.tasks) for catcher_id, catcher in graph.catchers.items()]
    title = f"{integration.name} {integration.revision_id} · {execution.id} · {_progress(execution)}"
    return Picture(title, tuple(nodes), tuple(arrows), (*groups, *_teardown(integration)))


def _progress(execution: Execution) -> str:
    paused = " (paused)" if execution.pause else " (at a breakpoint)" if execution.stop else ""
    return f"{execution.state.name}{paused}"


def _ordered(tasks: Iterable[TaskConfig]) -> list[TaskConfig]:
    """Bring tasks into an order in which edges lead forward, as close to the one written as that allows."""
    by_id = {task.task_id: task for task in tasks}
    before = dict.fromkeys(by_id, 0)
    for task in by_id.values():
        for edge in task.edges:
            before[edge.target] += 1
    waiting = [task_id for task_id, count in before.items() if not count][::-1]
    ordered: list[TaskConfig] = []
    while waiting:
        task = by_id[waiting.pop()]
        ordered.append(task)
        for edge in reversed(task.edges):
            before[edge.target] -= 1
            if not before[edge.target]:
                waiting.append(edge.target)
    return ordered


def _node(task: TaskConfig, names: Mapping[str, str], run: TaskRun | None) -> Node:
    shape = Shape.TASK if task.built_in is None else Shape.BUILT_IN
    title = names.get(task.task_id) or task.task_id
    return Node(
        key=task.task_id,
        title=_printable(title),
        subtitle=task.handler if task.handler != title else "",
        shape=shape,
        state=run.state if run else None,
        note=_note(run) if run else "",
        undo=task.rollback.handler if task.rollback else "",
    )


def _printable(text: str) -> str:
    """Leave out what would command a terminal or break a file: control characters, line ends among them."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _note(run: TaskRun) -> str:
    parts = []
    if run.sub_job_count:
        parts.append(f"{run.finished_sub_job_count}/{run.sub_job_count}")
    elif run.percent not in (0, 100):
        parts.append(f"{run.percent} %")
    attempts = len(run.attempts)
    if attempts > 1:
        parts.append(f"{attempts} attempts")
    if run.handled:
        parts.append("caught")
    if run.undo is not None and run.undo.failure is not None:
        parts.append("not undone")
    return ", ".join(parts)


def _arrows(integration: Integration, tasks: Iterable[TaskConfig], execution: Execution | None) -> Iterator[Arrow]:
    shown = {task.task_id for task in tasks}
    for task in tasks:
        run = execution.tasks.get(task.task_id) if execution else None
        for position, edge in enumerate(task.edges):
            taken = run.edges[position] if run is not None and run.edges is not None else None
            yield Arrow(task.task_id, edge.target, _printable(edge.condition), Line.NEXT, taken)
        if task.error_catcher:
            for target in integration.error_catchers[task.error_catcher].start_tasks:
                if target in shown:
                    begun = execution is not None and task.error_catcher in execution.catchers
                    caught = run is not None and run.state is TaskState.FAILED
                    yield Arrow(task.task_id, target, "on failure", Line.CATCH, True if begun and caught else None)
    for first, second in pairwise(integration.teardown):
        yield Arrow(first.task_id, second.task_id, "", Line.ORDER)


def _group(integration: Integration, title: str, start_tasks: Iterable[str]) -> Group:
    found = reachable(integration, start_tasks)
    return Group(title, tuple(task_id for task_id in integration.tasks if task_id in found))


def _teardown(integration: Integration) -> tuple[Group, ...]:
    tasks = tuple(task.task_id for task in integration.teardown)
    return (Group("teardown", tasks, last=True),) if tasks else ()
