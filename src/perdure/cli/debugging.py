"""The options that make an execution stop so that people can look at it, and what they stand for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.completion import complete_task
from perdure.cli.instants import read_length_option
from perdure.v1.breakpoint_pb2 import Breakpoint, Breakpoints
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from perdure.client.options import ExecuteOptions

_ANY: Final = ""
"""What `--on-failure` without a task stands for."""
_RETENTIONS: Final = {
    "all": Execution.SAVEPOINT_RETENTION_ALL,
    "last": Execution.SAVEPOINT_RETENTION_LAST,
    "none": Execution.SAVEPOINT_RETENTION_NONE,
}
_POSITION_WORDS: Final = {
    Breakpoint.POSITION_UNSPECIFIED: "before",
    Breakpoint.POSITION_BEFORE: "before",
    Breakpoint.POSITION_AFTER: "after",
    Breakpoint.POSITION_ON_FAILURE: "on failure of",
}


def breakpoint_options(prefix: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options and hand them to the command as its argument `breakpoints`; None if none is given.

    Args:
        prefix: How their names begin: `--` or `--break-`.
    """

    def add(function: Callable[..., None]) -> Callable[..., None]:
        @_place_option(f"{prefix}before", "before", "Stop when this task is ready, before its first attempt.")
        @_place_option(f"{prefix}after", "after", "Stop when this task has succeeded.")
        @_failure_option(f"{prefix}on-failure")
        @click.option(f"{prefix}if", "condition", default="", metavar="CEL", help="Stop there only if this holds.")
        @click.option("--step-through", is_flag=True, help="Stop before every task.")
        @click.option(
            "--stop-expires",
            "expire_after",
            callback=read_length_option,
            metavar="LENGTH",
            help="How long a stop lasts that nobody touches, such as 90m; 24h otherwise.",
        )
        @functools.wraps(function)
        def with_breakpoints(
            before: Sequence[str],
            after: Sequence[str],
            on_failure: Sequence[str],
            condition: str,
            step_through: bool,
            expire_after: timedelta | None,
            **options: object,
        ) -> None:
            places = [
                *((task, Breakpoint.POSITION_BEFORE) for task in before),
                *((task, Breakpoint.POSITION_AFTER) for task in after),
                *((task, Breakpoint.POSITION_ON_FAILURE) for task in on_failure),
            ]
            breakpoints = _breakpoints(places, condition, expire_after, step_through=step_through)
            function(breakpoints=breakpoints, **options)

        return with_breakpoints

    return add


def start_breakpoint_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options for a command that starts an execution."""
    return breakpoint_options("--break-")(function)


def debugging_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--development` and `--savepoints` and hand them to the command under these names."""
    development = click.option(
        "--development", is_flag=True, help="Development mode: it may be deleted before it has ended."
    )
    savepoints = click.option(
        "--savepoints",
        type=click.Choice(list(_RETENTIONS)),
        help="Which snapshots are kept, in place of what the integration says.",
    )
    return development(savepoints(function))


def debugging(breakpoints: Breakpoints | None, savepoints: str | None, *, development: bool) -> ExecuteOptions:
    """Make the options of a call from those of the command line."""
    options: ExecuteOptions = {"development": development}
    if breakpoints is not None:
        options["breakpoints"] = breakpoints
    if savepoints is not None:
        options["savepoint_retention"] = _RETENTIONS[savepoints]
    return options


def place_text(task_number: str, position: Breakpoint.Position.ValueType) -> str:
    """Say where a breakpoint is: `before charge`, `on failure of any task`."""
    return f"{_POSITION_WORDS.get(position, 'at')} {task_number or 'any task'}"


def breakpoint_lines(breakpoints: Breakpoints) -> list[str]:
    """Say where an execution stops, one line for each breakpoint."""
    lines = [
        f"{place_text(each.task_number, each.position)}{f' if {each.condition}' if each.condition else ''}"
        for each in breakpoints.breakpoints
    ]
    implied = breakpoints.mode == Breakpoints.MODE_UNSPECIFIED and not lines
    if implied or breakpoints.mode == Breakpoints.MODE_STEP_THROUGH:
        lines.insert(0, "before every task")
    return lines


def _breakpoints(
    places: Sequence[tuple[str, Breakpoint.Position.ValueType]],
    condition: str,
    expire_after: timedelta | None,
    *,
    step_through: bool,
) -> Breakpoints | None:
    """Make the breakpoints.

    Raises:
        click.UsageError: There is a condition or an expiry, and nothing that it is about.
    """
    if not places and condition:
        raise click.UsageError("a condition is one of breakpoints; name a task to stop before, after or on failure")
    if not places and not step_through:
        if expire_after is not None:
            raise click.UsageError("--stop-expires is about breakpoints; give some, or --step-through")
        return None
    breakpoints = Breakpoints(
        mode=Breakpoints.MODE_STEP_THROUGH if step_through else Breakpoints.MODE_ONLY_EXPLICIT,
        breakpoints=[Breakpoint(task_number=task, position=position, condition=condition) for task, position in places],
    )
    if expire_after is not None:
        breakpoints.expire_after.FromTimedelta(expire_after)
    return breakpoints


def _place_option(name: str, argument: str, text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        name, argument, multiple=True, metavar="TASK", shell_complete=complete_task, help=f"{text} May be repeated."
    )


def _failure_option(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        name,
        "on_failure",
        multiple=True,
        is_flag=False,
        flag_value=_ANY,
        metavar="[TASK]",
        shell_complete=complete_task,
        help="Stop after a failed attempt of this task, or of any, before its policy acts. May be repeated.",
    )
