"""Commands that pause, step, decide, signal, undo, replay and delete, against a real server."""

import json

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.explanation_pb2 import Blocker, ExplainExecutionResponse
from tests.cli.conftest import ANSWERS_WITHIN, Commands
from tests.cli.conftest import start as launch
from tests.client.scripted_server import NAME, ScriptedService, abort, answer, served_elsewhere

TRIES = 2_000
PURCHASE = "projects/default/locations/local/integrations/purchase/executions"


def start(perdure, integration, execution_id, *arguments):
    perdure.json("execute", integration, *arguments, "--async", "--id", execution_id)


def ended(perdure, execution_id):
    """Follows an execution to its end and returns it."""
    perdure("watch", execution_id)
    return perdure.json("get", execution_id)


def until(ask):
    """Asks until there is an answer, which the tries bound."""
    for _ in range(TRIES):
        if found := ask():
            return found
    raise AssertionError("it has not come to be")


def stopped_at(perdure, execution_id, task):
    """Waits until an execution is stopped at a task."""

    def stops_there():
        blockers = perdure.json("explain", execution_id).get("blockers", [])
        return any(each.get("breakpoint", {}).get("taskNumber") == task for each in blockers)

    until(stops_there)


def waiting(perdure, execution_id):
    """Waits until an execution has an open suspension."""
    return until(lambda: perdure.json("suspensions", execution_id))


def test_a_purchase_is_approved_and_paid(perdure):
    start(perdure, "purchase", "buy-1", "sku=pen")
    (asked,) = waiting(perdure, "buy-1")
    assert (asked["taskNumber"], asked["customMessage"]) == ("ask", "May it go?")
    shown = perdure("suspensions", "buy-1").stdout.splitlines()
    assert shown[1].split()[:5] == ["buy-1", "1", "ask", "decision", "PENDING"]
    assert ["suspensions", "1", "(ask)"] in [line.split() for line in perdure("get", "buy-1").stdout.splitlines()]
    explained = perdure("explain", "buy-1").stdout
    assert "→ perdure lift buy-1 1  or  perdure reject buy-1 1" in explained
    lifted = perdure("lift", "buy-1", "--result", "fine", "--as", "bob")
    assert [line.split() for line in lifted.stdout.splitlines()[1:]] == [
        ["task", "ask"],
        ["state", "LIFTED"],
        ["by", "bob"],
        ["result", "fine"],
    ]
    waiting(perdure, "buy-1")
    sent = perdure.json("signal", "buy-1", "paid", "amount=7", "--id", "bank-1")
    assert sent == {"taskNumber": "payment", "duplicate": False, "signalId": "bank-1"}
    assert ended(perdure, "buy-1")["responseParameters"]["result"]["intValue"] == "7"
    assert perdure("suspensions", "buy-1").stdout.splitlines()[1:] == []
    assert len(perdure.json("suspensions", "buy-1", "--all")) == 2
    watched = perdure("watch", "buy-1").stdout
    assert "suspension 1 LIFTED by bob: fine" in watched


def test_a_suspension_is_decided_once_and_named_in_each_way(perdure):
    start(perdure, "purchase", "buy-2", "sku=pen")
    waiting(perdure, "buy-2")
    for nobody in ("", " "):
        refused = perdure("lift", "buy-2", "--as", nobody)
        assert refused.exit_code == 2
        assert "the identity is empty" in refused.stderr
    twice = perdure("lift", f"{PURCHASE}/buy-2/suspensions/1", 2)
    assert twice.exit_code == 2
    assert "ends in its number, 1; leave 2 out" in twice.stderr
    assert "which ends in its number" in perdure("lift", f"{PURCHASE}/buy-2/suspensions/x").stderr
    assert perdure("reject", f"{PURCHASE}/buy-2/suspensions/1", "--result", "no").exit_code == 0
    assert perdure("reject", "buy-2", 1).exit_code == 0
    late = perdure("lift", "buy-2", 1)
    assert late.exit_code == 3
    assert "reason: SUSPENSION_RESOLVED" in late.stderr
    callback = perdure("lift", "buy-2", 2)
    assert "reason: SUSPENSION_NOT_DECIDABLE" in callback.stderr
    none = perdure("lift", "buy-2")
    assert (none.exit_code, none.stdout) == (3, "")
    assert "nothing is open that could be decided" in none.stderr
    perdure.json("cancel", "buy-2", "--force", "--wait")


