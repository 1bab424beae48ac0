"""Authoring: integrations as traced Python functions over tasks, or as YAML."""

from perdure.definition.app import App
from perdure.definition.blocks import first_match, for_each, otherwise, parallel, timer, when
from perdure.definition.errors import ConversionError, DefinitionError, TracingError
from perdure.definition.facts import execution
from perdure.definition.failing import catching, on_failure, teardown
from perdure.definition.integrations import TracedIntegration
from perdure.definition.parts import Failure
from perdure.definition.retention import Retention
from perdure.definition.retries import Exponential, Fatal, Fixed, Ignore, Linear, Restart, Retry, RetryIf
from perdure.definition.suspending import Decision, Suspension, decision_of, suspend, wait_for_signal
from perdure.definition.tasks import Task
from perdure.definition.undoing import Rollback

__all__ = [
    "App",
    "ConversionError",
    "Decision",
    "DefinitionError",
    "Exponential",
    "Failure",
    "Fatal",
    "Fixed",
    "Ignore",
    "Linear",
    "Restart",
    "Retention",
    "Retry",
    "RetryIf",
    "Rollback",
    "Suspension",
    "Task",
    "TracedIntegration",
    "TracingError",
    "catching",
    "decision_of",
    "execution",
    "first_match",
    "for_each",
    "on_failure",
    "otherwise",
    "parallel",
    "suspend",
    "teardown",
    "timer",
    "wait_for_signal",
    "when",
]
