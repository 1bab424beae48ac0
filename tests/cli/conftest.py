"""A real `perdure serve` for the tests of the commands, and a way to invoke them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from perdure.cli.main import main

PROJECT_ROOT = Path(__file__).parents[2]
ANSWERS_WITHIN = 60


def environment():
    """The environment without settings of the server that started the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}


def start(*arguments):
    """Starts the command line in a process of its own, with its output on pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "perdure", *map(str, arguments)],
        cwd=PROJECT_ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@dataclass
class Commands:
    """Invokes commands for one server."""

    address: str

    def __call__(self, command, *arguments) -> Result:
        options = ["--server", self.address] if self.address else []
        invoked = CliRunner().invoke(main, [command, *map(str, arguments), *options], prog_name="perdure")
        assert isinstance(invoked.exception, SystemExit | None), invoked.output
        return invoked

    def json(self, command, *arguments):
        """Invokes a command that has to succeed and parses what it prints."""
        invoked = self(command, *arguments, "-o", "json")
        assert invoked.exit_code == 0, invoked.stderr
        return json.loads(invoked.stdout)


@pytest.fixture(scope="module")
def perdure(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    apps = ["--app", "tests.cli.app:app", "--app", "tests.cli.purchase_app:app"]
    options = ["--listen", "127.0.0.1:0", *apps, "--workers", "in-process"]
    with start("serve", "--data", data, *options) as server:
        assert server.stdout is not None
        first_line = server.stdout.readline()
        try:
            assert first_line.startswith("perdure: listening on "), server.stderr.read()
            yield Commands(first_line.split()[-1])
        finally:
            server.terminate()
            server.communicate(timeout=ANSWERS_WITHIN)
