"""Wiring that all tests share: programs a test needs, and hypothesis on a busy machine."""

import os
import shutil
import sysconfig

import hypothesis
import pytest

NOTHING_SKIPPED = "PERDURE_TESTS_NOTHING_SKIPPED"
"""Set in CI, where a missing program is a fault of the machine and not a reason to test less."""

# A deadline per example would measure the machine's other work, not the code.
hypothesis.settings.register_profile("unhurried", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test marked `needs` where one of its programs is missing."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program, path=path) is None:
                pytest.skip(f"needs {program}, which is not installed here")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says why a run in CI fails although no test did."""
    if os.environ.get(NOTHING_SKIPPED) and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(f"{NOTHING_SKIPPED} is set and tests were skipped", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run in CI that skipped anything."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get(NOTHING_SKIPPED) and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
