"""The commands against a real server: what they print and how they exit."""

import json
import sys

import pytest

from tests.cli.conftest import Commands


def state_of(perdure, execution):
    return perdure.json("get", execution)["executionDetails"]["state"]


def test_execute_prints_outputs(perdure):
    assert perdure.json("execute", "total", "a=40")["outputs"] == {"result": 84}
    table = perdure("execute", "total", "a=40")
    assert table.exit_code == 0
    assert table.stdout.splitlines()[1].split() == ["result", "84"]


def test_a_failed_execution_exits_with_1_and_says_why(perdure):
    failed = perdure("execute", "failing", "text=no stock", "--id", "failed-1")
    assert failed.exit_code == 1
    assert "no stock" in failed.stderr
    assert "reason: EXECUTION_FAILED" in failed.stderr
    assert state_of(perdure, "failed-1") == "FAILED"


def test_an_execution_that_did_not_succeed_is_named_on_stdout(perdure):
    name = "projects/default/locations/local/integrations/failing/executions/failed-2"
    table = perdure("execute", "failing", "text=no stock", "--id", "failed-2")
    assert table.stdout.split() == ["execution", name, "state", "FAILED"]
    failed = perdure("execute", "failing", "text=no stock", "--id", "failed-3", "-o", "json")
    assert failed.exit_code == 1
    told = json.loads(failed.stdout)
    assert told["execution"].endswith("/executions/failed-3")
    assert told["state"] == "FAILED"
    assert told["error"] == {"code": "HANDLER_ERROR", "message": "ValueError: no stock"}


def test_a_failure_can_be_taken_as_an_answer(perdure):
    answered = perdure.json("execute", "failing", "text=no stock", "--do-not-propagate-error")
    assert "no stock" in json.dumps(answered["outputs"]["ErrorInfo"])


def test_a_request_can_be_checked_without_a_start(perdure):
    checked = perdure("execute", "total", "a=1", "--id", "never-1", "--validate-only")
    assert (checked.exit_code, checked.stdout) == (0, "the request is valid\n")
    assert perdure.json("execute", "total", "a=1", "--validate-only") == {"valid": True}
    assert perdure("execute", "total", "--validate-only").exit_code == 2
    assert perdure("get", "never-1").exit_code == 3


def test_an_asynchronous_execution_is_named_and_can_be_watched_and_cancelled(perdure):
    accepted = perdure.json("execute", "waiting", "--async", "--id", "waiting-1")
    assert accepted["execution"].endswith("/integrations/waiting/executions/waiting-1")
    cancelled = perdure.json("cancel", "waiting-1", "--reason", "not needed", "--wait")
    assert cancelled["executionDetails"]["state"] == "CANCELLED"
    watched = perdure("watch", "waiting-1")
    assert watched.exit_code == 4
    assert "cancel requested: not needed" in watched.stdout
    assert "wait_for_cancel  CANCELLED" in watched.stdout


def test_a_timeout_exits_with_5_and_says_how_to_go_on(perdure):
    pending = perdure("execute", "waiting", "--timeout", "0.3", "--id", "slow-1")
    assert pending.exit_code == 5
    assert "perdure watch projects/default/locations/local/integrations/waiting/executions/slow-1" in pending.stderr
    assert state_of(perdure, "slow-1") == "PROCESSING"
    perdure.json("cancel", "slow-1", "--wait")


def test_a_scheduled_execution_is_pending(perdure):
    accepted = perdure.json("execute", "total", "a=1", "--at", "2999-01-01T06:00:00+02:00")
    scheduled = perdure.json("get", accepted["execution"])
    assert scheduled["executionDetails"]["state"] == "PENDING"
    assert scheduled["scheduleTime"] == "2999-01-01T04:00:00Z"


def test_a_scheduled_execution_can_be_started_now(perdure):
    perdure.json("execute", "total", "a=1", "--at", "2999-01-01T00:00:00Z", "--id", "held-1")
    started = perdure("execute", "--held", "held-1")
    assert started.exit_code == 0
    assert started.stdout.rstrip().endswith("/integrations/total/executions/held-1")
    assert perdure("watch", "held-1").exit_code == 0
    again = perdure("execute", "--held", "held-1")
    assert again.exit_code == 3
    assert "reason: EXECUTION_NOT_ON_HOLD" in again.stderr


def test_a_request_id_makes_execute_idempotent(perdure):
    first = perdure.json("execute", "total", "a=1", "--async", "--request-id", "once")
    assert perdure.json("execute", "total", "a=1", "--async", "--request-id", "once") == first
    other = perdure("execute", "total", "a=2", "--async", "--request-id", "once")
    assert other.exit_code == 3
    assert "reason: REQUEST_ID_REUSED" in other.stderr
    assert "hint: use another --request-id" in other.stderr