def test_of_several_suspensions_one_is_named(perdure):
    start(perdure, "contract", "contract-1")
    until(lambda: len(perdure.json("suspensions", "contract-1")) == 2)
    asked = perdure("lift", "contract-1")
    assert asked.exit_code == 2
    assert "name one by its number: 1 (law), 2 (money)" in asked.stderr
    (mine,) = perdure.json("suspensions", "contract-1", "--as", "bob")
    assert mine["taskNumber"] == "money"
    refused = perdure("lift", "contract-1", 2, "--as", "ann")
    assert refused.exit_code == 3
    assert "reason: NOT_A_RESOLVER" in refused.stderr
    assert "perdure lift contract-1 2" in perdure("explain", "contract-1").stdout
    assert perdure("lift", "contract-1", 2, "--as", "bob").exit_code == 0
    assert perdure("reject", "contract-1", "--as", "ann").exit_code == 0
    assert ended(perdure, "contract-1")["executionDetails"]["state"] == "SUCCEEDED"


def test_a_pause_holds_what_has_not_begun_and_parameters_can_be_changed_meanwhile(perdure):
    start(perdure, "purchase", "buy-3", "sku=pen", "--break-before", "reserve")
    stopped_at(perdure, "buy-3", "reserve")
    paused = perdure("pause", "buy-3", "--reason", "stocktaking")
    assert paused.stdout.splitlines()[2].startswith("paused")
    assert paused.stdout.splitlines()[2].endswith("stocktaking")
    assert perdure.json("explain", "buy-3")["paused"]
    assert any(line.startswith("paused") for line in perdure("get", "buy-3").stdout.splitlines())
    refused = perdure("resume", "buy-3", "--set", "count=x")
    assert refused.exit_code == 2
    assert "a whole number" in refused.stderr
    assert "the parameters are:" in perdure("resume", "buy-3", "--set", "no=1").stderr
    assert perdure("resume", "buy-3", "--set", "count=4").exit_code == 0
    assert perdure.json("get", "buy-3")["currentParameters"]["count"]["intValue"] == "4"
    again = perdure("resume", "buy-3", "--set", "count=5")
    assert "reason: EXECUTION_NOT_PAUSED" in again.stderr
    perdure.json("cancel", "buy-3", "--force", "--wait")


def test_stepping_runs_one_task_at_a_time(perdure):
    start(perdure, "shipment", "step-1", "sku=pen", "--step-through", "--development")
    stopped_at(perdure, "step-1", "reserve")
    got = perdure("get", "step-1").stdout
    assert "before reserve since" in got
    assert "before every task" in got
    assert perdure("step", "step-1", "--set", "count=3").exit_code == 0
    stopped_at(perdure, "step-1", "ship")
    assert perdure("step", "step-1", "--task", "nothing").exit_code == 3
    assert perdure("step", "step-1", "--retry").exit_code == 3
    assert perdure("step", "step-1", "--continue", "--task", "ship").exit_code == 2
    for several in (["--step", "--continue"], ["--continue", "--retry"], ["--step", "--retry"]):
        refused = perdure("step", "step-1", *several)
        assert refused.exit_code == 2
        assert f"give one of {' and '.join(several)}" in refused.stderr
    assert perdure("step", "step-1", "--continue").exit_code == 0
    assert ended(perdure, "step-1")["responseParameters"]["result"]["intValue"] == "3"
    late = perdure("step", "step-1")
    assert "reason: EXECUTION_ENDED" in late.stderr
    assert "stopped before ship" in perdure("watch", "step-1").stdout


def test_breakpoints_are_set_listed_and_cleared(perdure):
    start(perdure, "purchase", "break-1", "sku=pen")
    waiting(perdure, "break-1")
    assert perdure("break", "break-1").stdout == "no breakpoints\n"
    set_ = perdure("break", "break-1", "--before", "payment", "--on-failure", "--if", "params.count > 5")
    assert set_.stdout.splitlines()[:2] == [
        "stops         before payment if params.count > 5",
        "stops         on failure of any task if params.count > 5",
    ]
    assert perdure("break", "break-1").stdout == set_.stdout
    assert len(perdure.json("break", "break-1")["breakpoints"]) == 2
    wrong = perdure("break", "break-1", "--before", "nothing")
    assert wrong.exit_code in {2, 3}
    assert "nothing" in wrong.stderr
    assert perdure("break", "break-1", "--clear").stdout == "no breakpoints\n"
    assert perdure("break", "break-1", "--clear", "--before", "ask").exit_code == 2
    perdure.json("cancel", "break-1", "--force", "--wait")


