"""Transcripts: a graph and commands as text, and what the rules make of them.

A transcript has four kinds of lines. `#` is a remark. `task` adds a task to the graph. `>` is a command. All other
lines are what came of the command before them: its events, its effects with an arrow, and the states after it.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from perdure.domain import commands as cmd
from perdure.domain.integration import (
    Assign,
    Callback,
    Edge,
    FailurePolicy,
    ForEach,
    JoinStrategy,
    OutputMapping,
    RetryStrategy,
    Rollback,
    SubIntegration,
    SuspensionConfig,
    TaskConfig,
    Timer,
)
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, Failure
from perdure.domain.value import Value
from tests.domain.builders import NOW, ON_HOLD, QUEUED, SUB_EXECUTION, Run, both_ways, plain, task

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS: dict[str, dict[str, Any]] = {"post": {}, "queued": QUEUED, "hold": ON_HOLD, "child": SUB_EXECUTION}
INSTANTS = {"due", "expire_time", "remind_time", "retry_time", "next_time", "schedule_time"}


def replay(text: str) -> str:
    """Give the commands of a transcript again, and write it with what comes of them now."""
    written: list[str] = []
    tasks: list[TaskConfig] = []
    run: Run | None = None
    for line in text.splitlines():
        word, *rest = shlex.split(line, comments=True) or [""]
        if word == "task":
            tasks.append(_task(*rest))
        elif word == ">" and run is None:
            run = _create(tasks, *rest)
        elif word == ">" and run is not None:
            COMMANDS[rest[0]](run, *rest[1:])
        if word in {"task", ">"} or line.startswith("#"):
            written.append(line)
        elif not line:
            written.extend([line] if written[-1:] != [""] else [])
        if word == ">" and run is not None:
            written.extend(_outcome(run))
    return "\n".join(written).rstrip("\n") + "\n"


def _create(tasks: list[TaskConfig], start: str, *inputs: str) -> Run:
    return Run(*tasks, inputs=_values(inputs), **STARTS[start])


def _values(pairs: tuple[str, ...]) -> dict[str, object]:
    return {key: json.loads(value) for key, _, value in (pair.partition("=") for pair in pairs)}


def _task(task_id: str, *settings: str) -> TaskConfig:
    edges: list[Edge] = []
    fields: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        match name:
            case "next":
                target, _, condition = value.partition(" if ")
                edges.append(Edge(target, condition))
            case "retry":
                strategy, retries, seconds = (*value.split(":"), "0", "0")[:3]
                fields |= both_ways(FailurePolicy(RetryStrategy[strategy], int(retries), int(seconds) * SECOND))
            case "join":
                fields["join"] = JoinStrategy[value]
            case "timeout":
                fields["timeout"] = int(value) * SECOND
            case "rollback":
                fields["rollback"] = Rollback(value)
            case "precondition":
                fields["precondition"] = value
            case "output":
                fields["outputs"] = (OutputMapping(value, value),)
            case _:
                fields |= _built_in(name, value)
    return task(task_id, *edges, **fields)


def _built_in(name: str, value: str) -> dict[str, Any]:
    match name:
        case "timer":
            return {"handler": name, "built_in": Timer(duration=int(value) * SECOND)}
        case "assign":
            parameter, _, expression = value.partition(":")
            return {"handler": name, "built_in": Assign(((parameter, expression),))}
        case "sub-integration" | "orphan":
            return {"handler": "sub-integration", "built_in": SubIntegration(value, wait=name != "orphan")}
        case "suspend":
            return {"handler": name, "built_in": SuspensionConfig(expire_after=int(value) * SECOND)}
        case "callback":
            return {"handler": name, "built_in": Callback(value)}
        case "for-each":
            return {"handler": name, "built_in": ForEach(items=value, item_parameter="item", handler="work")}
    raise ValueError(f"a task has no setting {name}")


def _fail(run: Run, task_id: str, code: str, permanent: str = "") -> None:
    run.fail(task_id, code, retryable=not permanent)


def _late(run: Run, task_id: str, execution_attempt: str, attempt: str) -> None:
    run.do(cmd.ReportSuccess(task_id, int(execution_attempt), int(attempt)))


def _child_ended(run: Run, task_id: str, state: str, *outputs: str) -> None:
    run.child_ended(task_id, ExecutionState[state], **_values(outputs))


def _items(run: Run, task_id: str, finished: str) -> None:
    run.do(cmd.ReportItems(*run.attempt(task_id), finished=int(finished)))


COMMANDS: Mapping[str, Callable[..., object]] = {
    "start": Run.start,
    "cancel": Run.cancel,
    "wait": lambda run, seconds: run.pass_time(float(seconds)),
    "succeed": lambda run, task_id, *outputs: run.succeed(task_id, **_values(outputs)),
    "fail": _fail,
    "stop": Run.stop,
    "lose": Run.lose,
    "late": _late,
    "child-started": Run.child_started,
    "child-ended": _child_ended,
    "pause": Run.pause,
    "resume": Run.resume,
    "signal": lambda run, name, *payload: run.signal(name, **_values(payload)),
    "decide": lambda run, number, verdict: run.decide(int(number), lifted=verdict == "lifted"),
    "force": lambda run: run.cancel(force=True),
    "items": _items,
    "items-ended": lambda run, task_id, results: run.items_ended(task_id, json.loads(results)),
}


def _outcome(run: Run) -> Iterator[str]:
    for event in run.events:
        yield f"  {_record(event)}"
    for effect in run.effects:
        yield f"  -> {_record(effect)}"
    if run.events:
        states = " ".join(f"{task_id}:{state.name}" for task_id, state in run.states().items())
        yield f"  = {_instant(run.now)} {run.execution.state.name} {states}"
    else:
        yield "  nothing"


def _record(record: Any) -> str:
    """Write an event or an effect, less the fields that say nothing."""
    words = [type(record).__name__]
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if value != field.default and not (field.default_factory is dict and not value):
            words.append(f"{field.name}={_text(field.name, value)}")
    return " ".join(words)


def _text(name: str, value: object) -> str:
    if name in INSTANTS and isinstance(value, int):
        return _instant(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Failure):
        return f"{value.code}{'' if value.retryable else '!'}"
    if isinstance(value, Mapping):
        return json.dumps(plain({key: item for key, item in value.items() if isinstance(item, Value)}))
    return json.dumps(value) if isinstance(value, tuple) else str(value)


def _instant(instant: int) -> str:
    return f"t+{(instant - NOW) / SECOND:g}s"
