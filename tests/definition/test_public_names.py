"""What authors import from `perdure` itself."""

import subprocess
import sys

import pytest

import perdure


def test_every_public_name_is_there():
    assert {name for name in perdure.__all__ if getattr(perdure, name) is not None} == set(dir(perdure))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        perdure.nothing  # noqa: B018


def test_authoring_loads_no_server_and_no_database():
    program = "import sys, perdure; perdure.App('a'); print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"grpc", "aiosqlite", "sqlite3", "cel_expr_python", "click", "ruamel"}
    assert heavy.isdisjoint(name.partition(".")[0] for name in loaded)