def changed(perdure, *options):
    """What `perdure update` says that it changed."""
    updated = perdure("update", "update-1", *options)
    assert updated.exit_code == 0, updated.stderr
    name, *facts = [line.split() for line in updated.stdout.splitlines()]
    assert name[0] == "execution"
    return facts


def test_labels_are_changed_one_by_one_and_the_rest_as_a_whole(perdure):
    start(perdure, "purchase", "update-1", "sku=pen", "--label", "a=1", "--label", "b=2")
    options = ["--label", "c=3", "--no-label", "a", "--priority", "7", "--deadline", "2999-01-01T00:00:00Z"]
    updated = perdure.json("update", "update-1", *options)
    assert (updated["labels"], updated["priority"]) == ({"b": "2", "c": "3"}, 7)
    assert updated["deadline"] == "2999-01-01T00:00:00Z"
    assert "deadline" not in perdure.json("update", "update-1", "--no-deadline", "--description", "later")
    got = [line.split(maxsplit=1) for line in perdure("get", "update-1").stdout.splitlines()]
    assert {("description", "later"), ("priority", "7")} <= {tuple(row) for row in got}
    assert "deadline" not in {row[0] for row in got if row}
    assert changed(perdure, "--priority", "0") == [["priority", "0"]]
    deadline = changed(perdure, "--deadline", "2999-01-01T00:00:00Z")
    assert deadline == [["deadline", "2999-01-01", "00:00:00.000Z"]]
    got = perdure("get", "update-1").stdout
    assert "priority" not in got
    assert deadline[0] in [line.split() for line in got.splitlines()]
    assert changed(perdure, "--no-deadline", "--no-development") == [["deadline", "none"], ["development", "no"]]
    assert changed(perdure, "--no-label", "b") == [["label", "c=3"]]
    assert changed(perdure, "--no-label", "c", "--description", "") == [["label", "none"], ["description", "none"]]
    assert perdure("update", "update-1").exit_code == 2
    perdure.json("cancel", "update-1", "--force", "--wait")


def test_an_undo_that_is_held_is_decided_by_hand(perdure):
    start(perdure, "shipment", "undo-1", "sku=stuck")
    (held,) = until(lambda: [each for each in perdure.json("explain", "undo-1")["blockers"] if "rollbackHeld" in each])
    assert held["taskNumber"] == "reserve"
    assert "perdure undo undo-1 retry|skip|done reserve" in perdure("explain", "undo-1").stdout
    got = perdure("get", "undo-1").stdout
    assert "in progress; still to be undone: reserve" in got
    assert ["phase", "undoing", "0", "of", "1"] in [line.split() for line in got.splitlines()]
    assert perdure("undo", "undo-1", "done", "--reason", "by hand").exit_code == 0
    shown = ended(perdure, "undo-1")
    assert shown["executionDetails"]["rollback"]["outcome"] == "OUTCOME_COMPLETE"
    assert shown["executionDetails"]["state"] == "FAILED"
    late = perdure("undo", "undo-1", "skip", "reserve")
    assert late.exit_code == 3
    parts = {row[2] for row in map(str.split, perdure("steps", "undo-1").stdout.splitlines()[1:])}
    assert parts == {"forward", "rollback"}


def test_a_replay_begins_where_it_is_told_to(perdure):
    start(perdure, "shipment", "replay-1", "sku=pen")
    ended(perdure, "replay-1")
    followed = perdure("replay", "replay-1", "--reason", "more", "--set", "count=5", "--follow", "--id", "replay-2")
    assert followed.exit_code == 0
    assert followed.stdout.splitlines()[-1].split() == ["result", "5"]
    again = perdure.json("replay", "replay-1", "--from", "1", "--reason", "again", "--id", "replay-3")
    assert again["execution"].endswith("/executions/replay-3")
    assert again["original"].endswith("/executions/replay-1")
    assert ended(perdure, "replay-3")["responseParameters"]["result"]["intValue"] == "1"
    assert "done by the original" in perdure("get", "replay-3").stdout
    original = perdure("get", "replay-1").stdout
    assert "replayed by" in original
    assert "replay-3, replay-2" in original
    failed = perdure("replay", "replay-1", "--from", "failure", "--reason", "x")
    assert failed.exit_code == 3
    assert "reason: EXECUTION_NOT_FAILED" in failed.stderr
    assert perdure("replay", "replay-1", "--reason", "x", "--validate-only").stdout == "the request is valid\n"
    assert perdure("replay", "replay-1", "--from", "the end", "--reason", "x").exit_code == 2
    assert "--reason" in perdure("replay", "replay-1").stderr


