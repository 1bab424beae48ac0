"""Events: what has happened to an execution, one frozen record per fact, named in the past tense.

Events are stored for ever and applied by `perdure.domain.apply` without a rule, so an event carries all
that its change needs: results of conditions, computed inputs, times, ids. Each becomes exactly one
`ExecutionEvent` of the contract, with the same sequence.
"""

from perdure.domain.events.control import (
    BreakpointHit,
    BreakpointLeft,
    CancelForced,
    CancelRequested,
    ExecutionPaused,
    ExecutionResumed,
    ExecutionUpdated,
)
from perdure.domain.events.lifecycle import (
    CopiedTask,
    ErrorCatcherEnded,
    ErrorCatcherStarted,
    ExecutionCancelled,
    ExecutionCreated,
    ExecutionFailed,
    ExecutionRestarted,
    ExecutionStarted,
    ExecutionStateChanged,
    ExecutionSucceeded,
    OutcomeDecided,
    ParametersChanged,
    Replay,
    SnapshotTaken,
    TeardownStarted,
)
from perdure.domain.events.rollback import (
    RollbackEnded,
    RollbackStarted,
    TaskRolledBack,
    UndoAction,
    UndoAttemptFailed,
    UndoResolution,
    UndoResolved,
    UndoStarted,
)
from perdure.domain.events.suspensions import (
    SignalConsumed,
    SignalReceived,
    SuspensionKind,
    SuspensionOpened,
    SuspensionReminded,
    SuspensionResolved,
)
from perdure.domain.events.tasks import (
    FailureReleased,
    MessageSet,
    Resolution,
    SubExecutionStarted,
    SubJobsProgressed,
    TaskAttemptFailed,
    TaskAttemptLost,
    TaskCancelled,
    TaskProgressed,
    TaskRetried,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    TaskSuspended,
)

Event = (
    ExecutionCreated
    | ExecutionStarted
    | ExecutionStateChanged
    | ExecutionRestarted
    | ExecutionSucceeded
    | ExecutionFailed
    | ExecutionCancelled
    | CancelRequested
    | TaskStarted
    | TaskRetried
    | TaskAttemptLost
    | TaskSuspended
    | TaskSucceeded
    | TaskAttemptFailed
    | TaskSkipped
    | TaskCancelled
    | SubExecutionStarted
    | SubJobsProgressed
    | ParametersChanged
    | SnapshotTaken
    | MessageSet
    | TaskProgressed
    | CancelForced
    | OutcomeDecided
    | ErrorCatcherStarted
    | ErrorCatcherEnded
    | RollbackStarted
    | UndoStarted
    | UndoAttemptFailed
    | TaskRolledBack
    | UndoResolved
    | RollbackEnded
    | TeardownStarted
    | ExecutionPaused
    | ExecutionResumed
    | BreakpointHit
    | BreakpointLeft
    | FailureReleased
    | ExecutionUpdated
    | SuspensionOpened
    | SuspensionReminded
    | SuspensionResolved
    | SignalReceived
    | SignalConsumed
)

__all__ = [
    "BreakpointHit",
    "BreakpointLeft",
    "CancelForced",
    "CancelRequested",
    "CopiedTask",
    "ErrorCatcherEnded",
    "ErrorCatcherStarted",
    "Event",
    "ExecutionCancelled",
    "ExecutionCreated",
    "ExecutionFailed",
    "ExecutionPaused",
    "ExecutionRestarted",
    "ExecutionResumed",
    "ExecutionStarted",
    "ExecutionStateChanged",
    "ExecutionSucceeded",
    "ExecutionUpdated",
    "FailureReleased",
    "MessageSet",
    "OutcomeDecided",
    "ParametersChanged",
    "Replay",
    "Resolution",
    "RollbackEnded",
    "RollbackStarted",
    "SignalConsumed",
    "SignalReceived",
    "SnapshotTaken",
    "SubExecutionStarted",
    "SubJobsProgressed",
    "SuspensionKind",
    "SuspensionOpened",
    "SuspensionReminded",
    "SuspensionResolved",
    "TaskAttemptFailed",
    "TaskAttemptLost",
    "TaskCancelled",
    "TaskProgressed",
    "TaskRetried",
    "TaskRolledBack",
    "TaskSkipped",
    "TaskStarted",
    "TaskSucceeded",
    "TaskSuspended",
    "TeardownStarted",
    "UndoAction",
    "UndoAttemptFailed",
    "UndoResolution",
    "UndoResolved",
    "UndoStarted",
]
