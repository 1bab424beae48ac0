"""Plants one bug at a time into the rules and proves that the property test, or a test that is named, sees it.

A check that has never failed proves nothing. Each test breaks one rule and expects the random lives to fail.
"""

from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.domain import planted_in_the_end as end
from tests.domain import planted_in_the_graph as graph
from tests.domain import test_breakpoints, test_catchers, test_done, test_pause, test_suspensions
from tests.domain.test_life import Life

LIVES = settings(
    max_examples=4_000,
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

BUGS = {
    graph.offering_an_attempt_twice: "is offered twice",
    graph.accepting_the_report_of_an_old_attempt: "a stale report changed something",
    graph.accepting_a_report_about_a_task_that_has_ended: "is not in the table",
    graph.starting_a_task_after_a_cancel: "something starts after a cancel|waits although nothing is left",
    graph.replacing_a_lost_worker_after_a_cancel: "something starts after a cancel",
    graph.forgetting_the_results_of_the_edges: "is skipped although it may run",
    graph.running_a_join_of_any_twice: "is not in the table",
    graph.not_counting_the_states: "the counts of states are wrong",
    graph.forgetting_that_a_task_has_ended: "the current tasks are wrong",
    graph.keeping_what_was_due_in_the_old_state: "the dues are not those of the tasks",
    graph.retrying_without_a_delay: "sooner than its delay",
    graph.retrying_for_ever: "a retry that no policy allows",
    graph.waking_a_retry_too_soon: "a retry starts sooner than its delay",
    graph.ending_twice: "an event follows the terminal one",
    graph.ending_while_something_runs: "the execution ended with",
    graph.forgetting_to_conclude: "waits although nothing is left to wait for",
    graph.letting_a_cancelled_attempt_run_on: "pending effects are not those",
    graph.offering_again_in_recovery_what_was_cancelled: "pending effects are not those",
    graph.turning_the_clock_back: "event time went back",
    graph.changing_the_state_outside_of_an_event: "the state in memory is not the fold",
    end.undoing_without_waiting_for_dependents: "a task is undone before those that depend on it",
    end.undoing_in_forward_order: "a task is undone before those that depend on it",
    end.undoing_what_failed: "what is undone is not what was done",
    end.not_undoing_at_all: "the rollback was left out",
    end.undoing_twice: "a task is undone twice",
    end.not_telling_what_was_not_undone: "what was not undone is not told",
    end.forgetting_what_a_timeout_has_done: "nobody knows what an attempt has done, and that is forgotten",
    end.undoing_what_a_replay_has_copied: "what is undone is not what was done|the rollback was left out",
    end.forgetting_an_unknown_attempt_when_the_next_one_fails: "is not what was done|is not told|attempt is forgotten",
    end.undoing_while_paused: "an attempt starts while the execution is paused",
    end.leaving_out_the_teardown_of_a_cancelled_one: "the teardown was left out",
    end.tearing_down_all_at_once: "a teardown task starts before the one before it",
    end.starting_while_paused: "an attempt starts while the execution is paused",
    end.starting_at_a_breakpoint: "waits although nothing is left to wait for",
    end.replacing_a_lost_worker_while_paused: "an attempt starts while the execution is paused",
    end.going_on_before_the_stop_after_a_task: "something starts before the stop after a task",
    end.taking_a_signal_twice: "signals are lost",
    end.losing_an_early_signal: "a task waits for a signal that has come",
    end.keeping_a_signal_that_is_known: "a signal is received twice",
    end.leaving_a_suspension_of_a_cancelled_task_open: "its suspension stays open",
}
"""Each bug, and what the property test says of it."""

NAMED = [
    (
        end.letting_a_fatal_task_of_a_catcher_change_the_outcome,
        test_catchers.test_a_fatal_task_of_the_execution_s_catcher_leaves_the_outcome_alone,
    ),
    (
        end.running_a_catcher_for_every_failure,
        test_catchers.test_a_catcher_runs_once_and_later_failures_share_what_became_of_it,
    ),
    (
        end.leading_on_before_the_catcher_has_ended,
        test_catchers.test_what_follows_a_task_waits_for_its_catcher_and_is_skipped_as_by_a_condition,
    ),
    (
        end.handling_a_failure_whose_catcher_failed,
        test_catchers.test_a_catcher_that_fails_leaves_the_failure_as_it_was,
    ),
    (
        end.starting_two_tasks_in_one_step,
        test_breakpoints.test_a_step_runs_one_task_and_stops_again,
    ),
    (
        end.forgetting_held_failures_when_going_on,
        test_breakpoints.test_failures_of_several_tasks_are_held_and_released_one_after_another,
    ),
    (
        end.cancelling_without_those_that_wait,
        test_breakpoints.test_a_cancel_forgets_no_failure_that_is_held,
    ),
    (
        end.lifting_what_expires,
        partial(
            test_suspensions.test_a_suspension_that_expires_is_decided_as_it_was_configured,
            lifts=False,
        ),
    ),
    (
        end.letting_anybody_decide,
        test_suspensions.test_only_those_who_are_named_decide,
    ),
    (
        end.restarting_after_the_outcome,
        test_pause.test_the_deadline_ends_a_restart_that_is_planned,
    ),
    (
        end.forgetting_what_was_done_before_a_restart,
        test_done.test_what_an_earlier_execution_attempt_has_done_is_undone_with_what_it_had_then,
    ),
]
"""Each bug that random lives come upon too rarely, and the test that sees it at once."""


@pytest.mark.slow
@pytest.mark.parametrize(("bug", "verdict"), BUGS.items(), ids=[bug.__name__ for bug in BUGS])
def test_a_planted_bug_is_seen(bug, verdict, monkeypatch):
    bug(monkeypatch)

    # Whichever life comes first, a bug may show itself by a change of state that there is not.
    with pytest.raises(AssertionError, match=f"{verdict}|is not in the table"):
        run_state_machine_as_test(Life, settings=LIVES)


@pytest.mark.parametrize(("bug", "sees"), NAMED, ids=[bug.__name__ for bug, _ in NAMED])
def test_a_planted_bug_is_seen_by_the_test_that_is_named(bug, sees, monkeypatch):
    sees()
    bug(monkeypatch)

    with pytest.raises((AssertionError, KeyError, pytest.fail.Exception)):
        sees()
