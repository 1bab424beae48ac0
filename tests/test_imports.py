"""What an import costs: a program that only names Perdure pays for nothing else."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

HEAVY = {"grpc", "click", "aiosqlite", "sqlite3", "cel_expr_python", "rich", "ruamel", "uvloop"}


@pytest.mark.parametrize("module", ["perdure", "perdure.v1"])
def test_importing_the_package_loads_no_server_no_terminal_and_no_database(module):
    program = f"import sys, {module}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in loaded.split())


def test_the_installed_command_starts_the_command_line():
    (command,) = entry_points(group="console_scripts", name="perdure")
    assert command.value == "perdure.cli.main:main"
    assert callable(command.load())
