"""Which log lines reach stderr."""

import logging
import subprocess
import sys

import pytest

SAY = """
import logging
from perdure.runtime.logs import log_to_stderr
log_to_stderr({level})
for name in ("perdure.worker", "perdure.task", "shop", "aiosqlite", "grpc._cython", "asyncio"):
    for method in ("debug", "info", "warning"):
        getattr(logging.getLogger(name), method)(f"{{name}}/{{method}}")
"""


@pytest.mark.parametrize(
    ("level", "lowest"),
    [
        (logging.DEBUG, {"perdure.worker": "debug", "perdure.task": "debug"}),
        (logging.INFO, {"perdure.worker": "info", "perdure.task": "info"}),
        (logging.WARNING, {"perdure.worker": "warning", "perdure.task": "info"}),
    ],
)
def test_perdure_is_heard_from_a_level_up_and_libraries_from_warning_up(level, lowest):
    said = subprocess.run([sys.executable, "-c", SAY.format(level=level)], check=True, capture_output=True, text=True)
    first: dict[str, str] = {}
    for line in said.stderr.splitlines():
        name, method = line.split()[-1].split("/")
        first.setdefault(name, method)
    quiet = {"aiosqlite": "warning", "grpc._cython": "warning", "asyncio": "warning"}
    assert first == {**lowest, "shop": "info", **quiet}
