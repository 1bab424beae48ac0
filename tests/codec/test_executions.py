"""Executions are shown as the contract promises, from their state."""

from google.protobuf.json_format import MessageToDict
from hypothesis import given

from perdure.codec.executions import show_execution
from perdure.codec.snapshots import NewestSnapshots
from perdure.codec.values import decode_value, encode_python, value_from_message
from perdure.domain import events as ev
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure
from perdure.v1 import execution_pb2 as v1
from tests.codec.histories import Step, fold, histories
from tests.codec.orders import BASE, SECOND, folded, make_created, show

FAILURE = Failure("OUT_OF_STOCK", "none left", '{"sku":"X"}', "", "a trace")
SUCCEEDED = (
    make_created(),
    ev.ExecutionStarted(),
    ev.TaskStarted("reserve", {}),
    ev.TaskSucceeded("reserve", 1, {}, (False, False), "w1"),
    ev.TaskSkipped("bill"),
    ev.TaskSkipped("each"),
    ev.TaskSkipped("wait"),
    ev.ExecutionSucceeded({"total": encode_python(9)}),
)


def test_an_execution_reads_like_the_mirrored_resource_in_json():
    shown = MessageToDict(show(folded(*SUCCEEDED)))
    assert shown["name"] == f"{BASE}/order/executions/e1"
    assert shown["triggerId"] == "api_trigger/order"
    assert shown["executionMethod"] == "POST_TO_QUEUE"
    assert shown["createTime"] == "1970-01-01T00:00:01Z"
    assert shown["updateTime"] == "1970-01-01T00:00:08Z"
    assert shown["executionDetails"]["state"] == "SUCCEEDED"
    assert shown["executionDetails"]["attemptStats"] == [
        {"startTime": "1970-01-01T00:00:02Z", "endTime": "1970-01-01T00:00:08Z"}
    ]
    assert shown["requestParameters"] == {"count": {"intValue": "2"}}
    assert shown["responseParameters"] == {"total": {"intValue": "9"}}
    assert shown["snapshotNumber"] == "3"
    assert shown["integrationRevisionId"] == "000003-a4d"
    assert shown["startedBy"] == "STARTED_BY_CALL"
    assert shown["labels"] == {"team": "shop"}
    assert shown["priority"] == 7
    assert shown["description"] == "an order"
    assert shown["storeRevision"] == "17"
    assert shown["duration"] == "6s"
    assert shown["maxRuntime"] == "60s"
    assert shown["deadline"] == "1970-01-01T00:01:02Z"
    assert shown["root"] == shown["name"]
    assert "error" not in shown
    assert "parent" not in shown
    assert "scheduleTime" not in shown


def test_the_progress_counts_tasks_that_have_ended_and_names_what_ran_last():
    progress = show(folded(*SUCCEEDED)).progress
    assert (progress.percent, progress.task_count, progress.finished_task_count) == (100, 4, 4)
    assert list(progress.current_tasks) == ["reserve"]


def test_a_live_execution_shows_what_it_does_now_and_how_long_it_has_lasted():
    shown = show(
        folded(
            make_created(),
            ev.ExecutionStarted(),
            ev.TaskStarted("reserve", {}),
            ev.TaskSucceeded("reserve", 1, {}, (True, True)),
            ev.TaskStarted("each", {}, sub_job_count=4),
            ev.SubJobsProgressed("each", 3, 1),
            ev.MessageSet("each", "packing"),
        )
    )
    assert list(shown.progress.current_tasks) == ["each"]
    assert shown.progress.percent == 25
    assert (shown.progress.sub_job_count, shown.progress.finished_sub_job_count) == (4, 3)
    assert shown.message == "packing"
    assert shown.duration.ToMicroseconds() == 28 * SECOND
    assert not shown.HasField("end_time")
    assert not shown.response_parameters


def test_a_failed_execution_shows_its_error_its_errors_and_the_error_among_the_outputs():
    execution = folded(
        make_created(),
        ev.ExecutionStarted(),
        ev.TaskStarted("reserve", {}),
        ev.TaskAttemptFailed("reserve", 1, FAILURE, ev.Resolution.FAIL, worker="w1"),
        ev.ExecutionFailed(FAILURE, {"count": encode_python(2)}),
    )
    shown = show(execution)
    assert (shown.error.code, shown.error.payload, shown.error.stack_trace) == (
        "OUT_OF_STOCK",
        '{"sku":"X"}',
        "a trace",
    )
    assert [entry.task_number for entry in shown.errors] == ["reserve"]
    assert set(shown.response_parameters) == {"count", "ErrorInfo"}
    info = decode_value(value_from_message(shown.response_parameters["ErrorInfo"], 1_000))
    assert info == {"message": "none left", "code": 9}


