"""Base states read back as the state that was written."""

import dataclasses

import pytest
from hypothesis import find, given

from perdure.codec.base_state import created_of, decode_base_state, encode_base_state
from perdure.codec.record_parts import UnreadableRecord
from perdure.domain import events as ev
from perdure.domain.apply import apply
from perdure.domain.execution import Execution
from perdure.domain.graph import build_graph
from perdure.domain.integration import Integration, TaskConfig
from perdure.domain.task import TaskRun
from perdure.internal.v1 import record_pb2
from tests.codec.histories import GRAPH, Step, creations, fold, histories


def _again(execution: Execution) -> Execution:
    return decode_base_state(encode_base_state(execution), GRAPH, execution.id, execution.project)


@given(histories())
def test_decoding_a_base_state_gives_back_every_field(history: list[Step]):
    execution = fold(history)
    decoded = _again(execution)
    for field in dataclasses.fields(Execution):
        assert getattr(decoded, field.name) == getattr(execution, field.name), field.name


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
