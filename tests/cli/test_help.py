"""Help is there at once, complete and the same everywhere."""

import importlib
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from perdure.cli.exit_codes import MEANINGS, ExitCode
from perdure.cli.main import COMMANDS, main
from tests.cli.conftest import environment


def command_of(name):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_examples(name):
    helped = CliRunner().invoke(main, [name, "--help"], prog_name="perdure")
    assert helped.exit_code == 0
    assert f"perdure {name}" in helped.stdout.partition("Examples:")[2]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"serve", "worker", "completion"}))
def test_each_command_with_a_result_prints_it_as_table_or_json(name):
    options = {option for parameter in command_of(name).params for option in parameter.opts}
    assert {"-o", "--output"} <= options


def test_the_list_of_commands_is_that_of_the_modules():
    assert {name: command_of(name).name for name in COMMANDS} == {name: name for name in COMMANDS}
    assert importlib.import_module("perdure.cli.commands.run").command is command_of("run")


def test_an_unknown_command_is_a_usage_error():
    assert CliRunner().invoke(main, ["nothing"]).exit_code == 2


def test_every_exit_code_is_explained():
    explained = [int(line.split()[0]) for line in MEANINGS.splitlines()[2:]]
    assert explained == list(ExitCode)


def test_the_help_of_serve_tells_the_defaults():
    text = " ".join(CliRunner().invoke(main, ["serve", "--help"]).stdout.split())
    for default in ("perdure-data", "127.0.0.1:50051", "process", "30d"):
        assert f"[default: {default}]" in text


def test_help_imports_no_grpc():
    code = "import sys; from perdure.cli.main import main; main(['--help'], standalone_mode=False); "
    code += "sys.exit('grpc' in sys.modules or 'google.protobuf' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), capture_output=True)


@pytest.mark.parametrize("text", ["1y", "36h30m", "OFF", "5"])
def test_a_retention_that_cannot_be_used_is_told_how_to_write_one(text):
    refused = CliRunner().invoke(main, ["serve", "--retention", text])
    assert refused.exit_code == 2
    assert f"""retention: '{text}' cannot be used; write "90m", "36h" or "30d", or "off" or "0" """ in refused.stderr
