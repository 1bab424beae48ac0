"""An explanation reads in one glance: who has to act, which task, for how long, what it is, and what ends it."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from perdure.cli.blockers import _BY_PEOPLE, _COMMANDS, _ENDS, explanation_lines
from perdure.v1.breakpoint_pb2 import Breakpoint, BreakpointStop
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
        execution=EXECUTION,
        state=ExecutionDetails.SUSPENDED,
        summary=f"It will end FAILED: {blockers[0].message}; and more.",
        blockers=blockers,
        **fields,
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
        "order-A1  fulfil  SUSPENDED  paused",
        "It will end FAILED",
        "",
        "! execution  1m05s  It is paused.",
        "                    → perdure resume order-A1",
        "! approve     5.0s  A decision is due.  (in 1h00m)",
        "                    → perdure lift order-A1 3  or  perdure reject order-A1 3",
        "  wait        5.0s  A timer runs.  (in 9.0s)",
    ]


def test_a_sentence_that_says_no_more_than_the_lines_below_is_left_out():
    waits = Blocker(task_number="t", message="task t waits", since_time=at(-1))
    explained = ExplainExecutionResponse(
        execution=EXECUTION,
        state=ExecutionDetails.PROCESSING,
        summary="It is PROCESSING: task t waits.",
        blockers=[waits],
    )
    lines = ["".join(text for text, _ in line) for line in explanation_lines(explained, NOW)]
    assert lines == ["order-A1  fulfil  PROCESSING", "", "  t  1.0s  task t waits"]


def test_an_end_is_one_sentence():
    ended = ExplainExecutionResponse(execution=EXECUTION, state=ExecutionDetails.SUCCEEDED, summary="It succeeded.")
    assert [[text for text, _ in line] for line in explanation_lines(ended, NOW)][1] == ["It succeeded."]
    assert len(list(explanation_lines(ended, NOW))) == 2


def test_a_kind_that_is_not_known_yet_has_its_message():
    assert lines_of(Blocker(task_number="t", message="Something new.", since_time=at(-1)))[3:] == [
        "  t  1.0s  Something new."
    ]


@pytest.mark.parametrize(
    ("blocker", "acts", "end"),
    [
        ({"retry": Blocker.Retry(retry_time=at(5))}, False, "M.  (in 5.0s)"),
        ({"retry": Blocker.Retry()}, False, "M."),
        ({"restart": Blocker.Restart(restart_time=at(-5))}, False, "M.  (now)"),
        ({"schedule": Blocker.Schedule(start_time=at(5))}, False, "→ perdure execute --held order-A1"),
        ({"on_hold": Blocker.OnHold()}, True, "→ perdure execute --held order-A1"),
        ({"callback": Blocker.Callback(signal="paid")}, True, "→ perdure signal order-A1 paid"),
        ({"breakpoint": BreakpointStop()}, True, "→ perdure step order-A1  or  perdure step order-A1 --continue"),
        (
            {"breakpoint": BreakpointStop(position=Breakpoint.POSITION_ON_FAILURE)},
            True,
            "order-A1 --continue  or  perdure step order-A1 --retry",
        ),
        ({"queued": Blocker.Queued(handler="h", ahead=3, workers=1)}, False, "M."),
        ({"no_worker": Blocker.NoWorker(handler="h")}, True, "→ perdure worker --app MODULE:NAME"),
        ({"worker_silent": Blocker.WorkerSilent(worker="w", lease_end_time=at(4))}, False, "M.  (in 4.0s)"),
        ({"sub_execution": Blocker.SubExecution(execution="x/executions/e2")}, False, "→ perdure explain e2"),
        ({"items": Blocker.Items(executions=["x/executions/e3"])}, False, "→ perdure explain e3"),
        ({"items": Blocker.Items()}, False, "M."),
        ({"cancelling": Blocker.Cancelling(force_time=at(8))}, False, "→ perdure cancel order-A1 --force"),
        ({"rollback_held": Blocker.RollbackHeld()}, True, "→ perdure undo order-A1 retry|skip|done t"),
    ],
)
def test_each_kind_says_when_it_ends_or_what_ends_it(blocker, acts, end):
    _, _, _, line, *below = lines_of(Blocker(task_number="t", message="M.", since_time=at(-1), **blocker))
    assert line.startswith("! t") == acts
    assert (below or [line])[0].endswith(end)


def test_every_kind_that_is_told_is_one_of_the_contract():
    kinds = {field.name for field in Blocker.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert set(_COMMANDS) | set(_ENDS) | _BY_PEOPLE <= kinds
    assert kinds - set(_COMMANDS) - set(_ENDS) == {"queued", "worker_working"}
    for kind, field in _ENDS.items():
        assert hasattr(getattr(Blocker(), kind), field)
