"""What goes into an evaluation and what comes out of it: values, outside the language.

Only what an expression mentions is decoded.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from perdure.codec.values import InvalidValue, decode_value, encode_python, value_size
from perdure.domain.expression import ExpressionError
from perdure.domain.limits import VALUE_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.domain.expression import References, Scope
    from perdure.domain.value import Value

_T = TypeVar("_T")

_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:]{8}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def look_up(path: tuple[str, ...], scope: Scope) -> Value | None:
    """Hand out the value that a plain reference names; None if only an evaluation can tell."""
    match path:
        case ("params", name):
            return _present(scope.parameters, name, "parameter")
        case ("tasks", task_id, "outputs"):
            outputs = _present(scope.task_outputs, task_id, "outputs of task")
            return to_value({name: decode_value(value) for name, value in outputs.items()})
        case ("tasks", task_id, "outputs", name):
            return _present(_present(scope.task_outputs, task_id, "outputs of task"), name, f'task "{task_id}": output')
        case ("item" | "index" as name,):
            return _present(scope.extra, name, "variable")
        case _:
            return None


def _present(values: Mapping[str, _T], name: str, noun: str) -> _T:
    if name not in values:
        raise ExpressionError(f'there is no {noun} "{name}"')
    return values[name]


def bind(references: References, scope: Scope) -> dict[str, object]:
    """Decode what an expression mentions; what is not there stays away, and `has` can ask for it.

    Raises:
        ExpressionError: A text that is mentioned holds a NUL character.
    """
    bindings: dict[str, object] = {}
    for variable in references.variables:
        if variable == "params":
            names = scope.parameters if references.all_parameters else references.parameters
            bindings["params"] = _decode(scope.parameters, names)
        elif variable == "tasks":
            bindings["tasks"] = _bind_tasks(references, scope)
        elif variable == "execution":
            bindings["execution"] = dict(scope.execution)
        elif variable == "error" and scope.error is not None:
            bindings["error"] = error = dict(scope.error)
            _check_text("error", error)
        elif variable in scope.extra:
            bindings.update(_decode(scope.extra, [variable]))
    return bindings


def to_value(result: object) -> Value:
    """Make a value of what an evaluation yields.

    Raises:
        ExpressionError: No value can hold it (bytes, types, NaN, keys that are no strings), or it is too large.
    """
    try:
        value = encode_python(_plain(result))
    except InvalidValue as error:
        raise ExpressionError(f"the result {error}") from None
    if value_size(value) > VALUE_MAX_BYTES:
        raise ExpressionError(f"the result has {value_size(value)} bytes, the limit is {VALUE_MAX_BYTES}")
    return value


def to_instant(value: Value) -> int:
    """Read RFC 3339 text as microseconds since the epoch; what is finer is cut off.

    Raises:
        ExpressionError: The value is no such text, or names no instant that exists.
    """
    text = decode_value(value)
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        raise ExpressionError("the result is no timestamp such as 2026-01-31T09:00:00Z")
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except ValueError as error:
        raise ExpressionError(f"the result is no timestamp: {error}") from None


def _bind_tasks(references: References, scope: Scope) -> dict[str, object]:
    if references.all_tasks:
        mentioned: dict[str, set[str] | None] = dict.fromkeys(scope.task_outputs)
    else:
        mentioned = {}
        for task in references.tasks:
            known = mentioned.setdefault(task.task_id, set())
            if task.output is None or known is None:
                mentioned[task.task_id] = None
            else:
                known.add(task.output)
    tasks: dict[str, object] = {}
    for task_id, names in mentioned.items():
        outputs = scope.task_outputs.get(task_id)
        if outputs is not None:
            tasks[task_id] = {"outputs": _decode(outputs, outputs if names is None else names)}
    return tasks


def _decode(values: Mapping[str, Value], names: Iterable[str]) -> dict[str, object]:
    decoded: dict[str, object] = {}
    for name in names:
        value = values.get(name)
        if value is None:
            continue
        decoded[name] = decode_value(value)
        # Cheap signs of a NUL, as a byte or as a JSON escape; only a look at the content can be sure.
        if b"\0" in value.encoded or b"\\u0000" in value.encoded:
            _check_text(name, decoded[name])
    return decoded


def _check_text(name: str, value: object) -> None:
    """Refuse a NUL character: the library would cut the text there, and decide on half of it."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str) and "\0" in part:
            raise ExpressionError(f'"{name}" holds a NUL character, which an expression cannot read')
        if isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part


def _plain(result: object) -> object:
    """Replace what JSON has no form for: instants and lengths of time become text."""
    if isinstance(result, dict):
        return {key: _plain(element) for key, element in result.items()}
    if isinstance(result, list):
        return [_plain(element) for element in result]
    if isinstance(result, datetime):
        return result.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
    if isinstance(result, timedelta):
        return _duration_text(result)
    if isinstance(result, (bytes, bytearray)):
        raise ExpressionError("the result holds bytes, which no value can hold")
    return result


def _duration_text(length: timedelta) -> str:
    """Write a length of time as proto3 JSON does: seconds, and `s`."""
    seconds, microseconds = divmod(abs(length) // _MICROSECOND, 1_000_000)
    fraction = f".{microseconds:06}".rstrip("0") if microseconds else ""
    return f"{'-' if length < timedelta() else ''}{seconds}{fraction}s"
