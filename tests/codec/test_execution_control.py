"""An execution shows what callers made of it: settings, pauses, stops, replays, and how undoing goes."""

import pytest

from perdure.codec.lineage import put_replays
from perdure.domain import events as ev
from perdure.domain.breakpoints import Breakpoint, Breakpoints, Position, StepAction
from perdure.domain.integration import SavepointRetention
from perdure.domain.states import ExecutionState, Failure, ReplayMode
from perdure.v1 import execution_pb2 as v1
from perdure.v1.breakpoint_pb2 import Breakpoint as ShownBreakpoint
from perdure.v1.breakpoint_pb2 import Breakpoints as ShownBreakpoints
from perdure.v1.breakpoint_pb2 import BreakpointStop
from tests.codec.orders import BASE, SECOND, folded, make_created, show

FAILURE = Failure("OUT_OF_STOCK", "none left")
OUTCOMES = v1.ExecutionDetails.Rollback
BEGIN = (make_created(), ev.ExecutionStarted(), ev.TaskStarted("reserve", {}))
UNDOING = (
    *BEGIN,
    ev.TaskSucceeded("reserve", 1, {}, (True, False)),
    ev.OutcomeDecided(ExecutionState.FAILED, FAILURE),
    ev.RollbackStarted(("reserve",), ("bill",)),
)


def _show(*events: ev.Event, full: bool = False) -> v1.Execution:
    return show(folded(*events), full=full)


def test_settings_are_shown_as_they_are_now():
    update = ev.ExecutionUpdated("ann", 9, {"team": "press"}, "a big order", 99 * SECOND, development=False)
    shown = _show(make_created(development=True), update)
    assert (shown.priority, dict(shown.labels), shown.description) == (9, {"team": "press"}, "a big order")
    assert shown.deadline.ToMicroseconds() == 99 * SECOND
    assert not shown.development
    assert _show(make_created(development=True)).development


def test_a_pause_shows_since_when_and_why_until_it_ends():
    paused = (make_created(), ev.ExecutionPaused("look at it", "ann"))
    shown = _show(*paused)
    assert (shown.paused, shown.pause_reason) == (True, "look at it")
    assert shown.pause_time.ToMicroseconds() == 2 * SECOND
    resumed = _show(*paused, ev.ExecutionResumed("ann"))
    assert not resumed.paused
    assert not resumed.HasField("pause_time")


def test_breakpoints_and_the_stop_at_one_are_shown():
    places = Breakpoints((Breakpoint("reserve", Position.AFTER),), expire_after=5 * SECOND)
    begin = (make_created(breakpoints=places), ev.ExecutionStarted())
    shown = _show(*begin, ev.BreakpointHit("reserve", Position.AFTER, 8 * SECOND))
    assert shown.breakpoints.mode == ShownBreakpoints.MODE_ONLY_EXPLICIT
    assert [place.task_number for place in shown.breakpoints.breakpoints] == ["reserve"]
    stop = shown.stopped_at_breakpoint
    assert (stop.task_number, stop.position, stop.cause) == (
        "reserve",
        ShownBreakpoint.POSITION_AFTER,
        BreakpointStop.CAUSE_BREAKPOINT,
    )
    assert (stop.stop_time.ToMicroseconds(), stop.expire_time.ToMicroseconds()) == (3 * SECOND, 8 * SECOND)
    expired = _show(*begin, ev.BreakpointHit("reserve", Position.AFTER, 8), ev.BreakpointLeft(StepAction.EXPIRE))
    assert not expired.HasField("stopped_at_breakpoint")
    assert not expired.HasField("breakpoints")


def test_a_replay_names_its_original_and_an_original_its_replays():
    replay = ev.Replay("e0", "order", ReplayMode.POINT_OF_FAILURE, "wrong price")
    shown = _show(make_created(replay=replay))
    assert shown.replay_info.original_execution == f"{BASE}/order/executions/e0"
    assert (shown.replay_info.original_execution_info_id, shown.replay_info.replay_reason) == ("e0", "wrong price")
    assert shown.replay_info.replay_mode == v1.Execution.REPLAY_MODE_POINT_OF_FAILURE
    original = _show(make_created())
    assert not original.HasField("replay_info")
    put_replays([], original)
    assert not original.HasField("replay_info")
    put_replays(["e3", "e2"], original)
    assert list(original.replay_info.replayed_execution_info_ids) == ["e3", "e2"]
    assert list(original.replay_info.replayed_executions) == [
        f"{BASE}/order/executions/e3",
        f"{BASE}/order/executions/e2",
    ]


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        (SavepointRetention.ALL, v1.Execution.SAVEPOINT_RETENTION_ALL),
        (SavepointRetention.LAST, v1.Execution.SAVEPOINT_RETENTION_LAST),
        (SavepointRetention.NONE, v1.Execution.SAVEPOINT_RETENTION_NONE),
    ],
)
def test_which_snapshots_are_kept_is_shown(kept: SavepointRetention, shown: int):
    assert _show(make_created(savepoint_retention=kept)).savepoint_retention == shown


def test_parameters_are_shown_as_they_are_now_until_the_end():
    live = _show(*BEGIN, full=True)
    assert live.current_parameters["count"].int_value == 2
    assert not _show(*BEGIN).current_parameters
    assert not _show(*BEGIN, ev.ExecutionFailed(FAILURE), full=True).current_parameters


def test_the_time_is_told_up_to_now():
    assert _show(*BEGIN).resource_usage.active_duration.ToMicroseconds() == 27 * SECOND


def test_before_its_end_nothing_is_known_of_an_undoing_and_after_it_that_none_was_needed():
    assert not _show(*BEGIN).execution_details.HasField("rollback")
    ended = _show(*BEGIN, ev.ExecutionFailed(FAILURE)).execution_details
    assert ended.rollback.outcome == OUTCOMES.OUTCOME_NOT_NEEDED


def test_an_undoing_under_way_shows_what_is_left_and_what_was_given_up():
    assert _show(*UNDOING).execution_details.rollback == OUTCOMES(
        outcome=OUTCOMES.OUTCOME_IN_PROGRESS, unknown_outcome_tasks=["bill"], pending_tasks=["reserve"]
    )
    started = (*UNDOING, ev.UndoStarted("reserve", 2))
    assert list(_show(*started).execution_details.rollback.pending_tasks) == ["reserve"]
    failed = ev.UndoAttemptFailed("reserve", 2, FAILURE, ev.UndoResolution.GIVE_UP)
    assert list(_show(*started, failed).execution_details.rollback.not_undone_tasks) == ["reserve"]
    done = _show(*started, ev.TaskRolledBack("reserve", 2)).execution_details.rollback
    assert not done.not_undone_tasks


@pytest.mark.parametrize(
    ("not_undone", "outcome"), [((), OUTCOMES.OUTCOME_COMPLETE), (("bill",), OUTCOMES.OUTCOME_INCOMPLETE)]
)
def test_an_undoing_that_has_ended_shows_whether_all_is_undone(not_undone: tuple[str, ...], outcome: int):
    done = (ev.UndoStarted("reserve", 2), ev.TaskRolledBack("reserve", 2), ev.RollbackEnded(not_undone))
    rollback = _show(*UNDOING, *done).execution_details.rollback
    assert (rollback.outcome, tuple(rollback.not_undone_tasks)) == (outcome, not_undone)
    assert not rollback.pending_tasks
