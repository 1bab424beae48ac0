"""Finds an app by the name that a command line gives it."""

from __future__ import annotations

import importlib
from functools import reduce
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from perdure.worker.registry import TaskCollection


class AppNotFound(Exception):
    """There is no app under the name that was given; the message says what is missing."""


def load_app(path: str) -> TaskCollection:
    """Import an app.

    Args:
        path: `MODULE:NAME`, such as `shop.orders:app`.

    Raises:
        AppNotFound: The path is not of that form, or there is no such module, name or app.
    """
    module_name, colon, name = path.partition(":")
    if not (module_name and colon and name):
        raise AppNotFound(f"{path!r} is not of the form MODULE:NAME")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and not module_name.startswith(error.name):
            # The module is there, and needs one that is not.
            raise
        raise AppNotFound(f"there is no module {module_name}") from error
    try:
        app = reduce(getattr, name.split("."), module)
    except AttributeError as error:
        raise AppNotFound(f"module {module_name} has no {name}") from error
    if not hasattr(app, "tasks"):
        raise AppNotFound(f"{path} is a {type(app).__name__}, not an app")
    return cast("TaskCollection", app)
