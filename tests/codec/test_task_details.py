"""A task is shown with its attempts, its undo and what took care of it."""

from perdure.codec.task_details import put_task_details
from perdure.domain import events as ev
from perdure.domain.states import ExecutionState, Failure, ReplayMode
from perdure.v1.execution_pb2 import TaskExecutionDetails
from tests.codec.orders import SECOND, folded, make_created

FAILURE = Failure("OUT_OF_STOCK", "none left")
BEGIN = (make_created(), ev.ExecutionStarted(), ev.TaskStarted("reserve", {}))
DONE = (*BEGIN, ev.TaskSucceeded("reserve", 1, {}, (True, False), "w1"))
ROLLBACK = (*DONE, ev.OutcomeDecided(ExecutionState.FAILED, FAILURE), ev.RollbackStarted(("reserve",)))


def _show(*events: ev.Event, task: str = "reserve") -> TaskExecutionDetails:
    execution = folded(*events)
    shown = TaskExecutionDetails()
    put_task_details(execution, execution.tasks[task], shown, location="local", now=60 * SECOND)
    return shown


def test_of_a_task_that_has_not_begun_only_its_place_is_shown():
    assert _show(make_created()) == TaskExecutionDetails(
        task_number="reserve", task="shop.reserve", task_execution_state=TaskExecutionDetails.PENDING_EXECUTION
    )


def test_a_task_that_is_done_shows_what_its_conditions_came_to_and_how_long_it_took():
    shown = _show(*DONE)
    results = [(each.next_task_number, each.result) for each in shown.condition_results]
    assert results == [("bill", True), ("each", False)]
    assert shown.resource_usage.active_duration.ToMicroseconds() == SECOND
    assert not _show(*BEGIN).condition_results


def test_a_task_that_a_replay_copied_shows_its_conditions_and_no_attempt():
    copied = ev.CopiedTask(edges=(False, True))
    replay = ev.Replay("e0", "order", ReplayMode.POINT_OF_FAILURE, "again", copied={"reserve": copied})
    shown = _show(make_created(replay=replay))
    assert shown.task_execution_state == TaskExecutionDetails.SUCCEED
    assert [each.result for each in shown.condition_results] == [False, True]
    assert shown.progress == 100
    assert not shown.task_attempt_stats
    assert not shown.HasField("resource_usage")


def test_an_undo_shows_its_attempts_and_why_it_failed_until_it_is_done():
    started = (*ROLLBACK, ev.UndoStarted("reserve", 2))
    assert len(_show(*started).rollback_attempt_stats) == 1
    retried = (*started, ev.UndoAttemptFailed("reserve", 2, FAILURE, ev.UndoResolution.RETRY, 40 * SECOND))
    shown = _show(*retried)
    assert shown.task_execution_state == TaskExecutionDetails.ROLLBACK_IN_PROCESS
    assert shown.rollback_error.code == "OUT_OF_STOCK"
    assert not shown.rollback_held
    undone = _show(*retried, ev.UndoStarted("reserve", 3), ev.TaskRolledBack("reserve", 3, "w2"))
    assert not undone.HasField("rollback_error")
    assert (len(undone.rollback_attempt_stats), len(undone.task_attempt_stats)) == (2, 1)
    given_up = _show(*started, ev.UndoAttemptFailed("reserve", 2, FAILURE, ev.UndoResolution.GIVE_UP))
    assert given_up.rollback_error.code == "OUT_OF_STOCK"


def test_an_undo_that_waits_for_a_decision_is_held():
    held = ev.UndoAttemptFailed("reserve", 2, FAILURE, ev.UndoResolution.HOLD)
    assert _show(*ROLLBACK, ev.UndoStarted("reserve", 2), held).rollback_held
    assert not _show(*ROLLBACK, ev.UndoStarted("reserve", 2)).rollback_held


def test_the_catcher_of_a_task_is_shown_once_it_took_its_failure():
    failed = (*BEGIN, ev.TaskAttemptFailed("reserve", 1, FAILURE, ev.Resolution.FAIL))
    assert not _show(*failed).error_catcher_id
    caught = ev.ErrorCatcherStarted("excuse", "reserve", ("apologise", "refund"))
    assert _show(*failed, caught).error_catcher_id == "excuse"
    assert not _show(*failed, caught, ev.TaskStarted("apologise", {}), task="apologise").error_catcher_id


def test_the_suspension_of_a_task_is_named():
    opened = ev.SuspensionOpened(2, "wait", ev.SuspensionKind.APPROVAL)
    shown = _show(make_created(), ev.ExecutionStarted(), ev.TaskStarted("wait", {}), opened, task="wait")
    assert shown.suspension == "projects/default/locations/local/integrations/order/executions/e1/suspensions/2"
    assert shown.task_execution_state == TaskExecutionDetails.SUSPENDED
    assert not _show(*DONE).suspension
