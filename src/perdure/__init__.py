"""Durable execution behind a protobuf contract: authoring tasks and integrations.

Everything here is loaded when it is first used, so that `import perdure` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.definition import (
        App,
        ConversionError,
        Decision,
        DefinitionError,
        Exponential,
        Failure,
        Fatal,
        Fixed,
        Ignore,
        Linear,
        Restart,
        Retention,
        RetryIf,
        Rollback,
        Suspension,
        TracingError,
        catching,
        decision_of,
        execution,
        first_match,
        for_each,
        on_failure,
        otherwise,
        parallel,
        suspend,
        teardown,
        timer,
        wait_for_signal,
        when,
    )
    from perdure.worker.context import TaskContext
    from perdure.worker.errors import PermanentError, TaskError

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
    "PermanentError",
    "Restart",
    "Retention",
    "RetryIf",
    "Rollback",
    "Suspension",
    "TaskContext",
    "TaskError",
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


_HOMES = {
    "PermanentError": "perdure.worker.errors",
    "TaskContext": "perdure.worker.context",
    "TaskError": "perdure.worker.errors",
}
"""Modules of the names that do not come from `perdure.definition`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'perdure' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "perdure.definition")), name)


def __dir__() -> list[str]:
    return __all__
