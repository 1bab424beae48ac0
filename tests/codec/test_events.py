"""Each domain event is shown as one contract event, with the facts that the state around it tells."""

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from perdure.codec import events as shown_events
from perdure.codec.events import EventContext, show_event
from perdure.codec.message_parts import EXECUTION_STATES, TASK_STATES
from perdure.codec.values import encode_python
from perdure.domain import events as ev
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure, StartedBy
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails, TaskExecutionDetails
from perdure.v1.suspension_pb2 import Suspension
from tests.codec.histories import EVENT_TYPES, EVENTS, GRAPH, Step, fold, histories

BASE = "projects/default/locations/local/integrations/order"
EXECUTION = f"{BASE}/executions/e1"
CREATED = ev.ExecutionCreated(
    integration="order",
    revision_id="000003-a4d",
    ordinal=3,
    trigger_id="api_trigger/order",
    method=ExecutionMethod.SCHEDULE,
    state=ExecutionState.PENDING,
    inputs={"count": encode_python(2)},
    parameters={"count": encode_python(2), "sku": encode_python("X")},
    principal="local",
    started_by=StartedBy.PARENT,
    root="e0",
    priority=7,
    labels={"team": "shop"},
    description="an order",
    schedule_time=5_000_001,
    max_runtime=90_000_000,
    parent="e9",
    parent_integration="basket",
    root_integration="checkout",
)
FAILURE = Failure("OUT_OF_STOCK", "none left", '{"sku":"X"}', "reserve", "trace")


def _context() -> EventContext:
    return EventContext(CREATED, GRAPH, project="default", location="local", execution_id="e1")


def _show(event: ev.Event, *before: ev.Event) -> ExecutionEvent:
    context = _context()
    for earlier in before:
        context.pass_over(earlier)
    return show_event(event, context, sequence=4, store_revision=17, time=1_700_000_000_123_456)


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.__name__)
@given(data=st.data())
def test_every_type_of_event_can_be_shown(event_type: type, data: st.DataObject):
    event = data.draw(EVENTS[event_type])
    if isinstance(event, ev.SubExecutionStarted):
        event = ev.SubExecutionStarted("bill", event.child)
    shown = _show(event)
    assert shown.WhichOneof("change") is not None
    assert ExecutionEvent.FromString(shown.SerializeToString()) == shown


def test_the_table_has_each_type_of_event():
    assert set(shown_events._SHOW) == set(EVENT_TYPES)


def test_every_kind_of_change_is_that_of_some_event():
    examples = [find(EVENTS[event_type], lambda _: True) for event_type in EVENT_TYPES]
    started = ev.SubExecutionStarted("bill", "e2")
    shown = {
        _show(started if isinstance(each, ev.SubExecutionStarted) else each).WhichOneof("change") for each in examples
    }
    kinds = {field.name for field in ExecutionEvent.DESCRIPTOR.oneofs_by_name["change"].fields}
    # Only a watch knows that an execution has left its filter.
    assert shown == kinds - {"left_filter"}


def test_every_event_says_where_when_and_by_whom():
    shown = _show(ev.ExecutionStarted())
    assert shown.execution == EXECUTION
    assert shown.integration == BASE
    assert shown.sequence == 4
    assert shown.store_revision == 17
    assert shown.principal == "local"
    assert shown.event_time.ToJsonString() == "2023-11-14T22:13:20.123456Z"


def test_the_creation_is_shown_with_its_inputs_its_parent_and_its_root():
    created = _show(CREATED).created
    assert created.state == ExecutionDetails.PENDING
    assert created.execution_method == Execution.SCHEDULE
    assert created.started_by == Execution.STARTED_BY_PARENT
    assert dict(created.labels) == {"team": "shop"}
    assert set(created.request_parameters) == {"count"}
    assert created.request_parameters["count"].int_value == 2
    assert created.parent == "projects/default/locations/local/integrations/basket/executions/e9"
    assert created.root == "projects/default/locations/local/integrations/checkout/executions/e0"
    assert created.schedule_time.ToMicroseconds() == 5_000_001
    assert created.max_runtime.ToMicroseconds() == 90_000_000
    assert (created.snapshot_number, created.integration_revision_id) == (3, "000003-a4d")


def test_a_restart_raises_the_execution_attempt_of_all_that_follows():
    assert _show(ev.TaskStarted("reserve", {})).task_change.execution_attempt == 1
    assert _show(ev.ExecutionRestarted()).state_change.execution_attempt == 2
    assert _show(ev.TaskStarted("reserve", {}), ev.ExecutionRestarted()).task_change.execution_attempt == 2


def test_a_retry_is_shown_with_the_failure_and_the_time_of_the_next_attempt():
    change = _show(ev.TaskAttemptFailed("reserve", 2, FAILURE, ev.Resolution.RETRY, 9_000_000, worker="w1")).task_change
    assert change.state == TaskExecutionDetails.RETRY_ON_HOLD
    assert (change.task_number, change.task, change.attempt, change.worker) == ("reserve", "shop.reserve", 2, "w1")
    assert (change.error.code, change.error.payload, change.error.stack_trace) == (
        "OUT_OF_STOCK",
        '{"sku":"X"}',
        "trace",
    )
    assert change.retry_time.ToMicroseconds() == 9_000_000


