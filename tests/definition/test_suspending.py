"""Traced integrations that wait for people and signals, and what decides whether they start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from perdure import (
    App,
    DefinitionError,
    Suspension,
    TracingError,
    decision_of,
    execution,
    for_each,
    suspend,
    wait_for_signal,
    when,
)
from perdure.codec.integrations import find_faults, read_integration
from perdure.domain import integration as rules
from perdure.domain.states import TaskState
from perdure.v1.execution_pb2 import Execution
from perdure.v1.task_config_pb2 import SuccessPolicy
from tests.definition.performing import Performance
from tests.domain.builders import EVALUATOR

HOUR = 3600 * 1_000_000


@dataclass
class Draft:
    text: str


@dataclass
class Payment:
    amount: float
    by: str


app = App("desk")


@app.task
def note(text: str) -> str:
    return text


@app.task(suspend_after=Suspension("read it", by=["ann", "bob"], expire_after="2h", remind_after="1h"))
def write(text: str) -> Draft:
    return Draft(text + "!")


def integration(function, **options):
    return App("test").integration(**options)(function)


def perform(function, decisions=(), signals=None, **inputs):
    return Performance(app, integration(function), decisions, signals, **inputs)


def ask(text: str) -> str:
    decision = suspend("go on?", by=["ann"], expire_after="2h")
    with when(decision.approved):
        note(decision.result)
    with when(~decision.approved & decision.expired):
        note("too late")
    return decision.resolver


def test_a_suspension_is_a_built_in_with_its_options():
    (config, *_) = integration(ask).definition.tasks
    assert config.task_id == "suspend"
    task = read_integration(integration(ask).definition, "000001-a4d", 1).tasks["suspend"]
    assert task.built_in == rules.SuspensionConfig(("ann",), "go on?", 2 * HOUR)
    assert find_faults(integration(ask).definition, EVALUATOR) == []


def test_every_option_of_a_suspension_is_recorded():
    def traced() -> None:
        suspend("m", by=["ann"], expire_after="2h", remind_after="1h", lift_when_expired=True, id="wait")

    task = read_integration(integration(traced).definition, "000001-a4d", 1).tasks["wait"]
    assert task.built_in == rules.SuspensionConfig(("ann",), "m", 2 * HOUR, HOUR, True)


@pytest.mark.parametrize(
    ("decisions", "order", "resolver"),
    [([(True, "fine")], ["note"], "ann"), ([(False, "no")], [], "ann"), ([], ["note_2"], "system")],
)
def test_what_follows_branches_on_the_decision(decisions, order, resolver):
    done = perform(ask, decisions, text="x")
    assert done.succeeded
    assert (done.order, done.outputs) == (order, {"result": resolver})


def test_a_task_can_be_decided_upon_after_it_was_performed():
    def traced(text: str) -> str:
        draft = write(text)
        with when(decision_of(draft).approved):
            note(decision_of(draft.text).result)
        return note(draft.text)

    config = integration(traced).definition.tasks[0]
    assert config.success_policy.final_state == SuccessPolicy.FINAL_STATE_SUSPENDED
    assert list(config.suspension_config.who_may_resolve) == ["ann", "bob"]
    done = perform(traced, [(True, "well written")], text="x")
    assert (done.order, done.outputs) == (["write", "note", "note_2"], {"result": "x!"})
    assert perform(traced, [(False, "")], text="x").order == ["write", "note_2"]


def test_a_signal_has_the_fields_of_its_payload():
    def traced() -> float:
        paid = wait_for_signal("paid", Payment, timeout="2h")
        note(paid.by)
        return paid.amount

    (config, _) = integration(traced).definition.tasks
    assert (config.task_id, config.callback.signal, config.callback.timeout.seconds) == ("paid", "paid", 7200)
    done = perform(traced, signals={"paid": {"amount": 2.5, "by": "bob"}})
    assert (done.order, done.outputs) == (["note"], {"result": 2.5})
    assert perform(traced).state("paid") is TaskState.FAILED


def test_a_signal_without_a_payload_type_has_any_field():
    def traced() -> str:
        moved = wait_for_signal("moved", id="wait")
        return note(moved.where.to)

    done = perform(traced, signals={"moved": {"where": {"to": "here"}}})
    assert done.outputs == {"result": "here"}
    assert done.state("wait") is TaskState.SUCCEED


def test_expressions_read_facts_about_the_execution():
    def traced(text: str) -> None:
        note(text)
        with when((execution.bucket >= 0) & ~execution.development & (execution.attempt == 1)):
            note(execution.integration)
        with when(execution.bucket > 99):
            note("never")

    assert perform(traced, text="x").order == ["note", "note_2"]


def test_criteria_are_written_over_inputs_and_facts():
    def traced(amount: float, text: str) -> None:
        note(text)

    options: dict[str, Any] = {"criteria": lambda amount: (amount > 1) & (execution.bucket < 5)}
    definition = integration(traced, **options).definition
    assert definition.triggers[0].criteria == "(params.amount > 1.0) && (execution.bucket < 5)"
    assert find_faults(definition, EVALUATOR) == []
    assert not integration(traced).definition.triggers[0].criteria


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("all", Execution.SAVEPOINT_RETENTION_UNSPECIFIED),
        ("last", Execution.SAVEPOINT_RETENTION_LAST),
        ("none", Execution.SAVEPOINT_RETENTION_NONE),
    ],
)
def test_an_integration_says_which_snapshots_are_kept(written, expected):
    def traced(text: str) -> None:
        note(text)

    assert integration(traced, savepoint_retention=written).definition.savepoint_retention == expected


@pytest.mark.parametrize(
    ("use", "part"),
    [
        (lambda value: suspend(by="ann"), r"write by=\['ann'\]"),
        (lambda value: suspend("x" * 4_001), "the limit is 4000"),
        (lambda value: suspend(expire_after="32d"), "longer than"),
        (lambda value: suspend(expire_after="1h", remind_after="1h"), "not shorter than expire_after"),
        (lambda value: suspend(by=["ann", "ann"]), "named twice"),
        (lambda value: suspend(remind_after="soon"), "no length of time"),
        (lambda value: wait_for_signal("a b"), "name of a signal"),
        (lambda value: wait_for_signal("a", str), "by a dataclass"),
        (lambda value: wait_for_signal("a", timeout="soon"), "no length of time"),
        (lambda value: wait_for_signal("a", Payment).colour, "has no field colour"),  # type: ignore[attr-defined]
        (lambda value: suspend("x").colour, "Decision has no field colour"),  # type: ignore[attr-defined]
        (decision_of, "no result of a task with suspend_after"),
        (lambda value: decision_of(note("x")), "no result of a task with suspend_after"),
        (lambda value: decision_of("x"), "no result of a task with suspend_after"),
        (lambda value: for_each(write, ["x"]), "write has suspend_after="),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(use, part):
    def traced(value: str) -> None:
        use(value)

    with pytest.raises(TracingError, match=part) as caught:
        assert integration(traced).definition
    assert caught.value.filename == __file__


def returns_text(text: str) -> str:
    return text


@dataclass
class Verdict:
    approved: bool


def returns_a_verdict(text: str) -> Verdict:
    return Verdict(bool(text))


@pytest.mark.parametrize(("handler", "name"), [(returns_text, "result"), (returns_a_verdict, "approved")])
def test_results_that_the_decision_would_replace_are_refused(handler, name):
    with pytest.raises(DefinitionError, match=f"the decision has {name} too"):
        App("other").task(suspend_after=Suspension())(handler)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"criteria": lambda amont: amont > 1}, "criteria=amont is no input"),
        ({"criteria": lambda amount: True}, "known already"),
        ({"savepoint_retention": "some"}, "one of all, last, none"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, part):
    def traced(amount: float) -> None:
        note("x")

    with pytest.raises(DefinitionError, match=part):
        assert integration(traced, **options).definition
