"""What an execution waits for, as lines that can be read in one glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.cli.text import length_text
from perdure.client.names import last_part
from perdure.v1.breakpoint_pb2 import Breakpoint
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from perdure.v1.explanation_pb2 import Blocker, ExplainExecutionResponse

    Line = Sequence[tuple[str, str]]

_BY_PEOPLE: Final = frozenset(
    {"suspension", "callback", "paused", "breakpoint", "no_worker", "on_hold", "rollback_held"}
)
"""Kinds for which somebody has to do something."""
_WHOLE: Final = "execution"
_ENDS: Final = {
    "retry": "retry_time",
    "restart": "restart_time",
    "schedule": "start_time",
    "suspension": "expire_time",
    "callback": "expire_time",
    "timer": "end_time",
    "breakpoint": "expire_time",
    "worker_silent": "lease_end_time",
    "cancelling": "force_time",
}
"""For each kind that ends by itself the field that tells when."""


def explanation_lines(explained: ExplainExecutionResponse, now: int) -> Iterator[Line]:
    """Write an explanation as lines of styled pieces.

    First comes the execution with its state and what there is to say of it as a whole, then a line for each blocker:
    `!` where somebody has to act, the task, for how long, what it is, and in how much time it ends by itself; below it
    the command that ends it, or tells more.

    Args:
        explained: The answer of the server.
        now: The present instant in microseconds since the epoch.
    """
    state = ExecutionDetails.State.Name(explained.state)
    integration, _, execution_id = explained.execution.partition("/executions/")
    title = [(execution_id, "bold"), (f"  {last_part(integration)}  ", ""), (state, "")]
    yield [*title, ("  paused", "yellow")] if explained.paused else title
    beginning = _beginning(explained)
    if beginning != f"It is {state}":
        yield [(beginning, "")]
    if explained.blockers:
        yield []
        yield from _blocker_lines(explained.blockers, execution_id, now)


def _beginning(explained: ExplainExecutionResponse) -> str:
    """Take of the summary what the blockers do not say themselves."""
    if not explained.blockers:
        return explained.summary
    return explained.summary.partition(f": {explained.blockers[0].message}")[0]


def _blocker_lines(blockers: Sequence[Blocker], execution_id: str, now: int) -> Iterator[Line]:
    tasks = [blocker.task_number or _WHOLE for blocker in blockers]
    ages = [_age(blocker.since_time, now) for blocker in blockers]
    task_width, age_width = max(map(len, tasks)), max(map(len, ages))
    for task, age, blocker in zip(tasks, ages, blockers, strict=True):
        kind = blocker.WhichOneof("kind") or ""
        yield [
            ("! ", "bold yellow") if kind in _BY_PEOPLE else ("  ", ""),
            (task.ljust(task_width), "bold"),
            (f"  {age.rjust(age_width)}  ", "dim"),
            (blocker.message, ""),
            (_end(blocker, kind, now), "dim"),
        ]
        command = _COMMANDS[kind](blocker, execution_id) if kind in _COMMANDS else ""
        if command:
            yield [(" " * (task_width + age_width + 6), ""), (f"→ {command}", "cyan")]


def _age(since: Timestamp, now: int) -> str:
    return length_text(max(now - since.ToMicroseconds(), 0))


def _end(blocker: Blocker, kind: str, now: int) -> str:
    """Write in how much time it ends by itself; nothing if it does not."""
    if kind not in _ENDS or not getattr(blocker, kind).HasField(_ENDS[kind]):
        return ""
    ahead = getattr(getattr(blocker, kind), _ENDS[kind]).ToMicroseconds() - now
    return f"  (in {length_text(ahead)})" if ahead > 0 else "  (now)"


def _start(_: Blocker, execution_id: str) -> str:
    return f"perdure execute --held {execution_id}"


def _decide(blocker: Blocker, execution_id: str) -> str:
    number = last_part(blocker.suspension.suspension)
    return f"perdure lift {execution_id} {number}  or  perdure reject {execution_id} {number}"


def _signal(blocker: Blocker, execution_id: str) -> str:
    return f"perdure signal {execution_id} {blocker.callback.signal}"


def _resume(_: Blocker, execution_id: str) -> str:
    return f"perdure resume {execution_id}"


def _step(blocker: Blocker, execution_id: str) -> str:
    steps = f"perdure step {execution_id}  or  perdure step {execution_id} --continue"
    if blocker.breakpoint.position == Breakpoint.POSITION_ON_FAILURE:
        return f"{steps}  or  perdure step {execution_id} --retry"
    return steps


def _work(_: Blocker, __: str) -> str:
    return "perdure worker --app MODULE:NAME"


def _explain_below(blocker: Blocker, _: str) -> str:
    return f"perdure explain {last_part(blocker.sub_execution.execution)}"


def _explain_item(blocker: Blocker, _: str) -> str:
    return f"perdure explain {last_part(blocker.items.executions[0])}" if blocker.items.executions else ""


def _force(_: Blocker, execution_id: str) -> str:
    return f"perdure cancel {execution_id} --force"


def _undo(blocker: Blocker, execution_id: str) -> str:
    return f"perdure undo {execution_id} retry|skip|done {blocker.task_number}"


_COMMANDS: Final[dict[str, Callable[[Blocker, str], str]]] = {
    "schedule": _start,
    "on_hold": _start,
    "suspension": _decide,
    "callback": _signal,
    "paused": _resume,
    "breakpoint": _step,
    "no_worker": _work,
    "sub_execution": _explain_below,
    "items": _explain_item,
    "cancelling": _force,
    "rollback_held": _undo,
}
"""For each kind that a command can end, or tell more about, how to write that."""
