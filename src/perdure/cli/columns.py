"""The columns that tables of executions can have, each a field of an execution."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

from perdure.cli.text import instant_text, length_text
from perdure.client.names import last_part
from perdure.v1.execution_pb2 import Execution, ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DURATION: Final = "duration"
"""The column that grows by itself."""
_LABEL: Final = "labels."
_NAMES: Final = re.compile(r"""(?:[^,"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["'])+""")
"""Names between commas; a comma in quotes is part of its name."""
_QUOTED: Final = re.compile(r"""(["'])((?:(?!\1)[^\\]|\\.)+)\1""")


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Its name on the command line and above the column.
        paths: The fields that it is made of, for a read mask.
        text: Writes the cell of an execution that was read so many microseconds ago.
    """

    name: str
    paths: tuple[str, ...]
    text: Callable[[Execution, int], str]


def columns_of(names: str) -> tuple[Column, ...]:
    """Find columns by their names, separated by commas; keys of labels may be quoted as in filters.

    Raises:
        KeyError: There is no column of a name, which is the argument.
    """
    return tuple(_column(name.strip()) for name in _NAMES.findall(names) if name.strip())


def known_columns() -> str:
    """Name all columns, for help and errors."""
    return ", ".join((*_COLUMNS, f"{_LABEL}KEY"))


def columns_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--columns` and hand them to the command as its argument `columns`; None if it was not given."""
    option = click.option(
        "--columns",
        callback=_read_columns,
        shell_complete=_complete_columns,
        metavar="NAME,...",
        help=f"Columns of the table: {known_columns()}; quote a key with special characters as in filters.",
    )
    return option(function)


def state_text(execution: Execution) -> str:
    """Name the state of an execution."""
    return ExecutionDetails.State.Name(execution.execution_details.state)


def _read_columns(context: click.Context, parameter: click.Parameter, names: str | None) -> Sequence[Column] | None:
    if names is None:
        return None
    try:
        columns = columns_of(names)
    except KeyError as error:
        message = f"there is no column {error.args[0]!r}; the columns are {known_columns()}"
        raise click.BadParameter(message, context, parameter) from None
    if not columns:
        raise click.BadParameter(f"name at least one of {known_columns()}", context, parameter)
    return columns


def _complete_columns(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the last of the names."""
    before, comma, begun = incomplete.rpartition(",")
    taken = before.split(",")
    names = [name for name in _COLUMNS if name.startswith(begun) and name not in taken]
    return [CompletionItem(f"{before}{comma}{name}") for name in names]


def _column(name: str) -> Column:
    key = _key(name.removeprefix(_LABEL)) if name.startswith(_LABEL) else ""
    if key:
        return Column(name, ("labels",), lambda execution, _: execution.labels.get(key, ""))
    return _COLUMNS[name]


def _key(text: str) -> str:
    """Take the quotes off the key of a label; empty for one that has a quote and is not quoted."""
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[2])
    return "" if text[:1] in {'"', "'"} else text


def _plain(name: str) -> Column:
    return Column(name, (name,), lambda execution, _: str(getattr(execution, name)))


def _instant(name: str) -> Column:
    return Column(name, (name,), lambda execution, _: instant_text(getattr(execution, name)))


def _last(name: str) -> Column:
    return Column(name, (name,), lambda execution, _: last_part(getattr(execution, name)))


def _made(name: str, paths: Sequence[str], text: Callable[[Execution], str]) -> Column:
    return Column(name, tuple(paths), lambda execution, _: text(execution))


def _duration(execution: Execution, age: int) -> str:
    if not execution.HasField("start_time"):
        return ""
    return length_text(execution.duration.ToMicroseconds() + (0 if execution.HasField("end_time") else age))


def _labels(execution: Execution) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(execution.labels.items()))


_COLUMNS: Final = {
    column.name: column
    for column in (
        _plain("name"),
        _made("execution_id", ["name"], lambda execution: last_part(execution.name)),
        _made("integration", ["name"], lambda execution: last_part(execution.name.partition("/executions/")[0])),
        _made("state", ["execution_details.state"], state_text),
        _instant("create_time"),
        _instant("start_time"),
        _instant("update_time"),
        _instant("end_time"),
        _instant("schedule_time"),
        _instant("next_execution_time"),
        _instant("deadline"),
        Column(DURATION, ("start_time", "end_time", "duration"), _duration),
        _plain("integration_revision_id"),
        _plain("snapshot_number"),
        _plain("trigger_id"),
        _made(
            "execution_method",
            ["execution_method"],
            lambda execution: Execution.ExecutionMethod.Name(execution.execution_method),
        ),
        _plain("priority"),
        _last("parent"),
        _last("root"),
        _made("orphan", ["orphan"], lambda execution: str(execution.orphan).lower()),
        _made(
            "started_by",
            ["started_by"],
            lambda execution: Execution.StartedBy.Name(execution.started_by).removeprefix("STARTED_BY_"),
        ),
        _plain("principal"),
        _made(
            "current_task",
            ["progress.current_tasks"],
            lambda execution: ",".join(execution.progress.current_tasks),
        ),
        _made("progress", ["progress.percent"], lambda execution: f"{execution.progress.percent}%"),
        _plain("description"),
        _plain("message"),
        _made("error.code", ["error.code"], lambda execution: execution.error.code),
        _made("error.message", ["error.message"], lambda execution: execution.error.message),
        _plain("cancel_reason"),
        _made("paused", ["paused"], lambda execution: str(execution.paused).lower()),
        _plain("pause_reason"),
        _made("development", ["development"], lambda execution: str(execution.development).lower()),
        _plain("store_revision"),
        _made("labels", ["labels"], _labels),
    )
}
