"""Base states read back as the state that was written."""

import dataclasses

import pytest
from hypothesis import find, given

from perdure.codec.base_state import created_of, decode_base_state, encode_base_state
from perdure.codec.record_parts import UnreadableRecord
from perdure.codec.values import encode_python
from perdure.domain import events as ev
from perdure.domain.apply import apply
from perdure.domain.breakpoints import Breakpoint, Breakpoints, Position, Stop
from perdure.domain.execution import (
    CatcherState,
    ErrorEntry,
    Execution,
    OpenSuspension,
    Pause,
    RollbackRun,
    Signal,
    SnapshotMarker,
    Usage,
)
from perdure.domain.graph import build_graph
from perdure.domain.integration import Integration, TaskConfig
from perdure.domain.states import ExecutionState, Failure, Phase, Severity, TaskState
from perdure.domain.task import Attempt, EarlierRun, TaskRun, UndoRun
from perdure.internal.v1 import record_pb2
from tests.codec.histories import GRAPH, Step, creations, fold, histories
from tests.codec.orders import make_created


def _again(execution: Execution) -> Execution:
    return decode_base_state(encode_base_state(execution), GRAPH, execution.id, execution.project)


@given(histories())
def test_decoding_a_base_state_gives_back_every_field(history: list[Step]):
    execution = fold(history)
    decoded = _again(execution)
    for field in dataclasses.fields(Execution):
        assert getattr(decoded, field.name) == getattr(execution, field.name), field.name


SECONDS = (Attempt(1, 2), Attempt(3))
WHY = Failure("OUT_OF_STOCK", "none left", "{}", "here", "a trace", retryable=False)
OUTPUTS = {"total": encode_python(9)}


def _full_task(task_id: str) -> TaskRun:
    """Make a task with every field set, as no history leaves it."""
    return TaskRun(
        config=GRAPH.tasks[task_id],
        state=TaskState.ROLLBACK_IN_PROCESS,
        attempt=1,
        failures=2,
        lost=3,
        inputs={"count": encode_python(2)},
        outputs=OUTPUTS,
        failure=WHY,
        skipped_on_failure=True,
        edges=(True, False),
        due=4,
        attempts=list(SECONDS),
        worker="w1",
        message="packing",
        percent=5,
        child="e9",
        child_started=True,
        sub_job_count=6,
        finished_sub_job_count=7,
        failed_sub_job_count=8,
        since=9,
        suspended=10,
        suspension=11,
        unknown=True,
        handled=True,
        done=True,
        incomplete=True,
        undo=UndoRun(list(SECONDS), failures=12, lost=13, waits=True, failure=WHY, done=True),
    )


