"""Checks breakpoints against the graph that they are set in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.breakpoints import Position
from perdure.domain.errors import FieldViolation
from perdure.domain.expression import CATCHER_VARIABLES, FAILURE_VARIABLES, TASK_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.domain.breakpoints import Breakpoint, Breakpoints
    from perdure.domain.expression import Evaluator
    from perdure.domain.graph import Graph


def breakpoint_faults(
    breakpoints: Breakpoints | None, graph: Graph, evaluator: Evaluator, field: str = "breakpoints"
) -> list[FieldViolation]:
    """Find every breakpoint at a task that there is not, or with a condition that does not compile.

    Args:
        breakpoints: None for none.
        graph: What the execution runs; tasks of catchers and of the teardown belong to it.
        evaluator: Compiles the conditions.
        field: Path of the breakpoints in the request.
    """
    places = breakpoints.breakpoints if breakpoints else ()
    return [
        fault
        for position, place in enumerate(places)
        for fault in _faults(place, graph, evaluator, f"{field}.breakpoints[{position}]")
    ]


def _faults(place: Breakpoint, graph: Graph, evaluator: Evaluator, path: str) -> Iterator[FieldViolation]:
    if place.task_id and place.task_id not in graph.tasks:
        description = f"the execution has no task {place.task_id}; it has: {', '.join(graph.tasks)}"
        yield FieldViolation(f"{path}.task_number", description)
    if place.condition:
        for problem in evaluator.check(place.condition, _variables(place, graph), condition=True):
            yield FieldViolation(f"{path}.condition", str(problem))


def _variables(place: Breakpoint, graph: Graph) -> frozenset[str]:
    if place.position is Position.ON_FAILURE:
        return FAILURE_VARIABLES
    ends = place.task_id in graph.catcher_of or place.task_id in graph.teardown
    return CATCHER_VARIABLES if ends else TASK_VARIABLES
