"""Events as words: only what they say, and all of it."""

import pytest

from perdure.cli.event_text import row
from perdure.v1.breakpoint_pb2 import Breakpoint, BreakpointStop
from perdure.v1.error_pb2 import Error
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import TaskExecutionDetails
from perdure.v1.suspension_pb2 import Suspension

Stop = ExecutionEvent.BreakpointChange


def told(**change):
    return row(ExecutionEvent(**change))[4]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            Stop(
                cause=Stop.CAUSE_STOPPED,
                stop=BreakpointStop(task_number="charge", position=Breakpoint.POSITION_ON_FAILURE),
            ),
            "stopped on failure of charge",
        ),
        (Stop(cause=Stop.CAUSE_CONTINUED), "goes on"),
        (Stop(cause=Stop.CAUSE_STEPPED, task_number="charge"), "makes a step, runs charge"),
        (Stop(cause=Stop.CAUSE_RETRIED, task_number="charge"), "tries again, runs charge"),
        (Stop(cause=Stop.CAUSE_EXPIRED), "the stop expired"),
        (Stop(cause=Stop.CAUSE_ENDED), "the stop ended"),
    ],
)
def test_a_place_is_named_where_it_is_told(change, text):
    assert told(breakpoint_change=change) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"state": TaskExecutionDetails.SKIPPED}, "SKIPPED"),
        ({"state": TaskExecutionDetails.SUCCEED, "attempt": 2}, "SUCCEED attempt 2"),
        (
            {"state": TaskExecutionDetails.FAILED, "attempt": 1, "error": Error(code="CARD", message="declined")},
            "FAILED attempt 1 CARD declined",
        ),
        ({"state": TaskExecutionDetails.ROLLEDBACK, "reason": "by hand"}, "ROLLEDBACK because: by hand"),
    ],
)
def test_a_task_has_its_attempt_if_it_is_one_and_the_reason_that_was_given(fields, text):
    assert told(task_change=ExecutionEvent.TaskChange(task_number="charge", **fields)) == text


def test_a_wait_that_follows_work_names_who_did_it():
    change = ExecutionEvent.SuspensionChange(suspension_number=1, state=Suspension.RESOLUTION_STATE_PENDING)
    assert told(suspension_change=change) == "suspension 1 waits"
    change.worker = "w1"
    assert told(suspension_change=change) == "suspension 1 waits, performed by worker w1"
