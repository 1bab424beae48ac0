"""Replays the transcripts; with PERDURE_TESTS_RECORD set it writes them anew, to be read as a change of text."""

import os
from pathlib import Path

import pytest

from tests.domain.transcript import replay

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
RECORD = bool(os.environ.get("PERDURE_TESTS_RECORD"))


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_what_the_rules_do_is_what_the_transcript_says(transcript: Path):
    text = transcript.read_text(encoding="utf-8")

    replayed = replay(text)

    if RECORD:
        transcript.write_text(replayed, encoding="utf-8")
    else:
        assert replayed == text


def test_there_are_transcripts():
    assert len(TRANSCRIPTS) >= 8
