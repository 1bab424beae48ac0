"""Errors say what went wrong and where."""

import grpc

from perdure.cli.exit_codes import ExitCode
from perdure.cli.failures import report
from perdure.client.errors import FieldViolation, Refusal, error_of


def told(capsys, filter_text, position):
    violation = FieldViolation("filter", "found the end")
    refusal = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT, "found the end", "FILTER_INVALID", {"position": str(position)}, (violation,)
    )
    assert report(error_of(refusal), "here", filter_text) is ExitCode.INVALID
    return capsys.readouterr().err.splitlines()


def test_a_fault_in_a_filter_is_pointed_at(capsys):
    assert told(capsys, "state=FAILED AND prio>3", 18)[:4] == [
        "error: found the end",
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
