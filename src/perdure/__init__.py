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
        DefinitionError,
        Exponential,
        Fatal,
        Fixed,
        Ignore,
        Linear,
        Restart,
        TracingError,
        for_each,
        parallel,
        timer,
        when,
    )
    from perdure.worker.context import TaskContext

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
    "TaskContext",
    "TracingError",
    "for_each",
    "parallel",
    "timer",
    "when",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'perdure' has no attribute {name!r}")
    home = "perdure.worker.context" if name == "TaskContext" else "perdure.definition"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
