"""The life of an execution as a property: random graphs, commands in any order, a process that restarts.

What must hold, whatever happens (most of it is checked by `Witness` after every command):

1.  A terminal execution never changes.
2.  An execution is never stuck: one that is not terminal has something in process, something timed, or waits
    on hold for a caller.
3.  An attempt is offered at most once for each execution attempt and attempt.
4.  A stale report changes nothing.
5.  After a cancel request no forward attempt starts.
6.  The pending effects of a state are the effects that were asked for less those that were carried out.
7.  The fold of the events is the state in memory, its counts and dues included.
8.  Sequences are dense.
9.  There is exactly one terminal event, and it is the last.
10. Event times never decrease, whatever the clock does.
11. Every change of state is in the table.
12. A retry starts no sooner than its delay.
13. A task starts only if its join is satisfied, is skipped only if it is not, and never waits for nothing.
14. An execution that is left to workers that answer comes to an end.
"""

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain.decide import decide, pending_effects
from perdure.domain.integration import ForEach, Integration, SubIntegration
from perdure.domain.limits import CANCEL_GRACE, SECOND
from perdure.domain.states import ExecutionMethod, ExecutionState, TaskState
from tests.domain.builders import NOW, SUB_EXECUTION, Run, failure, values
from tests.domain.graphs import INPUTS, random_integration

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
    )
    def is_created(
        self, definition: Integration, start: dict[str, Any], middle: bool, child: bool, max_runtime: int, jitter: float
    ):
        parent = SUB_EXECUTION if child else {}
        trigger = "middle" if middle else ""
        settings = {**start, **parent, "max_runtime": max_runtime, "trigger_id": trigger}
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
    )
    def a_sub_execution_ends(self, data: st.DataObject, state: ExecutionState, outputs: dict[str, Any], cause):
        about = data.draw(st.sampled_from(self._open(ef.RunChild)))
        child = self.run.execution.tasks[about[0]].child
        reason = cause if state is ExecutionState.FAILED else None
        report = cmd.ReportChildEnded(*about, child=child, state=state, outputs=values(outputs), failure=reason)
        self._tell(report)

    @precondition(lambda self: self._open(ef.RunItems))
    @rule(data=st.data(), finished=st.integers(0, 3))
    def some_items_end(self, data: st.DataObject, finished: int):
        about = data.draw(st.sampled_from(self._open(ef.RunItems)))
        self._tell(cmd.ReportItems(*about, finished=finished))

    @precondition(lambda self: self._open(ef.RunItems))
    @rule(data=st.data(), cause=st.one_of(st.none(), FAILURES))
    def all_items_end(self, data: st.DataObject, cause):
        about = data.draw(st.sampled_from(self._open(ef.RunItems)))
        failed = 1 if cause else 0
        report = cmd.ReportItemsEnded(
            *about, outputs=values({"results": [1, 2, 3]}), finished=3, failed=failed, failure=cause
        )
        self._tell(report)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def a_report_comes_twice(self, data: st.DataObject):
        about, report = data.draw(st.sampled_from(self.told))
        task_id, *_ = about
        stale = about != self.run.attempt(task_id) or self.run.state(task_id) is not TaskState.IN_PROCESS
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
    @rule()
    def somebody_cancels(self):
        self._tell(cmd.Cancel("enough", "local"))

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
        for _ in range(500):
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
            if isinstance(task_run.config.built_in, SubIntegration):
                self._tell(cmd.ReportChildEnded(*about, child=task_run.child, outputs=values({"n": 1})))
            elif isinstance(task_run.config.built_in, ForEach):
                self._tell(cmd.ReportItemsEnded(*about, finished=task_run.sub_job_count))
            else:
                self._tell(cmd.ReportSuccess(*about, outputs=values({"n": 1})))
            return
        due = execution.next_wake()
        assert due is not None
        self.run.now = max(self.run.now, due)
        self._tell(cmd.Wake())


assert CANCEL_GRACE < 100 * SECOND  # so that `time_passes` outlasts it

TestLife = pytest.mark.slow(Life.TestCase)
TestLife.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
