"""Bugs to plant into the rules of tasks, joins, retries and cancels."""

from __future__ import annotations

import dataclasses

import pytest

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain import retry
from perdure.domain.apply import entering, fold
from perdure.domain.apply import tasks as applying_tasks
from perdure.domain.decide import commands, control, ending, failing, joining, pending, reports, running
from perdure.domain.decide.transition import Transition
from perdure.domain.integration import JoinStrategy
from perdure.domain.states import TaskState

Patch = pytest.MonkeyPatch


def offering_an_attempt_twice(patch: Patch) -> None:
    perform = running.perform

    def plant(transition, task_id):
        perform(transition, task_id)
        perform(transition, task_id)

    patch.setattr(running, "perform", plant)


def accepting_the_report_of_an_old_attempt(patch: Patch) -> None:
    def plant(transition, report):
        run = transition.execution.tasks[report.task_id]
        return run if run.state is TaskState.IN_PROCESS else None

    patch.setattr(reports, "_current", plant)


def accepting_a_report_about_a_task_that_has_ended(patch: Patch) -> None:
    def plant(transition, report):
        run = transition.execution.tasks[report.task_id]
        same = (report.execution_attempt, report.attempt) == (transition.execution.execution_attempt, run.attempt)
        return run if same else None

    patch.setattr(reports, "_current", plant)


def starting_a_task_after_a_cancel(patch: Patch) -> None:
    def plant(transition, task_id):
        verdict = joining.join(transition.execution, task_id)
        if verdict is joining.Join.RUN:
            running.try_start(transition, task_id)
        elif verdict is not joining.Join.WAIT:
            transition.emit(ev.TaskSkipped(task_id))

    patch.setattr(control, "skip_pending", lambda *_, **__: None)
    patch.setattr(running, "_consider", plant)


def replacing_a_lost_worker_after_a_cancel(patch: Patch) -> None:
    def plant(transition, report):
        if reports._current(transition, report) is not None:
            running.replace_attempt(transition, report.task_id, blamed=False)
            running.settle(transition, ended=report.task_id)

    patch.setitem(commands._DECIDE, cmd.ReportLost, plant)


def forgetting_the_results_of_the_edges(patch: Patch) -> None:
    succeeded = applying_tasks._succeeded

    def plant(execution, event, time):
        succeeded(execution, event, time)
        execution.tasks[event.task_id].edges = None

    patch.setitem(fold._APPLY, ev.TaskSucceeded, plant)


def running_a_join_of_any_twice(patch: Patch) -> None:
    def plant(execution, task_id):
        for edge in execution.graph.tasks[task_id].edges:
            any_join = execution.graph.tasks[edge.target].join is JoinStrategy.WHEN_ANY_SUCCEED
            if any_join or execution.tasks[edge.target].state is TaskState.PENDING_EXECUTION:
                yield edge.target

    patch.setattr(running, "next_tasks", plant)


def not_counting_the_states(patch: Patch) -> None:
    enter = entering.enter

    def plant(execution, task_id, state, *rest):
        before = list(execution.state_counts)
        run = enter(execution, task_id, state, *rest)
        execution.state_counts[:] = before
        return run

    patch.setattr(applying_tasks, "enter", plant)


def forgetting_that_a_task_has_ended(patch: Patch) -> None:
    def plant(current, task_id, state):
        if task_id not in current:
            current.append(task_id)

    patch.setattr(entering, "_keep_current", plant)


def keeping_what_was_due_in_the_old_state(patch: Patch) -> None:
    enter = entering.enter

    def plant(execution, task_id, state, time, due=None):
        before = execution.dues.get(task_id)
        run = enter(execution, task_id, state, time, due)
        if due is None and before is not None:
            execution.dues[task_id] = before
        return run

    patch.setattr(entering, "enter", plant)


def retrying_without_a_delay(patch: Patch) -> None:
    def plant(*arguments):
        return dataclasses.replace(retry.decide_failure(*arguments), delay=0)

    patch.setattr(failing, "decide_failure", plant)


def retrying_for_ever(patch: Patch) -> None:
    patch.setattr(failing, "decide_failure", lambda *_: retry.Decision(ev.Resolution.RETRY, 100_000_000))


def waking_a_retry_too_soon(patch: Patch) -> None:
    wake = commands._wake

    def plant(transition, command):
        for task_id, _ in list(transition.execution.in_state(TaskState.RETRY_ON_HOLD)):
            running.next_attempt(transition, task_id)
            running.settle(transition)
        wake(transition, command)

    patch.setitem(commands._DECIDE, cmd.Wake, plant)


def ending_twice(patch: Patch) -> None:
    conclude = ending.conclude

    def plant(transition):
        conclude(transition)
        if transition.execution.is_terminal:
            transition.emit(ev.ExecutionSucceeded())

    patch.setattr(commands, "conclude", plant)


def ending_while_something_runs(patch: Patch) -> None:
    patch.setattr(
        ending,
        "is_complete",
        lambda execution: all(execution.tasks[leaf].is_terminal for leaf in execution.graph.leaves),
    )


def forgetting_to_conclude(patch: Patch) -> None:
    def plant(transition, report):
        if reports._current(transition, report) is not None:
            running.succeed(transition, report.task_id, report.outputs)

    patch.setitem(commands._DECIDE, cmd.ReportSuccess, plant)


def letting_a_cancelled_attempt_run_on(patch: Patch) -> None:
    patch.setattr(control, "withdraw", lambda *_: None)


def offering_again_in_recovery_what_was_cancelled(patch: Patch) -> None:
    def plant(execution, task_id, run):
        yield ef.OfferAttempt(task_id, execution.execution_attempt, run.attempt)

    patch.setattr(pending, "_effects_of", plant)


def turning_the_clock_back(patch: Patch) -> None:
    construct = Transition.__init__

    def plant(self, execution, context):
        construct(self, execution, context)
        self.now = context.now

    patch.setattr(Transition, "__init__", plant)


def changing_the_state_outside_of_an_event(patch: Patch) -> None:
    succeed = running.succeed

    def plant(transition, task_id, outputs, **settings):
        transition.execution.tasks[task_id].message = "done"
        succeed(transition, task_id, outputs, **settings)

    patch.setattr(reports, "succeed", plant)
