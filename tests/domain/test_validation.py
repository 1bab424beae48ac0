"""Faults of graphs, on ids and edges alone."""

import time

import pytest

from perdure.domain.limits import EDGES_MAX, TASKS_MAX
from perdure.domain.validation import TASK_ID, Ancestry, EdgeFault, Shape, StartFault, TaskFault, graph_faults


def faults(edges, start_tasks=None):
    shape = Shape(edges, start_tasks or {})
    return list(graph_faults(shape, Ancestry(shape)))


def test_a_diamond_has_no_fault():
    assert faults({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, {"t": ["b", "c"]}) == []


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": ["nowhere"]}, EdgeFault("a", 0, 'there is no task "nowhere"')),
        ({"a": ["b", "a"], "b": []}, EdgeFault("a", 1, "leads back to the task itself")),
        ({"a": ["b", "b"], "b": []}, EdgeFault("a", 1, 'a second edge to "b"; join the conditions with ||')),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, EdgeFault("b", 0, "closes a cycle: b -> c -> b")),
    ],
)
def test_a_wrong_edge_is_reported_at_its_place(edges, expected):
    assert faults(edges) == [expected]


def test_what_only_a_cycle_leads_to_is_reported_as_unreachable_and_the_cycle_once():
    found = faults({"a": ["b"], "b": ["a", "c"], "c": [], "d": []})
    assert found == [
        EdgeFault("a", 0, "closes a cycle: a -> b -> a"),
        TaskFault("c", "no start task leads to this task"),
    ]


def test_each_of_two_cycles_is_reported():
    found = faults({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]})
    assert {fault.description for fault in found} == {"closes a cycle: a -> b -> a", "closes a cycle: c -> d -> c"}


def test_a_long_cycle_is_shown_shortened():
    ids = [f"t{number}" for number in range(50)]
    (fault,) = faults({task_id: [ids[(at + 1) % 50]] for at, task_id in enumerate(ids)})
    assert "... (50 tasks)" in fault.description
    assert len(fault.description) < 200


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (["z"], StartFault("t", 0, 'there is no task "z"')),
        (["a", "a"], StartFault("t", 1, '"a" is named twice')),
        (["c", "a"], StartFault("t", 0, 'another start task leads to "c"')),
    ],
)
def test_a_wrong_start_task_is_reported_at_its_place(named, expected):
    assert faults({"a": ["b"], "b": ["c"], "c": []}, {"t": named}) == [expected]


def test_a_start_task_on_a_cycle_is_not_its_own_ancestor():
    assert all(isinstance(fault, EdgeFault) for fault in faults({"a": ["b"], "b": ["a"]}, {"t": ["a"]}))


def test_ancestors_are_known_in_graphs_with_cycles_too():
    ancestry = Ancestry(Shape({"a": ["b"], "b": ["c"], "c": ["b", "d"], "d": [], "e": []}, {}))
    assert ancestry.is_ancestor("a", of="d")
    assert ancestry.is_ancestor("b", of="b")
    assert not ancestry.is_ancestor("d", of="a")
    assert not ancestry.is_ancestor("e", of="d")


def test_the_deepest_graph_is_walked_without_recursion():
    ids = [f"t{number}" for number in range(10_000)]
    edges = {task_id: ids[at + 1 : at + 2] for at, task_id in enumerate(ids)}
    assert faults(edges) == []
    edges[ids[-1]] = [ids[0]]
    assert len(faults(edges)) == 1


@pytest.mark.slow
def test_the_largest_graph_with_a_hundred_triggers_is_checked_within_a_second():
    ids = [f"t{number}" for number in range(TASKS_MAX)]
    width = EDGES_MAX // TASKS_MAX
    edges = {task_id: ids[at + 1 : at + 1 + width] for at, task_id in enumerate(ids)}
    starts = {f"trigger{number}": [ids[number]] for number in range(100)}
    began = time.perf_counter()
    assert faults(edges, starts) == []
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("task_id", ["", "1st", "a b", "a" * 65, "tâche", "a\n", "-a", "../a"])
def test_task_ids_that_are_not_allowed(task_id):
    assert not TASK_ID.fullmatch(task_id)
