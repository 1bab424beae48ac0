"""What a watch tells becomes lines of text or of JSON, or a table that changes."""

import json
import re

import grpc
import pytest

from perdure.cli.columns import columns_of
from perdure.cli.link import Link
from perdure.cli.output import rich_output
from perdure.cli.streaming import print_events, print_states, print_states_as_json, show_states
from perdure.client.errors import Refusal, error_of
from perdure.client.updates import Left, Reset, Synced
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from tests.cli.conftest import PROJECT_ROOT
from tests.cli.test_terminal import on_terminal

COLUMNS = columns_of("execution_id,state,error.code")
LOST = error_of(Refusal(grpc.StatusCode.UNAVAILABLE, "connection refused"))
SUCCEEDED, FAILED = ExecutionDetails.SUCCEEDED, ExecutionDetails.FAILED


def state(execution_id, state, created=0):
    made = Execution(
        name=f"projects/p/locations/l/integrations/order/executions/{execution_id}",
        execution_details=ExecutionDetails(state=state),
    )
    made.create_time.FromSeconds(created)
    return made


async def stream(*updates):
    for update in updates:
        yield update


async def test_states_are_lines_where_there_is_no_terminal(capsys):
    first = state("a1", SUCCEEDED)
    first.error.code = "CARD"
    await print_states(stream(first, Synced(), state("order-a2", FAILED), Left(first.name)), COLUMNS)
    assert capsys.readouterr().out.splitlines() == [
        "a1  SUCCEEDED  CARD",
        "order-a2  FAILED",
        "a1  does not match any more",
    ]


async def test_a_state_of_which_only_the_duration_is_new_is_no_line(capsys):
    def at(seconds, kind=ExecutionDetails.PROCESSING):
        made = state("a1", kind)
        made.start_time.FromSeconds(1)
        made.duration.FromSeconds(seconds)
        return made

    columns = columns_of("state,duration")
    updates = [at(1), at(2), at(3, SUCCEEDED), at(4, SUCCEEDED), Left(at(0).name), at(5, SUCCEEDED)]
    await print_states(stream(*updates, Reset(), at(6, SUCCEEDED)), columns)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["PROCESSING", "1.0s"],
        ["SUCCEEDED", "3.0s"],
        ["a1", "does", "not", "match", "any", "more"],
        ["SUCCEEDED", "5.0s"],
        ["SUCCEEDED", "6.0s"],
    ]


async def test_states_are_json_a_line_each(capsys):
    first = state("a1", SUCCEEDED)
    await print_states_as_json(stream(Reset(), first, Synced(), Left(first.name)))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(line) for line in told] == [["reset"], ["execution"], ["synced"], ["left"]]
    assert told[1]["execution"]["executionDetails"] == {"state": "SUCCEEDED"}
    assert told[3]["left"] == first.name


async def test_events_are_lines_with_their_execution(capsys):
    name = state("a1", FAILED).name
    events = [
        ExecutionEvent(execution=name, created=ExecutionEvent.Created(state=ExecutionDetails.PROCESSING)),
        ExecutionEvent(execution=name, left_filter=ExecutionEvent.LeftFilter(state=FAILED)),
        ExecutionEvent(execution=name, message_change=ExecutionEvent.MessageChange(task_number="t", message="a\x1bb")),
    ]
    await print_events(stream(*events), "table")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["a1", "created", "PROCESSING"],
        ["a1", "left_filter", "FAILED"],
        ["a1", "message_change", "t", "a\\u001bb"],
    ]


SHOW = """
import asyncio, sys
sys.path.insert(0, {root!r})
from tests.cli import test_streaming
asyncio.run(test_streaming.shown_on_terminal({lines}, lost={lost}))
"""


async def shown_on_terminal(count, *, lost):
    rich, link = rich_output(), Link("127.0.0.1:1", announces=False)
    assert rich is not None
    if lost:
        link.take(LOST)
    states = [state(f"a{number:03d}", SUCCEEDED, created=number) for number in range(count)]
    leaving = state("leaving", FAILED, created=9_999)
    await show_states(stream(leaving, *states, Synced(), Left(leaving.name)), COLUMNS, link, rich)


def last_screen(written):
    """The words of each line that is on the terminal at the end."""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    return [line.split() for line in plain.rpartition("execution_id")[2].splitlines() if line.strip()]


@pytest.mark.parametrize("count", [3, 100])
def test_a_terminal_shows_the_newest_that_fit_and_counts_all(count):
    pytest.importorskip("rich")
    code, written = on_terminal(SHOW.format(root=str(PROJECT_ROOT), lines=count, lost=False), LINES="12")
    assert code == 0
    _, *rows = last_screen(written)
    newest_first = [f"a{number:03d}" for number in reversed(range(count))]
    more = [["and", f"{count - 8}", "more"]] if count > 8 else []
    assert rows == [
        *([execution_id, "SUCCEEDED"] for execution_id in newest_first[:8]),
        *more,
        [f"{count}", "executions", "SUCCEEDED", f"{count}"],
    ]


def test_a_narrow_terminal_cuts_each_row():
    pytest.importorskip("rich")
    code, written = on_terminal(SHOW.format(root=str(PROJECT_ROOT), lines=2, lost=False), COLUMNS="20")
    assert code == 0
    assert last_screen(written)[1:] == [["a001", "SUCCE…"], ["a000", "SUCCE…"], ["2", "executions", "SUCCE…"]]


def test_a_table_says_that_the_server_is_lost_and_leaves_room_for_it():
    pytest.importorskip("rich")
    code, written = on_terminal(SHOW.format(root=str(PROJECT_ROOT), lines=100, lost=True), LINES="12")
    assert code == 0
    _, *rows, lost = last_screen(written)
    assert [len(rows), rows[-1][0]] == [9, "100"]
    assert lost[:4] == ["no", "server", "at", "127.0.0.1:1"]


def test_lines_say_that_the_server_is_lost_and_found(capsys):
    link = Link("127.0.0.1:1", announces=True)
    link.take(LOST)
    assert link.now() == link.now()
    link.take(None)
    assert link.note == ""
    assert capsys.readouterr().err.splitlines() == [
        "the server at 127.0.0.1:1 is lost (UNAVAILABLE), looking for it",
        "the server at 127.0.0.1:1 is there again",
    ]
