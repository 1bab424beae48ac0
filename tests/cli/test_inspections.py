"""Commands that explain, list steps, compare, draw and export, against a real server."""

import json

import pytest

from perdure.v1.step_pb2 import ExecutionStep, ListExecutionStepsResponse
from tests.cli.conftest import Commands
from tests.client.scripted_server import ScriptedService, answer, served_elsewhere


@pytest.fixture(scope="module")
def shipped(perdure):
    """An execution that has shipped three pens."""
    perdure.json("execute", "shipment", "sku=pen", "count=3", "--id", "shipped-1")
    return "shipped-1"


def test_an_end_is_explained_in_a_sentence(perdure, shipped):
    first, second = perdure("explain", shipped).stdout.splitlines()
    assert first == "shipped-1  shipment  SUCCEEDED"
    assert second.startswith("It ended SUCCEEDED")
    assert "blockers" not in perdure.json("explain", shipped)


def test_steps_show_what_they_followed(perdure, shipped):
    rows = [line.split() for line in perdure("steps", shipped).stdout.splitlines()]
    assert rows[0] == ["STEP", "TASK", "PART", "ATTEMPT", "STATE", "BEGUN", "TOOK", "AFTER", "NOTE"]
    assert [row[:5] for row in rows[1:]] == [
        ["1", "reserve", "forward", "1", "SUCCEED"],
        ["2", "ship", "forward", "1", "SUCCEED"],
    ]
    assert rows[2][8] == "1"
    assert "inputs" not in perdure.json("steps", shipped)[0]
    assert perdure.json("steps", shipped, "--detailed")[0]["inputs"]["count"]["intValue"] == "3"
    assert perdure("steps", shipped, "--detailed").exit_code == 2


def test_events_are_summed_up(perdure, shipped):
    summed = perdure.json("events", shipped, "--summary")
    assert sum(int(each["count"]) for each in summed) == len(perdure.json("events", shipped))
    assert perdure("events", shipped, "--summary").stdout.startswith("LAST TIME")


def test_snapshots_are_compared_with_the_one_before_or_another(perdure, shipped):
    compared = perdure("compare", shipped)
    assert compared.exit_code == 0
    assert "~  ship" in compared.stdout.replace("+", "~")
    assert perdure.json("compare", shipped, 1)["snapshot"].endswith("/snapshots/1")
    assert "nothing differs" in perdure("compare", shipped, 2, 2).stdout
    perdure.json("execute", "shipment", "sku=cup", "count=3", "--id", "shipped-2")
    other = perdure("compare", shipped, 2, 2, "--with", "shipped-2").stdout
    assert [line.split() for line in other.splitlines() if " sku" in line] == [["~", "sku", "cup", "pen"]]
    assert perdure("compare", shipped, 2, "--with", "shipped-2").exit_code == 2
    assert "reason: SNAPSHOT_NOT_FOUND" in perdure("compare", shipped, 9).stderr


def test_an_export_is_there_once_it_is_complete(perdure, shipped, tmp_path):
    file = tmp_path / "shipped.jsonl"
    exported = perdure("export", shipped, "-o", file)
    assert exported.exit_code == 0
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert all(line["type"] for line in lines)
    assert f"{len(lines)} lines written to {file}" in exported.stderr
    printed = perdure("export", shipped).stdout.splitlines()
    assert len(printed) == len(lines)
    refused = perdure("export", "nothing", "-o", tmp_path / "nothing.jsonl")
    assert refused.exit_code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["shipped.jsonl"]
    assert "cannot be written" in perdure("export", shipped, "-o", tmp_path / "none" / "x").stderr


def test_pictures_are_for_the_terminal_or_a_file(perdure, shipped, tmp_path):
    drawn = perdure("render", "shipment")
    assert drawn.exit_code == 0
    assert "reserve" in drawn.stdout
    states = perdure("render", "--execution", shipped).stdout
    assert "ship" in states
    file = tmp_path / "shipment.svg"
    assert perdure("render", "shipment", "-o", file).exit_code == 0
    assert file.read_text(encoding="utf-8").lstrip().startswith(("<svg", "<?xml"))
    assert "flowchart" in perdure("render", "shipment", "--format", "mermaid").stdout
    assert "digraph" in perdure("render", "shipment", "--format", "dot").stdout
    text = tmp_path / "shipment.txt"
    assert perdure("render", "shipment", "-o", text).exit_code == 0
    assert text.read_text(encoding="utf-8") == drawn.stdout
    picture = tmp_path / "shipment.png"
    refused = perdure("render", "shipment", "-o", picture)
    assert refused.exit_code == 2
    assert ".png is no form of a picture" in refused.stderr
    assert ".svg, .mmd" in refused.stderr
    assert not picture.exists()
    assert perdure("render", "shipment", "-o", picture, "--format", "dot").exit_code == 0
    assert picture.read_text(encoding="utf-8").startswith("digraph")
    assert perdure("render").exit_code == 2
    assert perdure("render", "shipment", "--execution", shipped).exit_code == 2


def test_steps_of_several_execution_attempts_are_told_apart():
    service = ScriptedService()
    steps = [ExecutionStep(step_number=n, task_number="t", execution_attempt=n, attempt=1) for n in (1, 2)]
    service.steps.append(answer(ListExecutionStepsResponse(execution_steps=steps)))
    with served_elsewhere(service) as address:
        shown = [line.split()[:4] for line in Commands(address)("steps", "e1").stdout.splitlines()]
    assert shown == [
        ["STEP", "EXECUTION", "ATTEMPT", "TASK"],
        ["1", "1", "t", "unspecified"],
        ["2", "2", "t", "unspecified"],
    ]