def test_a_cancelled_execution_shows_when_and_why():
    shown = show(
        folded(make_created(), ev.CancelRequested("not needed", "alice", 99 * SECOND), ev.ExecutionCancelled())
    )
    assert shown.cancel_requested_time.ToMicroseconds() == 2 * SECOND
    assert shown.cancel_reason == "not needed"
    assert (shown.error.code, shown.error.message) == ("EXECUTION_CANCELLED", "not needed")
    assert "ErrorInfo" in shown.response_parameters
    assert not shown.HasField("start_time")
    assert not shown.HasField("duration")


def test_a_scheduled_execution_says_when_it_starts():
    shown = show(folded(make_created(method=ExecutionMethod.SCHEDULE, schedule_time=77 * SECOND)))
    assert shown.schedule_time.ToMicroseconds() == 77 * SECOND
    assert shown.next_execution_time.ToMicroseconds() == 77 * SECOND


def test_an_execution_that_waits_says_when_it_goes_on():
    begin = (make_created(), ev.ExecutionStarted(), ev.TaskStarted("reserve", {}))
    retry = ev.TaskAttemptFailed("reserve", 1, FAILURE, ev.Resolution.RETRY, 50 * SECOND)
    on_hold = folded(*begin, retry, ev.ExecutionStateChanged(ExecutionState.RETRY_ON_HOLD, 50 * SECOND))
    assert show(on_hold).next_execution_time.ToMicroseconds() == 50 * SECOND
    timer = (ev.TaskStarted("wait", {}), ev.TaskSuspended("wait", 1, 60 * SECOND))
    suspended = folded(*begin, *timer, retry, ev.ExecutionStateChanged(ExecutionState.SUSPENDED))
    assert show(suspended).next_execution_time.ToMicroseconds() == 60 * SECOND
    restart = ev.TaskAttemptFailed("reserve", 1, FAILURE, ev.Resolution.RESTART, 70 * SECOND)
    restarting = folded(*begin, restart, ev.ExecutionStateChanged(ExecutionState.RETRY_ON_HOLD, 70 * SECOND))
    assert show(restarting).next_execution_time.ToMicroseconds() == 70 * SECOND


def test_a_sub_execution_names_its_parent_and_its_root_with_their_integrations():
    created = make_created(
        parent="e9", parent_integration="basket", root="e0", root_integration="checkout", orphan=True
    )
    shown = show(folded(created))
    assert shown.parent == f"{BASE}/basket/executions/e9"
    assert shown.root == f"{BASE}/checkout/executions/e0"
    assert shown.orphan


@given(histories())
def test_the_basic_view_is_the_full_one_less_parameters_errors_tasks_snapshots_and_children(history: list[Step]):
    execution = fold(history)
    snapshots = NewestSnapshots(1_000)
    snapshots.add(v1.ExecutionSnapshot(name="s"))
    full = show_execution(
        execution,
        location="local",
        full=True,
        store_revision=1,
        now=1,
        snapshots=snapshots,
        children=[v1.Execution(name="c")],
    )
    basic = show_execution(execution, location="local", full=False, store_revision=1, now=1, snapshots=snapshots)
    assert [child.name for child in full.direct_sub_executions] == ["c"]
    assert [snapshot.name for snapshot in full.execution_details.execution_snapshots] == ["s"]
    tasks = full.execution_details.task_execution_details
    assert [task.task_number for task in tasks] == list(execution.tasks)
    for field in (
        "request_parameters",
        "response_parameters",
        "current_parameters",
        "errors",
        "direct_sub_executions",
    ):
        full.ClearField(field)
    full.execution_details.ClearField("execution_snapshots")
    full.execution_details.ClearField("task_execution_details")
    if full.HasField("error"):
        full.error.payload = full.error.stack_trace = ""
    assert full == basic


def test_the_etag_changes_with_every_event():
    states = [folded(*SUCCEEDED[:length]) for length in range(1, len(SUCCEEDED) + 1)]
    etags = {show(execution, full=False).etag for execution in states}
    assert len(etags) == len(states)
    assert show(states[0]).etag == show(folded(make_created())).etag