def test_a_replay_of_the_latest_revision_takes_its_parameters(perdure, tmp_path):
    pytest.importorskip("ruamel.yaml")
    file = tmp_path / "revised.yaml"
    text = "parameters:\n  - {{key: {}, dataType: DATA_TYPE_INT_VALUE, inputOutputType: INPUT_OUTPUT_TYPE_IN_OUT}}\n"
    text += "tasks:\n  - taskId: one\n    timer: {{delay: 0.001s}}\n"
    file.write_text(text.format("old"))
    assert perdure("deploy", file).exit_code == 0
    perdure.json("execute", "revised", "old=1", "--id", "latest-1")
    file.write_text(text.format("new"))
    assert perdure("deploy", file).exit_code == 0
    refused = perdure("replay", "latest-1", "--set", "new=2", "--reason", "x")
    assert "the parameters are: old" in refused.stderr
    latest = ["--latest", "--only-set", "--set", "new=2", "--follow"]
    followed = perdure("replay", "latest-1", *latest, "--reason", "new names")
    assert followed.exit_code == 0, followed.stderr
    assert followed.stdout.splitlines()[-1].split() == ["new", "2"]


def test_a_replay_that_fails_exits_with_1(perdure):
    failed = perdure("execute", "failing", "text=no stock", "--id", "replay-4")
    assert failed.exit_code == 1
    again = perdure("replay", "replay-4", "--from", "failure", "--reason", "again", "--follow", "-o", "json")
    assert again.exit_code == 1
    assert json.loads(again.stdout)["error"]["code"] == "HANDLER_ERROR"


def test_a_deletion_is_asked_for_and_leaves_nothing(perdure):
    start(perdure, "shipment", "gone-1", "sku=pen")
    ended(perdure, "gone-1")
    asked = perdure("delete", "gone-1")
    assert asked.exit_code == 2
    assert "give --yes" in asked.stderr
    emptied = perdure("delete", "gone-1", "--history-only", "--yes")
    assert emptied.exit_code == 0
    assert emptied.stdout.split()[:2] == ["history", "deleted"]
    assert list(perdure.json("delete", "gone-1", "--history-only", "--yes")) == ["historyDeleted"]
    assert "the history of its tasks is deleted" in perdure("get", "gone-1").stdout
    assert "reason: HISTORY_DELETED" in perdure("events", "gone-1").stderr
    start(perdure, "shipment", "gone-2", "sku=pen")
    ended(perdure, "gone-2")
    deleted = perdure("delete", "gone-1", "nothing-1", "gone-2", "--yes", "-o", "json")
    assert deleted.exit_code == 3
    assert [name.rpartition("/")[2] for name in json.loads(deleted.stdout)["deleted"]] == ["gone-1", "gone-2"]
    assert "not deleted: nothing-1" in deleted.stderr
    assert deleted.stderr.count("not deleted:") == deleted.stderr.count("error:") == 1
    assert perdure("get", "gone-2").exit_code == 3


def test_of_several_deletions_the_worst_tells_the_exit_code_and_none_is_tried_where_nobody_answers():
    service = ScriptedService()
    refusals = [(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"), (grpc.StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")]
    service.steps.extend(abort(*refusal) for refusal in (*refusals, refusals[0]))
    with served_elsewhere(service) as address:
        assert Commands(address)("delete", "e1", "e2", "e3", "--yes").exit_code == 3
    service.steps.extend([answer(Empty()), abort(grpc.StatusCode.UNAVAILABLE)])
    with served_elsewhere(service) as address:
        cut = Commands(address)("delete", "e1", "e2", "e3", "e4", "--yes")
    assert cut.exit_code == 5
    assert cut.stdout.endswith("/executions/e1\n")
    assert "not deleted: e2" in cut.stderr
    assert "not tried: e3, e4" in cut.stderr
    assert len(service.requests) == 5


