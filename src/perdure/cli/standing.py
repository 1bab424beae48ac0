"""How an execution stands beyond its state: paused, stopped, rolled back, replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.cli.columns import state_text
from perdure.cli.debugging import breakpoint_lines, place_text
from perdure.cli.output import json_form, print_facts, print_json
from perdure.cli.text import instant_text
from perdure.client.names import last_part
from perdure.v1.execution_pb2 import Execution, ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Iterator

_RETENTION_WORDS: Final = {
    Execution.SAVEPOINT_RETENTION_LAST: "the newest one",
    Execution.SAVEPOINT_RETENTION_NONE: "none",
}
_ROLLBACK_WORDS: Final = {
    ExecutionDetails.Rollback.OUTCOME_IN_PROGRESS: "in progress",
    ExecutionDetails.Rollback.OUTCOME_COMPLETE: "complete",
    ExecutionDetails.Rollback.OUTCOME_INCOMPLETE: "incomplete",
}


def print_standing(execution: Execution, output: str) -> None:
    """Print how an execution stands after an intervention."""
    if output == "json":
        print_json(json_form(execution))
        return
    print_facts([("execution", execution.name), ("state", state_text(execution)), *standing_facts(execution)])


def standing_facts(execution: Execution) -> Iterator[tuple[str, str]]:
    """Name what a reader of the state alone would miss; values may be empty."""
    if execution.paused:
        yield "paused", f"since {instant_text(execution.pause_time)} {execution.pause_reason}".rstrip()
    if execution.HasField("stopped_at_breakpoint"):
        yield "stopped", _stop_text(execution)
    if execution.HasField("breakpoints"):
        yield "breakpoints", "; ".join(breakpoint_lines(execution.breakpoints))
    yield "development", "yes" if execution.development else ""
    yield "snapshots kept", _RETENTION_WORDS.get(execution.savepoint_retention, "")
    yield "rollback", rollback_text(execution.execution_details.rollback)
    if execution.HasField("replay_info"):
        yield from _replay_facts(execution.replay_info)


def rollback_text(rollback: ExecutionDetails.Rollback) -> str:
    """Say how far undoing has come; nothing if there is nothing to undo."""
    parts = [_ROLLBACK_WORDS.get(rollback.outcome, "")]
    if rollback.pending_tasks:
        parts.append(f"still to be undone: {', '.join(rollback.pending_tasks)}")
    if rollback.not_undone_tasks:
        parts.append(f"not undone: {', '.join(rollback.not_undone_tasks)}")
    if rollback.unknown_outcome_tasks:
        parts.append(f"nobody knows whether done: {', '.join(rollback.unknown_outcome_tasks)}")
    return "; ".join(part for part in parts if part)


def _stop_text(execution: Execution) -> str:
    stop = execution.stopped_at_breakpoint
    place = place_text(stop.task_number, stop.position)
    expires = f", goes on by itself at {instant_text(stop.expire_time)}" if stop.HasField("expire_time") else ""
    return f"{place} since {instant_text(stop.stop_time)}{expires}"


def _replay_facts(info: Execution.ReplayInfo) -> Iterator[tuple[str, str]]:
    if info.original_execution:
        mode = Execution.ReplayMode.Name(info.replay_mode).removeprefix("REPLAY_MODE_").lower().replace("_", " ")
        number = f" {info.snapshot_number}" if info.snapshot_number else ""
        yield "replays", f"{last_part(info.original_execution)}, {mode}{number}: {info.replay_reason}"
    yield "replayed by", ", ".join(map(last_part, info.replayed_executions))
