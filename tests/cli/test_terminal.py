"""On a terminal an execution is a live table; without `rich` it is lines there too."""

import os
import pty
import subprocess
import sys

import pytest

from perdure.cli.output import print_table
from perdure.cli.text import length_text, safe, shortened
from tests.cli.conftest import PROJECT_ROOT, environment


def on_terminal(code, *arguments, typed="", **settings):
    """Runs a program on a terminal of 100 columns unless told otherwise; returns its exit code and what it wrote."""
    controller, terminal = pty.openpty()
    os.write(controller, typed.encode())
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT_ROOT,
        env=environment() | {"TERM": "xterm-256color", "COLUMNS": "100"} | settings,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        written = b"".join(iter(lambda: read(controller), b""))
    os.close(controller)
    return process.returncode, written.decode()


def read(controller):
    try:
        return os.read(controller, 65_536)
    except OSError:  # what the end of a terminal is
        return b""


RUN = ["run", "tests.cli.app:total", "a=40", "--workers", "in-process"]
MAIN = "from perdure.cli.main import main; main(prog_name='perdure')"


def test_a_terminal_gets_a_live_table_with_colours():
    pytest.importorskip("rich")
    code, written = on_terminal(MAIN, *RUN)
    assert code == 0
    assert "\x1b[32mSUCCEEDED" in written
    assert "execution  PROCESSING" not in written
    assert written.splitlines()[-1].split() == ["result", "84"]


def test_without_rich_a_terminal_gets_lines():
    code, written = on_terminal(f"import sys; sys.modules['rich'] = None; {MAIN}", *RUN)
    assert code == 0
    assert "execution  SUCCEEDED" in written
    assert "\x1b" not in written


PRINT = "from perdure.cli.output import print_table; print_table(['a', 'b'], [['x' * 50, 'FAILED' * 30]], cut={cut})"
WITHOUT_RICH = "import sys; sys.modules['rich'] = None"


@pytest.mark.parametrize("before", ["pass", WITHOUT_RICH])
def test_a_row_is_cut_at_the_edge_of_the_terminal(before):
    code, written = on_terminal(f"{before}; {PRINT.format(cut=True)}")
    assert code == 0
    _, row = written.splitlines()
    assert row == "x" * 50 + "  " + ("FAILED" * 30)[:47] + "…"


def test_a_table_that_is_not_to_be_cut_is_folded():
    pytest.importorskip("rich")
    code, written = on_terminal(PRINT.format(cut=False))
    assert code == 0
    assert len(written.splitlines()) > 2
    assert "…" not in written


def test_a_row_is_not_cut_where_there_is_no_terminal(capsys):
    print_table(["a"], [["x" * 500]], cut=True)
    assert capsys.readouterr().out == "A\n" + "x" * 500 + "\n"


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0ms"),
        (1_500, "2ms"),
        (1_500_000, "1.5s"),
        (61_000_000, "1m01s"),
        (3_660_000_000, "1h01m"),
        (172_740_000_000, "47h59m"),
        (98_237_520_000_000, "1137d00h"),
    ],
)
def test_lengths_have_the_unit_that_suits_them(microseconds, text):
    assert length_text(microseconds) == text


def test_foreign_text_becomes_one_harmless_line():
    assert safe("a\nb\x1b[31m\u202e") == "a\\nb\\u001b[31m\\u202e"
    assert shortened("abcdef", 4) == "abc…"


STYLED = "from perdure.cli.output import print_styled; print_styled([[('! ', 'bold'), ('FAILED', '')], []])"


def test_pieces_of_lines_have_their_styles_and_states_their_colours():
    pytest.importorskip("rich")
    assert on_terminal(STYLED) == (0, "\x1b[1m! \x1b[0m\x1b[31mFAILED\x1b[0m\r\n\r\n")
    assert on_terminal(f"{WITHOUT_RICH}; {STYLED}") == (0, "! FAILED\r\n\r\n")


def test_who_can_be_asked_is_asked_before_a_deletion(perdure):
    perdure.json("execute", "total", "a=1", "--id", "asked-1")
    arguments = ["delete", "asked-1", "--server", perdure.address]
    code, written = on_terminal(MAIN, *arguments, typed="n\n")
    assert code == 130
    assert "Delete asked-1? [y/N]" in written
    assert "nothing was deleted" in written
    assert perdure("get", "asked-1").exit_code == 0
    code, written = on_terminal(MAIN, *arguments, typed="y\n")
    assert code == 0
    assert perdure("get", "asked-1").exit_code == 3


def test_an_explanation_is_coloured_on_a_terminal(perdure):
    pytest.importorskip("rich")
    perdure.json("execute", "total", "a=1", "--id", "explained-1", "--async", "--step-through")
    code, written = on_terminal(MAIN, "explain", "explained-1", "--server", perdure.address)
    assert code == 0
    assert "\x1b[1mexplained-1\x1b[0m  total" in written
    perdure.json("cancel", "explained-1", "--force")