def _full_execution() -> Execution:
    """Make an execution with every field set, as no history leaves it."""
    tasks = {"reserve": _full_task("reserve"), "bill": TaskRun(GRAPH.tasks["bill"])}
    tasks |= {task_id: TaskRun(GRAPH.tasks[task_id]) for task_id in ("each", "wait", "note", "tidy")}
    counts = [0] * (max(TaskState) + 1)
    counts[TaskState.ROLLBACK_IN_PROCESS], counts[TaskState.PENDING_EXECUTION] = 1, 5
    return Execution(
        created=make_created(),
        graph=GRAPH,
        id="e1",
        project="default",
        create_time=1,
        state=ExecutionState.SUSPENDED,
        parameters={"count": encode_python(3)},
        tasks=tasks,
        sequence=2,
        update_time=3,
        start_time=4,
        end_time=5,
        deadline=6,
        execution_attempt=7,
        schedule_due=8,
        restart_due=9,
        restarts=10,
        cancel_time=11,
        cancel_due=12,
        cancel_reason="late",
        message="packing",
        outputs=OUTPUTS,
        failure=WHY,
        errors=[ErrorEntry(WHY, "bill", 1, 2, Severity.WARNING, handled=True, time=3)],
        attempts=list(SECONDS),
        snapshots=[SnapshotMarker(1, 2, "reserve", "shop.reserve", 3, 4, 5, 6)],
        snapshot_count=13,
        state_counts=counts,
        current=["reserve"],
        dues={"reserve": 4},
        history_bytes=14,
        priority=15,
        labels={"team": "press"},
        description="a big order",
        development=True,
        phase=Phase.ROLLBACK,
        outcome=ev.OutcomeDecided(ExecutionState.FAILED, WHY, OUTPUTS),
        catchers={"record": CatcherState.FAILED},
        earlier={"reserve": EarlierRun(OUTPUTS, OUTPUTS, done=True, unknown=True, incomplete=True)},
        rollback=RollbackRun(("reserve",), ("bill",), ("each",)),
        pause=Pause(16, "look at it", "ann"),
        breakpoints=Breakpoints((Breakpoint("bill", Position.AFTER, "true"),), step_through=True, expire_after=17),
        stop=Stop("bill", Position.ON_FAILURE, 18, 19),
        stepped="reserve",
        suspensions={
            20: OpenSuspension(20, "wait", ev.SuspensionKind.CALLBACK, 21, 22, 23, True, ("ann",), "paid"),
        },
        suspension_count=24,
        signals=[Signal("paid", OUTPUTS), Signal("paid", {})],
        signal_ids={"s1", "s2"},
        usage=Usage(25, 26, 27),
    )


def _defaults(kind: type) -> dict[str, object]:
    return {
        field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        for field in dataclasses.fields(kind)
    }


def test_every_field_of_an_execution_and_of_a_task_is_stored():
    execution = _full_execution()
    for record in (execution, execution.tasks["reserve"], execution.tasks["reserve"].undo):
        left_out = [name for name, value in _defaults(type(record)).items() if getattr(record, name) == value]
        assert not left_out
    decoded = _again(execution)
    for name in _defaults(Execution):
        assert getattr(decoded, name) == getattr(execution, name), name
    assert list(decoded.tasks) == list(execution.tasks)


def test_a_rollback_that_goes_on_is_not_one_that_ended_with_everything_undone():
    for not_undone in (None, ()):
        execution = _full_execution()
        execution.rollback = RollbackRun(("reserve",), (), not_undone)
        assert _again(execution).rollback == execution.rollback


@given(histories())
def test_folding_goes_on_from_a_base_state_as_if_it_had_never_been_stored(history: list[Step]):
    middle = len(history) // 2 + 1
    execution = _again(fold(history[:middle]))
    for _, event, time in history[middle:]:
        apply(execution, event, time)
    assert execution == fold(history)


@given(histories())
def test_the_first_event_can_be_read_without_the_graph(history: list[Step]):
    execution = fold(history)
    assert created_of(encode_base_state(execution)) == execution.created


@given(histories())
def test_tasks_that_have_not_begun_are_left_out(history: list[Step]):
    execution = fold(history)
    stored = record_pb2.BaseState.FromString(encode_base_state(execution))
    begun = [task_id for task_id, run in execution.tasks.items() if run != TaskRun(run.config)]
    assert [task.task_id for task in stored.tasks] == begun


def test_a_base_state_of_an_unknown_format_is_refused():
    payload = record_pb2.BaseState(format=7).SerializeToString()
    with pytest.raises(UnreadableRecord, match="format 7"):
        decode_base_state(payload, GRAPH, "e1", "default")


def test_a_damaged_base_state_is_refused():
    with pytest.raises(UnreadableRecord, match="damaged"):
        created_of(b"\xff\xff\xff")


def test_a_base_state_of_another_graph_is_refused():
    task_started = ev.TaskStarted("reserve", {})
    created = find(creations(), lambda created: True)
    execution = fold([(1, created, 1), (2, task_started, 2)])
    other = build_graph(Integration("order", "000001-b00", 1, {"z": TaskConfig("z", "zed")}), "")
    with pytest.raises(UnreadableRecord, match="graph lacks"):
        decode_base_state(encode_base_state(execution), other, "e1", "default")
