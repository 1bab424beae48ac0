"""What an execution waits for, as lines that can be read in one glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.cli.text import length_text
from perdure.client.names import last_part
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from perdure.v1.error_pb2 import Error
    from perdure.v1.explanation_pb2 import Blocker, ExplainExecutionResponse

    Line = Sequence[tuple[str, str]]

_BY_PEOPLE: Final = frozenset(
    {"suspension", "callback", "paused", "breakpoint", "no_worker", "on_hold", "rollback_held"}
)
"""Kinds that end only when somebody does something."""
_MARKS: Final = {True: ("! ", "bold yellow"), False: ("  ", "")}
_WHOLE: Final = "execution"


@dataclass(frozen=True, slots=True)
class _Note:
    """What is worth saying of a blocker beyond its message.

    Attributes:
        text: When it ends by itself, or what it is about.
        command: What ends it, or tells more.
    """

    text: str = ""
    command: str = ""


def explanation_lines(explained: ExplainExecutionResponse, now: int) -> Iterator[Line]:
    """Write an explanation as lines of styled pieces.

    First comes the execution with its state, then all in one sentence, then a line for each blocker: `!` where
    somebody has to act, the task, for how long, what it is; and below it when it ends by itself and the command that
    ends it.

    Args:
        explained: The answer of the server.
        now: The present instant in microseconds since the epoch.
    """
    execution_id = last_part(explained.execution)
    paused = "  paused" if explained.paused else ""
    state = ExecutionDetails.State.Name(explained.state)
    yield [(execution_id, "bold"), ("  ", ""), (state, ""), (paused, "yellow")]
    yield [(explained.summary, "")]
    if not explained.blockers:
        return
    yield []
    rows = [(each.task_number or _WHOLE, _age(each.since_time, now), each) for each in explained.blockers]
    task_width = max(len(task) for task, _, _ in rows)
    age_width = max(len(age) for _, age, _ in rows)
    for task, age, blocker in rows:
        yield [
            _MARKS[blocker.WhichOneof("kind") in _BY_PEOPLE],
            (task.ljust(task_width), "bold"),
            (f"  {age.rjust(age_width)}  ", "dim"),
            (blocker.message, ""),
        ]
        note = _note(blocker, execution_id, now)
        if note.text or note.command:
            arrow = "→ " if note.command else ""
            gap = "  " if note.text and note.command else ""
            indent = " " * (task_width + age_width + 6)
            yield [(indent + note.text + gap, "dim"), (arrow + note.command, "cyan")]


def _note(blocker: Blocker, execution_id: str, now: int) -> _Note:
    kind = blocker.WhichOneof("kind")
    make = _NOTES.get(kind or "")
    return _Note() if make is None else make(blocker, execution_id, now)


def _retry(blocker: Blocker, execution_id: str, now: int) -> _Note:
    retry = blocker.retry
    why = f"; the last one failed: {_failure(retry.error)}" if retry.HasField("error") else ""
    if not retry.HasField("retry_time"):
        return _Note(f"attempt {retry.attempt} has no time{why}")
    return _Note(f"attempt {retry.attempt} begins {_in(retry.retry_time, now)}{why}")


def _restart(blocker: Blocker, execution_id: str, now: int) -> _Note:
    return _Note(f"begins anew {_in(blocker.restart.restart_time, now)}")


def _schedule(blocker: Blocker, execution_id: str, now: int) -> _Note:
    return _Note(f"starts {_in(blocker.schedule.start_time, now)}", f"perdure execute --held {execution_id}")


def _on_hold(blocker: Blocker, execution_id: str, now: int) -> _Note:
    return _Note(command=f"perdure execute --held {execution_id}")


def _approval(blocker: Blocker, execution_id: str, now: int) -> _Note:
    approval = blocker.suspension
    number = last_part(approval.suspension)
    who = f"by {' or '.join(approval.who_may_resolve)}" if approval.who_may_resolve else ""
    expires = _expiry("decided by itself", approval.expire_time, now)
    text = ", ".join(part for part in (who, expires) if part)
    return _Note(text, f"perdure lift {execution_id} {number}  or  perdure reject {execution_id} {number}")


def _callback(blocker: Blocker, execution_id: str, now: int) -> _Note:
    callback = blocker.callback
    return _Note(_expiry("fails", callback.expire_time, now), f"perdure signal {execution_id} {callback.signal}")


def _timer(blocker: Blocker, execution_id: str, now: int) -> _Note:
    return _Note(f"ends {_in(blocker.timer.end_time, now)}")


def _paused(blocker: Blocker, execution_id: str, now: int) -> _Note:
    return _Note(command=f"perdure resume {execution_id}")


def _breakpoint(blocker: Blocker, execution_id: str, now: int) -> _Note:
    expires = _expiry("goes on by itself", blocker.breakpoint.expire_time, now)
    return _Note(expires, f"perdure step {execution_id}  or  perdure step {execution_id} --continue")


def _queued(blocker: Blocker, execution_id: str, now: int) -> _Note:
    queued = blocker.queued
    return _Note(f"{queued.ahead} before it, {_counted(queued.workers, 'worker')} for {queued.handler}")


def _no_worker(blocker: Blocker, execution_id: str, now: int) -> _Note:
    return _Note(f"starts as soon as one offers {blocker.no_worker.handler}", "perdure worker --app MODULE:NAME")


def _working(blocker: Blocker, execution_id: str, now: int) -> _Note:
    working = blocker.worker_working
    return _Note(f"worker {working.worker}, heard of {_age(working.last_heard_time, now)} ago")


def _silent(blocker: Blocker, execution_id: str, now: int) -> _Note:
    silent = blocker.worker_silent
    heard = f"worker {silent.worker}, heard of {_age(silent.last_heard_time, now)} ago"
    return _Note(f"{heard}; another one gets the task {_in(silent.lease_end_time, now)}")


def _sub_execution(blocker: Blocker, execution_id: str, now: int) -> _Note:
    below = blocker.sub_execution
    return _Note(ExecutionDetails.State.Name(below.state), f"perdure explain {last_part(below.execution)}")


def _items(blocker: Blocker, execution_id: str, now: int) -> _Note:
    items = blocker.items
    counts = f"{items.live} at work, {items.waiting} not begun, {items.finished} ended"
    return _Note(counts, f"perdure explain {last_part(items.executions[0])}" if items.executions else "")


def _cancelling(blocker: Blocker, execution_id: str, now: int) -> _Note:
    text = _expiry("what still runs counts as stopped", blocker.cancelling.force_time, now)
    return _Note(text, f"perdure cancel {execution_id} --force")


def _held(blocker: Blocker, execution_id: str, now: int) -> _Note:
    held, task = blocker.rollback_held, blocker.task_number
    why = f"{held.task} failed: {_failure(held.error)}" if held.HasField("error") else ""
    return _Note(why, f"perdure undo {execution_id} retry|skip|done {task}")


_NOTES: Final[dict[str, Callable[[Blocker, str, int], _Note]]] = {
    "retry": _retry,
    "restart": _restart,
    "schedule": _schedule,
    "on_hold": _on_hold,
    "suspension": _approval,
    "callback": _callback,
    "timer": _timer,
    "paused": _paused,
    "breakpoint": _breakpoint,
    "queued": _queued,
    "no_worker": _no_worker,
    "worker_working": _working,
    "worker_silent": _silent,
    "sub_execution": _sub_execution,
    "items": _items,
    "cancelling": _cancelling,
    "rollback_held": _held,
}


def _age(instant: Timestamp, now: int) -> str:
    """Write how long ago an instant was; nothing if it is unset."""
    microseconds = instant.ToMicroseconds()
    return length_text(max(now - microseconds, 0)) if microseconds else ""


def _in(instant: Timestamp, now: int) -> str:
    """Write how far ahead an instant is."""
    ahead = instant.ToMicroseconds() - now
    return f"in {length_text(ahead)}" if ahead > 0 else "now"


def _expiry(what: str, instant: Timestamp, now: int) -> str:
    return f"{what} {_in(instant, now)}" if instant.ToMicroseconds() else ""


def _failure(error: Error) -> str:
    return f"{error.code}: {error.message}" if error.message else error.code


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
