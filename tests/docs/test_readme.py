"""The README's tour can be taken, its runner sees what differs, and its promises name tests that are there."""

import re
from itertools import pairwise

import pytest

from scripts.tour import Block, TourFault, missing_line, read_blocks, run_blocks
from tests.docs.documents import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
OUTPUT = '{\n  "name":  "later-1",\n  "state": "SUSPENDED"\n}\n'


def test_every_guarantee_names_tests_that_are_there():
    guarantees = README.partition("## Guarantees")[2].partition("\n## ")[0]
    rows = [row for row in guarantees.splitlines() if row.startswith("| **")]
    assert rows
    for row in rows:
        shown = re.findall(r"\[`(\w+)`\]\((tests/\S+\.py)\)", row)
        assert shown, row
        for test, file in shown:
            text = (PROJECT / file).read_text(encoding="utf-8")
            assert f"def {test}(" in text or f"\n{test} = " in text, (test, file)


def test_the_tour_has_one_server_and_shows_only_what_commands_print():
    roles = [block.role for block in read_blocks(README)]
    assert roles.count("serve") == 1
    assert all(before in {"run", "refused"} for before, role in pairwise(roles) if role == "expect")


def test_a_mark_without_a_block_is_refused():
    with pytest.raises(TourFault):
        read_blocks("<!-- tour: run -->\n\ntext\n")


@pytest.mark.parametrize(
    ("expected", "missing"),
    [
        ('"name": "later-1",\n"state": "SUSPENDED"\n', None),
        ('"name": "…-1",\n', None),
        ('"state": "SUSPENDED"\n"name": "later-1",\n', '"name": "later-1",'),
        ('"state": "SUCCEEDED"\n', '"state": "SUCCEEDED"'),
        ('"name": "later"\n', '"name": "later"'),
    ],
)
def test_expected_lines_come_whole_and_in_order(expected, missing):
    assert missing_line(expected, OUTPUT) == missing


def test_the_blocks_share_a_shell_and_a_failing_command_ends_the_tour(tmp_path):
    blocks = [Block("run", "", "word=kept\n"), Block("run", "", 'echo "$word"\n'), Block("refused", "", "false\n")]
    assert run_blocks(blocks, tmp_path, "nowhere") == {0: "", 1: "kept\n", 2: ""}


@pytest.mark.parametrize("block", [Block("run", "", "false\ntrue\n"), Block("refused", "", "true\n")])
def test_another_outcome_than_the_page_tells_ends_the_tour(block, tmp_path):
    with pytest.raises(TourFault):
        run_blocks([block, Block("run", "", "echo never\n")], tmp_path, "nowhere")
