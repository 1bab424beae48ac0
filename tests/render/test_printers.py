"""Each form says the same: every task, every way, every state, and nothing that a text smuggles in."""

from xml.etree import ElementTree

import pytest

from perdure.domain import commands as cmd
from perdure.domain.states import TaskState
from perdure.render.dot import print_dot
from perdure.render.mermaid import print_mermaid
from perdure.render.palette import LOOKS
from perdure.render.picture import picture_of_execution, picture_of_integration
from perdure.render.svg import print_svg
from perdure.render.terminal import print_terminal
from tests.domain.builders import Run
from tests.render.pictures import ORDER, integration, task

SVG = "{http://www.w3.org/2000/svg}"
PRINTERS = [print_svg, print_mermaid, print_dot, print_terminal]

TERMINAL = """\
order 000001-a4d

◉        api/order
●        validate
├─╮
● │      reserve    undo: release  to approve if params.amount > 1000
├─┼─╮
● │ │    approve    suspend
│ ● │    charge     undo: refund  on failure: tell
│ ├─┼─╮
├─┴─╯ │
●     │  Ship it    ship
│     ●  mail
├─────╯
●        done

error catcher notify:
●        tell
●        log

teardown:
●        unlock
●        close
"""


def test_the_lanes_of_a_terminal():
    assert print_terminal(picture_of_integration(ORDER, {"ship": "Ship it"})) == TERMINAL


@pytest.mark.parametrize("printer", PRINTERS)
def test_every_form_names_all_tasks_and_conditions(printer):
    printed = printer(picture_of_integration(ORDER, {}))
    for word in (*ORDER.tasks, "unlock", "close", "api/order", "refund", "params.amount", "notify", "teardown"):
        assert word in printed, word


@pytest.mark.parametrize("printer", PRINTERS)
def test_every_state_is_shown(printer):
    run = Run(definition=integration(task("a", "b"), task("b")))
    run.do(cmd.ReportSuccess("a", 1, 1))
    printed = printer(picture_of_execution(run.execution, {}))
    for state in (TaskState.SUCCEED, TaskState.IN_PROCESS):
        assert LOOKS[state].sign in printed
    assert run.execution.id in printed
    assert "PROCESSING" in printed
    assert set(LOOKS) == set(TaskState)


def test_what_was_taken_and_what_was_not_are_told_apart():
    conditions = [("b", "params.x == 1"), ("c", "params.x == 2")]
    run = Run(definition=integration(task("a", *conditions), task("b"), task("c")), inputs={"x": 1})
    run.do(cmd.ReportSuccess("a", 1, 1))
    taken = {arrow.target: arrow.taken for arrow in picture_of_execution(run.execution, {}).arrows}
    assert taken == {"a": True, "b": True, "c": False}


def test_an_svg_is_well_formed_and_takes_nothing_from_a_text():
    hostile = '</text><script>alert("&")</script>'
    picture = picture_of_integration(ORDER, {"ship": hostile})
    root = ElementTree.fromstring(print_svg(picture))
    assert root.tag == f"{SVG}svg"
    assert root.findall(f".//{SVG}script") == []
    assert any((text.text or "").startswith("</text><script>") for text in root.iter(f"{SVG}text"))


def test_texts_cannot_leave_their_quotes():
    picture = picture_of_integration(ORDER, {"ship": 'a "b" \\ ; --> c'})
    assert 'a \\"b\\" \\\\ ; --> c' in print_dot(picture)
    assert "a #quot;b#quot; \\ #59; --#gt; c" in print_mermaid(picture)


@pytest.mark.parametrize("printer", PRINTERS)
def test_control_characters_go_nowhere(printer):
    printed = printer(picture_of_integration(ORDER, {"ship": "\x1b[31mShip\x00 it\nnow\x07"}))
    assert "[31mShip  it now" in printed
    assert not any(ord(character) < 32 and character != "\n" for character in printed)
    if printer is print_svg:
        ElementTree.fromstring(printed)


@pytest.mark.slow
def test_a_fan_of_two_thousand_is_printed_as_names():
    tasks = [task("a", *(f"t{at}" for at in range(1_998))), *(task(f"t{at}", "z") for at in range(1_998)), task("z")]
    printed = print_terminal(picture_of_integration(integration(*tasks), {}))
    assert "after t0, t1, t2, t3, t4, t5, t6, t7 and 1990 more" in printed
    assert len(printed) < 100_000
