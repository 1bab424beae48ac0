"""Interventions, suspensions, catchers and the stages of the end are shown as changes of their own."""

import pytest

from perdure.codec.events import EventContext, show_event
from perdure.codec.values import encode_python
from perdure.domain import events as ev
from perdure.domain.breakpoints import Breakpoint, Breakpoints, Position, StepAction
from perdure.domain.integration import SavepointRetention
from perdure.domain.states import ExecutionState, Failure, ReplayMode
from perdure.v1.breakpoint_pb2 import Breakpoint as ShownBreakpoint
from perdure.v1.breakpoint_pb2 import Breakpoints as ShownBreakpoints
from perdure.v1.breakpoint_pb2 import BreakpointStop
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from perdure.v1.suspension_pb2 import Suspension
from tests.codec.histories import GRAPH
from tests.codec.orders import BASE, make_created

EXECUTION = f"{BASE}/order/executions/e1"
FAILURE = Failure("OUT_OF_STOCK", "none left")
STOPS = Breakpoints((Breakpoint("bill", Position.ON_FAILURE, 'error.code == "X"'),), step_through=True, expire_after=90)


def _show(event: ev.Event) -> ExecutionEvent:
    context = EventContext(
        make_created(principal="owner"), GRAPH, project="default", location="local", execution_id="e1"
    )
    return show_event(event, context, sequence=4, store_revision=17, time=7_000_000)


def test_the_creation_of_a_replay_names_what_it_replays_and_which_tasks_count_as_done():
    replay = ev.Replay("e0", "order", ReplayMode.FROM_SNAPSHOT, "wrong price", 2, {"reserve": ev.CopiedTask()})
    created = _show(make_created(replay=replay)).created
    assert created.replay_info == Execution.ReplayInfo(
        original_execution_info_id="e0",
        original_execution=f"{BASE}/order/executions/e0",
        replay_reason="wrong price",
        replay_mode=Execution.REPLAY_MODE_FROM_SNAPSHOT,
        snapshot_number=2,
    )
    assert list(created.copied_tasks) == ["reserve"]
    assert not _show(make_created()).created.HasField("replay_info")


def test_the_creation_tells_where_the_execution_stops_and_what_is_kept_of_it():
    special = make_created(breakpoints=STOPS, development=True, savepoint_retention=SavepointRetention.LAST)
    created = _show(special).created
    assert created.development
    assert created.savepoint_retention == Execution.SAVEPOINT_RETENTION_LAST
    assert created.breakpoints.mode == ShownBreakpoints.MODE_STEP_THROUGH
    assert created.breakpoints.expire_after.ToMicroseconds() == 90
    assert list(created.breakpoints.breakpoints) == [
        ShownBreakpoint(task_number="bill", position=ShownBreakpoint.POSITION_ON_FAILURE, condition='error.code == "X"')
    ]
    plain = _show(make_created()).created
    assert plain.savepoint_retention == Execution.SAVEPOINT_RETENTION_ALL
    assert not plain.HasField("breakpoints")


@pytest.mark.parametrize(
    ("event", "principal"),
    [
        (ev.CancelForced("ann"), "ann"),
        (ev.ExecutionPaused("", "ann"), "ann"),
        (ev.ExecutionResumed("ann"), "ann"),
        (ev.BreakpointLeft(StepAction.CONTINUE, "", "ann"), "ann"),
        (ev.BreakpointLeft(StepAction.EXPIRE), "owner"),
        (ev.ExecutionUpdated("ann", priority=1), "ann"),
        (ev.ParametersChanged({}, "ann"), "ann"),
        (ev.ParametersChanged({}), "owner"),
        (ev.SuspensionResolved(1, "wait", lifted=True, resolver="ann"), "ann"),
        (ev.SuspensionResolved(1, "wait", lifted=True, resolver="system", expired=True), "owner"),
        (ev.SignalReceived("paid", "", {}, "ann"), "ann"),
        (ev.UndoResolved("reserve", 2, ev.UndoAction.SKIP, "ann"), "ann"),
        (ev.RollbackEnded(), "owner"),
    ],
)
def test_an_event_names_who_caused_it_and_else_the_principal_of_the_execution(event: ev.Event, principal: str):
    assert _show(event).principal == principal


