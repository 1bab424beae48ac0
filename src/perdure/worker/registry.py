"""Which handlers a worker has: collected from apps and bound once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from perdure.definition.arguments import Outputs, bind_inputs
from perdure.worker.handler import Handler, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from perdure.definition.arguments import Signature


class TaskDefinition(Protocol):
    """A task as an app keeps it.

    Attributes:
        executor: `async`, `thread` or `process`.
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
    def signature(self) -> Signature:
        """What the function takes and returns."""
        ...

    @property
    def executor(self) -> str:
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
        ValueError: It cannot run where it is to run.
    """
    place = Place(task.executor)
    if place is Place.PROCESS and "<locals>" in task.handler.__qualname__:
        raise ValueError(f"task {task.name} runs in a process, so it must be found by its name in its module")
    return Handler(
        name=task.name,
        function=task.handler,
        place=place,
        takes_context=bool(task.signature.context),
        arguments=tuple(task.signature.arguments),
        bind=partial(bind_inputs, task.signature),
        outputs=Outputs(task.signature.returns).of,
    )


def collect_handlers(apps: Iterable[TaskCollection]) -> dict[str, Handler]:
    """Bind all tasks of some apps, by name.

    Raises:
        ValueError: Two apps have tasks of one name, or a task cannot run where it is to run.
    """
    handlers: dict[str, Handler] = {}
    for app in apps:
        for task in app.tasks.values():
            if task.name in handlers and handlers[task.name].function is not task.handler:
                raise ValueError(f"there are two tasks with the name {task.name}")
            handlers[task.name] = handler_of(task)
    return handlers
