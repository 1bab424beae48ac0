"""Bugs to plant into the rules of the end, of waits and of interventions."""

from __future__ import annotations

import dataclasses

import pytest

from perdure.domain import commands as cmd
from perdure.domain import events as ev
from perdure.domain.apply import control as applying_control
from perdure.domain.apply import entering, fold
from perdure.domain.apply import lifecycle as applying_lifecycle
from perdure.domain.breakpoints import Position
from perdure.domain.decide import (
    catching,
    commands,
    control,
    ending,
    failing,
    gate,
    joining,
    outcome,
    reports,
    resolving,
    running,
    undoable,
    undoing,
)
from perdure.domain.execution import Execution
from perdure.domain.states import TaskState

Patch = pytest.MonkeyPatch


def undoing_without_waiting_for_dependents(patch: Patch) -> None:
    patch.setattr(
        undoing,
        "ready_to_undo",
        lambda execution: [task_id for task_id, _ in execution.in_state(TaskState.PENDING_ROLLBACK)],
    )


def undoing_in_forward_order(patch: Patch) -> None:
    def plant(execution):
        pending_undos = [task_id for task_id, _ in execution.in_state(TaskState.PENDING_ROLLBACK)]
        return [] if execution.count(TaskState.ROLLBACK_IN_PROCESS) else pending_undos[:1]

    patch.setattr(undoing, "ready_to_undo", plant)


def undoing_what_failed(patch: Patch) -> None:
    def plant(execution):
        return tuple(task_id for task_id in execution.graph.undo_bits if task_id in execution.tasks)

    patch.setattr(undoing, "undoable_tasks", plant)


def not_undoing_at_all(patch: Patch) -> None:
    patch.setattr(outcome, "rolls_back", lambda *_: False)
    patch.setattr(ending, "rolls_back", lambda *_: False)


def undoing_twice(patch: Patch) -> None:
    succeeded = undoing.undo_succeeded

    def plant(transition, task_id, worker):
        succeeded(transition, task_id, worker)
        succeeded(transition, task_id, worker)

    patch.setattr(reports, "undo_succeeded", plant)


def not_telling_what_was_not_undone(patch: Patch) -> None:
    patch.setattr(undoing, "not_undone", lambda _: ())


def forgetting_what_a_timeout_has_done(patch: Patch) -> None:
    fail = failing.fail_attempt

    def plant(transition, task_id, failure, worker="", **_):
        fail(transition, task_id, failure, worker)

    patch.setattr(commands, "fail_attempt", plant)


def forgetting_what_was_done_before_a_restart(patch: Patch) -> None:
    patch.setattr(applying_lifecycle, "_keep_earlier", lambda _: None)


def undoing_what_a_replay_has_copied(patch: Patch) -> None:
    begin = entering.begin_graph

    def plant(execution, time):
        begin(execution, time)
        for _, run in execution.in_state(TaskState.SUCCEED):
            run.done = True

    patch.setattr(fold, "begin_graph", plant)
    patch.setattr(applying_lifecycle, "begin_graph", plant)


def forgetting_an_unknown_attempt_when_the_next_one_fails(patch: Patch) -> None:
    failed = fold._APPLY[ev.TaskAttemptFailed]

    def plant(execution, event, time):
        failed(execution, event, time)
        execution.tasks[event.task_id].unknown = event.unknown

    patch.setitem(fold._APPLY, ev.TaskAttemptFailed, plant)


def undoing_while_paused(patch: Patch) -> None:
    advance = undoing.advance_rollback

    def plant(transition):
        for task_id in undoable.ready_to_undo(transition.execution):
            undoing._start(transition, task_id)
        return advance(transition)

    patch.setattr(ending, "advance_rollback", plant)


def leaving_out_the_teardown_of_a_cancelled_one(patch: Patch) -> None:
    def plant(execution):
        return bool(execution.graph.teardown) and not execution.cancel_requested

    patch.setattr(outcome, "tears_down", plant)
    patch.setattr(ending, "tears_down", plant)


def tearing_down_all_at_once(patch: Patch) -> None:
    def plant(transition):
        teardown = transition.execution.graph.teardown
        running.settle(transition, started=teardown)
        return not all(transition.execution.tasks[task_id].is_terminal for task_id in teardown)

    patch.setattr(ending, "_waits_for_teardown", plant)


def letting_a_fatal_task_of_a_catcher_change_the_outcome(patch: Patch) -> None:
    patch.setattr(failing, "_within_the_end", lambda _, decision: decision)