def test_labels_and_priority_reach_the_execution(perdure):
    options = ["--label", "shop=north", "--priority", "500", "--description", "by hand", "--id", "labelled-1"]
    perdure.json("execute", "total", "a=1", *options)
    execution = perdure.json("get", "labelled-1")
    assert (execution["labels"], execution["priority"]) == ({"shop": "north"}, 500)
    assert "shop=north" in perdure("get", "labelled-1").stdout


def test_list_is_newest_first_and_limited(perdure):
    names = [perdure.json("execute", "total", "a=1", "--async")["execution"] for _ in range(3)]
    listed = [execution["name"] for execution in perdure.json("list", "total", "--limit", "2")]
    assert listed == names[:0:-1]
    assert perdure("list", "total", "--limit", "2").stdout.startswith("EXECUTION")


def test_history_snapshots_and_watch_agree(perdure):
    perdure.json("execute", "total", "a=1", "--id", "told-1")
    events = perdure.json("events", "told-1")
    assert [event["sequence"] for event in events] == [str(n + 1) for n in range(len(events))]
    watched = perdure("watch", "told-1", "-o", "json")
    assert [json.loads(line) for line in watched.stdout.splitlines()] == events
    snapshots = perdure.json("snapshots", "told-1")
    assert len(snapshots) == 3
    assert perdure.json("snapshots", "told-1", 1) == snapshots[-1]
    assert len(perdure("events", "told-1").stdout.splitlines()) == len(events) + 1
    assert len(perdure("snapshots", "told-1").stdout.splitlines()) == 4
    assert "result" in perdure("snapshots", "told-1", 3).stdout


def test_deploying_an_app_again_changes_nothing(perdure):
    deployed = perdure.json("deploy", "tests.cli.app:app")
    assert deployed == perdure.json("deploy", "tests.cli.app:app", "--check")
    assert [each["name"].rpartition("/")[2] for each in deployed] == ["total", "doubled", "failing", "waiting"]
    assert perdure("deploy", "tests.cli.app:total").stdout.splitlines()[1].startswith("total")


def test_a_check_says_what_a_deploy_would_do_and_that_there_was_none(perdure, tmp_path):
    pytest.importorskip("ruamel.yaml")
    made, revised = tmp_path / "made.yaml", tmp_path / "revised.yaml"
    for file in (made, revised):
        file.write_text("tasks:\n  - taskId: one\n    task: add\n")
    assert perdure("deploy", revised).exit_code == 0
    revised.write_text("tasks:\n  - taskId: two\n    task: add\n")
    checked = perdure("deploy", "tests.cli.app:total", made, revised, "--check")
    assert checked.exit_code == 0
    assert [line.split(maxsplit=1) for line in checked.stdout.splitlines()[1:]] == [
        ["total", "would change nothing"],
        ["made", "would create it"],
        ["revised", "would make a new revision"],
    ]
    assert checked.stderr == "checked only; nothing was deployed\n"
    assert "reason: INTEGRATION_NOT_FOUND" in perdure("list", "made").stderr


def test_faults_of_a_yaml_file_are_told_by_line(perdure, tmp_path):
    pytest.importorskip("ruamel.yaml")
    file = tmp_path / "loop.yaml"
    file.write_text("tasks:\n  - taskId: one\n    task: add\n    nextTasks:\n      - taskId: nowhere\n")
    refused = perdure("deploy", file)
    assert refused.exit_code == 2
    assert f"{file}:5:" in refused.stderr
    assert "reason: INVALID_DEFINITION" in refused.stderr
    file.write_text("tasks: 3\n")
    unreadable = perdure("deploy", file)
    assert unreadable.exit_code == 2
    assert f"error: {file}:1:8" in unreadable.stderr


def test_a_file_that_cannot_be_read_is_named(perdure, tmp_path):
    file = tmp_path / "latin.yaml"
    file.write_bytes("description: größer\n".encode("latin-1"))
    refused = perdure("deploy", file)
    assert refused.exit_code == 2
    assert f"error: {file}: the file is not UTF-8 text" in refused.stderr


