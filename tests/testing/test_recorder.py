"""Logs survive the way to a file and back."""

import pytest

from perdure.testing.recorder import Recorder, read_records
from tests.testing.recorded_run import good_run


def test_records_are_read_as_they_were_written(tmp_path):
    records = good_run()
    with Recorder(tmp_path / "log.jsonl") as recorder:
        for record in records:
            recorder.write(record)
    assert list(read_records(tmp_path / "log.jsonl")) == records


def test_a_file_is_shared_by_several_recorders(tmp_path):
    one, two, *_ = good_run()
    with Recorder(tmp_path / "log.jsonl") as first, Recorder(tmp_path / "log.jsonl") as second:
        first.write(one)
        second.write(two)
        first.write(one)
    assert list(read_records(tmp_path / "log.jsonl")) == [one, two, one]


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "log.jsonl"
    with Recorder(path) as recorder:
        for record in good_run()[:2]:
            recorder.write(record)
    path.write_bytes(path.read_bytes()[:-1])
    assert list(read_records(path)) == good_run()[:1]


def test_a_line_that_is_no_record_is_an_error(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"record":"Rumour"}\n', encoding="ascii")
    with pytest.raises(ValueError, match="Rumour"):
        list(read_records(path))
