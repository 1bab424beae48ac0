"""A board shows the latest state of each task."""

from perdure.cli.board import Board
from perdure.v1.error_pb2 import Error
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails


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
