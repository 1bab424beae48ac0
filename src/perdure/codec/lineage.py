"""Where an execution comes from: the names of its parent and its root, the tasks above it, what it replays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from perdure.codec.message_parts import REPLAY_MODES
from perdure.codec.names import execution_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.domain.events import ExecutionCreated, Replay
    from perdure.v1 import execution_pb2


class Ancestor(NamedTuple):
    """A task of an execution above, inside of which an execution runs.

    Attributes:
        iteration_number: Position of the item of a `for-each`, from 0, as text; empty for a sub-integration.
    """

    task_number: str
    iteration_number: str


def parent_name(created: ExecutionCreated, project: str, location: str) -> str:
    """Write the name of the parent execution; empty if a caller started it."""
    if not created.parent:
        return ""
    return execution_name(project, location, created.parent_integration, created.parent)


def root_name(created: ExecutionCreated, project: str, location: str) -> str:
    """Write the name of the topmost execution of the tree, which may be the execution itself."""
    return execution_name(project, location, created.root_integration or created.integration, created.root)


def put_replay(replay: Replay, project: str, location: str, target: execution_pb2.Execution.ReplayInfo) -> None:
    """Write what an execution replays."""
    target.original_execution_info_id = replay.original
    target.original_execution = execution_name(project, location, replay.integration, replay.original)
    target.replay_reason = replay.reason
    target.replay_mode = REPLAY_MODES[replay.mode]
    target.snapshot_number = replay.snapshot_number


def put_replays(replays: Iterable[str], shown: execution_pb2.Execution) -> None:
    """Write which executions replay an execution that has its name already.

    Args:
        replays: Their ids, newest first, at most 100; a replay runs the integration of its original.
        shown: The execution.
    """
    collection = shown.name.rpartition("/")[0]
    for replay in replays:
        shown.replay_info.replayed_execution_info_ids.append(replay)
        shown.replay_info.replayed_executions.append(f"{collection}/{replay}")