def running_a_catcher_for_every_failure(patch: Patch) -> None:
    def plant(transition, task_id):
        execution = transition.execution
        catcher = execution.graph.catchers.get(execution.tasks[task_id].config.error_catcher)
        if catcher is None or execution.outcome is not None:
            return ()
        transition.emit(ev.ErrorCatcherStarted(execution.tasks[task_id].config.error_catcher, task_id, catcher.tasks))
        return catcher.start_tasks

    patch.setattr(running, "catch", plant)


def leading_on_before_the_catcher_has_ended(patch: Patch) -> None:
    patch.setattr(joining, "is_being_caught", lambda *_: False)
    patch.setattr(running, "is_being_caught", lambda *_: False)


def handling_a_failure_whose_catcher_failed(patch: Patch) -> None:
    patch.setattr(catching, "_ended_well", lambda _: True)
    patch.setattr(joining, "_has_failed", lambda run: run.state in joining._FAILED and not run.config.error_catcher)


def starting_while_paused(patch: Patch) -> None:
    patch.setattr(Execution, "is_gated", property(lambda execution: execution.stop is not None))


def starting_at_a_breakpoint(patch: Patch) -> None:
    patch.setattr(Execution, "is_gated", property(lambda execution: execution.pause is not None))


def replacing_a_lost_worker_while_paused(patch: Patch) -> None:
    def plant(transition, task_id, *, blamed):
        run = transition.execution.tasks[task_id]
        transition.emit(ev.TaskAttemptLost(task_id, run.attempt + 1, None, blamed))
        running.perform(transition, task_id)

    patch.setattr(reports, "replace_attempt", plant)


def starting_two_tasks_in_one_step(patch: Patch) -> None:
    stops_before = gate.stops_before

    def plant(transition, task_id):
        return not transition.execution.stepped and stops_before(transition, task_id)

    patch.setattr(running, "stops_before", plant)


def going_on_before_the_stop_after_a_task(patch: Patch) -> None:
    patch.setattr(gate, "_matches", lambda _, task_id, position, failure=None: False)
    settle = running.settle

    def plant(transition, *, ended="", started=()):
        settle(transition, ended=ended, started=started)
        if ended and transition.execution.breakpoints is not None and transition.execution.tasks[ended].is_terminal:
            gate.stop(transition, ended, Position.AFTER)

    patch.setattr(reports, "settle", plant)


def forgetting_held_failures_when_going_on(patch: Patch) -> None:
    patch.setattr(control, "go_on", running.start_ready)


def cancelling_without_those_that_wait(patch: Patch) -> None:
    patch.setattr(control, "cancel_waiting", lambda _: None)


def taking_a_signal_twice(patch: Patch) -> None:
    patch.setitem(fold._APPLY, ev.SignalConsumed, lambda *_: None)


def losing_an_early_signal(patch: Patch) -> None:
    patch.setattr(running, "_take_early_signal", lambda *_: None)


def keeping_a_signal_that_is_known(patch: Patch) -> None:
    def plant(execution, event, time):
        applying_control._signal_received(execution, dataclasses.replace(event, signal_id=""), time)

    patch.setitem(fold._APPLY, ev.SignalReceived, plant)


def lifting_what_expires(patch: Patch) -> None:
    decide = resolving._decide

    def plant(transition, suspension, lifted, resolver, result="", *, expired=False):
        decide(transition, suspension, lifted or expired, resolver, result, expired=expired)

    patch.setattr(resolving, "_decide", plant)


def letting_anybody_decide(patch: Patch) -> None:
    def plant(transition, command):
        suspension = transition.execution.suspensions.get(command.number)
        if suspension is not None and not suspension.signal:
            resolving._decide(transition, suspension, command.lifted, command.resolver)

    patch.setitem(commands._DECIDE, cmd.ResolveSuspension, plant)


def leaving_a_suspension_of_a_cancelled_task_open(patch: Patch) -> None:
    def plant(transition):
        for state in (TaskState.RETRY_ON_HOLD, TaskState.SUSPENDED):
            for task_id, run in list(transition.execution.in_state(state)):
                transition.emit(ev.TaskCancelled(task_id, run.attempt, unknown=True))

    patch.setattr(control, "cancel_waiting", plant)


def restarting_after_the_outcome(patch: Patch) -> None:
    decided = fold._APPLY[ev.OutcomeDecided]

    def plant(execution, event, time):
        due = execution.restart_due
        decided(execution, event, time)
        execution.restart_due = due

    patch.setitem(fold._APPLY, ev.OutcomeDecided, plant)