@pytest.mark.parametrize(
    ("resolution", "state"),
    [
        (ev.Resolution.IGNORE, TaskExecutionDetails.SUCCEED),
        (ev.Resolution.FAIL, TaskExecutionDetails.FAILED),
        (ev.Resolution.FATAL, TaskExecutionDetails.FATAL),
        (ev.Resolution.RESTART, TaskExecutionDetails.FAILED),
    ],
)
def test_a_failure_that_is_not_retried_is_shown_in_the_state_that_it_leads_to(resolution: ev.Resolution, state: int):
    change = _show(ev.TaskAttemptFailed("reserve", 1, FAILURE, resolution, 9)).task_change
    assert change.state == state
    assert not change.HasField("retry_time")


@given(histories())
def test_an_attempt_is_shown_in_the_state_that_the_fold_reaches(history: list[Step]):
    context = _context()
    for position, (sequence, event, time) in enumerate(history, 1):
        if isinstance(event, ev.SubExecutionStarted):
            context.pass_over(event)
            continue
        shown = show_event(event, context, sequence=sequence, store_revision=1, time=time)
        execution = fold(history[:position])
        if shown.HasField("task_change"):
            run = execution.tasks[shown.task_change.task_number]
            assert shown.task_change.state == TASK_STATES[run.state]
        if shown.HasField("suspension_change"):
            number = shown.suspension_change.suspension_number
            pending = shown.suspension_change.state == Suspension.RESOLUTION_STATE_PENDING
            assert (number in execution.suspensions) == pending
        if shown.HasField("pause_change"):
            assert shown.pause_change.paused == (execution.pause is not None)
        if shown.HasField("breakpoint_change"):
            assert shown.breakpoint_change.HasField("stop") == (execution.stop is not None)
        if shown.HasField("state_change"):
            assert shown.state_change.state == EXECUTION_STATES[execution.state]


def test_a_lost_attempt_is_shown_with_the_next_attempt_and_the_reason():
    change = _show(ev.TaskAttemptLost("reserve", 3)).task_change
    assert change.state == TaskExecutionDetails.IN_PROCESS
    assert (change.attempt, change.error.code) == (3, "LEASE_LOST")


def test_a_skipped_task_has_no_attempt_and_says_whether_a_failure_was_the_cause():
    change = _show(ev.TaskSkipped("wait", on_failure=True)).task_change
    assert (change.state, change.attempt) == (TaskExecutionDetails.SKIPPED, 0)
    assert change.skipped_on_failure


def test_a_suspended_timer_says_when_it_ends():
    change = _show(ev.TaskSuspended("wait", 2, 8_000_000)).task_change
    assert (change.state, change.attempt) == (TaskExecutionDetails.SUSPENDED, 2)
    assert change.retry_time.ToMicroseconds() == 8_000_000


def test_a_sub_execution_is_named_with_the_integration_that_it_runs():
    change = _show(ev.SubExecutionStarted("bill", "e2")).sub_execution_change
    assert change.execution == "projects/default/locations/local/integrations/billing/executions/e2"
    assert change.task_number == "bill"


def test_the_progress_of_a_loop_is_shown_against_its_number_of_items():
    change = _show(ev.SubJobsProgressed("each", 3, 1, 4)).progress_change
    assert (change.percent, change.sub_job_count, change.finished_sub_job_count) == (75, 4, 3)
    assert dict(change.sub_job_states) == {"SUCCEEDED": 2, "FAILED": 1}


def test_a_cancellation_shows_who_asked_and_why():
    requested = ev.CancelRequested("too late", "alice", 10)
    shown = _show(requested)
    assert (shown.principal, shown.cancel_requested.cancel_reason) == ("alice", "too late")
    error = _show(ev.ExecutionCancelled("too late")).state_change.error
    assert (error.code, error.message) == ("EXECUTION_CANCELLED", "too late")


def test_the_end_is_shown_with_outputs_and_error():
    change = _show(ev.ExecutionFailed(FAILURE, {"total": encode_python(3)})).state_change
    assert change.state == ExecutionDetails.FAILED
    assert change.error.message == "none left"
    assert change.output_parameters["total"].int_value == 3


def test_a_snapshot_is_named():
    taken = _show(ev.SnapshotTaken(2, "reserve")).snapshot_taken
    assert taken.snapshot == f"{EXECUTION}/snapshots/2"


def _context_at(execution_attempt: int) -> EventContext:
    return EventContext.at(
        CREATED, GRAPH, project="default", location="local", execution_id="e1", execution_attempt=execution_attempt
    )


def test_what_happens_while_pending_is_shown_with_the_first_execution_attempt():
    shown = show_event(ev.ExecutionStarted(), _context_at(0), sequence=2, store_revision=1, time=1)
    assert shown.state_change.execution_attempt == 1


@given(histories(), st.data())
def test_a_context_at_any_place_shows_the_rest_as_one_from_the_start(history: list[Step], data: st.DataObject):
    place = data.draw(st.integers(1, len(history)))
    context = _context()
    for _, event, _ in history[:place]:
        context.pass_over(event)
    restarts = sum(isinstance(event, ev.ExecutionRestarted) for _, event, _ in history[:place])
    within = _context_at(1 + restarts)
    for sequence, event, time in history[place:]:
        if isinstance(event, ev.SubExecutionStarted):
            continue
        facts = {"sequence": sequence, "store_revision": 1, "time": time}
        assert show_event(event, within, **facts) == show_event(event, context, **facts)
