"""Options of breakpoints become those of the contract, and are told back in words."""

import click
import pytest
from click.testing import CliRunner

from perdure.cli.debugging import breakpoint_lines, breakpoint_options
from perdure.v1.breakpoint_pb2 import Breakpoint, Breakpoints


def read(*arguments, prefix="--"):
    """Reads options as a command would, and returns what it gets."""
    got = []

    @click.command
    @click.argument("execution")
    @breakpoint_options(prefix)
    def command(execution, breakpoints):
        got.append(breakpoints)

    invoked = CliRunner().invoke(command, ["e1", *arguments])
    assert invoked.exit_code == 0, invoked.output
    return got[0]


def refused(*arguments):
    @click.command
    @breakpoint_options("--")
    def command(breakpoints):
        pass

    invoked = CliRunner().invoke(command, arguments)
    assert invoked.exit_code == 2
    return invoked.output


def test_without_options_there_are_no_breakpoints():
    assert read() is None


def test_places_are_before_after_and_on_failure():
    breakpoints = read("--before", "a", "--before", "b", "--after", "c", "--on-failure", "d", "--if", "n > 1")
    assert breakpoints.mode == Breakpoints.MODE_ONLY_EXPLICIT
    assert [(each.task_number, each.position, each.condition) for each in breakpoints.breakpoints] == [
        ("a", Breakpoint.POSITION_BEFORE, "n > 1"),
        ("b", Breakpoint.POSITION_BEFORE, "n > 1"),
        ("c", Breakpoint.POSITION_AFTER, "n > 1"),
        ("d", Breakpoint.POSITION_ON_FAILURE, "n > 1"),
    ]


def test_a_failure_of_any_task_needs_no_name():
    (each,) = read("--on-failure").breakpoints
    assert (each.task_number, each.position) == ("", Breakpoint.POSITION_ON_FAILURE)


def test_stepping_through_needs_no_places_and_expires():
    breakpoints = read("--step-through", "--stop-expires", "90m")
    assert breakpoints.mode == Breakpoints.MODE_STEP_THROUGH
    assert breakpoints.expire_after.seconds == 5_400


def test_a_start_has_the_same_options_by_longer_names():
    assert read("--break-before", "a", prefix="--break-") == read("--before", "a")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--if", "true"], "name a task"),
        (["--stop-expires", "1h"], "--step-through"),
        (["--step-through", "--stop-expires", "soon"], "no length of time"),
    ],
)
def test_what_is_about_no_breakpoint_is_refused(arguments, says):
    assert says in refused(*arguments)


def test_breakpoints_are_told_in_words():
    told = breakpoint_lines(read("--step-through", "--before", "a", "--after", "b", "--on-failure", "--if", "n > 1"))
    assert told == [
        "before every task",
        "before a if n > 1",
        "after b if n > 1",
        "on failure of any task if n > 1",
    ]
    assert breakpoint_lines(Breakpoints()) == ["before every task"]
