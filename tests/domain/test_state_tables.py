"""The state tables themselves: whole, without doubles, and drawn as they are."""

from perdure.domain.events import ExecutionRestarted, RollbackStarted
from perdure.domain.states import TERMINAL_EXECUTION_STATES, TERMINAL_TASK_STATES, ExecutionState, Phase, TaskState
from perdure.domain.transitions import (
    EXECUTION_CHANGES,
    PHASE_CHANGES,
    SUSPENSION_CHANGES,
    TASK_CHANGES,
    SuspensionState,
)
from scripts.state_machine import DOCUMENT, document


def test_the_document_is_drawn_from_the_tables_as_they_are():
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run scripts/state_machine.py"


def test_no_change_is_listed_twice():
    for changes in (EXECUTION_CHANGES, TASK_CHANGES, SUSPENSION_CHANGES, PHASE_CHANGES):
        assert len({(change.before, change.after, change.event) for change in changes}) == len(changes)


def test_every_state_can_be_reached():
    assert {change.after for change in EXECUTION_CHANGES} == set(ExecutionState)
    assert {change.after for change in TASK_CHANGES} == set(TaskState)
    assert {change.after for change in SUSPENSION_CHANGES} == set(SuspensionState)
    assert {change.after for change in PHASE_CHANGES} == set(Phase)


def test_nothing_leads_out_of_a_terminal_state_of_an_execution():
    assert not {change.before for change in EXECUTION_CHANGES} & TERMINAL_EXECUTION_STATES


def test_only_a_restart_and_a_rollback_lead_out_of_a_terminal_state_of_a_task():
    leaving = {change.event for change in TASK_CHANGES if change.before in TERMINAL_TASK_STATES}
    assert leaving == {ExecutionRestarted, RollbackStarted}


def test_nothing_leads_out_of_a_task_that_is_undone():
    assert TaskState.ROLLEDBACK not in {change.before for change in TASK_CHANGES}


def test_a_stage_is_never_gone_back():
    assert all(change.before is None or change.before < change.after for change in PHASE_CHANGES)
