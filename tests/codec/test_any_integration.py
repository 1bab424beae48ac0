"""Any definition that the wire can carry is either refused with paths or read and cut into graphs."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.codec.integrations import canonical_bytes, find_faults, read_integration
from perdure.domain.graph import build_graph
from perdure.expression.cel import CelEvaluator
from perdure.v1.integration_pb2 import Integration

EVALUATOR = CelEvaluator()
PATH = re.compile(r"integration(\.[a-z_]+(\[(\d+|\"[^\"]*\")\])?)+")

# Mostly words that mean something here, so that many definitions are right or nearly right.
WORDS = [
    "a",
    "b",
    "c",
    "timer",
    "for-each",
    "params.a",
    "tasks.a.outputs.x",
    "1 + 1 == 2",
    "error.code == 'x'",
    "",
    "é\0",
]


def fill(message, chance, depth=0):
    """Fill fields at random."""
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated and field.message_type and field.message_type.GetOptions().map_entry:
            if chance.random() < 0.3:
                entry = getattr(message, field.name)
                if field.message_type.fields_by_name["value"].message_type:
                    fill(entry[chance.choice(WORDS)], chance, depth + 1)
                else:
                    entry[chance.choice(WORDS)] = chance.choice(WORDS)
        elif field.is_repeated:
            for _ in range(chance.randrange(4) if field.message_type else chance.randrange(2)):
                if field.message_type:
                    fill(getattr(message, field.name).add(), chance, depth + 1)
                else:
                    getattr(message, field.name).append(scalar(field, chance))
        elif chance.random() < 0.9 - 0.15 * depth:
            if field.message_type:
                inner = getattr(message, field.name)
                inner.SetInParent()
                fill(inner, chance, depth + 1)
            else:
                setattr(message, field.name, scalar(field, chance))


def scalar(field, chance):
    if field.enum_type:
        return chance.randrange(-1, len(field.enum_type.values) + 1)
    if field.cpp_type == field.CPPTYPE_STRING:
        return chance.choice(WORDS)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if field.cpp_type == field.CPPTYPE_DOUBLE:
        return chance.choice([0.0, 1.5, float("nan"), float("inf")])
    return chance.choice([0, 1, 2, -1, 1001, (1 << 31) - 1, -(1 << 31)])


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_any_definition_is_refused_with_paths_or_read(chance):
    message = Integration()
    fill(message, chance)
    faults = find_faults(message, EVALUATOR)
    assert all(PATH.fullmatch(fault.path) and fault.description for fault in faults)
    assert canonical_bytes(Integration.FromString(message.SerializeToString())) == canonical_bytes(message)
    if not faults:
        integration = read_integration(message, "000001-a4d", 1)
        for trigger_id in ("", *integration.triggers):
            build_graph(integration, trigger_id)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=8),
    st.lists(st.sampled_from("abcdef"), max_size=3),
    st.lists(st.sampled_from("abcdef"), max_size=3),
    st.sets(st.sampled_from("abcdef"), max_size=2),
)
def test_any_graph_with_catchers_is_refused_or_falls_into_parts(edges, major, minor, caught):
    message = Integration(error_catcher_id="major" if major else "")
    for task_id in "abcdef":
        task = message.tasks.add(task_id=task_id, task="h", error_catcher_id="minor" if task_id in caught else "")
        for source, target in edges:
            if source == task_id:
                task.next_tasks.add(task_id=target)
    for catcher_id, starts in (("major", major), ("minor", minor)):
        if starts:
            catcher = message.error_catchers.add(error_catcher_id=catcher_id)
            for start in starts:
                catcher.start_error_tasks.add(task_id=start)
    if not find_faults(message, EVALUATOR):
        graph = build_graph(read_integration(message, "000001-a4d", 1), "")
        lists = [graph.forward, *(part.tasks for part in graph.catchers.values())]
        assert graph.forward
        assert sorted(task_id for listed in lists for task_id in listed) == list("abcdef")
        assert set(graph.catchers) == {catcher.error_catcher_id for catcher in message.error_catchers}
        for part in graph.catchers.values():
            assert not any(graph.predecessors[start] for start in part.start_tasks)
            assert not any(graph.tasks[task_id].error_catcher for task_id in part.tasks)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=15), st.data())
def test_any_graph_of_plain_tasks_is_refused_or_can_be_started_by_each_trigger(edges, data):
    message = Integration()
    for task_id in "abcdef":
        task = message.tasks.add(task_id=task_id, task="h")
        for source, target in edges:
            if source == task_id:
                task.next_tasks.add(task_id=target)
    starts = data.draw(st.lists(st.sampled_from("abcdef"), max_size=3))
    trigger = message.triggers.add(trigger_id="t")
    for start in starts:
        trigger.start_tasks.add(task_id=start)
    if not find_faults(message, EVALUATOR):
        integration = read_integration(message, "000001-a4d", 1)
        assert set(build_graph(integration, "").tasks) == set("abcdef")
        graph = build_graph(integration, "t")
        assert all(not graph.predecessors[start] for start in starts)
        order: list[str] = []
        while len(order) < len(graph.tasks):
            order += [
                task_id
                for task_id, before in graph.predecessors.items()
                if task_id not in order and all(one.task_id in order for one in before)
            ]
