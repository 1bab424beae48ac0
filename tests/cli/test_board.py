"""A board shows the latest state of each task."""

from perdure.cli.board import Board
from perdure.v1.breakpoint_pb2 import Breakpoint, BreakpointStop
from perdure.v1.error_pb2 import Error
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails
from perdure.v1.suspension_pb2 import Suspension


def event(seconds, **change):
    made = ExecutionEvent(**change)
    made.event_time.FromMicroseconds(seconds * 1_000_000)
    return made


def task(seconds, state, attempt=1, error=None):
    change = ExecutionEvent.TaskChange(task_number="charge", state=state, attempt=attempt, error=error)
    return event(seconds, task_change=change)


def board_of(*events):
    board = Board("e1")
    for each in events:
        board.take(each)
    return board


def test_a_task_that_runs_shows_how_long():
    board = board_of(task(10, TaskExecutionDetails.IN_PROCESS))
    assert board.tasks["charge"].length(13_000_000) == "3.0s"


def test_a_retry_shows_its_own_attempt_and_how_long_it_took():
    failure = Error(code="CARD", message="declined\nagain")
    board = board_of(
        task(10, TaskExecutionDetails.IN_PROCESS),
        task(11, TaskExecutionDetails.RETRY_ON_HOLD, error=failure),
        task(12, TaskExecutionDetails.IN_PROCESS, attempt=2),
    )
    row = board.tasks["charge"]
    assert (row.state, row.attempt, row.note) == ("IN_PROCESS", 2, "")
    board.take(task(15, TaskExecutionDetails.SUCCEED, attempt=2))
    assert row.length(99_000_000) == "3.0s"


def test_a_task_that_waits_for_its_retry_says_why():
    failure = Error(code="CARD", message="declined\nagain")
    board = board_of(
        task(10, TaskExecutionDetails.IN_PROCESS), task(11, TaskExecutionDetails.RETRY_ON_HOLD, error=failure)
    )
    assert board.tasks["charge"].note == "CARD: declined\\nagain"


def test_progress_of_a_for_each_counts_items():
    change = ExecutionEvent.ProgressChange(task_number="hash", percent=50, sub_job_count=8, finished_sub_job_count=4)
    assert board_of(event(1, progress_change=change)).tasks["hash"].note == "4 of 8 items"


def test_the_end_says_why():
    failed = ExecutionEvent.StateChange(
        state=ExecutionDetails.FAILED, error=Error(code="HANDLER_ERROR", message="no stock")
    )
    board = board_of(event(1, created=ExecutionEvent.Created(state=ExecutionDetails.PROCESSING)))
    assert board.state == "PROCESSING"
    board.take(event(2, state_change=failed))
    assert (board.state, board.note) == ("FAILED", "HANDLER_ERROR: no stock")


def test_a_pause_and_a_stop_show_until_they_end():
    board = board_of(event(1, pause_change=ExecutionEvent.PauseChange(paused=True, pause_reason="look")))
    assert board.standing == "paused look"
    board.take(event(2, pause_change=ExecutionEvent.PauseChange()))
    stop = BreakpointStop(task_number="charge", position=Breakpoint.POSITION_BEFORE)
    board.take(event(3, breakpoint_change=stopped(ExecutionEvent.BreakpointChange.CAUSE_STOPPED, stop)))
    assert board.standing == "stopped before charge"
    board.take(event(4, breakpoint_change=stopped(ExecutionEvent.BreakpointChange.CAUSE_CONTINUED, stop)))
    assert board.standing == ""


def stopped(cause, stop):
    return ExecutionEvent.BreakpointChange(cause=cause, stop=stop)


def test_an_open_suspension_shows_until_it_is_decided():
    change = ExecutionEvent.SuspensionChange(task_number="ask", suspension_number=2)
    change.state = Suspension.RESOLUTION_STATE_PENDING
    board = board_of(event(1, suspension_change=change))
    assert board.standing == "ask waits (2)"
    assert board.tasks["ask"].note == "suspension 2 waits"
    change.state, change.resolver = Suspension.RESOLUTION_STATE_LIFTED, "bob"
    board.take(event(2, suspension_change=change))
    assert board.standing == ""
    assert board.tasks["ask"].note == "suspension 2 LIFTED by bob"


