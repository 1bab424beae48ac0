"""Which handlers a worker has: collected from apps and bound once."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from perdure.definition.arguments import bind_inputs, outputs_of, signature_of
from perdure.worker.handler import Handler, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class TaskDefinition(Protocol):
    """A task as an app keeps it.

    Attributes:
        executor: `async`, `thread` or `process`; None for what suits the function.
    """

    @property
    def name(self) -> str:
        """What integrations call it."""
        ...

    @property
    def handler(self) -> Callable[..., Any]:
        """The function as its author wrote it."""
        ...

    @property
    def executor(self) -> str | None:
        """Where it is to run."""
        ...


class TaskCollection(Protocol):
    """An app."""

    @property
    def tasks(self) -> Mapping[str, TaskDefinition]:
        """Its tasks by name."""
        ...


def handler_of(task: TaskDefinition) -> Handler:
    """Bind a task.

    Raises:
        DefinitionError: The function has arguments that no input can fill.
        ValueError: It cannot run where it is to run.
    """
    function = task.handler
    signature = signature_of(function)
    return Handler(
        name=task.name,
        function=function,
        place=_place(task.name, function, task.executor),
        takes_context=bool(signature.context),
        bind=partial(bind_inputs, signature),
        outputs=partial(outputs_of, annotation=signature.returns),
    )


def collect_handlers(apps: Iterable[TaskCollection]) -> dict[str, Handler]:
    """Bind all tasks of some apps, by name.

    Raises:
        DefinitionError: A function has arguments that no input can fill.
        ValueError: Two apps have tasks of one name, or a task cannot run where it is to run.
    """
    handlers: dict[str, Handler] = {}
    for app in apps:
        for task in app.tasks.values():
            if task.name in handlers and handlers[task.name].function is not task.handler:
                raise ValueError(f"there are two tasks with the name {task.name}")
            handlers[task.name] = handler_of(task)
    return handlers


def _place(name: str, function: Callable[..., Any], executor: str | None) -> Place:
    is_async = inspect.iscoroutinefunction(function)
    place = Place(executor) if executor else Place.LOOP if is_async else Place.THREAD
    if place is Place.LOOP and not is_async:
        raise ValueError(f"task {name} is no async function, so it cannot run on a loop")
    if place is Place.THREAD and is_async:
        raise ValueError(f"task {name} is an async function, which needs a loop and not a thread")
    if place is Place.PROCESS and "<locals>" in function.__qualname__:
        raise ValueError(f"task {name} runs in a process, so it must be found by name in its module")
    return place
