"""Faults of the expressions of a definition: what does not compile, and what names what is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.field_faults import show
from perdure.domain.errors import FieldViolation
from perdure.domain.expression import CATCHER_VARIABLES, FAILURE_VARIABLES, TASK_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from perdure.codec.integrations.parts import Parts
    from perdure.domain.expression import Evaluator, ExpressionProblem, References, TaskReference
    from perdure.v1.integration_pb2 import TriggerConfig
    from perdure.v1.task_config_pb2 import TaskConfig

RESULTS_OF_LOOP: Final = frozenset({"results"})
RESULTS_OF_DECISION: Final = frozenset({"approved", "result", "resolver", "expired"})

_CRITERIA_VARIABLES: Final = frozenset({"params", "execution"})


@dataclass(frozen=True, slots=True)
class Site:
    """An expression at its place.

    Attributes:
        path: Field path of the text.
        task_id: The task that it belongs to; empty if it belongs to none.
        is_condition: Whether it must yield a boolean.
        sees_itself: Whether the task has ended when it is evaluated, so that its own outputs are there.
    """

    path: str
    text: str
    task_id: str
    variables: frozenset[str] = TASK_VARIABLES
    is_condition: bool = False
    sees_itself: bool = False


def criteria_site(path: str, trigger: TriggerConfig) -> Site:
    """Take the expression of a trigger: it is evaluated before anything has begun."""
    return Site(f"{path}.criteria", trigger.criteria, "", _CRITERIA_VARIABLES, is_condition=True)


def expression_sites(path: str, task: TaskConfig, *, handles_failure: bool) -> Iterator[Site]:
    """Collect the expressions of a task; empty ones are none.

    Args:
        path: Of the task.
        task: The task.
        handles_failure: Whether it belongs to an error catcher or to the teardown, so that it sees `error`.
    """
    task_id = task.task_id
    variables = CATCHER_VARIABLES if handles_failure else TASK_VARIABLES
    yield Site(f"{path}.precondition", task.precondition, task_id, variables, is_condition=True)
    for key, source in task.parameters.items():
        yield Site(f"{path}.parameters[{show(key)}].expression", source.expression, task_id, variables)
    for position, edge in enumerate(task.next_tasks):
        place = f"{path}.next_tasks[{position}].condition"
        yield Site(place, edge.condition, task_id, variables, is_condition=True, sees_itself=True)
    for position, policy in enumerate(task.conditional_failure_policies.failure_policies):
        yield Site(
            f"{path}.conditional_failure_policies.failure_policies[{position}].condition",
            policy.condition,
            task_id,
            variables=FAILURE_VARIABLES,
            is_condition=True,
        )
    for position, assignment in enumerate(task.assign.assignments):
        yield Site(f"{path}.assign.assignments[{position}].expression", assignment.expression, task_id, variables)
    yield Site(f"{path}.timer.until_expression", task.timer.until_expression, task_id, variables)
    yield Site(f"{path}.for_each.items", task.for_each.items, task_id, variables)


def known_results(task: TaskConfig) -> frozenset[str] | None:
    """Name the results that a built-in has; None where only the run can tell."""
    match task.WhichOneof("built_in"):
        case "timer" | "assign":
            return frozenset()
        case "for_each":
            return RESULTS_OF_LOOP
        case "suspend":
            return RESULTS_OF_DECISION
        case "sub_integration" if task.sub_integration.HasField("wait") and not task.sub_integration.wait:
            return frozenset()
        case _:
            return None


def settable_parameters(task: TaskConfig) -> Iterator[str]:
    """Name the parameters that a task can give a value; they need not be declared."""
    yield from (output.parameter for output in task.outputs)
    yield from (assignment.parameter for assignment in task.assign.assignments)


class ExpressionCheck:
    """Judges expressions in one definition; a text that comes many times is compiled once.

    Args:
        evaluator: Knows the language.
        parameters: The parameters that can have a value.
        absence: Why another one has none, for the author.
        results: Of each task, the results that it has, as far as they are known.
        parts: Tell whose outputs can be there.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        parameters: Collection[str],
        absence: str,
        results: Mapping[str, frozenset[str] | None],
        parts: Parts,
    ) -> None:
        self._evaluator = evaluator
        self._parameters = parameters
        self._absence = absence
        self._results = results
        self._parts = parts
        self._compiled: dict[tuple[str, frozenset[str], bool], tuple[tuple[ExpressionProblem, ...], References | None]]
        self._compiled = {}

    def faults(self, site: Site) -> Iterator[FieldViolation]:
        """Find the faults of one expression."""
        if not site.text:
            return
        problems, references = self._compile(site)
        for problem in problems:
            yield FieldViolation(site.path, str(problem))
        if references is None:
            return
        for name in sorted(references.parameters.difference(self._parameters)):
            yield FieldViolation(site.path, f"params has no {show(name)}: {self._absence}")
        for task in sorted(references.tasks, key=lambda task: (task.task_id, task.output or "")):
            yield from self._task_faults(site, task)

    def _compile(self, site: Site) -> tuple[tuple[ExpressionProblem, ...], References | None]:
        key = (site.text, site.variables, site.is_condition)
        if key not in self._compiled:
            problems = self._evaluator.check(site.text, site.variables, condition=site.is_condition)
            self._compiled[key] = (problems, None if problems else self._evaluator.references(site.text))
        return self._compiled[key]

    def _task_faults(self, site: Site, task: TaskReference) -> Iterator[FieldViolation]:
        if task.task_id not in self._results:
            yield FieldViolation(site.path, f"there is no task {show(task.task_id)}")
            return
        itself = task.task_id == site.task_id
        if itself and not site.sees_itself:
            yield FieldViolation(site.path, "the task has no outputs yet when this is evaluated")
        elif not itself and not self._parts.may_read(task.task_id, site.task_id):
            yield FieldViolation(site.path, f"no edges lead from task {show(task.task_id)} to here")
        results = self._results[task.task_id]
        if task.output is not None and results is not None and task.output not in results:
            yield FieldViolation(site.path, f"task {show(task.task_id)} has no result {show(task.output)}")
