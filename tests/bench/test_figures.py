"""A figure tells the truth about its mark, and a measurement that failed is no figure."""

import json

import pytest

from bench.figures import Figure, Mark, print_table, write_json
from bench.load import LoadGenerator, framed, percentiles
from bench.processes import BenchError, ServerProcess
from bench.raw_server import sample_execution
from bench.store_limit import rows_per_second
from perdure.v1.execution_service_pb2 import GetExecutionRequest


@pytest.mark.parametrize(
    ("value", "of_raw", "mark", "reached"),
    [
        (4.9, None, Mark(5.0), True),
        (5.0, None, Mark(5.0), False),
        (1.0, 0.20, Mark(0.20, at_least=True, of_raw=True), True),
        (9_000.0, 0.19, Mark(0.20, at_least=True, of_raw=True), False),
        (1.0, None, None, None),
    ],
)
def test_a_mark_is_reached_or_missed(value, of_raw, mark, reached):
    assert Figure("what", "", value, "/s", of_raw=of_raw, mark=mark).reached is reached


def test_the_table_names_what_was_missed(capsys):
    print_table([Figure("start-up", "process", 1.5, "s", mark=Mark(1.0)), Figure("raw", "", 9_876.5, "/s")])
    heading, rule, missed, raw = capsys.readouterr().out.splitlines()
    assert heading.startswith("| figure")
    assert set(rule) == {"|", "-", " "}
    assert [cell.strip() for cell in missed.strip("|").split("|")] == [
        "start-up",
        "process",
        "1.50 s",
        "",
        "",
        "< 1",
        "MISS",
    ]
    assert "9,876 /s" in raw


def test_figures_are_written_for_programs(tmp_path):
    file = tmp_path / "figures.json"
    write_json([Figure("start-up", "process", 0.5, "s", mark=Mark(1.0))], "a machine", file)
    content = json.loads(file.read_text())
    assert content["machine"] == "a machine"
    assert content["figures"][0]["reached"] is True


def test_percentiles_of_few_and_of_many_values():
    assert percentiles([3.0]) == (3.0, 3.0)
    assert percentiles([float(number) for number in range(1, 101)]) == (50.5, 100.0)


def test_a_request_is_framed_as_grpc_sends_it():
    request = GetExecutionRequest(name="x")
    assert framed(request) == b"\0\0\0\0\3" + request.SerializeToString()


def test_the_raw_answer_has_the_size_that_it_is_said_to_have():
    assert 800 <= sample_execution().ByteSize() <= 1_000


def test_the_store_limit_leaves_nothing_behind(tmp_path):
    assert rows_per_second(tmp_path, 0.01) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_ends_at_once_is_an_error():
    with pytest.raises(BenchError, match="ended with code 3"):
        ServerProcess("sh", "-c", "exit 3")


def test_without_h2load_nothing_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match="nghttp2-client"):
        LoadGenerator(tmp_path)
