"""Snapshots are folded out of the history in one pass, and cut to a limit from the oldest end."""

from hypothesis import given
from hypothesis import strategies as st

from perdure.codec.lineage import Ancestor
from perdure.codec.message_parts import TASK_STATES
from perdure.codec.snapshots import NewestSnapshots, SnapshotFold
from perdure.codec.values import encode_python
from perdure.domain import events as ev
from perdure.domain.states import ExecutionMethod, ExecutionState, StartedBy
from perdure.v1.execution_pb2 import ExecutionSnapshot, TaskExecutionDetails
from perdure.v1.value_pb2 import ValueType
from tests.codec.histories import GRAPH, Step, fold, histories

CREATED = ev.ExecutionCreated(
    integration="order",
    revision_id="000003-a4d",
    ordinal=3,
    trigger_id="",
    method=ExecutionMethod.POST,
    state=ExecutionState.PROCESSING,
    inputs={"count": encode_python(2)},
    parameters={"count": encode_python(2)},
    principal="local",
    started_by=StartedBy.CALL,
    root="e1",
)
EVENTS: list[ev.Event] = [
    CREATED,
    ev.TaskStarted("reserve", {}),
    ev.TaskSucceeded("reserve", 1, {"total": encode_python(9)}, (True, False), "w1"),
    ev.ParametersChanged({"total": encode_python(9)}),
    ev.SnapshotTaken(1, "reserve"),
    ev.TaskSkipped("each"),
    ev.TaskStarted("bill", {}, child="e2"),
    ev.TaskSucceeded("bill", 1, {}, (True,)),
    ev.SnapshotTaken(2, "bill"),
    ev.ExecutionSucceeded(),
]
HISTORY: list[Step] = [(sequence, event, sequence * 1_000_000) for sequence, event in enumerate(EVENTS, 1)]


def _fold(*, with_params: bool = True, history: list[Step] = HISTORY) -> list[ExecutionSnapshot]:
    fold = SnapshotFold(
        GRAPH,
        project="default",
        location="local",
        execution_id="e1",
        task_labels={"reserve": "Reserve the goods"},
        ancestors=[Ancestor("outer", ""), Ancestor("loop", "4")],
    )
    return [fold.show(with_params=with_params) for _, event, time in history if fold.add(event, time)]


def _newest(sizes: list[int], max_bytes: int) -> NewestSnapshots:
    newest = NewestSnapshots(max_bytes)
    for number, size in enumerate(sizes, 1):
        newest.add(_snapshot(number, size))
    return newest


def _snapshot(number: int, size: int) -> ExecutionSnapshot:
    return ExecutionSnapshot(name=f"{number:04d}", params={"p": ValueType(string_value="x" * size)})


def test_each_marker_yields_the_parameters_and_all_tasks_of_its_instant():
    first, second = _fold()
    assert first.name == "projects/default/locations/local/integrations/order/executions/e1/snapshots/1"
    assert first.checkpoint_task_number == "reserve"
    assert first.snapshot_time.ToMicroseconds() == 5_000_000
    assert {key: value.int_value for key, value in first.params.items()} == {"count": 2, "total": 9}
    states = {task.task_number: task.task_execution_state for task in first.task_execution_details}
    assert states == {
        "reserve": TaskExecutionDetails.SUCCEED,
        "bill": TaskExecutionDetails.PENDING_EXECUTION,
        "each": TaskExecutionDetails.PENDING_EXECUTION,
        "wait": TaskExecutionDetails.PENDING_EXECUTION,
    }
    later = {task.task_number: task.task_execution_state for task in second.task_execution_details}
    assert (later["bill"], later["each"]) == (TaskExecutionDetails.SUCCEED, TaskExecutionDetails.SKIPPED)


def test_a_snapshot_says_which_task_it_follows_and_what_it_is_inside_of():
    metadata = _fold()[0].execution_snapshot_metadata
    assert (metadata.task_number, metadata.task, metadata.task_label) == (
        "reserve",
        "shop.reserve",
        "Reserve the goods",
    )
    assert (metadata.execution_attempt, metadata.task_attempt) == (1, 1)
    assert metadata.integration_name == "order"
    assert list(metadata.ancestor_task_numbers) == ["outer", "loop"]
    assert list(metadata.ancestor_iteration_numbers) == ["", "4"]


def test_adding_an_event_tells_the_marker_of_the_snapshot_that_it_took():
    fold = SnapshotFold(GRAPH, project="p", location="l", execution_id="e", task_labels={})
    markers = [fold.add(event, time) for _, event, time in HISTORY]
    assert [marker and (marker.number, marker.sequence) for marker in markers] == [
        (1, sequence) if sequence == 5 else (2, sequence) if sequence == 9 else None for sequence in range(1, 11)
    ]


def test_parameters_can_be_left_out():
    for shown in _fold(with_params=False):
        assert not shown.params
        assert shown.task_execution_details


@given(histories())
def test_a_snapshot_is_the_fold_up_to_its_marker(history: list[Step]):
    markers = [position for position, (_, event, _) in enumerate(history) if isinstance(event, ev.SnapshotTaken)]
    shown = _fold(history=history)
    assert len(shown) == len(markers)
    for snapshot, position in zip(shown, markers, strict=True):
        execution = fold(history[: position + 1])
        assert set(snapshot.params) == set(execution.parameters)
        states = {task.task_number: task.task_execution_state for task in snapshot.task_execution_details}
        assert states == {task_id: TASK_STATES[run.state] for task_id, run in execution.tasks.items()}


def test_all_snapshots_are_shown_newest_first_if_they_fit():
    newest = _newest([5, 5], 1_000)
    assert [shown.name for shown in newest.shown()] == ["0002", "0001"]
    assert newest.size == sum(shown.ByteSize() for shown in newest.shown())


def test_over_the_limit_the_older_ones_lose_their_parameters():
    newest = _newest([100] * 4, 2 * _snapshot(1, 100).ByteSize() + 20)
    assert [(shown.name, bool(shown.params)) for shown in newest.shown()] == [
        ("0004", True),
        ("0003", True),
        ("0002", False),
        ("0001", False),
    ]


@given(st.lists(st.integers(0, 200), max_size=12), st.integers(0, 1_000))
def test_the_limit_holds_and_the_full_size_is_told(sizes: list[int], max_bytes: int):
    newest = _newest(sizes, max_bytes)
    assert newest.size == sum(_snapshot(number, size).ByteSize() for number, size in enumerate(sizes, 1))
    shown = newest.shown()
    assert sum(snapshot.ByteSize() for snapshot in shown) <= max_bytes
    numbers = [int(snapshot.name) for snapshot in shown]
    assert numbers == list(range(len(sizes), len(sizes) - len(shown), -1))
    with_params = [bool(snapshot.params) for snapshot in shown]
    assert with_params == sorted(with_params, reverse=True)
