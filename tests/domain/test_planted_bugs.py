"""Plants one bug at a time into the rules and proves that the property test sees it.

A check that has never failed proves nothing. Each test breaks one rule and expects the random lives to fail.
"""

import dataclasses

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from perdure.domain import apply as applying
from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain import retry
from perdure.domain.decide import commands, failing, joining, pending, running
from perdure.domain.decide.transition import Transition
from perdure.domain.integration import JoinStrategy
from perdure.domain.states import TaskState
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

    patch.setattr(commands, "_current", plant)


def accepting_a_report_about_a_task_that_has_ended(patch: Patch) -> None:
    def plant(transition, report):
        run = transition.execution.tasks[report.task_id]
        same = (report.execution_attempt, report.attempt) == (transition.execution.execution_attempt, run.attempt)
        return run if same else None

    patch.setattr(commands, "_current", plant)


def starting_a_task_after_a_cancel(patch: Patch) -> None:
    def plant(transition, task_id):
        verdict = joining.join(transition.execution, task_id)
        if verdict is joining.Join.RUN:
            running.start_task(transition, task_id)
        elif verdict is not joining.Join.WAIT:
            transition.emit(ev.TaskSkipped(task_id))

    patch.setattr(commands, "skip_pending", lambda *_, **__: None)
    patch.setattr(running, "_consider", plant)


def replacing_a_lost_worker_after_a_cancel(patch: Patch) -> None:
    def plant(transition, report):
        if commands._current(transition, report) is not None:
            running.replace_attempt(transition, report.task_id, blamed=False)
            running.settle(transition, ended=report.task_id)

    patch.setitem(commands._DECIDE, cmd.ReportLost, plant)


def forgetting_the_results_of_the_edges(patch: Patch) -> None:
    succeeded = applying._task_succeeded

    def plant(execution, event, time):
        succeeded(execution, event, time)
        execution.tasks[event.task_id].edges = None

    patch.setitem(applying._APPLY, ev.TaskSucceeded, plant)


def running_a_join_of_any_twice(patch: Patch) -> None:
    def plant(execution, task_id):
        for edge in execution.graph.tasks[task_id].edges:
            any_join = execution.graph.tasks[edge.target].join is JoinStrategy.WHEN_ANY_SUCCEED
            if any_join or execution.tasks[edge.target].state is TaskState.PENDING_EXECUTION:
                yield edge.target

    patch.setattr(running, "next_tasks", plant)


def not_counting_the_states(patch: Patch) -> None:
    def plant(execution, task_id, run, state, due=None):
        execution.state_counts[state] += 1
        run.state = state
        run.due = due
        execution.dues.pop(task_id, None)
        if due is not None:
            execution.dues[task_id] = due

    patch.setattr(applying, "_enter", plant)


def forgetting_that_a_task_has_ended(patch: Patch) -> None:
    def plant(current, task_id, state):
        if task_id not in current:
            current.append(task_id)

    patch.setattr(applying, "_keep_current", plant)


def keeping_what_was_due_in_the_old_state(patch: Patch) -> None:
    enter = applying._enter

    def plant(execution, task_id, run, state, due=None):
        before = execution.dues.get(task_id)
        enter(execution, task_id, run, state, due)
        if due is None and before is not None:
            execution.dues[task_id] = before

    patch.setattr(applying, "_enter", plant)


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
    complete = running._complete

    def plant(transition):
        complete(transition)
        complete(transition)

    patch.setattr(running, "_complete", plant)


def ending_while_something_runs(patch: Patch) -> None:
    patch.setattr(
        running,
        "is_complete",
        lambda execution: all(execution.tasks[leaf].is_terminal for leaf in execution.graph.leaves),
    )


def forgetting_to_conclude(patch: Patch) -> None:
    def plant(transition, report):
        if commands._current(transition, report) is not None:
            running.succeed(transition, report.task_id, report.outputs)

    patch.setitem(commands._DECIDE, cmd.ReportSuccess, plant)


def letting_a_cancelled_attempt_run_on(patch: Patch) -> None:
    patch.setattr(commands, "withdraw", lambda *_: None)


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

    patch.setattr(commands, "succeed", plant)


BUGS = {
    offering_an_attempt_twice: "is offered twice",
    accepting_the_report_of_an_old_attempt: "a stale report changed something",
    accepting_a_report_about_a_task_that_has_ended: "is not in the table",
    starting_a_task_after_a_cancel: "something starts after a cancel",
    replacing_a_lost_worker_after_a_cancel: "something starts after a cancel",
    forgetting_the_results_of_the_edges: "is skipped although it may run",
    running_a_join_of_any_twice: "is not in the table",
    not_counting_the_states: "the counts of states are wrong",
    forgetting_that_a_task_has_ended: "the current tasks are wrong",
    keeping_what_was_due_in_the_old_state: "the dues are not those of the tasks",
    retrying_without_a_delay: "sooner than its delay",
    retrying_for_ever: "a retry that no policy allows",
    waking_a_retry_too_soon: "a retry starts sooner than its delay",
    ending_twice: "an event follows the terminal one",
    ending_while_something_runs: "the execution ended with something open",
    forgetting_to_conclude: "waits although nothing is left to wait for",
    letting_a_cancelled_attempt_run_on: "pending effects are not those",
    offering_again_in_recovery_what_was_cancelled: "pending effects are not those",
    turning_the_clock_back: "event time went back",
    changing_the_state_outside_of_an_event: "the state in memory is not the fold",
}
"""Each bug, and what the property test says of it."""


@pytest.mark.slow
@pytest.mark.parametrize(("bug", "verdict"), BUGS.items(), ids=[bug.__name__ for bug in BUGS])
def test_a_planted_bug_is_seen(bug, verdict, monkeypatch):
    bug(monkeypatch)

    with pytest.raises(AssertionError, match=verdict):
        run_state_machine_as_test(Life, settings=LIVES)
