"""Which executions match, where it is easy to be wrong: what is not set, kinds of numbers, several tasks."""

from dataclasses import replace

import pytest

from perdure.store.filter.parse import parse_filter
from perdure.store.records import (
    ExecutionKey,
    Facts,
    NewExecution,
    Origin,
)

CREATED = NewExecution(
    key=ExecutionKey("default", "run-1"),
    integration="order",
    revision_id="000012-a4d",
    trigger_id="",
    execution_method=3,
    labels='{"team":"blue","empty":""}',
    create_time=0,
    root="run-1",
    origin=None,
    orphan=False,
)
FACTS = Facts(
    state=2,
    update_time=5,
    start_time=1,
    priority=100,
    current_tasks=("fetch", "pay"),
    parameters='{"n":5.0,"text":"5","flag":true,"large":9007199254740993,"zero":-0.0}',
)
ENDED = FACTS._replace(state=4, end_time=2_500_001, error_code="DECLINED")


def matches(text: str, created: NewExecution = CREATED, facts: Facts = FACTS) -> bool:
    chosen = parse_filter(text)
    assert chosen is not None
    return chosen.matches(created, facts)


@pytest.mark.parametrize(
    "comparison",
    [
        "end_time >= 0001-01-01",
        "end_time < 9999-12-31",
        "duration >= 0s",
        "trigger_id : *",
        "trigger_id = cron",
        "parent = run-1",
        "error.code : *",
        "labels.other = ''",
        "labels:other",
        "labels.other >= ''",
        "parameters.other = ''",
        "parameters:other",
        "parameters.other < 5",
    ],
)
def test_a_comparison_with_what_is_not_set_is_false_and_its_negation_true(comparison):
    assert not matches(comparison)
    assert matches(f"NOT {comparison}")


@pytest.mark.parametrize(
    "text",
    [
        "state:* AND priority:* AND orphan:* AND root:* AND create_time:*",
        "labels:empty AND labels.empty = ''",
        "orphan = false",
        "snapshot_number = 12",
        "current_task = fetch AND current_task = pay AND current_task != wait",
        "current_task = f* AND current_task = p*",
        "NOT current_task != fetch",
        "parameters.n = 5 AND parameters.n = 5.0 AND parameters.n >= 5 AND parameters.n < 5.5",
        "parameters.n = 5*",
        "parameters.text = 5 AND parameters.text >= '5'",
        "NOT parameters.text >= 5",
        "NOT parameters.n >= '5'",
        "parameters.flag = true AND NOT parameters.flag >= 0 AND NOT parameters.flag >= ''",
        "parameters.large = 9007199254740993 AND parameters.large > 9007199254740992",
        "parameters.zero = 0 AND parameters.zero >= 0 AND parameters.zero <= 0",
    ],
)
def test_what_matches(text):
    assert matches(text)


def test_a_duration_is_that_of_a_run_that_has_ended():
    assert matches("duration = 2.5s AND error.code = DECL*", facts=ENDED)
    assert not matches("duration:*", facts=ENDED._replace(start_time=None))


def test_a_sub_execution_has_a_parent():
    child = replace(CREATED, root="run-0", origin=Origin("run-0", "pay", 1, 0))
    assert matches("parent = run-0 AND root = run-0 AND parent:*", child)


def test_labels_are_those_of_the_execution_that_is_asked_about():
    chosen = parse_filter("labels.team = blue")
    assert chosen is not None
    assert [chosen.matches(replace(CREATED, labels=text), FACTS) for text in ("{}", '{"team":"blue"}', "{}")] == [
        False,
        True,
        False,
    ]
