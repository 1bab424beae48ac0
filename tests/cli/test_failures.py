"""Errors say what went wrong and where."""

import grpc
import pytest

from perdure.cli.composing import ComposedFilter
from perdure.cli.exit_codes import ExitCode
from perdure.cli.failures import report
from perdure.client.errors import FieldViolation, Refusal, error_of

ADDED = "NOT parent:*"


def told(capsys, filter_text, position, problem="found the end", added=""):
    refusal = refused(
        f"the filter is wrong at character {position}: {problem}", "FILTER_INVALID", position=str(position)
    )
    assert report(refusal, "here", ComposedFilter(added, filter_text)) is ExitCode.INVALID
    return capsys.readouterr().err.splitlines()


def refused(message, reason, *violations, **metadata):
    return error_of(Refusal(grpc.StatusCode.INVALID_ARGUMENT, message, reason, metadata, violations))


def test_a_fault_in_a_filter_is_pointed_at(capsys):
    assert told(capsys, "state=FAILED AND prio>3", 18)[:4] == [
        "error: the filter is wrong at character 18: found the end",
        "  reason: FILTER_INVALID",
        "    state=FAILED AND prio>3",
        "                     ^",
    ]


def test_a_fault_at_the_end_is_pointed_at(capsys):
    assert told(capsys, "state=", 7)[2:4] == ["    state=", "          ^"]


def test_of_a_long_filter_the_piece_around_the_fault_is_shown(capsys):
    text = "a=1 AND " * 200 + "b" + " AND c=1" * 200
    shown, pointer = told(capsys, text, 1_601)[2:4]
    assert len(shown) < 80
    assert shown[pointer.index("^")] == "b"


def test_a_control_character_is_spelled_and_the_pointer_still_right(capsys):
    shown, pointer = told(capsys, "a=\x1b[31m b?", 9)[2:4]
    assert "\x1b" not in shown
    assert shown[pointer.index("^")] == "b"


@pytest.mark.parametrize("position", [18, 24])
def test_a_fault_is_told_in_the_filter_that_was_given(capsys, position):
    given = "state=FAILED AND prio>3"
    sent = ComposedFilter(ADDED, given)
    told_of_given = told(capsys, given, position)
    assert told(capsys, given, position + sent.text.index(given), added=ADDED) == told_of_given


@pytest.mark.parametrize("given", ["", "prio>3"])
def test_a_fault_in_what_the_program_adds_is_told_as_its_own(capsys, given):
    error, _, hint = told(capsys, given, 5, added=ADDED)
    assert error == "error: the filter is wrong at character 5: found the end"
    assert hint == f"  hint: not the filter that was given is wrong, but what this program adds to it: {ADDED}"


def test_a_filter_that_only_the_options_make_too_long_says_so(capsys):
    sent = ComposedFilter(ADDED, "a" * 4_090)
    problem = f"the filter has {len(sent.text)} characters, the limit is 4096; shorten it"
    lines = told(capsys, sent.given, 4_097, problem, ADDED)
    assert lines[0] == f"error: the filter is wrong at character 4080: {problem}"
    assert f"  {len(ADDED) + 5} of the characters are those of other options" in lines


def test_what_the_message_says_is_not_said_again(capsys):
    path, description = "user_execution_id", "an id has 1 to 63 lower-case letters"
    report(refused(f"{path}: {description}", "INVALID_NAME", FieldViolation(path, description), found="UPPER"))
    assert capsys.readouterr().err.splitlines() == [
        f"error: {path}: {description}",
        "  reason: INVALID_NAME",
        "  found: UPPER",
    ]
    report(refused("the request has faults", "INVALID_FIELD", FieldViolation(path, description)))
    assert capsys.readouterr().err.splitlines()[2] == f"  {path}: {description}"