def test_a_cancel_by_force_is_told_at_the_first_request_and_at_a_later_one():
    assert not _show(ev.CancelRequested("late", "ann", 9)).cancel_requested.force
    assert _show(ev.CancelRequested("late", "ann", None, force=True)).cancel_requested.force
    assert _show(ev.CancelForced("ann")).cancel_requested.force


def test_a_pause_is_shown_with_its_reason_until_it_ends():
    paused = _show(ev.ExecutionPaused("look at it", "ann")).pause_change
    assert (paused.paused, paused.pause_reason) == (True, "look at it")
    resumed = _show(ev.ExecutionResumed("ann"))
    assert resumed.WhichOneof("change") == "pause_change"
    assert not resumed.pause_change.paused


@pytest.mark.parametrize(
    ("position", "shown", "cause"),
    [
        (Position.BEFORE, ShownBreakpoint.POSITION_BEFORE, BreakpointStop.CAUSE_BREAKPOINT),
        (Position.AFTER, ShownBreakpoint.POSITION_AFTER, BreakpointStop.CAUSE_BREAKPOINT),
        (Position.ON_FAILURE, ShownBreakpoint.POSITION_ON_FAILURE, BreakpointStop.CAUSE_BREAKPOINT),
        (Position.STEP, ShownBreakpoint.POSITION_BEFORE, BreakpointStop.CAUSE_STEP),
    ],
)
def test_a_stop_says_where_it_is_why_and_until_when(position: Position, shown: int, cause: int):
    change = _show(ev.BreakpointHit("bill", position, 9_000_000)).breakpoint_change
    assert change.cause == ExecutionEvent.BreakpointChange.CAUSE_STOPPED
    assert (change.stop.task_number, change.stop.position, change.stop.cause) == ("bill", shown, cause)
    assert change.stop.stop_time.ToMicroseconds() == 7_000_000
    assert change.stop.expire_time.ToMicroseconds() == 9_000_000


@pytest.mark.parametrize(
    ("action", "cause"),
    [
        (StepAction.CONTINUE, ExecutionEvent.BreakpointChange.CAUSE_CONTINUED),
        (StepAction.STEP, ExecutionEvent.BreakpointChange.CAUSE_STEPPED),
        (StepAction.RETRY, ExecutionEvent.BreakpointChange.CAUSE_RETRIED),
        (StepAction.EXPIRE, ExecutionEvent.BreakpointChange.CAUSE_EXPIRED),
    ],
)
def test_the_end_of_a_stop_says_how_it_goes_on(action: StepAction, cause: int):
    change = _show(ev.BreakpointLeft(action, "bill")).breakpoint_change
    assert (change.cause, change.task_number) == (cause, "bill")


def test_an_update_shows_what_changed_and_nothing_else():
    priority = _show(ev.ExecutionUpdated("ann", priority=0)).update_change
    assert [field.name for field, _ in priority.ListFields()] == ["priority"]
    cleared = _show(ev.ExecutionUpdated("ann", labels={}, deadline=0, breakpoints=Breakpoints())).update_change
    assert (cleared.labels_changed, cleared.deadline_changed, cleared.breakpoints_changed) == (True, True, True)
    assert not cleared.HasField("deadline")
    assert not cleared.HasField("breakpoints")
    all_of_it = ev.ExecutionUpdated("ann", 5, {"team": "shop"}, "an order", 8_000_000, STOPS, development=False)
    change = _show(all_of_it).update_change
    assert (change.priority, dict(change.labels), change.description) == (5, {"team": "shop"}, "an order")
    assert change.deadline.ToMicroseconds() == 8_000_000
    assert len(change.breakpoints.breakpoints) == 1
    assert change.HasField("development")
    assert not change.development


