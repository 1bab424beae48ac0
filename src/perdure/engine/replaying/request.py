"""What a replay is asked for."""

from __future__ import annotations

from perdure.domain.frozen import frozen
from perdure.domain.states import ReplayMode
from perdure.engine.start_request import StartRequest


@frozen
class ReplayRequest(StartRequest):
    """A ReplayExecution, parsed.

    Of what an Execute can ask for it has the integration (of the original, or `-`), the method, the id of the new
    execution, the breakpoints, the development mode, the circumstances of the call, and as `inputs` the modified
    parameters. All else is as the original has it.

    Attributes:
        original: Id of the execution to replay.
        snapshot_number: With FROM_SNAPSHOT, of the snapshot of the original.
        replaced: Keys of the update mask, each with a value in `inputs`; None without a mask.
        same_method: Whether `method` says nothing, and that of the original counts.
    """

    original: str = ""
    mode: ReplayMode = ReplayMode.FROM_BEGINNING
    reason: str = ""
    snapshot_number: int = 0
    replaced: tuple[str, ...] | None = None
    use_latest_revision: bool = False
    cancel_original: bool = False
    same_method: bool = False