def test_a_fault_in_one_source_deploys_none_and_the_faults_of_all_are_told(perdure, tmp_path):
    pytest.importorskip("ruamel.yaml")
    good, bad, worse = (tmp_path / f"{name}.yaml" for name in ("all-good", "bad", "worse"))
    good.write_text("tasks:\n  - taskId: one\n    task: add\n")
    bad.write_text("tasks:\n  - taskId: one\n    task: add\n    nextTasks:\n      - taskId: nowhere\n")
    worse.write_text("tasks: 3\n")
    refused = perdure("deploy", good, bad, worse)
    assert refused.exit_code == 2
    assert f"{bad}:5:" in refused.stderr
    assert f"{worse}:1:8" in refused.stderr
    assert "reason: INTEGRATION_NOT_FOUND" in perdure("list", "all-good").stderr
    assert perdure("deploy", good).exit_code == 0
    assert perdure("list", "all-good").exit_code == 0


def test_a_definition_that_fails_at_import_is_placed_in_the_authors_file(perdure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    module = tmp_path / "misdefined_app.py"
    module.write_text(
        "from perdure import App\n\napp = App('misdefined')\n\n\n"
        "@app.task()\nasync def odd(a: 'Missing') -> int:\n    return 1\n"
    )
    refused = perdure("deploy", "misdefined_app:app")
    assert refused.exit_code == 2
    assert "cannot be resolved" in refused.stderr
    assert f"({module}:6)" in refused.stderr


def test_version_tells_both_sides(perdure):
    told = perdure.json("version")
    assert told["server"]["version"] == told["client"]
    assert "storeKind" in told["server"]
    assert perdure("version").stdout.startswith("client")
    assert Commands("").json("version", "--client") == {"client": told["client"]}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["get", "nothing"], "EXECUTION_NOT_FOUND"),
        (["cancel", "nothing"], "EXECUTION_NOT_FOUND"),
        (["watch", "nothing"], "EXECUTION_NOT_FOUND"),
        (["events", "nothing"], "EXECUTION_NOT_FOUND"),
        (["snapshots", "nothing"], "EXECUTION_NOT_FOUND"),
        (["execute", "nothing"], "INTEGRATION_NOT_FOUND"),
        (["execute", "total", "a=1", "--trigger", "api_trigger/none"], "TRIGGER_NOT_FOUND"),
        (["execute", "total", "a=1", "--revision", "000099-fff"], "REVISION_NOT_FOUND"),
    ],
)
def test_what_is_not_there_exits_with_3(perdure, arguments, reason):
    refused = perdure(*arguments)
    assert refused.exit_code == 3
    assert f"reason: {reason}" in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["execute", "total"], 'input_parameters["a"]'),
        (["execute", "total", "a=x"], "a whole number"),
        (["execute", "total", "a=1", "c=1"], "the inputs are: a, b"),
        (["execute", "total", "a=1", "--id", "UPPER"], "INVALID_NAME"),
        (["execute", "total", "a=1", "--priority", "1000"], "--priority"),
        (["execute", "total", "a=1", "--at", "2030-01-01T00:00:00"], "time zone"),
        (["execute", "total", "a=1", "--at", "2030-01-01T00:00:00Z", "--async"], "--async"),
        (["execute", "total", "a=1", "--label", "x"], "key=value"),
        (["execute", "total", "a=1", "--label", "x=1", "--label", "x=2"], "--label 'x' is given several times"),
        (["execute", "total", "a=1", "--at", "9999-12-31T23:59:59-05:00"], "beyond the years"),
        (["execute", "--held", "held-1", "a=1"], "--held"),
        (["execute", "--held", "held-1", "--async"], "--held"),
        (["execute", "--held", "held-1", "--priority", "0"], "--held"),
        (["get", "UPPER"], "INVALID_NAME"),
        (["deploy", "nofile.yaml"], "nofile.yaml"),
        (["deploy", "tests.cli.app:nothing"], "has no nothing"),
        (["deploy", "tests.cli.nothing:app"], "no module"),
        (["deploy", "tests.cli.app:add"], "neither"),
        (["deploy", "plain"], "MODULE:NAME"),
    ],
)
def test_what_is_wrong_exits_with_2_and_says_what(perdure, arguments, says):
    refused = perdure(*arguments)
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.output


def test_output_of_others_cannot_steer_the_terminal(perdure):
    escape = "\x1b]0;owned\x07\x1b[31m"
    refused = perdure("execute", "failing", f"text={escape}", "--id", "escaped-1")
    assert refused.exit_code == 1
    shown = [perdure(command, "escaped-1").output for command in ("get", "events", "watch")]
    raw = perdure("get", "escaped-1", "-o", "json").stdout
    assert not any("\x1b" in text for text in (refused.output, raw, *shown))
    assert json.loads(raw)["requestParameters"]["text"]["stringValue"] == escape
