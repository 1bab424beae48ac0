"""The far side of a handler that runs in a process of its own."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import threading
from functools import cache, reduce
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from perdure.v1.worker_service_pb2 import Assignment
from perdure.worker.context import TaskContext, facts_of
from perdure.worker.performing import perform_blocking
from perdure.worker.registry import handler_of

if TYPE_CHECKING:
    from perdure.worker.handler import Handler


def perform_in_process(module: str, qualified_name: str, assignment: bytes) -> bytes:
    """Perform an attempt with the handler of that name; returns the serialised result.

    A message or progress is not carried back from here, and nothing says that the attempt is not wanted any more.
    """
    message = Assignment.FromString(assignment)
    context = TaskContext(facts_of(message), _to_nobody)
    result = perform_blocking(_find(module, qualified_name), message, context)
    return result.SerializeToString()


def end_with_parent() -> None:
    """Make this process end when the worker's does; a pool leaves its processes behind if its owner is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_outlive_nobody, args=(parent.sentinel,), daemon=True).start()


def _outlive_nobody(sentinel: int) -> None:
    wait([sentinel])
    os._exit(0)


@cache
def _find(module: str, qualified_name: str) -> Handler:
    """Import the module and look the task up in it: the name of a decorated function is that of its task."""
    return handler_of(reduce(getattr, qualified_name.split("."), importlib.import_module(module)))


def _to_nobody(_percent: int | None, _message: str | None) -> None:
    return