def test_undoing_shows_how_far_it_is_and_a_task_keeps_its_time_until_then():
    begun = ExecutionEvent.RollbackChange(
        outcome=ExecutionDetails.Rollback.OUTCOME_IN_PROGRESS, pending_tasks=["charge", "reserve"]
    )
    board = board_of(
        task(1, TaskExecutionDetails.IN_PROCESS),
        task(3, TaskExecutionDetails.SUCCEED),
        event(4, rollback_change=begun),
        task(4, TaskExecutionDetails.PENDING_ROLLBACK),
    )
    assert board.standing == "undoing 0 of 2"
    assert board.tasks["charge"].length(99_000_000) == "2.0s"
    board.take(task(5, TaskExecutionDetails.ROLLBACK_IN_PROCESS, attempt=2))
    assert board.tasks["charge"].length(6_000_000) == "1.0s"
    board.take(task(7, TaskExecutionDetails.ROLLEDBACK, attempt=2))
    assert (board.standing, board.tasks["charge"].length(99_000_000)) == ("undoing 1 of 2", "2.0s")
    ended = ExecutionEvent.RollbackChange(
        outcome=ExecutionDetails.Rollback.OUTCOME_INCOMPLETE, not_undone_tasks=["reserve"]
    )
    board.take(event(8, rollback_change=ended))
    assert board.standing == "rollback: not undone: reserve"
    board.take(event(9, teardown_change=ExecutionEvent.TeardownChange(task_numbers=["clean"])))
    assert board.standing == "tearing down"
    board.take(event(10, state_change=ExecutionEvent.StateChange(state=ExecutionDetails.FAILED)))
    assert board.standing == ""


def test_the_outcome_is_known_before_the_end():
    decided = ExecutionEvent.OutcomeChange(
        state=ExecutionDetails.FAILED, error=Error(code="HANDLER_ERROR", message="no stock")
    )
    board = board_of(event(1, outcome_change=decided))
    assert (board.standing, board.note) == ("will be FAILED", "HANDLER_ERROR: no stock")


def test_what_is_decided_by_hand_is_no_attempt_and_leaves_no_failure():
    failure = Error(code="BANK", message="closed")
    board = board_of(
        task(1, TaskExecutionDetails.SUCCEED),
        task(2, TaskExecutionDetails.ROLLBACK_IN_PROCESS, attempt=2, error=failure),
    )
    assert board.tasks["charge"].note == "BANK: closed"
    board.take(task(3, TaskExecutionDetails.ROLLEDBACK, attempt=0))
    row = board.tasks["charge"]
    assert (row.state, row.attempt, row.note) == ("ROLLEDBACK", 2, "")


def test_what_the_original_had_done_is_shown_as_done():
    created = ExecutionEvent.Created(state=ExecutionDetails.PROCESSING, copied_tasks=["charge"])
    row = board_of(event(1, created=created)).tasks["charge"]
    assert (row.state, row.note, row.length(9)) == ("SUCCEED", "done by the original", "")


def test_the_full_name_comes_from_the_events():
    named = ExecutionEvent(execution="projects/p/locations/l/integrations/order/executions/e1")
    assert board_of(named).execution == named.execution


def test_a_success_leaves_no_failure_but_what_was_said():
    lost = Error(code="LEASE_LOST", message="the worker is lost")
    board = board_of(task(1, TaskExecutionDetails.IN_PROCESS), task(2, TaskExecutionDetails.IN_PROCESS, 2, lost))
    assert board.tasks["charge"].note == "LEASE_LOST: the worker is lost"
    said = ExecutionEvent.MessageChange(task_number="charge", message="half")
    talking = board_of(task(2, TaskExecutionDetails.IN_PROCESS, 2, lost), event(3, message_change=said))
    for each in (board, talking):
        each.take(task(4, TaskExecutionDetails.SUCCEED, attempt=2))
    assert board.tasks["charge"].note == ""
    assert talking.tasks["charge"].note == "half"