def test_a_decision_on_an_undo_is_shown_with_the_attempt_that_failed_and_the_reason():
    change = _show(ev.UndoResolved("reserve", 3, ev.UndoAction.SKIP, "ann", "sold already")).task_change
    assert (change.state, change.attempt) == (TaskExecutionDetails.ROLLEDBACK, 3)
    assert change.reason == "sold already"


def test_a_suspension_is_named_from_its_beginning_to_its_end():
    opened = ev.SuspensionOpened(3, "wait", ev.SuspensionKind.APPROVAL, expire_time=9_000_000, worker="w1")
    change = _show(opened).suspension_change
    assert change.worker == "w1"
    assert (change.suspension, change.suspension_number, change.task_number) == (
        f"{EXECUTION}/suspensions/3",
        3,
        "wait",
    )
    assert change.state == Suspension.RESOLUTION_STATE_PENDING
    assert change.expire_time.ToMicroseconds() == 9_000_000
    reminder = _show(ev.SuspensionReminded(3, "wait")).suspension_change
    assert (reminder.reminder, reminder.state) == (True, Suspension.RESOLUTION_STATE_PENDING)
    lifted = _show(ev.SuspensionResolved(3, "wait", lifted=True, resolver="ann", result="fine")).suspension_change
    assert (lifted.state, lifted.resolver, lifted.suspension_result) == (
        Suspension.RESOLUTION_STATE_LIFTED,
        "ann",
        "fine",
    )
    rejected = _show(ev.SuspensionResolved(3, "wait", lifted=False, resolver="system")).suspension_change
    assert (rejected.state, rejected.resolver) == (Suspension.RESOLUTION_STATE_REJECTED, "system")
    assert not rejected.reminder


def test_a_signal_is_shown_with_its_payload_when_it_comes_and_with_its_task_when_it_is_taken():
    came = _show(ev.SignalReceived("paid", "s1", {"amount": encode_python(3)})).signal_change
    assert (came.signal, came.signal_id, came.task_number) == ("paid", "s1", "")
    assert came.payload["amount"].int_value == 3
    taken = _show(ev.SignalConsumed("paid", "wait")).signal_change
    assert (taken.signal, taken.task_number) == ("paid", "wait")


def test_a_catcher_is_shown_with_its_tasks_and_with_what_became_of_it():
    states = ExecutionEvent.ErrorCatcherChange
    started = _show(ev.ErrorCatcherStarted("excuse", "reserve", ("apologise", "refund"))).error_catcher_change
    assert started == states(
        error_catcher_id="excuse",
        task_number="reserve",
        state=states.STATE_STARTED,
        task_numbers=["apologise", "refund"],
    )
    assert _show(ev.ErrorCatcherEnded("excuse", succeeded=True)).error_catcher_change.state == states.STATE_SUCCEEDED
    assert _show(ev.ErrorCatcherEnded("excuse", succeeded=False)).error_catcher_change.state == states.STATE_FAILED


def test_an_outcome_is_shown_with_its_error_and_its_outputs():
    failed = _show(ev.OutcomeDecided(ExecutionState.FAILED, FAILURE, {"n": encode_python(3)})).outcome_change
    assert (failed.state, failed.error.code) == (ExecutionDetails.FAILED, "OUT_OF_STOCK")
    assert failed.output_parameters["n"].int_value == 3
    cancelled = _show(ev.OutcomeDecided(ExecutionState.CANCELLED)).outcome_change
    assert (cancelled.state, cancelled.error.code) == (ExecutionDetails.CANCELLED, "EXECUTION_CANCELLED")
    assert not _show(ev.OutcomeDecided(ExecutionState.SUCCEEDED)).outcome_change.HasField("error")


def test_a_rollback_shows_what_is_to_be_undone_and_what_was_not():
    outcomes = ExecutionDetails.Rollback
    started = _show(ev.RollbackStarted(("reserve", "bill"), ("each",))).rollback_change
    assert started == ExecutionEvent.RollbackChange(
        outcome=outcomes.OUTCOME_IN_PROGRESS, pending_tasks=["reserve", "bill"], unknown_outcome_tasks=["each"]
    )
    ended = _show(ev.RollbackEnded(("bill",))).rollback_change
    assert (ended.outcome, list(ended.not_undone_tasks)) == (outcomes.OUTCOME_INCOMPLETE, ["bill"])
    assert _show(ev.RollbackEnded()).rollback_change.outcome == outcomes.OUTCOME_COMPLETE


