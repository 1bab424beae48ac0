"""Finds apps and integrations of Python code by `MODULE:NAME`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

import perdure
from perdure.definition.app import App
from perdure.definition.integrations import TracedIntegration

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

AnyIntegration: TypeAlias = TracedIntegration[..., Any]

_PACKAGE: Final = f"{Path(perdure.__file__).parent}{os.sep}"


@dataclass(frozen=True, slots=True)
class Target:
    """An integration together with the app that has its tasks.

    Attributes:
        app: The app.
        app_path: Where a worker finds the app, `MODULE:NAME`.
        integration: The integration.
    """

    app: App
    app_path: str
    integration: AnyIntegration


def load_app(path: str) -> App:
    """Import an app.

    Raises:
        click.UsageError: There is no such module or no such app in it, or the module fails.
    """
    found = _load(path)
    if not isinstance(found, App):
        raise click.UsageError(f"{path} is no perdure.App but {_kind(found)}")
    return found


def load_deployables(path: str) -> Iterable[AnyIntegration]:
    """Import the integrations that a path names: all of an app, or one.

    Raises:
        click.UsageError: There is neither, or the module fails.
    """
    found = _load(path)
    if isinstance(found, App):
        if not found.integrations:
            raise click.UsageError(f"the app {path} has no integrations")
        return found.integrations.values()
    if isinstance(found, TracedIntegration):
        return (found,)
    raise click.UsageError(f"{path} is neither a perdure.App nor an integration but {_kind(found)}")


def load_target(path: str) -> Target:
    """Import an integration and find the app that it belongs to in the same module.

    Raises:
        click.UsageError: There is no such integration, or no app that has it.
    """
    found = _load(path)
    module_name = path.partition(":")[0]
    if isinstance(found, App):
        known = ", ".join(f"{module_name}:{name}" for name in _integrations_of(found, module_name))
        raise click.UsageError(f"{path} is an app; name one of its integrations: {known or 'it has none'}")
    if not isinstance(found, TracedIntegration):
        raise click.UsageError(f"{path} is no integration but {_kind(found)}")
    for name, value in vars(sys.modules[module_name]).items():
        if isinstance(value, App) and any(found is each for each in value.integrations.values()):
            return Target(value, f"{module_name}:{name}", found)
    raise click.UsageError(f"no app of the module {module_name} has the integration {path}")


def _load(path: str) -> object:
    module_name, colon, name = path.partition(":")
    if not colon or not module_name or not name:
        raise click.UsageError(f"{path!r} is not of the form MODULE:NAME")
    found: object = _import(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise click.UsageError(f"the module {module_name} has no {name}")
        found = getattr(found, part)
    return found


def _import(module_name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and module_name.startswith(error.name):
            message = f"there is no module {module_name} here or among the installed packages"
            raise click.UsageError(message) from None
        message = f"the module {module_name} cannot be imported: {type(error).__name__}: {error} ({_place_of(error)})"
        raise click.UsageError(message) from error


def _place_of(error: Exception) -> str:
    """Find the author's line: the innermost one that is not of this package."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    authors = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    innermost = (authors or frames)[-1]
    return f"{innermost.filename}:{innermost.lineno}"


def _integrations_of(app: App, module_name: str) -> list[str]:
    own = list(app.integrations.values())
    return [name for name, value in vars(sys.modules[module_name]).items() if any(value is each for each in own)]


def _kind(found: object) -> str:
    return f"a {type(found).__qualname__}"
