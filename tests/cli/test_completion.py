"""A shell completes commands, options and values, and names with the help of the server."""

import shutil
import subprocess
import sys

import pytest

from perdure.cli.commands.completion import SHELLS
from perdure.cli.main import COMMANDS
from tests.cli.conftest import PROJECT_ROOT, environment

MAIN = "from perdure.cli.main import main; main(prog_name='perdure')"
NOBODY = "127.0.0.1:1"


def completed(*words, code=MAIN, **settings):
    """Asks as bash does what the last word can become."""
    asked = {
        "_PERDURE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["perdure", *words]),
        "COMP_CWORD": str(len(words)),
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
    assert completed("list", "", **server) == ["doubled", "failing", "total", "waiting"]
    assert completed("execute", "to", **server) == ["total"]
    assert completed("watch", "--integration", "wai", **server) == ["waiting"]
    assert completed("get", "completed-", **server) == ["completed-2", "completed-1"]
    assert completed("watch", "--tree", "completed-1", **server) == ["completed-1"]
    assert completed("cancel", "completed-1", "--server", perdure.address, "--project", "other", "") == []


def test_a_server_that_is_named_on_the_line_is_asked(perdure):
    assert completed("list", "--server", perdure.address, "fai") == ["failing"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_is_printed(shell):
    printed = subprocess.run(
        [sys.executable, "-c", MAIN, "completion", shell], env=environment(), capture_output=True, text=True, check=True
    )
    assert f"_PERDURE_COMPLETE={shell}_complete" in printed.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_with_the_script(tmp_path):
    program = tmp_path / "perdure"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{MAIN}" "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(perdure completion bash)"
        COMP_WORDS=(perdure list --colu); COMP_CWORD=2
        _perdure_completion perdure
        echo "${COMPREPLY[@]}"
    """
    path = f"{tmp_path}:{environment()['PATH']}"
    bash = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment() | {"PATH": path}, capture_output=True, text=True, check=True
    )
    assert (bash.stdout, bash.stderr) == ("--columns\n", "")