def _undo(event: ev.Event) -> ExecutionEvent.TaskChange:
    return _show(event).task_change


def test_an_undo_is_shown_in_the_states_of_its_task():
    started = _undo(ev.UndoStarted("reserve", 3))
    assert (started.state, started.attempt) == (TaskExecutionDetails.ROLLBACK_IN_PROCESS, 3)
    assert not started.HasField("error")
    assert _undo(ev.UndoStarted("reserve", 3, lost=True)).error.code == "LEASE_LOST"
    retried = _undo(ev.UndoAttemptFailed("reserve", 3, FAILURE, ev.UndoResolution.RETRY, 9_000_000, "w1"))
    assert (retried.state, retried.error.code, retried.worker, retried.rollback_held) == (
        TaskExecutionDetails.ROLLBACK_IN_PROCESS,
        "OUT_OF_STOCK",
        "w1",
        False,
    )
    assert retried.retry_time.ToMicroseconds() == 9_000_000
    held = _undo(ev.UndoAttemptFailed("reserve", 3, FAILURE, ev.UndoResolution.HOLD))
    assert (held.state, held.rollback_held) == (TaskExecutionDetails.ROLLBACK_IN_PROCESS, True)
    left = _undo(ev.UndoAttemptFailed("reserve", 3, FAILURE, ev.UndoResolution.GIVE_UP))
    assert (left.state, left.error.code, left.rollback_held) == (TaskExecutionDetails.ROLLEDBACK, "OUT_OF_STOCK", False)
    done = _undo(ev.TaskRolledBack("reserve", 3, "w1"))
    assert (done.state, done.worker, done.HasField("error")) == (TaskExecutionDetails.ROLLEDBACK, "w1", False)


def test_the_teardown_is_shown_with_its_tasks():
    assert list(_show(ev.TeardownStarted(("tidy", "report"))).teardown_change.task_numbers) == ["tidy", "report"]


def test_a_lost_attempt_that_is_not_replaced_yet_is_on_hold():
    change = _show(ev.TaskAttemptLost("reserve", 2, due=7_000_000, held=True)).task_change
    assert (change.state, change.attempt, change.error.code) == (
        TaskExecutionDetails.RETRY_ON_HOLD,
        2,
        "LEASE_LOST",
    )
    assert change.retry_time.ToMicroseconds() == 7_000_000


def test_a_failure_at_a_breakpoint_is_on_hold_without_a_time_until_it_is_released():
    held = _show(ev.TaskAttemptFailed("reserve", 1, FAILURE, ev.Resolution.HOLD)).task_change
    assert (held.state, held.HasField("retry_time")) == (TaskExecutionDetails.RETRY_ON_HOLD, False)
    released = _show(ev.FailureReleased("reserve", 1, ev.Resolution.RETRY, 9_000_000)).task_change
    assert (released.state, released.HasField("error")) == (TaskExecutionDetails.RETRY_ON_HOLD, False)
    assert released.retry_time.ToMicroseconds() == 9_000_000


@pytest.mark.parametrize(
    "event",
    [
        ev.TaskSucceeded("reserve", 1, edges=(True, False)),
        ev.TaskAttemptFailed("reserve", 1, FAILURE, ev.Resolution.IGNORE, edges=(True, False)),
        ev.FailureReleased("reserve", 1, ev.Resolution.IGNORE, edges=(True, False)),
    ],
)
def test_a_task_that_is_done_shows_what_its_conditions_came_to(event: ev.Event):
    results = _show(event).task_change.condition_results
    assert [(each.next_task_number, each.result) for each in results] == [("bill", True), ("each", False)]


def test_a_task_that_failed_shows_no_conditions():
    failed = _show(ev.TaskAttemptFailed("reserve", 1, FAILURE, ev.Resolution.FAIL, edges=(False, False)))
    assert not failed.task_change.condition_results
