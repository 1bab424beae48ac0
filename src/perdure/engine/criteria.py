"""Whether the criteria of a trigger let an execution start (row 64)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.apply import first_state
from perdure.domain.decide.transition import Transition
from perdure.domain.errors import WrongState
from perdure.domain.expression import ExpressionError

if TYPE_CHECKING:
    from perdure.domain.commands import Context
    from perdure.domain.events import ExecutionCreated
    from perdure.domain.graph import Graph
    from perdure.store.records import ExecutionKey


class CriteriaNotMet(WrongState):
    """The trigger does not start an execution with these inputs; nothing was started."""

    reason = "TRIGGER_CRITERIA_NOT_MET"


def check_criteria(created: ExecutionCreated, graph: Graph, key: ExecutionKey, context: Context) -> None:
    """Hold an execution that is about to be made against the criteria of its trigger, before anything of it runs.

    Raises:
        CriteriaNotMet: They are false, or cannot be evaluated: who starts nothing on a doubt can be asked again.
    """
    trigger = graph.integration.triggers.get(graph.trigger_id)
    if trigger is None or not trigger.criteria:
        return
    transition = Transition(first_state(created, graph, key.execution, key.project, context.now), context)
    where = f"the criteria of trigger {trigger.trigger_id} of integration {created.integration}"
    try:
        met = context.evaluator.test(trigger.criteria, transition.scope())
    except ExpressionError as error:
        raise CriteriaNotMet(f"{where} cannot be evaluated: {error}") from error
    if not met:
        raise CriteriaNotMet(f"{where} are not met: {trigger.criteria}")
