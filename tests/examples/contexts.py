"""Contexts for handlers that are called as the functions they are."""

from perdure import TaskContext
from perdure.worker.context import AttemptFacts


def make_context(execution="one", said=None):
    """Make a context of an execution with this id, which appends what the handler says to a list."""
    parent = "projects/default/locations/local/integrations/audit"
    facts = AttemptFacts(
        execution=f"{parent}/executions/{execution}",
        task="task",
        attempt=1,
        execution_attempt=1,
        idempotency_key="key",
        integration=parent,
        deadline=None,
        trace_parent="",
        trace_state="",
    )
    heard = [] if said is None else said
    return TaskContext(facts, lambda percent, text: heard.append(text if percent is None else percent))
