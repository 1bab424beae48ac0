"""The life of an execution as a property: random graphs, commands in any order, a process that restarts.

What must hold, whatever happens (most of it is checked by `Witness` after every command):

1.  A terminal execution never changes.
2.  An execution is never stuck: one that is not terminal has something in process, something timed, or waits for a
    caller who is named: on hold, a pause, a stop, an open suspension, an undo that is held.
3.  An attempt is offered at most once for each execution attempt and attempt.
4.  A stale report changes nothing.
5.  After a cancel request no forward attempt starts.
6.  The pending effects of a state are the effects that were asked for less those that were carried out.
7.  The fold of the events is the state in memory, its counts and dues included.
8.  Sequences are dense.
9.  There is exactly one terminal event, and it is the last; once the outcome is settled, it stands.
10. Event times never decrease, whatever the clock does.
11. Every change of state is in the table.
12. A retry starts no sooner than its delay, and an undo neither.
13. A task starts only if its join is satisfied, is skipped only if it is not, and never waits for nothing.
14. An execution that is left to workers and callers that answer comes to an end.
15. What is undone are the tasks that this execution has done, in whatever execution attempt, and that declare a
    rollback, those of unknown outcome if they ask for it, and nothing else, with the inputs and outputs that they
    had then; what was not undone is told, and what nobody knows until it succeeds.
16. Nothing is undone before what depends on it, and nothing twice.
17. Every teardown task has ended before the terminal event, in order, if the execution has ever started.
18. No attempt of any kind starts while the execution is paused or has stopped; a step starts one task.
19. A signal is taken at most once, by one task, in the order of arrival, and none is lost.
20. A suspension is resolved once, by somebody who may or by the system; expiry decides as it was configured.
21. A catcher runs at most once in an execution attempt, ends, and handles only failures that are its own.
22. A command that is refused changes nothing.
"""

import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.breakpoints import Breakpoints, StepAction
from perdure.domain.decide import decide, pending_effects
from perdure.domain.errors import PerdureError
from perdure.domain.integration import Integration, SubIntegration
from perdure.domain.limits import CANCEL_GRACE, SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState, ReplayMode
from tests.domain.builders import NOW, SUB_EXECUTION, Run, failure, values
from tests.domain.graphs import INPUTS, random_breakpoints, random_copies, random_integration

if TYPE_CHECKING:
    from tests.domain.witness import Key

EXAMPLES = int(os.environ.get("PERDURE_TESTS_LIVES", "300"))
"""How many lives are lived; more of them find more, in proportion to the time they take."""

INTEGRATIONS = st.builds(random_integration, size=st.sampled_from([6, 12, 9, 4, 2, 1]), seed=st.integers(0, 1 << 32))
STARTS = st.sampled_from(
    [
        {},
        {},
        {"method": ExecutionMethod.POST_TO_QUEUE, "state": ExecutionState.PENDING, "schedule_time": NOW},
        {"method": ExecutionMethod.SCHEDULE, "state": ExecutionState.PENDING, "schedule_time": NOW + 9 * SECOND},
        {"method": ExecutionMethod.SCHEDULE, "state": ExecutionState.PENDING},
    ]
)
FAILURES = st.builds(failure, st.sampled_from(["BUSY", "BROKEN"]), retryable=st.sampled_from([True, True, True, False]))
RESULTS = st.sampled_from([{"n": 1}, {"n": 5}, {"n": 1}, {"n": 5}, {"n": 3, "m": "x"}, {}, {"n": "no number"}])
PLACES = st.one_of(st.none(), st.none(), st.none(), st.builds(random_breakpoints, st.integers(0, 1 << 32)))
EDITS = st.sampled_from([{}, {}, {}, {"n": 1}, {"n": "no number"}, {"flag": False}, {"unheard_of": 1}])