def test_an_undo_that_waits_for_its_next_attempt_is_found_and_a_retry_is_none():
    service = ScriptedService()
    blockers = [
        Blocker(task_number="ship", retry=Blocker.Retry(attempt=2)),
        Blocker(task_number="charge", retry=Blocker.Retry(attempt=3)),
    ]
    service.steps.extend([answer(ExplainExecutionResponse(blockers=blockers)), answer(Execution(name=NAME))])
    rollback = ExecutionDetails.Rollback(pending_tasks=["charge", "reserve"])
    service.gets.append(answer(Execution(name=NAME, execution_details=ExecutionDetails(rollback=rollback))))
    with served_elsewhere(service) as address:
        assert Commands(address)("undo", "e1", "retry").exit_code == 0
    assert service.requests[-1].task_number == "charge"
    service.steps.append(answer(ExplainExecutionResponse(blockers=blockers)))
    service.gets.append(answer(Execution(name=NAME)))
    with served_elsewhere(service) as address:
        none = Commands(address)("undo", "e1", "retry")
    assert none.exit_code == 3
    assert "no undo is held or waits" in none.stderr


def test_development_lets_a_live_execution_be_deleted(perdure):
    start(perdure, "purchase", "dev-1", "sku=pen", "--development")
    assert perdure("delete", "dev-1", "--yes").exit_code == 3
    assert perdure("delete", "dev-1", "--force", "--yes").exit_code == 0


def test_only_as_many_snapshots_are_kept_as_asked_for(perdure):
    perdure.json("execute", "shipment", "sku=pen", "--id", "kept-1", "--savepoints", "none")
    assert perdure.json("snapshots", "kept-1") == []
    assert "the execution has no snapshots" in perdure("compare", "kept-1").stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["pause", "nothing"], "EXECUTION_NOT_FOUND"),
        (["explain", "nothing"], "EXECUTION_NOT_FOUND"),
        (["replay", "nothing", "--reason", "x"], "EXECUTION_NOT_FOUND"),
        (["step", "nothing"], "EXECUTION_NOT_FOUND"),
        (["lift", "nothing", "1"], "EXECUTION_NOT_FOUND"),
        (["delete", "nothing", "--yes"], "EXECUTION_NOT_FOUND"),
        (["export", "nothing"], "EXECUTION_NOT_FOUND"),
        (["render", "nothing"], "INTEGRATION_NOT_FOUND"),
        (["render", "--execution", "nothing"], "EXECUTION_NOT_FOUND"),
    ],
)
def test_what_is_not_there_exits_with_3(perdure, arguments, reason):
    refused = perdure(*arguments)
    assert refused.exit_code == 3
    assert f"reason: {reason}" in refused.stderr
    assert refused.stdout == ""


def test_a_run_can_be_stepped_from_outside():
    options = ["--break-before", "ship", "--workers", "in-process"]
    with launch("run", "tests.cli.purchase_app:shipment", "sku=pen", "count=3", *options) as process:
        assert process.stderr is not None
        told = process.stderr.readline().split("`")[1].split()
        commands = Commands(told[-1])
        stopped_at(commands, told[2], "ship")
        assert commands("step", told[2], "--continue").exit_code == 0
        written, _ = process.communicate(timeout=ANSWERS_WITHIN)
    assert process.returncode == 0
    assert written.splitlines()[-1].split() == ["result", "3"]


def test_labels_survive_a_change_in_between():
    service = ScriptedService()
    for etag, labels in (("1", {"a": "1"}), ("2", {"a": "1", "b": "2"})):
        service.gets.append(answer(Execution(name=NAME, etag=etag, labels=labels)))
    service.steps.extend([abort(grpc.StatusCode.ABORTED, "ETAG_MISMATCH"), answer(Execution(name=NAME))])
    with served_elsewhere(service) as address:
        assert Commands(address)("update", "e1", "--label", "c=3", "--no-label", "a").exit_code == 0
    first, second = service.requests
    assert (first.execution.etag, dict(first.execution.labels)) == ("1", {"c": "3"})
    assert (second.execution.etag, dict(second.execution.labels)) == ("2", {"b": "2", "c": "3"})


def test_lists_show_what_is_paused(perdure):
    start(perdure, "purchase", "listed-1", "sku=pen", "--development")
    perdure.json("pause", "listed-1", "--reason", "look")
    columns = "execution_id,paused,pause_reason,development"
    listed = perdure("list", "--filter", "execution_id=listed-1", "--columns", columns)
    assert listed.stdout.splitlines()[1].split() == ["listed-1", "true", "look", "true"]
    perdure.json("delete", "listed-1", "--force", "--yes")
