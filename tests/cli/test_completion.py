"""A shell completes commands, options and values, and names with the help of the server."""

import os
import pty
import shutil
import subprocess
import sys

import pytest

from perdure.cli.commands.completion import SHELLS
from perdure.cli.main import COMMANDS
from tests.cli.conftest import PROJECT_ROOT, environment
from tests.cli.test_terminal import read

MAIN = "from perdure.cli.main import main; main(prog_name='perdure')"
NOBODY = "127.0.0.1:1"


def completed(*words, code=MAIN, **settings):
    """Asks as bash does what the last word can become."""
    asked = {
        "_PERDURE_COMPLETE": "bash_complete",
        "COMPLETE_LINE": " ".join(["perdure", *words]),
        "COMPLETE_WORD": words[-1],
        "COMPLETE_BREAKS": "",
        "PERDURE_SERVER": NOBODY,
    }
    answered = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        env=environment() | asked | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answered.stderr == ""
    return [line.removeprefix("plain,") for line in answered.stdout.split()]


def test_commands_are_completed():
    assert completed("") == list(COMMANDS)
    assert completed("w") == ["worker", "watch"]


def test_commands_are_completed_without_grpc():
    code = f"import sys, atexit; atexit.register(lambda: print('grpc' in sys.modules)); {MAIN}"
    assert completed("ver", code=code) == ["version", "False"]


def test_options_are_completed():
    assert {"--filter", "--columns", "--since"} <= set(completed("list", "--"))
    assert completed("count", "--b") == ["--by"]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["list", "-o", ""], ["table", "json", "name"]),
        (["get", "a", "-o", ""], ["table", "json"]),
        (["count", "--by", ""], ["state"]),
        (["list", "--sort", "dur"], ["duration", "duration:desc"]),
        (["list", "--columns", "stat"], ["state"]),
        (["list", "--columns", "state,star"], ["state,start_time", "state,started_by"]),
        (["completion", ""], list(SHELLS)),
        (["serve", "--workers", "i"], ["in-process"]),
        (["deploy", "x"], ["file,x"]),
    ],
)
def test_values_are_completed(words, values):
    assert sorted(completed(*words)) == sorted(values)


@pytest.mark.parametrize("words", [["get", ""], ["list", ""], ["watch", "a"], ["get", '"'], ["get", "a*b"]])
def test_without_a_server_nothing_is_said(words):
    assert completed(*words) == []


def test_names_are_asked_of_the_server(perdure):
    perdure.json("execute", "total", "a=1", "--id", "completed-1")
    perdure.json("execute", "total", "a=1", "--id", "completed-2")
    server = {"PERDURE_SERVER": perdure.address}
    assert completed("list", "", **server) == [
        "contract",
        "doubled",
        "failing",
        "purchase",
        "shipment",
        "total",
        "waiting",
    ]
    assert completed("execute", "to", **server) == ["total"]
    assert completed("watch", "--integration", "wai", **server) == ["waiting"]
    assert completed("get", "completed-", **server) == ["completed-2", "completed-1"]
    assert completed("watch", "--tree", "completed-1", **server) == ["completed-1"]
    assert completed("cancel", "completed-1", "--server", perdure.address, "--project", "other", "") == []


def test_tasks_and_suspensions_are_those_of_the_execution_on_the_line(perdure):
    perdure.json("execute", "purchase", "sku=pen", "--async", "--id", "completed-3")
    server = {"PERDURE_SERVER": perdure.address}
    assert completed("break", "completed-3", "--before", "", **server) == ["reserve", "ask", "payment"]
    assert completed("undo", "completed-3", "skip", "res", **server) == ["reserve"]
    assert completed("undo", "completed-3", "s", **server) == ["skip"]
    assert completed("execute", "shipment", "--break-after", "", **server) == ["reserve", "ship"]
    for _ in range(2_000):
        if open_ones := perdure.json("suspensions", "completed-3"):
            break
    assert completed("lift", "completed-3", "", **server) == [each["name"][-1] for each in open_ones]
    perdure.json("cancel", "completed-3", "--force", "--wait")


def test_a_server_that_is_named_on_the_line_is_asked(perdure):
    assert completed("list", "--server", perdure.address, "fai") == ["failing"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_is_printed(shell):
    printed = subprocess.run(
        [sys.executable, "-c", MAIN, "completion", shell], env=environment(), capture_output=True, text=True, check=True
    )
    assert f"_PERDURE_COMPLETE={shell}_complete" in printed.stdout


SHOWN, READY = "@@", "##"


@pytest.fixture
def bash(tmp_path):
    """Types a line into a bash that completes with the script, and returns the words that it makes of it."""
    program = tmp_path / "perdure"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{MAIN}" "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{environment()['PATH']}"
    # A line that is entered shows its words in place of what it would do; the completion finds the program itself.
    setup = f"""eval "$(perdure completion bash)"; perdure() {{ printf '%s|' '{SHOWN[0]}'{SHOWN[0]} "$@"; echo; }}"""

    def complete(typed):
        controller, terminal = pty.openpty()
        with subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            env=environment() | {"PATH": path, "TERM": "dumb", "PERDURE_SERVER": NOBODY},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        ) as shell:
            os.close(terminal)
            os.write(controller, f"{setup}; echo '{READY[0]}'{READY[0]}\n".encode())
            read_until(controller, READY)
            os.write(controller, f"{typed}\t\n".encode())
            words = read_until(controller, f"{SHOWN}|", "\n")
            os.write(controller, b"exit\n")
            shell.wait()
        os.close(controller)
        return words.rstrip().rstrip("|").split("|")

    return complete


def read_until(controller, *marks):
    """Reads from a terminal until the marks have come one after the other; returns what came before the last one."""
    unread = ""
    for mark in marks:
        while mark not in unread:
            piece = read(controller)
            assert piece, unread
            unread += piece.decode()
        before, _, unread = unread.partition(mark)
    return before


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("perdure vers", ["version"]),
        ("perdure list --colu", ["list", "--columns"]),
        ("perdure count --by=st", ["count", "--by=state"]),
        ("perdure list --output=", ["list", "--output="]),
        ("perdure list --output=ta", ["list", "--output=table"]),
        ("perdure list --sort duration:d", ["list", "--sort", "duration:desc"]),
        ("perdure list --sort=duration:d", ["list", "--sort=duration:desc"]),
        ("perdure list --sort 'duration:d", ["list", "--sort", "duration:desc"]),
        ("perdure list --filter=state:x --output=ta", ["list", "--filter=state:x", "--output=table"]),
        ("perdure list --filter 'a b:c' --output=ta", ["list", "--filter", "a b:c", "--output=table"]),
        ("true; perdure list --columns state,priori", ["list", "--columns", "state,priority"]),
    ],
)
def test_bash_completes_with_the_script(bash, typed, words):
    assert bash(typed) == words
