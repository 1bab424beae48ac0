"""A roster keeps the latest states of many executions and shows the newest."""

from perdure.cli.columns import columns_of
from perdure.cli.roster import Roster
from perdure.v1.execution_pb2 import Execution, ExecutionDetails

COLUMNS = columns_of("execution_id,state")


def take(roster, name, state, created):
    execution = Execution(name=f"e/executions/{name}", execution_details=ExecutionDetails(state=state))
    execution.create_time.FromSeconds(created)
    roster.take(execution, 0)


def test_the_newest_come_first_and_no_more_than_fit():
    roster = Roster()
    for number in range(5):
        take(roster, f"a{number}", ExecutionDetails.PROCESSING, created=number)
    assert roster.rows(COLUMNS, 0, 2) == [["a4", "PROCESSING"], ["a3", "PROCESSING"]]
    assert len(roster) == 5


def test_a_later_state_takes_the_place_of_the_one_before():
    roster = Roster()
    take(roster, "a", ExecutionDetails.PROCESSING, created=1)
    take(roster, "a", ExecutionDetails.FAILED, created=1)
    assert roster.rows(COLUMNS, 0, 9) == [["a", "FAILED"]]
    assert roster.counts() == [("FAILED", 1)]


def test_states_are_counted_in_the_order_of_the_contract():
    roster = Roster()
    take(roster, "a", ExecutionDetails.FAILED, created=1)
    take(roster, "b", ExecutionDetails.PENDING, created=2)
    assert roster.counts() == [("PENDING", 1), ("FAILED", 1)]


def test_what_leaves_is_gone():
    roster = Roster()
    take(roster, "a", ExecutionDetails.FAILED, created=1)
    roster.leave("e/executions/a")
    roster.leave("e/executions/never")
    assert (len(roster), roster.counts()) == (0, [])


def test_a_roster_that_is_told_anew_forgets():
    roster = Roster()
    roster.is_complete = True
    take(roster, "a", ExecutionDetails.FAILED, created=1)
    roster.forget()
    assert (len(roster), roster.counts(), roster.is_complete) == (0, [], False)