class Life(RuleBasedStateMachine):
    """One execution, its workers, its callers and its clock."""

    run: Run
    sound = False
    """Whether the last command went well; when one did not, its fault is the one to tell of."""

    @initialize(
        definition=INTEGRATIONS,
        start=STARTS,
        middle=st.sampled_from([False, False, False, True]),
        child=st.booleans(),
        max_runtime=st.sampled_from([0, 0, 0, 45 * SECOND, 8 * SECOND]),
        jitter=st.sampled_from([0.0, 0.7]),
        others=st.tuples(PLACES, st.one_of(st.none(), st.none(), st.none(), st.integers(0, 1 << 32))),
    )
    def is_created(
        self,
        definition: Integration,
        start: dict[str, Any],
        middle: bool,
        child: bool,
        max_runtime: int,
        jitter: float,
        others: tuple[Breakpoints | None, int | None],
    ):
        places, copies = others
        parent = SUB_EXECUTION if child else {}
        trigger = "middle" if middle else ""
        settings = {**start, **parent, "max_runtime": max_runtime, "trigger_id": trigger, "breakpoints": places}
        if copies is not None:
            copied = random_copies(definition, trigger, copies)
            settings["replay"] = ev.Replay("e0", "order", ReplayMode.POINT_OF_FAILURE, "again", copied=copied)
        settings["savepoint_retention"] = definition.savepoint_retention
        self.run = Run(definition=definition, inputs=INPUTS, jitter=jitter, **settings)
        self.sound = True
        self.told: list[tuple[Key, cmd.Command]] = []

    def _tell(self, command: cmd.Command) -> None:
        ended = self.run.execution.is_terminal
        self.sound = False
        self.run.do(command)
        self.sound = True
        assert not ended or self.run.events == [], "a terminal execution changed"
        if isinstance(command, cmd.AttemptReport):
            self.told.append(((command.task_id, command.execution_attempt, command.attempt), command))

    def _ask(self, command: cmd.Command) -> bool:
        """Give a command that may be refused; tells whether it was carried out."""
        try:
            self._tell(command)
        except PerdureError:
            self.sound = True
            self.run.witness.compare(self.run.execution)
            return False
        return True

    def _open(self, *kinds: type[ef.Effect]) -> list[tuple[str, int, int]]:
        return [
            (effect.task_id, effect.execution_attempt, effect.attempt)
            for effect in pending_effects(self.run.execution)
            if not isinstance(effect, ef.ReportToParent) and isinstance(effect, kinds)
        ]

    def _works(self) -> bool:
        return bool(self._open(ef.OfferAttempt, ef.StopAttempt))

    @precondition(_works)
    @rule(data=st.data(), outputs=RESULTS)
    def a_worker_succeeds(self, data: st.DataObject, outputs: dict[str, Any]):
        about = data.draw(st.sampled_from(self._open(ef.OfferAttempt, ef.StopAttempt)))
        self._tell(cmd.ReportSuccess(*about, outputs=values(outputs), worker="w1"))

    @precondition(_works)
    @rule(data=st.data(), cause=FAILURES)
    def a_worker_fails(self, data: st.DataObject, cause):
        about = data.draw(st.sampled_from(self._open(ef.OfferAttempt, ef.StopAttempt)))
        self._tell(cmd.ReportFailure(*about, failure=cause))

    @precondition(_works)
    @rule(data=st.data(), stopped=st.booleans(), blamed=st.booleans())
    def a_worker_vanishes_or_gives_up(self, data: st.DataObject, stopped: bool, blamed: bool):
        about = data.draw(st.sampled_from(self._open(ef.OfferAttempt, ef.StopAttempt)))
        self._tell(cmd.ReportStopped(*about) if stopped else cmd.ReportLost(*about, blamed=blamed))

    @precondition(_works)
    @rule(data=st.data(), percent=st.integers(0, 100))
    def a_worker_tells_its_progress(self, data: st.DataObject, percent: int):
        about = data.draw(st.sampled_from(self._open(ef.OfferAttempt, ef.StopAttempt)))
        self._tell(cmd.ReportProgress(*about, message=f"at {percent}", percent=percent))

    @precondition(lambda self: self._open(ef.RunChild))
    @rule(data=st.data())
    def a_sub_execution_starts(self, data: st.DataObject):
        about = data.draw(st.sampled_from(self._open(ef.RunChild)))
        self._tell(cmd.ReportChildStarted(*about, child=self.run.execution.tasks[about[0]].child))

    @precondition(lambda self: self._open(ef.RunChild))
    @rule(
        data=st.data(),
        state=st.sampled_from([ExecutionState.SUCCEEDED, ExecutionState.FAILED, ExecutionState.CANCELLED]),
        outputs=RESULTS,
        cause=FAILURES,
        incomplete=st.booleans(),
    )
    def a_sub_execution_ends(
        self, data: st.DataObject, state: ExecutionState, outputs: dict[str, Any], cause, incomplete: bool
    ):
        about = data.draw(st.sampled_from(self._open(ef.RunChild)))
        child = self.run.execution.tasks[about[0]].child
        reason = cause if state is ExecutionState.FAILED else None
        report = cmd.ReportChildEnded(*about, child=child, state=state, outputs=values(outputs), failure=reason)
        self._tell(replace(report, incomplete=incomplete and state is not ExecutionState.SUCCEEDED))

    @precondition(lambda self: self._open(ef.RunItems))
    @rule(data=st.data(), finished=st.integers(0, 3))
    def some_items_end(self, data: st.DataObject, finished: int):
        about = data.draw(st.sampled_from(self._open(ef.RunItems)))
        self._tell(cmd.ReportItems(*about, finished=finished))

    @precondition(lambda self: self._open(ef.RunItems))
    @rule(data=st.data(), cause=st.one_of(st.none(), FAILURES), left=st.sampled_from([(0, 0), (1, 0), (1, 1)]))
    def all_items_end(self, data: st.DataObject, cause, left: tuple[int, int]):
        about = data.draw(st.sampled_from(self._open(ef.RunItems)))
        failed = 1 if cause else 0
        report = cmd.ReportItemsEnded(
            *about, outputs=values({"results": [1, 2, 3]}), finished=3, failed=failed, failure=cause
        )
        if cause:
            report = replace(report, unknown=bool(left[0]), incomplete=bool(left[1]))
        self._tell(report)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def a_report_comes_twice(self, data: st.DataObject):
        about, report = data.draw(st.sampled_from(self.told))
        task_id, *_ = about
        if task_id not in self.run.execution.tasks:
            return  # It was of a catcher, and the execution has restarted.
        at_work = about in self._open(ef.OfferAttempt, ef.StopAttempt, ef.RunChild, ef.RunItems)
        stale = about != self.run.attempt(task_id) or not at_work
        self._tell(report)
        assert not stale or self.run.events == [], "a stale report changed something"

    @rule(data=st.data(), behind=st.integers(1, 3), ahead=st.booleans())
    def a_report_is_stale(self, data: st.DataObject, behind: int, ahead: bool):
        task_id = data.draw(st.sampled_from(sorted(self.run.execution.tasks)))
        _, execution_attempt, attempt = self.run.attempt(task_id)
        about = (task_id, execution_attempt, attempt + behind if ahead else attempt - behind)
        reports: list[cmd.Command] = [
            cmd.ReportSuccess(*about),
            cmd.ReportFailure(*about, failure=failure()),
            cmd.ReportLost(*about),
        ]
        report = data.draw(st.sampled_from(reports))
        self._tell(report)
        assert self.run.events == [], "a stale report changed something"
        assert self.run.effects == [], "a stale report had an effect"

    @rule(seconds=st.sampled_from([0.5, 1, 5, 20, 100]))
    def time_passes(self, seconds: float):
        self.run.now += int(seconds * SECOND)
        self._tell(cmd.Wake())

    @precondition(lambda self: self.run.execution.next_wake() is not None)
    @rule(early=st.booleans())
    def the_timer_fires(self, early: bool):
        due = self.run.execution.next_wake()
        assert due is not None
        self.run.now = max(self.run.now, due - early)
        before = len(self.run.witness.history)
        self._tell(cmd.Wake())
        in_time = self.run.now >= due
        assert not in_time or len(self.run.witness.history) > before, "nothing came of what was due"

    @rule(seconds=st.integers(1, 60))
    def the_clock_is_set_back(self, seconds: int):
        self.run.now -= seconds * SECOND

    @precondition(lambda self: self.run.execution.state is ExecutionState.PENDING)
    @rule()
    def somebody_starts_it_by_id(self):
        self._tell(cmd.Start())

    # Most lives are long enough before: a cancel is the end of most that could go wrong.
    @precondition(lambda self: len(self.run.witness.history) == 1 or len(self.run.witness.history) > 12)
    @rule(force=st.sampled_from([False, False, True]))
    def somebody_cancels(self, force: bool):
        self._tell(cmd.Cancel("enough", "local", force))

    @precondition(lambda self: not self.run.execution.is_terminal)
    @rule()
    def somebody_pauses(self):
        self._tell(cmd.Pause("lunch", "alice"))

    @precondition(lambda self: self.run.execution.pause is not None)
    @rule(edits=EDITS)
    def somebody_resumes(self, edits: dict[str, Any]):
        self._ask(cmd.Resume("alice", values(edits)))

    @precondition(lambda self: self.run.execution.stop is not None)
    @rule(data=st.data(), action=st.sampled_from([*StepAction][:3]), edits=EDITS)
    def somebody_steps(self, data: st.DataObject, action: StepAction, edits: dict[str, Any]):
        task_id = data.draw(st.sampled_from(["", "", *self.run.execution.tasks])) if action is StepAction.STEP else ""
        self._ask(cmd.Step(action, "alice", task_id, values(edits)))

    @rule(
        priority=st.sampled_from([None, 5]),
        after=st.sampled_from([None, None, 0, 10 * SECOND]),
        places=st.one_of(st.none(), st.just(Breakpoints()), st.builds(random_breakpoints, st.integers(0, 1 << 32))),
    )
    def somebody_changes_settings(self, priority: int | None, after: int | None, places: Breakpoints | None):
        deadline = self.run.now + after if after else after
        self._ask(cmd.Update("alice", priority=priority, deadline=deadline, breakpoints=places))

    @rule(name=st.sampled_from(["paid", "sent"]), number=st.integers(0, 3))
    def a_signal_comes(self, name: str, number: int):
        known = f"s{number}" in self.run.execution.signal_ids
        done = self._ask(cmd.SendSignal(name, values({"n": number}), "bank", f"s{number}" if number else ""))
        assert not (done and known) or self.run.events == [], "a signal that was known changed something"

    @precondition(lambda self: self.run.execution.suspension_count)
    @rule(data=st.data(), lifted=st.booleans(), resolver=st.sampled_from(["alice", "bob"]))
    def somebody_decides(self, data: st.DataObject, lifted: bool, resolver: str):
        number = data.draw(st.integers(1, self.run.execution.suspension_count))
        self._ask(cmd.ResolveSuspension(number, lifted, resolver, "as you like"))

    @precondition(lambda self: self._undos_that_wait())
    @rule(data=st.data(), action=st.sampled_from(list(ev.UndoAction)))
    def an_operator_decides(self, data: st.DataObject, action: ev.UndoAction):
        self._tell(cmd.ResolveUndo(data.draw(st.sampled_from(self._undos_that_wait())), action, "alice"))

    def _undos_that_wait(self) -> list[str]:
        return [task_id for task_id, run in self.run.execution.tasks.items() if run.undo and run.undo.waits]

    @rule()
    def the_process_restarts(self):
        restored = self.run.witness.fold(self.run.execution)
        assert restored == self.run.execution, "what is recovered is not what was lost"
        assert Counter(pending_effects(restored)) == Counter(pending_effects(self.run.execution))
        self.run.execution = restored

    def teardown(self):
        """Let everything answer until the execution has ended."""
        if not self.sound:
            return
        if self.run.execution.state is ExecutionState.PENDING:
            self._tell(cmd.Start())
        for _ in range(1_000):
            if self.run.execution.is_terminal:
                break
            self._move_on()
        assert self.run.execution.is_terminal, "the execution does not come to an end"
        assert decide(self.run.execution, cmd.Wake(), self.run.context()).events == []

    def _move_on(self) -> None:
        execution = self.run.execution
        for task_id, task_run in execution.tasks.items():
            about = self.run.attempt(task_id)
            if about not in self._open(ef.OfferAttempt, ef.StopAttempt, ef.RunChild, ef.RunItems):
                continue
            if about in self._open(ef.OfferAttempt, ef.StopAttempt):
                self._tell(cmd.ReportSuccess(*about, outputs=values({"n": 1})))
            elif isinstance(task_run.config.built_in, SubIntegration):
                self._tell(cmd.ReportChildEnded(*about, child=task_run.child, outputs=values({"n": 1})))
            else:
                self._tell(cmd.ReportItemsEnded(*about, finished=task_run.sub_job_count))
            return
        if not self._answer():
            due = execution.next_wake()
            assert due is not None
            self.run.now = max(self.run.now, due)
            self._tell(cmd.Wake())

    def _answer(self) -> bool:
        """Do what the execution waits for somebody to do; tells whether that was anything."""
        execution = self.run.execution
        suspension = next(iter(execution.suspensions.values()), None)
        if execution.pause is not None:
            self._tell(cmd.Resume("alice"))
        elif execution.stop is not None:
            self._tell(cmd.Step(StepAction.CONTINUE, "alice"))
        elif suspension is not None and suspension.signal:
            self._tell(cmd.SendSignal(suspension.signal, values({"n": 1}), "bank"))
        elif suspension is not None:
            self._tell(cmd.ResolveSuspension(suspension.number, True, "alice"))
        elif execution.waits_for_operator:
            self._tell(cmd.ResolveUndo(self._undos_that_wait()[0], ev.UndoAction.SKIP, "alice"))
        else:
            return False
        return True


assert CANCEL_GRACE < 100 * SECOND  # so that `time_passes` outlasts it

TestLife = pytest.mark.slow(Life.TestCase)
TestLife.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
