"""Authoring: integrations as traced Python functions over tasks, or as YAML."""

from perdure.definition.app import App
from perdure.definition.blocks import for_each, parallel, timer, when
from perdure.definition.errors import ConversionError, DefinitionError, TracingError
from perdure.definition.integrations import TracedIntegration
from perdure.definition.retention import Retention
from perdure.definition.retries import Exponential, Fatal, Fixed, Ignore, Linear, Restart, Retry
from perdure.definition.tasks import Task

__all__ = [
    "App",
    "ConversionError",
    "DefinitionError",
    "Exponential",
    "Fatal",
    "Fixed",
    "Ignore",
    "Linear",
    "Restart",
    "Retention",
    "Retry",
    "Task",
    "TracedIntegration",
    "TracingError",
    "for_each",
    "parallel",
    "timer",
    "when",
]
