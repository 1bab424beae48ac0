"""An explanation reads in one glance: who has to act, which task, for how long, what it is, and what ends it."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.cli.blockers import explanation_lines
from perdure.v1.breakpoint_pb2 import BreakpointStop
from perdure.v1.error_pb2 import Error
from perdure.v1.execution_pb2 import ExecutionDetails
from perdure.v1.explanation_pb2 import Blocker, ExplainExecutionResponse

EXECUTION = "projects/default/locations/local/integrations/fulfil/executions/order-A1"
NOW = 1_000_000_000


def at(seconds):
    """An instant so many seconds from now."""
    instant = Timestamp()
    instant.FromMicroseconds(NOW + seconds * 1_000_000)
    return instant


def lines_of(*blockers, **fields):
    explained = ExplainExecutionResponse(
        execution=EXECUTION, state=ExecutionDetails.SUSPENDED, summary="It waits.", blockers=blockers, **fields
    )
    return ["".join(text for text, _ in line).rstrip() for line in explanation_lines(explained, NOW)]


def test_the_whole_of_it():
    approval = Blocker.Approval(
        suspension=f"{EXECUTION}/suspensions/3", expire_time=at(3_600), who_may_resolve=["alice", "bob"]
    )
    shown = lines_of(
        Blocker(message="It is paused.", since_time=at(-65), paused=Blocker.Paused()),
        Blocker(task_number="approve", message="A decision is due.", since_time=at(-5), suspension=approval),
        Blocker(task_number="wait", message="A timer runs.", since_time=at(-5), timer=Blocker.Timer(end_time=at(9))),
        paused=True,
    )
    assert shown == [
        "order-A1  SUSPENDED  paused",
        "It waits.",
        "",
        "! execution  1m05s  It is paused.",
        "                    → perdure resume order-A1",
        "! approve     5.0s  A decision is due.",
        "                    by alice or bob, decided by itself in 1h00m  "
        "→ perdure lift order-A1 3  or  perdure reject order-A1 3",
        "  wait        5.0s  A timer runs.",
        "                    ends in 9.0s",
    ]


def test_an_end_is_one_sentence():
    ended = ExplainExecutionResponse(execution=EXECUTION, state=ExecutionDetails.SUCCEEDED, summary="It succeeded.")
    assert [[text for text, _ in line] for line in explanation_lines(ended, NOW)][1] == ["It succeeded."]
    assert len(list(explanation_lines(ended, NOW))) == 2


def test_a_kind_that_is_not_known_yet_has_its_message():
    assert lines_of(Blocker(task_number="t", message="Something new."))[3:] == ["  t    Something new."]


@pytest.mark.parametrize(
    ("blocker", "acts", "note"),
    [
        (
            {"retry": Blocker.Retry(retry_time=at(5), attempt=2, error=Error(code="CARD", message="declined"))},
            False,
            "attempt 2 begins in 5.0s; the last one failed: CARD: declined",
        ),
        ({"retry": Blocker.Retry(attempt=2)}, False, "attempt 2 has no time"),
        ({"restart": Blocker.Restart(restart_time=at(5))}, False, "begins anew in 5.0s"),
        ({"schedule": Blocker.Schedule(start_time=at(5))}, False, "starts in 5.0s  → perdure execute --held order-A1"),
        ({"on_hold": Blocker.OnHold()}, True, "→ perdure execute --held order-A1"),
        ({"callback": Blocker.Callback(signal="paid")}, True, "→ perdure signal order-A1 paid"),
        (
            {"breakpoint": BreakpointStop(expire_time=at(60))},
            True,
            "goes on by itself in 1m00s  → perdure step order-A1  or  perdure step order-A1 --continue",
        ),
        ({"queued": Blocker.Queued(handler="h", ahead=3, workers=1)}, False, "3 before it, 1 worker for h"),
        (
            {"no_worker": Blocker.NoWorker(handler="h")},
            True,
            "starts as soon as one offers h  → perdure worker --app MODULE:NAME",
        ),
        (
            {"worker_working": Blocker.WorkerWorking(worker="w", last_heard_time=at(-2))},
            False,
            "worker w, heard of 2.0s ago",
        ),
        (
            {"worker_silent": Blocker.WorkerSilent(worker="w", last_heard_time=at(-9), lease_end_time=at(4))},
            False,
            "worker w, heard of 9.0s ago; another one gets the task in 4.0s",
        ),
        (
            {"sub_execution": Blocker.SubExecution(execution="x/executions/e2", state=ExecutionDetails.PROCESSING)},
            False,
            "PROCESSING  → perdure explain e2",
        ),
        (
            {"items": Blocker.Items(live=1, waiting=2, finished=3, executions=["x/executions/e3"])},
            False,
            "1 at work, 2 not begun, 3 ended  → perdure explain e3",
        ),
        (
            {"cancelling": Blocker.Cancelling(force_time=at(8))},
            False,
            "what still runs counts as stopped in 8.0s  → perdure cancel order-A1 --force",
        ),
        (
            {"rollback_held": Blocker.RollbackHeld(task="refund", error=Error(code="BANK"))},
            True,
            "refund failed: BANK  → perdure undo order-A1 retry|skip|done t",
        ),
    ],
)
def test_each_kind_says_what_ends_it(blocker, acts, note):
    _, _, _, line, below = lines_of(Blocker(task_number="t", message="M.", **blocker))
    assert line.startswith("! t") == acts
    assert below.strip() == note


def test_every_kind_of_the_contract_is_known():
    told = {
        name for name in Blocker.DESCRIPTOR.fields_by_name if Blocker.DESCRIPTOR.fields_by_name[name].containing_oneof
    }
    for kind in told:
        blocker = Blocker(task_number="t", message="M.")
        getattr(blocker, kind).SetInParent()
        assert len(lines_of(blocker)) == 5, kind
